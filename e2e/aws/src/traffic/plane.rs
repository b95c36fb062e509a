//! Makes what is served follow the configuration.

use super::attributes::{BalancerAttributes, GroupAttributes, ListenerAttributes};
use super::config::{self, Arn, Balancer, Config, HealthCheck, Kind, Listener, TargetGroup};
use super::cookie::Jar;
use super::group::{Group, Target, Version};
use super::health::{self, Cell, Health, State, TargetHealth};
use super::matching::Rules;
use super::serving::{Front, Serving};
use super::slot::{self, Slot};
use super::tls;
use super::upstream::{Dialer, Security, Upstream};
use super::{CONNECTIONS, Problem};
use arc_swap::ArcSwap;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;

/// Everything that lives longer than one configuration.
pub(super) struct Supervisor {
    health: Arc<Health>,
    problems: Arc<RwLock<Vec<Problem>>>,
    jar: Arc<Jar>,
    stop: CancellationToken,
    places: Arc<Semaphore>,
    slots: HashMap<SocketAddr, Open>,
    listeners: HashMap<Arn, Read>,
    targets: HashMap<TargetKey, Registered>,
    turns: HashMap<Arn, Arc<AtomicUsize>>,
}

/// A port that is served, and who accepts on it.
struct Open {
    slot: Arc<Slot>,
    accepting: JoinHandle<()>,
}

/// A listener as it was read: reading one takes longer than comparing it.
struct Read {
    from: Listener,
    protocols: Protocols,
    rules: Arc<Rules>,
    front: Front,
    problems: Vec<Problem>,
}

/// What TLS offers by ALPN.
type Protocols = &'static [&'static [u8]];

/// A target by what its connections need: one that changes in this is another one.
#[derive(Clone, PartialEq, Eq, Hash)]
struct TargetKey {
    group: Arn,
    id: String,
    port: u16,
    at: SocketAddr,
    version: Version,
    tls: bool,
}

/// Whether a rule of an active load balancer forwards to a group.
#[derive(Clone, Copy)]
enum Usage {
    Rule,
    None,
}

/// A target and who checks it.
struct Registered {
    target: Arc<Target>,
    draining: AtomicBool,
    checked: Option<(HealthCheck, AbortHandle)>,
}

impl Supervisor {
    pub(super) fn new(health: Arc<Health>, problems: Arc<RwLock<Vec<Problem>>>, jar: Jar) -> Self {
        Self {
            health,
            problems,
            jar: Arc::new(jar),
            stop: CancellationToken::new(),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            slots: HashMap::new(),
            listeners: HashMap::new(),
            targets: HashMap::new(),
            turns: HashMap::new(),
        }
    }

    /// Serves a configuration. Returns whether all of its ports could be taken.
    pub(super) async fn serve(&mut self, config: &Config) -> bool {
        let active: BTreeMap<&Arn, &Arc<Balancer>> = config
            .balancers
            .iter()
            .filter(|(_, balancer)| balancer.active && balancer.kind == Kind::Application)
            .collect();
        let mut problems = self.read(&active);
        let groups = Arc::new(self.groups(config));
        let served = self.ports(&active, &groups).await;
        problems.extend(served.iter().cloned());
        *self.problems.write().unwrap_or_else(PoisonError::into_inner) = problems;
        served.is_empty()
    }

    /// Reads the listeners that are new or changed.
    fn read(&mut self, active: &BTreeMap<&Arn, &Arc<Balancer>>) -> Vec<Problem> {
        let mut before = std::mem::take(&mut self.listeners);
        for balancer in active.values() {
            let http2 = BalancerAttributes::new(&balancer.attributes).http2;
            let protocols: Protocols = if http2 {
                &[b"h2", b"http/1.1"]
            } else {
                &[b"http/1.1"]
            };
            for listener in &balancer.listeners {
                let read = match before.remove(&listener.arn) {
                    Some(read) if read.from == *listener && read.protocols == protocols => read,
                    _ => Read::new(listener, protocols),
                };
                self.listeners.insert(listener.arn.clone(), read);
            }
        }
        self.listeners
            .values()
            .flat_map(|read| read.problems.iter().cloned())
            .collect()
    }

    /// Registers targets, lets go of those that are no more, and has those of used groups checked.
    fn groups(&mut self, config: &Config) -> HashMap<Arn, Arc<Group>> {
        let used: HashSet<Arn> = self
            .listeners
            .values()
            .flat_map(|read| read.rules.groups().cloned())
            .collect();
        let mut before = std::mem::take(&mut self.targets);
        let mut groups = HashMap::new();
        let mut cells: HashMap<Arn, health::Targets> = HashMap::new();
        for (arn, from) in &config.target_groups {
            let Some((version, security)) = protocol(from) else {
                continue;
            };
            let mut able = Vec::new();
            for wanted in &from.targets {
                let Some(address) = wanted.address else { continue };
                let key = TargetKey {
                    group: arn.clone(),
                    id: wanted.id.clone(),
                    port: wanted.port,
                    at: SocketAddr::new(address, wanted.port),
                    version,
                    tls: security == Security::Tls,
                };
                let mut registered = match before.remove(&key) {
                    Some(registered) => registered,
                    None => Registered::new(&key, Dialer::new(key.at, security, version)),
                };
                let usage = if used.contains(arn) {
                    Usage::Rule
                } else {
                    Usage::None
                };
                registered.follow(wanted, usage, &key, &from.health);
                let cell = registered.target.health.clone();
                cells
                    .entry(arn.clone())
                    .or_default()
                    .insert((wanted.id.clone(), wanted.port), cell);
                if !wanted.draining {
                    able.push(registered.target.clone());
                }
                self.targets.insert(key, registered);
            }
            let group = Group {
                arn: arn.clone(),
                version,
                attributes: GroupAttributes::new(&from.attributes),
                targets: able,
                turn: self.turns.entry(arn.clone()).or_default().clone(),
            };
            groups.insert(arn.clone(), Arc::new(group));
        }
        for gone in before.into_values() {
            gone.end();
        }
        self.turns.retain(|arn, _| groups.contains_key(arn));
        self.health.replace(cells);
        groups
    }

    /// Takes the ports that are wanted and lets go of the others. Returns those that cannot be taken.
    async fn ports(
        &mut self,
        active: &BTreeMap<&Arn, &Arc<Balancer>>,
        groups: &Arc<HashMap<Arn, Arc<Group>>>,
    ) -> Vec<Problem> {
        let mut before = std::mem::take(&mut self.slots);
        let mut wanted = Vec::new();
        for balancer in active.values() {
            for listener in &balancer.listeners {
                let Some(read) = self.listeners.get(&listener.arn) else {
                    continue;
                };
                let serving = Arc::new(Serving {
                    rules: read.rules.clone(),
                    front: read.front.clone(),
                    balancer: BalancerAttributes::new(&balancer.attributes),
                    listener: ListenerAttributes::new(&listener.attributes),
                    groups: groups.clone(),
                    jar: self.jar.clone(),
                });
                let at = SocketAddr::new(balancer.address, listener.port);
                match before.remove(&at) {
                    Some(open) => {
                        open.slot.serving.store(serving);
                        self.slots.insert(at, open);
                    }
                    None => wanted.push((at, listener.arn.clone(), serving)),
                }
            }
        }
        // The sockets are closed when this is over; what is in flight on their connections goes on.
        for open in before.into_values() {
            open.slot.closing.cancel();
            let _ = open.accepting.await;
        }
        let mut problems = Vec::new();
        for (at, resource, serving) in wanted {
            match TcpListener::bind(at).await {
                Ok(listener) => {
                    let slot = Arc::new(Slot {
                        at,
                        serving: ArcSwap::new(serving),
                        closing: CancellationToken::new(),
                        stop: self.stop.clone(),
                        places: self.places.clone(),
                    });
                    let accepting = tokio::spawn(slot::accept(listener, slot.clone()));
                    self.slots.insert(at, Open { slot, accepting });
                }
                Err(e) => problems.push(Problem {
                    resource,
                    message: format!("{at} cannot be listened on: {e}"),
                }),
            }
        }
        problems
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.cancel();
        for registered in self.targets.values() {
            registered.unwatch();
        }
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
            "HTTPS" => match tls::config(&listener.certificates, listener.ssl_policy.as_deref(), protocols) {
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

impl Registered {
    fn new(key: &TargetKey, dialer: Dialer) -> Self {
        let cell: Cell = Arc::new(RwLock::new(TargetHealth::unused()));
        let target = Target {
            id: key.id.clone(),
            port: key.port,
            upstream: Upstream::new(dialer),
            health: cell,
            busy: AtomicUsize::new(0),
            gone: CancellationToken::new(),
        };
        Self {
            target: Arc::new(target),
            draining: AtomicBool::new(false),
            checked: None,
        }
    }

    /// Has the target checked as its group wants it.
    fn follow(&mut self, wanted: &config::Target, usage: Usage, key: &TargetKey, check: &HealthCheck) {
        let cell = &self.target.health;
        let drained = self.draining.swap(wanted.draining, Ordering::Relaxed);
        let unchecked = match usage {
            _ if wanted.draining => Some(health::read(cell)),
            Usage::None => Some(TargetHealth::unused()),
            Usage::Rule if !check.enabled => Some(TargetHealth::new(
                State::Unavailable,
                Some(health::Reason::HealthCheckDisabled),
            )),
            Usage::Rule => None,
        };
        if let Some(health) = unchecked {
            self.unwatch();
            self.checked = None;
            health::write(&self.target.health, health);
            return;
        }
        if self.checked.as_ref().is_some_and(|(current, _)| current == check) {
            return;
        }
        self.unwatch();
        // Registered again, or in use from now on: it starts anew. With other settings it stays what it is.
        let known = matches!(health::read(cell).state, State::Healthy | State::Unhealthy) && !drained;
        if !known {
            health::write(cell, TargetHealth::registering());
        }
        let watching = tokio::spawn(health::watch(key.at, key.version, check.clone(), cell.clone()));
        self.checked = Some((check.clone(), watching.abort_handle()));
    }

    fn unwatch(&self) {
        if let Some((_, watching)) = &self.checked {
            watching.abort();
        }
    }

    /// The target is no more: what it still owes fails.
    fn end(self) {
        self.unwatch();
        self.target.gone.cancel();
    }
}

/// None for groups that carry no HTTP.
fn protocol(group: &TargetGroup) -> Option<(Version, Security)> {
    let security = match group.protocol.as_str() {
        "HTTP" => Security::Plain,
        "HTTPS" => Security::Tls,
        _ => return None,
    };
    let version = match group.protocol_version.as_deref() {
        Some("HTTP2") => Version::Http2,
        Some("GRPC") => Version::Grpc,
        _ => Version::Http1,
    };
    Some((version, security))
}
