//! Which load balancer has which address and port.

use crate::listen::port::PortRuntime;
use crate::listen::socket::{self, Listening, Transport};
use crate::listen::worker::{Command, WorkerHandle};
use crate::runtime::{Failure, FailureReason};
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

/// Longest wait for workers to let go of a port that overlaps one that is to be bound.
const LET_GO: Duration = Duration::from_secs(2);

/// An address, port and transport.
pub type BindKey = (SocketAddr, Transport);

/// A port that a load balancer wants at an address.
#[derive(Debug)]
pub struct Wanted {
    /// Where.
    pub key: BindKey,
    /// What is to happen there.
    pub port: Arc<PortRuntime>,
}

#[derive(Debug)]
struct Held {
    bind: u64,
    port: Arc<PortRuntime>,
}

/// Sockets that are bound.
#[derive(Debug, Default)]
pub struct Bindings {
    held: BTreeMap<BindKey, Held>,
    next: u64,
}

/// Two bindings that the kernel would refuse beside each other: same port, transport and IP version,
/// and the same address, or all addresses on one side.
pub fn overlap(a: &BindKey, b: &BindKey) -> bool {
    let ((a, transport), (b, other)) = (a, b);
    transport == other
        && a.port() == b.port()
        && a.is_ipv4() == b.is_ipv4()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

impl Bindings {
    /// Binds what is wanted and not held, gives up what is held and not wanted, and tells workers
    /// when a port is for someone else from now on. Answers what could not be had.
    ///
    /// Of two load balancers that want the same, the one that has it keeps it, else the first gets it.
    pub fn update(
        &mut self,
        wanted: &[Wanted],
        workers: &[WorkerHandle],
        grace: Duration,
    ) -> Vec<(BindKey, ObjectName, Failure)> {
        let mut failures = Vec::new();
        let granted = self.grant(wanted, &mut failures);
        let keys: BTreeSet<BindKey> = granted.iter().map(|wanted| wanted.key).collect();
        let (close, keep): (BTreeMap<_, _>, _) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(key, _)| !keys.contains(key));
        self.held = keep;
        // New sockets first: a Gateway that moves serves at the new place before it leaves the old.
        // Where the two overlap the kernel allows only the other order.
        let overlapping = |key: &BindKey| close.keys().any(|former| overlap(former, key));
        let (later, first): (Vec<&Wanted>, Vec<&Wanted>) = granted
            .into_iter()
            .partition(|wanted| !self.held.contains_key(&wanted.key) && overlapping(&wanted.key));
        for wanted in first {
            self.take(wanted, workers, grace, &mut failures);
        }
        let (done, closed) = mpsc::channel();
        for held in close.values() {
            for worker in workers {
                worker.send(Command::Close {
                    bind: held.bind,
                    grace,
                    done: done.clone(),
                });
            }
        }
        drop(done);
        if !later.is_empty() {
            while closed.recv_timeout(LET_GO).is_ok() {}
        }
        for wanted in later {
            self.take(wanted, workers, grace, &mut failures);
        }
        failures
    }

    /// Who gets what. A binding that another of the same owner covers is left out.
    fn grant<'a>(
        &self,
        wanted: &'a [Wanted],
        failures: &mut Vec<(BindKey, ObjectName, Failure)>,
    ) -> Vec<&'a Wanted> {
        let holds = |wanted: &Wanted| {
            self.held
                .get(&wanted.key)
                .is_some_and(|held| held.port.gateway == wanted.port.gateway)
        };
        let (holders, others): (Vec<&Wanted>, Vec<&Wanted>) = wanted.iter().partition(|wanted| holds(wanted));
        let mut granted: BTreeMap<u16, Vec<&Wanted>> = BTreeMap::new();
        for wanted in holders.into_iter().chain(others) {
            let same_port = granted.entry(wanted.key.0.port()).or_default();
            match same_port
                .iter()
                .find(|granted| overlap(&granted.key, &wanted.key))
            {
                None => same_port.push(wanted),
                Some(rival) if rival.port.id == wanted.port.id => {
                    if wanted.key.0.ip().is_unspecified() && rival.key != wanted.key {
                        // All addresses are wanted, and some of them by themselves as well: widen.
                        same_port.retain(|granted| !overlap(&granted.key, &wanted.key));
                        same_port.push(wanted);
                    }
                }
                Some(rival) => {
                    let owner = rival.port.gateway.clone();
                    let (address, _) = wanted.key;
                    let message = if owner == wanted.port.gateway {
                        format!(
                            "{address} is needed by two listener ports of this Gateway; check --port-offset"
                        )
                    } else {
                        format!(
                            "{address} is held by Gateway {owner}; give one of the two another port or spec.addresses"
                        )
                    };
                    let reason = FailureReason::PortInUseByGateway(owner);
                    failures.push((
                        wanted.key,
                        wanted.port.gateway.clone(),
                        Failure { reason, message },
                    ));
                }
            }
        }
        granted.into_values().flatten().collect()
    }

    fn take(
        &mut self,
        wanted: &Wanted,
        workers: &[WorkerHandle],
        grace: Duration,
        failures: &mut Vec<(BindKey, ObjectName, Failure)>,
    ) {
        let Wanted { key, port } = wanted;
        if let Some(held) = self.held.get_mut(key) {
            if held.port.id != port.id {
                held.port = Arc::clone(port);
                for worker in workers {
                    worker.send(Command::Assign {
                        bind: held.bind,
                        port: Arc::clone(port),
                        grace,
                    });
                }
            }
            return;
        }
        let (address, transport) = *key;
        let count = NonZeroUsize::new(workers.len()).unwrap_or(NonZeroUsize::MIN);
        match socket::bind(address, transport, count) {
            Ok(sockets) => {
                self.next += 1;
                let bind = self.next;
                for (worker, socket) in workers.iter().zip(sockets) {
                    let address = local_address(&socket).unwrap_or(address);
                    worker.send(Command::Open {
                        bind,
                        socket,
                        address,
                        port: Arc::clone(port),
                    });
                }
                self.held.insert(
                    *key,
                    Held {
                        bind,
                        port: Arc::clone(port),
                    },
                );
            }
            Err(error) => {
                failures.push((
                    *key,
                    port.gateway.clone(),
                    socket::explain(address, transport, &error),
                ));
            }
        }
    }

    /// What is bound now, and for whom.
    pub fn held(&self) -> impl Iterator<Item = (&BindKey, &ObjectName)> {
        self.held.iter().map(|(key, held)| (key, &held.port.gateway))
    }
}

fn local_address(socket: &Listening) -> Option<SocketAddr> {
    match socket {
        Listening::Tcp(socket) => socket.local_addr().ok(),
        Listening::Udp(socket) => socket.local_addr().ok(),
    }
}
