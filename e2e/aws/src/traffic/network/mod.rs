//! Network Load Balancers: connections and datagrams, by AWS's documented rules.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html>. What AWS does with packets is done
//! here with sockets: a client is connected before its target is, and what a target refuses resets the client's
//! connection. TLS listeners of VPC Lattice pass connections on in the same way
//! (<https://docs.aws.amazon.com/vpc-lattice/latest/ug/tls-listeners.html>).

mod connections;
mod datagrams;
mod groups;
mod hello;
mod proxy;
mod source;

use super::config::{Action, Arn, Balancer, Config, Kind, Listener, Rule};
use super::health::Health;
use super::plane::PASSED_THROUGH;
use super::{CONNECTIONS, Problem, tls};
use arc_swap::ArcSwap;
use groups::{Group, Groups};
use rustls::ServerConfig;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// `tcp.idle_timeout.seconds`, by default.
const IDLE_S: u64 = 350;

/// All Network Load Balancers.
pub(super) struct Network {
    groups: Groups,
    problems: Arc<RwLock<Vec<Problem>>>,
    balancers: HashMap<Arn, Arc<Balancer>>,
    ports: HashMap<Port, Open>,
    places: Arc<Semaphore>,
    stop: CancellationToken,
}

/// A port of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Port {
    at: SocketAddr,
    way: Way,
}

/// What a port takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Way {
    Connections,
    Datagrams,
}

/// A port that is served, and who serves it.
struct Open {
    slot: Arc<Slot>,
    serving: JoinHandle<()>,
}

/// A port while it is served.
struct Slot {
    at: SocketAddr,
    /// What it serves with: what comes takes the one that is current then.
    serving: ArcSwap<Serving>,
    /// Fires when its listener is no more: nothing new is taken, connections go on.
    closing: CancellationToken,
    /// Fires when the data plane stops.
    stop: CancellationToken,
    /// Connections that may exist at once, of all ports.
    places: Arc<Semaphore>,
}

/// A listener, ready to serve.
struct Serving {
    /// Its rules by their priorities, the default one last.
    paths: Vec<Path>,
    front: Front,
    idle: Duration,
    /// Whether datagrams are QUIC.
    quic: bool,
}

/// Where a rule leads.
struct Path {
    /// `IpAddressType` of its condition; none in the default rule (network/load-balancer-listeners, "Listener rules").
    source: Option<Source>,
    /// Groups with their weights.
    groups: Vec<(u32, Arc<Group>)>,
}

/// Of which type a client's address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    V4,
    V6,
}

impl Source {
    const fn of(client: IpAddr) -> Self {
        match client.to_canonical() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// How a listener meets its clients.
#[derive(Clone)]
enum Front {
    Plain,
    Tls(Arc<ServerConfig>),
    /// TLS that goes on as it is when it is for this name: "The service custom domain name is used as a Service Name
    /// Indication (SNI) match." (tls-listeners.html)
    Named(String),
    /// It cannot, and closes connections.
    Broken,
}

impl Serving {
    /// All groups.
    fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.paths
            .iter()
            .flat_map(|path| path.groups.iter().map(|(_, group)| group))
    }

    /// A group by weight, of the first rule that the client's address fits; `chance` is any number.
    fn draw(&self, client: IpAddr, chance: u64) -> Option<&Arc<Group>> {
        let fits = |path: &&Path| path.source.is_none_or(|source| source == Source::of(client));
        let Path { groups, .. } = self.paths.iter().find(fits)?;
        let total: u64 = groups.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut at = chance.checked_rem(total)?;
        for (weight, group) in groups {
            match at.checked_sub(u64::from(*weight)) {
                Some(rest) => at = rest,
                None => return Some(group),
            }
        }
        None
    }
}

impl Network {
    pub(super) fn new(health: Arc<Health>, problems: Arc<RwLock<Vec<Problem>>>) -> Self {
        Self {
            groups: Groups::new(health),
            problems,
            balancers: HashMap::new(),
            ports: HashMap::new(),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            stop: CancellationToken::new(),
        }
    }

    /// Serves a configuration. Returns whether all of its ports could be taken.
    pub(super) async fn serve(&mut self, config: &Config) -> bool {
        let served = |balancer: &Arc<Balancer>| balancer.active && own(balancer).next().is_some();
        let wanted: HashMap<Arn, Arc<Balancer>> = config
            .balancers
            .iter()
            .filter(|(_, balancer)| served(balancer))
            .map(|(arn, balancer)| (arn.clone(), balancer.clone()))
            .collect();
        let used: HashSet<Arn> = wanted
            .values()
            .flat_map(|balancer| own(balancer))
            .flat_map(|listener| &listener.rules)
            .flat_map(|rule| forward(rule).into_iter().map(|(_, arn)| arn))
            .collect();
        let regrouped = self.groups.follow(&config.target_groups, &used);
        let same = wanted.len() == self.balancers.len()
            && wanted
                .iter()
                .all(|(arn, new)| self.balancers.get(arn).is_some_and(|old| old == new));
        if same && !regrouped && self.problems().is_empty() {
            return true;
        }
        self.balancers = wanted;
        let mut problems = Vec::new();
        let mut ports: HashMap<Port, (Arn, Arc<Serving>)> = HashMap::new();
        for balancer in self.balancers.values() {
            for listener in own(balancer) {
                let serving = Arc::new(self.read(balancer, listener, &mut problems));
                for port in ports_of(balancer, listener) {
                    ports.insert(port, (listener.arn.clone(), serving.clone()));
                }
            }
        }
        self.close(&ports).await;
        let mut complete = true;
        for (port, (arn, serving)) in ports {
            if let Some(open) = self.ports.get(&port) {
                open.slot.serving.store(serving);
                continue;
            }
            match self.open(port, serving).await {
                Ok(open) => {
                    self.ports.insert(port, open);
                }
                Err(error) => {
                    complete = false;
                    problems.push(Problem {
                        resource: arn,
                        message: format!("{} cannot be listened on: {error}", port.at),
                    });
                }
            }
        }
        *self.problems.write().unwrap_or_else(PoisonError::into_inner) = problems;
        complete
    }

    fn problems(&self) -> Vec<Problem> {
        self.problems
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets go of ports that no listener has any more.
    async fn close(&mut self, wanted: &HashMap<Port, (Arn, Arc<Serving>)>) {
        let gone: Vec<Port> = self
            .ports
            .keys()
            .filter(|port| !wanted.contains_key(port))
            .copied()
            .collect();
        for port in gone {
            if let Some(open) = self.ports.remove(&port) {
                open.slot.closing.cancel();
                let _ = open.serving.await;
            }
        }
    }

    async fn open(&self, port: Port, serving: Arc<Serving>) -> std::io::Result<Open> {
        let slot = Arc::new(Slot {
            at: port.at,
            serving: ArcSwap::new(serving),
            closing: CancellationToken::new(),
            stop: self.stop.clone(),
            places: self.places.clone(),
        });
        let serving = match port.way {
            Way::Connections => {
                let listener = tokio::net::TcpListener::bind(port.at).await?;
                tokio::spawn(connections::accept(listener, slot.clone()))
            }
            Way::Datagrams => {
                let socket = tokio::net::UdpSocket::bind(port.at).await?;
                tokio::spawn(datagrams::serve(socket, slot.clone()))
            }
        };
        Ok(Open { slot, serving })
    }

    fn read(&self, balancer: &Balancer, listener: &Listener, problems: &mut Vec<Problem>) -> Serving {
        // Which names a service of VPC Lattice answers, its front has decided by the handshake.
        let of_other_names = |rule: &Rule| {
            rule.lattice
                .as_ref()
                .is_some_and(|found| !found.other_than.is_empty())
        };
        let mut rules: Vec<&Rule> = listener
            .rules
            .iter()
            .filter(|rule| !of_other_names(rule))
            .collect();
        rules.sort_by_key(|rule| rule.priority);
        let paths = rules.into_iter().map(|rule| Path {
            source: source(rule),
            groups: forward(rule)
                .into_iter()
                .filter_map(|(weight, arn)| Some((weight, self.groups.get(&arn)?)))
                .collect(),
        });
        let alpn = listener.alpn.as_deref().map_or(&[][..], protocols);
        let front = match listener.protocol.as_str() {
            "TLS" => match tls::config(&listener.certificates, listener.ssl_policy.as_deref(), None, alpn) {
                Ok(config) => Front::Tls(config),
                Err(error) => {
                    problems.push(Problem {
                        resource: listener.arn.clone(),
                        message: error.to_string(),
                    });
                    Front::Broken
                }
            },
            PASSED_THROUGH => {
                let service = balancer.lattice.as_ref();
                let domain = service.and_then(|service| service.domain.as_ref());
                domain.map_or(Front::Broken, |domain| Front::Named(domain.to_ascii_lowercase()))
            }
            _ => Front::Plain,
        };
        let idle = listener.attributes.get("tcp.idle_timeout.seconds");
        let idle = idle.and_then(|seconds| seconds.parse().ok()).unwrap_or(IDLE_S);
        Serving {
            paths: paths.collect(),
            front,
            idle: Duration::from_secs(idle),
            quic: listener.protocol.contains("QUIC"),
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Listeners whose connections and datagrams are passed on.
fn own(balancer: &Balancer) -> impl Iterator<Item = &Listener> {
    let kind = balancer.kind;
    let passes = move |listener: &&Listener| kind == Kind::Network || listener.protocol == PASSED_THROUGH;
    balancer.listeners.iter().filter(passes)
}

/// `AlpnPolicy` (network/load-balancer-listeners#alpn-policies), the preferred one first.
fn protocols(policy: &str) -> &'static [&'static [u8]] {
    match policy {
        "HTTP1Only" => &[b"http/1.1", b"http/1.0"],
        "HTTP2Only" => &[b"h2"],
        "HTTP2Optional" => &[b"http/1.1", b"http/1.0", b"h2"],
        "HTTP2Preferred" => &[b"h2", b"http/1.1", b"http/1.0"],
        _ => &[],
    }
}

fn ports_of(balancer: &Balancer, listener: &Listener) -> Vec<Port> {
    let ways: &[Way] = match listener.protocol.as_str() {
        "UDP" | "QUIC" => &[Way::Datagrams],
        "TCP_UDP" | "TCP_QUIC" => &[Way::Connections, Way::Datagrams],
        _ => &[Way::Connections],
    };
    let addresses = balancer.further.iter().chain([&balancer.address]);
    let ports = addresses.flat_map(|address| {
        ways.iter().map(|way| Port {
            at: SocketAddr::new(*address, listener.port),
            way: *way,
        })
    });
    ports.collect()
}

/// Whom the condition of a rule is about.
fn source(rule: &Rule) -> Option<Source> {
    let mut configs = rule
        .conditions
        .iter()
        .filter_map(|condition| condition.source_ip_config.as_ref());
    configs.find_map(|config| match config.ip_address_type.as_deref() {
        Some("ipv4") => Some(Source::V4),
        Some("ipv6") => Some(Source::V6),
        _ => None,
    })
}

/// Target groups of the one action with their weights, 1 where none is given.
fn forward(rule: &Rule) -> Vec<(u32, Arn)> {
    let of_action = |action: &Action| match &action.forward_config {
        Some(config) => config
            .target_groups
            .iter()
            .map(|tuple| (tuple.weight.unwrap_or(1), tuple.target_group_arn.clone()))
            .collect(),
        None => action
            .target_group_arn
            .iter()
            .map(|arn| (1, arn.clone()))
            .collect::<Vec<_>>(),
    };
    let mut found: Vec<(u32, Arn)> = rule.actions.iter().flat_map(of_action).collect();
    // A single group gets everything, whatever its weight, unless that is 0 (assumed, as of Application Load Balancers).
    if let [(weight, _)] = found.as_mut_slice() {
        *weight = (*weight).min(1);
    }
    found
}
