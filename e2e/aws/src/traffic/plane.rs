//! Makes what is served follow the configuration.
//!
//! Only what changed is looked into: what is unchanged is recognised by its pointer, or else by comparison.

use super::attributes::{BalancerAttributes, ListenerAttributes};
use super::config::{Arn, Balancer, Config, Kind, Listener};
use super::cookie::Jar;
use super::group::Group;
use super::health::Health;
use super::matching::Rules;
use super::registry::Registry;
use super::serving::{Front, Serving};
use super::slot::{self, Slot};
use super::tls;
use super::{CONNECTIONS, Problem};
use arc_swap::ArcSwap;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Everything that lives longer than one configuration.
pub(super) struct Supervisor {
    registry: Registry,
    problems: Arc<RwLock<Vec<Problem>>>,
    jar: Arc<Jar>,
    stop: CancellationToken,
    places: Arc<Semaphore>,
    balancers: HashMap<Arn, Known>,
    /// Groups that any of them forwards to.
    used: HashSet<Arn>,
    slots: HashMap<SocketAddr, Open>,
    /// Whether all ports could be taken.
    complete: bool,
}

/// A load balancer as it was read: reading one takes longer than comparing it.
struct Known {
    from: Arc<Balancer>,
    listeners: Vec<Read>,
    /// Target groups that its rules forward to.
    groups: BTreeSet<Arn>,
}

/// A listener as it was read.
struct Read {
    from: Listener,
    protocols: Protocols,
    rules: Arc<Rules>,
    front: Front,
    problems: Vec<Problem>,
}

/// A port that is served, and who accepts on it.
struct Open {
    slot: Arc<Slot>,
    accepting: JoinHandle<()>,
}

/// The protocol of listeners whose connections are passed on as they are, elsewhere.
pub(super) const PASSED_THROUGH: &str = "TLS_PASSTHROUGH";

/// What TLS offers by ALPN.
type Protocols = &'static [&'static [u8]];

impl Supervisor {
    pub(super) fn new(health: Arc<Health>, problems: Arc<RwLock<Vec<Problem>>>, jar: Jar) -> Self {
        Self {
            registry: Registry::new(health),
            problems,
            jar: Arc::new(jar),
            stop: CancellationToken::new(),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            balancers: HashMap::new(),
            used: HashSet::new(),
            slots: HashMap::new(),
            complete: true,
        }
    }

    /// Serves a configuration. Returns whether all of its ports could be taken.
    pub(super) async fn serve(&mut self, config: &Config) -> bool {
        let changed = self.read(config);
        if !changed.is_empty() {
            self.used = self
                .balancers
                .values()
                .flat_map(|known| known.groups.iter().cloned())
                .collect();
        }
        let regrouped = self.registry.follow(&config.target_groups, &self.used);
        if !changed.is_empty() {
            self.close().await;
        }
        self.renew(&changed, &regrouped);
        if !changed.is_empty() || !self.complete {
            let missing = self.open().await;
            self.complete = missing.is_empty();
            let known = self.balancers.values().flat_map(|known| &known.listeners);
            let mut problems: Vec<Problem> = known.flat_map(|read| read.problems.iter().cloned()).collect();
            problems.extend(missing);
            *self.problems.write().unwrap_or_else(PoisonError::into_inner) = problems;
        }
        self.complete
    }

    /// Reads the load balancers that are new or changed, and says which, and which are no more.
    fn read(&mut self, config: &Config) -> HashSet<Arn> {
        let served = |balancer: &Balancer| balancer.active && balancer.kind != Kind::Network;
        let mut changed = HashSet::new();
        for (arn, balancer) in config.balancers.iter().filter(|(_, balancer)| served(balancer)) {
            let known = self.balancers.get(arn);
            if known.is_some_and(|known| Arc::ptr_eq(&known.from, balancer) || known.from == *balancer) {
                continue;
            }
            let before = self
                .balancers
                .remove(arn)
                .map(|known| known.listeners)
                .unwrap_or_default();
            self.balancers.insert(arn.clone(), Known::new(balancer, before));
            changed.insert(arn.clone());
        }
        self.balancers.retain(|arn, _| {
            let stays = config.balancers.get(arn).is_some_and(|balancer| served(balancer));
            if !stays {
                changed.insert(arn.clone());
            }
            stays
        });
        changed
    }

    /// Lets go of ports that no listener has any more. Their sockets are closed when this is over; what is in flight
    /// on their connections goes on.
    async fn close(&mut self) {
        let wanted: HashSet<SocketAddr> = self.balancers.values().flat_map(Known::ports).collect();
        let gone: Vec<SocketAddr> = self
            .slots
            .keys()
            .filter(|at| !wanted.contains(*at))
            .copied()
            .collect();
        for at in gone {
            if let Some(open) = self.slots.remove(&at) {
                open.slot.closing.cancel();
                let _ = open.accepting.await;
            }
        }
    }

    /// Gives the ports that are served already what they serve from now on, where that is something else.
    fn renew(&self, changed: &HashSet<Arn>, regrouped: &HashSet<Arn>) {
        if changed.is_empty() && regrouped.is_empty() {
            return;
        }
        for (arn, known) in &self.balancers {
            if !changed.contains(arn) && known.groups.iter().all(|group| !regrouped.contains(group)) {
                continue;
            }
            for read in &known.listeners {
                if let Some(open) = self.slots.get(&known.at(read)) {
                    open.slot.serving.store(self.serving(known, read));
                }
            }
        }
    }

    /// Takes the ports that are not served yet. Returns those that cannot be taken.
    async fn open(&mut self) -> Vec<Problem> {
        let mut opened = Vec::new();
        let mut problems = Vec::new();
        for known in self.balancers.values() {
            for read in &known.listeners {
                let at = known.at(read);
                if self.slots.contains_key(&at) {
                    continue;
                }
                match TcpListener::bind(at).await {
                    Ok(listener) => {
                        let slot = Arc::new(Slot {
                            at,
                            serving: ArcSwap::new(self.serving(known, read)),
                            closing: CancellationToken::new(),
                            stop: self.stop.clone(),
                            places: self.places.clone(),
                        });
                        let accepting = tokio::spawn(slot::accept(listener, slot.clone()));
                        opened.push((at, Open { slot, accepting }));
                    }
                    Err(e) => problems.push(Problem {
                        resource: read.from.arn.clone(),
                        message: format!("{at} cannot be listened on: {e}"),
                    }),
                }
            }
        }
        self.slots.extend(opened);
        problems
    }

    fn serving(&self, known: &Known, read: &Read) -> Arc<Serving> {
        let group = |arn: &Arn| Some((arn.clone(), self.registry.group(arn)?));
        let groups: HashMap<Arn, Arc<Group>> = read.rules.groups().filter_map(group).collect();
        Arc::new(Serving {
            rules: read.rules.clone(),
            front: read.front.clone(),
            balancer: BalancerAttributes::new(&known.from.attributes),
            listener: ListenerAttributes::new(&read.from.attributes),
            clients: read.from.clients.clone(),
            blocks: known.from.blocks,
            lattice: known.from.lattice.clone(),
            groups,
            jar: self.jar.clone(),
        })
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Known {
    /// Reads a load balancer; of its listeners those that are as they were `before` are taken from there.
    fn new(from: &Arc<Balancer>, mut before: Vec<Read>) -> Self {
        let http2 = BalancerAttributes::new(&from.attributes).http2;
        let protocols: Protocols = if http2 {
            &[b"h2", b"http/1.1"]
        } else {
            &[b"http/1.1"]
        };
        let read = |listener: &Listener| {
            let same = |read: &Read| read.from == *listener && read.protocols == protocols;
            match before.iter().position(same) {
                Some(at) => before.swap_remove(at),
                None => Read::new(listener, protocols),
            }
        };
        let own = |listener: &&Listener| listener.protocol != PASSED_THROUGH;
        let listeners: Vec<Read> = from.listeners.iter().filter(own).map(read).collect();
        let groups = listeners
            .iter()
            .flat_map(|read| read.rules.groups().cloned())
            .collect();
        Self {
            from: from.clone(),
            listeners,
            groups,
        }
    }

    fn at(&self, read: &Read) -> SocketAddr {
        SocketAddr::new(self.from.address, read.from.port)
    }

    fn ports(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.iter().map(|read| self.at(read))
    }
}

impl Read {
    fn new(listener: &Listener, protocols: Protocols) -> Self {
        let (rules, errors) = Rules::new(&listener.rules);
        let mut problems: Vec<Problem> = errors
            .into_iter()
            .map(|(resource, e)| Problem {
                resource,
                message: e.to_string(),
            })
            .collect();
        let mut problem = |message: String| {
            problems.push(Problem {
                resource: listener.arn.clone(),
                message,
            });
            Front::Broken
        };
        let front = match listener.protocol.as_str() {
            "HTTP" => Front::Plain,
            "HTTPS" => match tls::config(
                &listener.certificates,
                listener.ssl_policy.as_deref(),
                listener.clients.as_ref(),
                protocols,
            ) {
                Ok(config) => Front::Tls(config),
                Err(e) => problem(e.to_string()),
            },
            other => problem(format!(
                "the protocol {other} is none of an Application Load Balancer's"
            )),
        };
        Self {
            from: listener.clone(),
            protocols,
            rules: Arc::new(rules),
            front,
            problems,
        }
    }
}
