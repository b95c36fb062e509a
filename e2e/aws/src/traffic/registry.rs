//! Target groups and their registered targets, from one configuration to the next.

use super::attributes::GroupAttributes;
use super::config::{self, Arn, HealthCheck, TargetGroup};
use super::group::{Group, Target, Version};
use super::health::{self, Cell, Health, Reason, State, TargetHealth};
use super::upstream::{Dialer, Security, Upstream};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, RwLock};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// All groups that carry HTTP.
pub(super) struct Registry {
    health: Arc<Health>,
    groups: HashMap<Arn, Known>,
}

/// A group as it was read.
struct Known {
    from: Arc<TargetGroup>,
    usage: Usage,
    targets: HashMap<TargetKey, Registered>,
    group: Arc<Group>,
}

/// Whether a rule of an active load balancer forwards to a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Usage {
    Rule,
    None,
}

/// A target by what its connections need: one that changes in this is another one.
#[derive(Clone, PartialEq, Eq, Hash)]
struct TargetKey {
    id: String,
    port: u16,
    at: SocketAddr,
    version: Version,
    security: Security,
}

/// A target and who checks it.
struct Registered {
    target: Arc<Target>,
    draining: bool,
    checked: Option<(HealthCheck, AbortHandle)>,
}

impl Registry {
    pub(super) fn new(health: Arc<Health>) -> Self {
        Self {
            health,
            groups: HashMap::new(),
        }
    }

    /// A group as it is served now.
    pub(super) fn group(&self, arn: &Arn) -> Option<Arc<Group>> {
        self.groups.get(arn).map(|known| known.group.clone())
    }

    /// Registers targets, lets go of those that are no more, and has those of used groups checked. Returns the groups
    /// that changed.
    pub(super) fn follow(
        &mut self,
        wanted: &BTreeMap<Arn, Arc<TargetGroup>>,
        used: &HashSet<Arn>,
    ) -> HashSet<Arn> {
        let mut changed = HashSet::new();
        for (arn, from) in wanted {
            let usage = if used.contains(arn) {
                Usage::Rule
            } else {
                Usage::None
            };
            let same = |known: &Known| {
                known.usage == usage && (Arc::ptr_eq(&known.from, from) || known.from == *from)
            };
            if self.groups.get(arn).is_some_and(same) {
                continue;
            }
            let Some(protocol) = protocol(from) else { continue };
            let known = Known::new(arn, from, usage, protocol, self.groups.remove(arn));
            self.health.set(arn, known.cells());
            self.groups.insert(arn.clone(), known);
            changed.insert(arn.clone());
        }
        let gone: Vec<Arn> = self
            .groups
            .keys()
            .filter(|arn| !wanted.contains_key(*arn))
            .cloned()
            .collect();
        for arn in gone {
            if let Some(mut known) = self.groups.remove(&arn) {
                known.targets.drain().for_each(|(_, registered)| registered.end());
            }
            self.health.remove(&arn);
            changed.insert(arn);
        }
        changed
    }
}

impl Known {
    fn new(
        arn: &Arn,
        from: &Arc<TargetGroup>,
        usage: Usage,
        (version, security): (Version, Security),
        earlier: Option<Self>,
    ) -> Self {
        let (mut before, turn) = match earlier {
            Some(known) => (known.targets, known.group.turn.clone()),
            None => (HashMap::new(), Arc::default()),
        };
        let mut targets = HashMap::new();
        let mut able = Vec::new();
        for wanted in &from.targets {
            let at = match version {
                Version::Function => from.functions,
                _ => wanted
                    .address
                    .map(|address| SocketAddr::new(address, wanted.port)),
            };
            let Some(at) = at else { continue };
            let key = TargetKey {
                id: wanted.id.clone(),
                port: wanted.port,
                at,
                version,
                security,
            };
            let mut registered = before.remove(&key).unwrap_or_else(|| Registered::new(&key));
            registered.follow(wanted, usage, &key, &from.health);
            if !wanted.draining {
                able.push(registered.target.clone());
            }
            targets.insert(key, registered);
        }
        before.into_values().for_each(Registered::end);
        let attributes = GroupAttributes::new(&from.attributes);
        let group = Group {
            arn: arn.clone(),
            version,
            attributes,
            targets: able,
            turn,
        };
        Self {
            from: from.clone(),
            usage,
            targets,
            group: Arc::new(group),
        }
    }

    fn cells(&self) -> health::Targets {
        let told = |registered: &Registered| {
            let target = &registered.target;
            ((target.id.clone(), target.port), target.health.clone())
        };
        self.targets.values().map(told).collect()
    }
}

impl Registered {
    fn new(key: &TargetKey) -> Self {
        let cell: Cell = Arc::new(RwLock::new(TargetHealth::unused()));
        let target = Target {
            id: key.id.clone(),
            port: key.port,
            upstream: Upstream::new(Dialer::new(key.at, key.security, key.version)),
            health: cell,
            busy: AtomicUsize::new(0),
            gone: CancellationToken::new(),
        };
        Self {
            target: Arc::new(target),
            draining: false,
            checked: None,
        }
    }

    /// Has the target checked as its group wants it.
    fn follow(&mut self, wanted: &config::Target, usage: Usage, key: &TargetKey, check: &HealthCheck) {
        let cell = &self.target.health;
        let drained = std::mem::replace(&mut self.draining, wanted.draining);
        let unchecked = match usage {
            _ if wanted.draining => Some(health::read(cell)),
            Usage::None => Some(TargetHealth::unused()),
            // Functions are not checked, whatever their group says.
            Usage::Rule if !check.enabled || key.version == Version::Function => Some(TargetHealth::new(
                State::Unavailable,
                Some(Reason::HealthCheckDisabled),
            )),
            Usage::Rule => None,
        };
        if let Some(health) = unchecked {
            self.unwatch();
            health::write(&self.target.health, health);
            return;
        }
        if self.checked.as_ref().is_some_and(|(current, _)| current == check) {
            return;
        }
        self.unwatch();
        let cell = &self.target.health;
        // Registered again, or in use from now on: it starts anew. With other settings it stays what it is.
        let known = matches!(health::read(cell).state, State::Healthy | State::Unhealthy) && !drained;
        if !known {
            health::write(cell, TargetHealth::registering());
        }
        let version = match check.version.as_deref() {
            Some("HTTP1") => Version::Http1,
            Some("HTTP2") => Version::Http2,
            _ => key.version,
        };
        let watching = tokio::spawn(health::watch(key.at, version, check.clone(), cell.clone()));
        self.checked = Some((check.clone(), watching.abort_handle()));
    }

    fn unwatch(&mut self) {
        if let Some((_, watching)) = self.checked.take() {
            watching.abort();
        }
    }

    /// The target is no more: what it still owes fails.
    fn end(self) {
        self.target.gone.cancel();
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.unwatch();
    }
}

/// None for groups that carry no HTTP.
fn protocol(group: &TargetGroup) -> Option<(Version, Security)> {
    if group.protocol == config::LAMBDA {
        return Some((Version::Function, Security::Plain));
    }
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
