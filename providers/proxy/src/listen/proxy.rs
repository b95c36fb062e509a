//! The proxy as its owner sees it: start, apply, drain.

use crate::config::{GatewayState, Gone, Left, Workshop, names_in_use};
use crate::listen::bindings::{BindKey, Bindings, Wanted};
use crate::listen::worker::{self, Command, WorkerHandle};
use crate::observe::Observer;
use crate::runtime::{ApplyReport, Failure, FailureReason, ListenerOutcome, Placement, ProxyOptions, Shared};
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use thiserror::Error;

/// Why the proxy could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A worker thread or its runtime could not be made.
    #[error("worker threads: {0}")]
    Workers(#[from] std::io::Error),
    /// The access log names an unknown field or cannot be opened.
    #[error(transparent)]
    AccessLog(#[from] crate::observe::LogError),
}

/// A running proxy. Dropping it cuts all connections; [`Proxy::drain`] lets them finish first.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    workers: Vec<WorkerHandle>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    state: Mutex<State>,
    draining: AtomicBool,
}

#[derive(Debug)]
struct State {
    workshop: Workshop,
    gateways: BTreeMap<ObjectName, GatewayState>,
    bindings: Bindings,
    /// Names whose metrics were dropped since all metrics were last compared with what is in use.
    dropped: usize,
}

/// After how many dropped names, at least, all metrics are compared with what is in use.
const SWEEP: usize = 1024;

impl Proxy {
    /// Starts the workers. Nothing is served before the first [`Proxy::apply`].
    pub fn start(options: ProxyOptions) -> Result<Self, StartError> {
        let options = Arc::new(options);
        let shared = Arc::new(Shared {
            options: Arc::clone(&options),
            observer: Arc::new(Observer::new(&options)?),
        });
        let (workers, threads) = worker::start(&shared)?;
        let state = State {
            workshop: Workshop::new(options),
            gateways: BTreeMap::new(),
            bindings: Bindings::default(),
            dropped: 0,
        };
        Ok(Self {
            shared,
            workers,
            threads: Mutex::new(threads),
            state: Mutex::new(state),
            draining: AtomicBool::new(false),
        })
    }

    /// What all workers share: options and metrics.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Makes `placements` the whole configuration: load balancers that are not in it any more are
    /// removed. Unchanged ones (the same `Arc`) cost nothing. When it returns, the sockets of every
    /// listener without a failure accept connections and the new routes are in use. Addresses that
    /// could not be bound are tried again by the next call.
    ///
    /// Blocks: for the system calls of binding, and up to 1.5 s for the first resolution of new
    /// backends' DNS names.
    pub fn apply(&self, placements: &[Placement]) -> ApplyReport {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State {
            workshop,
            gateways,
            bindings,
            dropped,
        } = &mut *state;
        let grace = self.shared.options.timeouts.listener_grace;
        let named: BTreeSet<&ObjectName> = placements
            .iter()
            .map(|placement| &placement.balancer.gateway)
            .collect();
        let mut gone = Gone::default();
        gateways.retain(|name, gateway| {
            let stays = named.contains(name);
            if let Some(balancer) = gateway.balancer().filter(|_| !stays) {
                gone.add(Gone::all(balancer));
            }
            stays
        });
        let mut report = ApplyReport::default();
        let mut wanted = Vec::new();
        let mut retired = Vec::new();
        for placement in placements {
            let Placement {
                balancer,
                addresses,
                ports: _,
                port_offset: _,
                options,
            } = placement;
            let gateway = gateways.entry(balancer.gateway.clone()).or_default();
            workshop.options = options
                .clone()
                .unwrap_or_else(|| Arc::clone(&self.shared.options));
            if !gateway
                .balancer()
                .is_some_and(|known| Arc::ptr_eq(known, balancer))
            {
                let left: Left = gateway.update(balancer, workshop);
                retired.extend(left.retired);
                gone.add(left.gone);
            }
            report.refusals.extend(gateway.refusals.iter().cloned());
            for ((port, transport), state) in &gateway.ports {
                state.runtime.options.store(options.clone());
                // A port beyond the range is reported with its listeners.
                let Some(bound) = placement.bound(*port, *transport) else {
                    continue;
                };
                wanted.extend(addresses.iter().map(|address| Wanted {
                    key: (SocketAddr::new(*address, bound), *transport),
                    port: Arc::clone(&state.runtime),
                }));
            }
        }
        let failures = bindings.update(&wanted, &self.workers, grace);
        for (port, listener) in retired {
            for worker in &self.workers {
                worker.send(Command::DrainListener {
                    port: port.id,
                    listener: listener.clone(),
                    grace,
                });
            }
        }
        workshop.servers.retain(|identity| {
            gateways
                .values()
                .any(|gateway| gateway.client_validations().any(|used| used == *identity))
        });
        let used = || {
            gateways
                .values()
                .filter_map(|gateway| gateway.balancer().map(AsRef::as_ref))
        };
        let names = gone.names(used());
        if !names.is_empty() {
            self.shared.observer.forget(&names);
            *dropped += names.len();
            if *dropped >= SWEEP {
                // Requests that ended later brought some back. Comparing everything now and then costs
                // each dropped name its share, and no more than so many stay behind.
                let used = names_in_use(used());
                if *dropped >= used.len() {
                    *dropped = 0;
                    self.shared.observer.retain(&|name| used.contains(name));
                }
            }
        }
        for ((address, _), owner, failure) in &failures {
            let unusable = (owner.clone(), address.ip());
            if failure.reason == FailureReason::AddressNotAvailable && !report.unusable.contains(&unusable) {
                report.unusable.push(unusable);
            }
        }
        for placement in placements {
            outcomes(placement, gateways, &failures, &mut report);
        }
        report
    }

    /// Whether new connections are welcome: `false` from the start of [`Proxy::drain`].
    pub fn accepting(&self) -> bool {
        !self.draining.load(Ordering::Acquire)
    }

    /// Connections being served.
    pub fn connections(&self) -> usize {
        self.workers.iter().map(WorkerHandle::load).sum()
    }

    /// Connections being served, by worker.
    pub fn loads(&self) -> Vec<usize> {
        self.workers.iter().map(WorkerHandle::load).collect()
    }

    /// What is bound now, and for which Gateway.
    pub fn bound(&self) -> Vec<(BindKey, ObjectName)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .bindings
            .held()
            .map(|(key, gateway)| (*key, gateway.clone()))
            .collect()
    }

    /// Shuts down without losing requests: connections are asked to finish (`Connection: close`,
    /// GOAWAY), listeners go on accepting for [`Timeouts::drain_accept`](crate::runtime::Timeouts),
    /// then close; what is not finished `grace` later is cut. Blocks until all is done and the
    /// workers have stopped. Answers the number of connections that were cut.
    pub fn drain(&self, grace: Duration) -> usize {
        let accept = self.shared.options.timeouts.drain_accept;
        self.stop(accept, grace)
    }

    fn stop(&self, accept: Duration, grace: Duration) -> usize {
        self.draining.store(true, Ordering::Release);
        let (done, finished) = mpsc::channel();
        for worker in &self.workers {
            worker.send(Command::Drain {
                accept,
                grace,
                done: done.clone(),
            });
        }
        drop(done);
        // Ends when every worker has answered, or stopped before.
        let cut = finished.iter().sum();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
        cut
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop(Duration::ZERO, Duration::ZERO);
    }
}

/// One outcome per listener of a load balancer.
fn outcomes(
    placement: &Placement,
    gateways: &BTreeMap<ObjectName, GatewayState>,
    failures: &[(BindKey, ObjectName, Failure)],
    report: &mut ApplyReport,
) {
    let balancer = &placement.balancer;
    let Some(gateway) = gateways.get(&balancer.gateway) else {
        return;
    };
    for (key, listener) in &balancer.listeners {
        let transport = crate::config::port_of(listener).1;
        let failure = match (
            gateway.failures.get(key),
            placement.bound(listener.port, transport),
        ) {
            (Some(message), _) => Some(Failure {
                reason: FailureReason::Invalid,
                message: message.clone(),
            }),
            _ if placement.addresses.is_empty() => Some(Failure {
                reason: FailureReason::Invalid,
                message: "the Gateway has no address that can be used".to_owned(),
            }),
            (None, None) => Some(Failure {
                reason: FailureReason::Invalid,
                message: format!(
                    "port {} shifted by {} is beyond 65535; choose a smaller --port-offset",
                    listener.port, placement.port_offset
                ),
            }),
            (None, Some(bound)) => failures
                .iter()
                .find(|((address, kind), owner, _)| {
                    *owner == balancer.gateway && *kind == transport && address.port() == bound
                })
                .map(|(_, _, failure)| failure.clone()),
        };
        report.listeners.push(ListenerOutcome {
            gateway: balancer.gateway.clone(),
            listener: key.clone(),
            failure,
        });
    }
}
