//! Target groups of Network Load Balancers and their targets.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html>

use crate::traffic::config::{self, Arn, HealthCheck, TargetGroup};
use crate::traffic::group::Version;
use crate::traffic::health::{self, Cell, Health, Reason, State, TargetHealth};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, RwLock};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// A target.
pub(super) struct Target {
    pub(super) at: SocketAddr,
    /// `QuicServerId` as its eight bytes.
    pub(super) server: Option<[u8; 8]>,
    health: Cell,
    /// Fires when it is no more, and its connections are to end.
    pub(super) gone: CancellationToken,
}

impl Target {
    pub(super) fn state(&self) -> State {
        health::read(&self.health).state
    }
}

/// A group as it is served.
pub(super) struct Group {
    /// Those that get something new.
    targets: Vec<Arc<Target>>,
    /// `preserve_client_ip.enabled`.
    pub(super) preserve: bool,
    /// `proxy_protocol_v2.enabled`.
    pub(super) proxy: bool,
    /// `stickiness.enabled`, of type `source_ip`.
    sticky: bool,
    /// `target_health_state.unhealthy.connection_termination.enabled`: connections end when their target is not healthy.
    pub(super) ends_unhealthy: bool,
}

impl Group {
    /// The target for a new flow of a client. `chance` is any number.
    ///
    /// Documented (network/target-group-health-checks): healthy targets alone; "if a target group contains only unhealthy
    /// registered targets, the load balancer routes to all those targets". Source IP stickiness sends a client to the same
    /// target. Assumed: a flow hash is as good as chance; targets that are still checked for the first time get nothing.
    pub(super) fn pick(&self, client: IpAddr, chance: u64) -> Option<Arc<Target>> {
        let in_state = |wanted: &[State]| -> Vec<&Arc<Target>> {
            let fits = |target: &&Arc<Target>| wanted.contains(&target.state());
            self.targets.iter().filter(fits).collect()
        };
        let mut able = in_state(&[State::Healthy, State::Unavailable]);
        if able.is_empty() {
            able = in_state(&[State::Unhealthy]);
        }
        let number = if self.sticky {
            let mut hasher = DefaultHasher::new();
            client.hash(&mut hasher);
            hasher.finish()
        } else {
            chance
        };
        let at = number.checked_rem(u64::try_from(able.len()).ok()?)?;
        able.get(usize::try_from(at).ok()?).copied().cloned()
    }

    /// The target that a datagram of QUIC names.
    pub(super) fn with_server(&self, server: [u8; 8]) -> Option<Arc<Target>> {
        let named = |target: &&Arc<Target>| target.server == Some(server);
        self.targets.iter().find(named).cloned()
    }
}

/// All groups.
pub(super) struct Groups {
    health: Arc<Health>,
    known: HashMap<Arn, Known>,
}

struct Known {
    from: Arc<TargetGroup>,
    used: bool,
    targets: HashMap<(String, SocketAddr), Registered>,
    group: Arc<Group>,
}

struct Registered {
    target: Arc<Target>,
    draining: bool,
    checked: Option<(HealthCheck, AbortHandle)>,
}

impl Groups {
    pub(super) fn new(health: Arc<Health>) -> Self {
        Self {
            health,
            known: HashMap::new(),
        }
    }

    pub(super) fn get(&self, arn: &Arn) -> Option<Arc<Group>> {
        self.known.get(arn).map(|known| known.group.clone())
    }

    /// Registers targets, lets go of those that are no more, and has those of used groups checked. Returns whether
    /// anything changed.
    pub(super) fn follow(&mut self, wanted: &BTreeMap<Arn, Arc<TargetGroup>>, used: &HashSet<Arn>) -> bool {
        let below_http = |group: &TargetGroup| {
            ["TCP", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"].contains(&group.protocol.as_str())
        };
        let mut changed = false;
        for (arn, from) in wanted.iter().filter(|(_, group)| below_http(group)) {
            let used = used.contains(arn);
            let same = |known: &Known| known.used == used && known.from == *from;
            if self.known.get(arn).is_some_and(same) {
                continue;
            }
            let known = Known::new(from, used, self.known.remove(arn));
            self.health.set(arn, known.cells());
            self.known.insert(arn.clone(), known);
            changed = true;
        }
        let gone: Vec<Arn> = self
            .known
            .keys()
            .filter(|arn| !wanted.contains_key(*arn))
            .cloned()
            .collect();
        for arn in gone {
            if let Some(known) = self.known.remove(&arn) {
                known
                    .targets
                    .into_values()
                    .for_each(|registered| registered.end(true));
            }
            self.health.remove(&arn);
            changed = true;
        }
        changed
    }
}

impl Known {
    fn new(from: &Arc<TargetGroup>, used: bool, earlier: Option<Self>) -> Self {
        let mut before = earlier.map(|known| known.targets).unwrap_or_default();
        let flag =
            |key: &str, default: bool| from.attributes.get(key).map_or(default, |value| value == "true");
        let mut targets = HashMap::new();
        let mut able = Vec::new();
        for wanted in &from.targets {
            let Some(address) = wanted.address else { continue };
            let at = SocketAddr::new(address, wanted.port);
            let key = (wanted.id.clone(), at);
            let mut registered = before
                .remove(&key)
                .filter(|registered| registered.target.server == server(wanted))
                .unwrap_or_else(|| Registered::new(at, wanted));
            registered.follow(wanted, used, &from.health);
            if !wanted.draining {
                able.push(registered.target.clone());
            }
            targets.insert(key, registered);
        }
        // "Connection termination on deregistration": connections end when the delay is over, else they go on.
        let ends = flag(
            "deregistration_delay.connection_termination.enabled",
            from.protocol.contains("UDP") || from.protocol.contains("QUIC"),
        );
        before.into_values().for_each(|registered| registered.end(ends));
        let group = Group {
            targets: able,
            preserve: flag("preserve_client_ip.enabled", false),
            proxy: flag("proxy_protocol_v2.enabled", false),
            sticky: flag("stickiness.enabled", false),
            ends_unhealthy: flag(
                "target_health_state.unhealthy.connection_termination.enabled",
                true,
            ),
        };
        Self {
            from: from.clone(),
            used,
            targets,
            group: Arc::new(group),
        }
    }

    fn cells(&self) -> health::Targets {
        let told = |((id, at), registered): (&(String, SocketAddr), &Registered)| {
            ((id.clone(), at.port()), registered.target.health.clone())
        };
        self.targets.iter().map(told).collect()
    }
}

fn server(wanted: &config::Target) -> Option<[u8; 8]> {
    let digits = wanted.server.as_deref()?.strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok().map(u64::to_be_bytes)
}

impl Registered {
    fn new(at: SocketAddr, wanted: &config::Target) -> Self {
        let target = Target {
            at,
            server: server(wanted),
            health: Arc::new(RwLock::new(TargetHealth::unused())),
            gone: CancellationToken::new(),
        };
        Self {
            target: Arc::new(target),
            draining: false,
            checked: None,
        }
    }

    /// Has the target checked as its group wants it.
    fn follow(&mut self, wanted: &config::Target, used: bool, check: &HealthCheck) {
        let drained = std::mem::replace(&mut self.draining, wanted.draining);
        if wanted.draining {
            self.unwatch();
            return;
        }
        if !used {
            self.unwatch();
            health::write(&self.target.health, TargetHealth::unused());
            return;
        }
        if !check.enabled {
            self.unwatch();
            let unchecked = TargetHealth::new(State::Unavailable, Some(Reason::HealthCheckDisabled));
            health::write(&self.target.health, unchecked);
            return;
        }
        if self.checked.as_ref().is_some_and(|(current, _)| current == check) {
            return;
        }
        self.unwatch();
        let cell = &self.target.health;
        let known = matches!(health::read(cell).state, State::Healthy | State::Unhealthy) && !drained;
        if !known {
            health::write(cell, TargetHealth::registering());
        }
        let version = match check.version.as_deref() {
            Some("HTTP2") => Version::Http2,
            _ => Version::Http1,
        };
        let watching = health::watch(self.target.at, version, check.clone(), cell.clone());
        self.checked = Some((check.clone(), tokio::spawn(watching).abort_handle()));
    }

    fn unwatch(&mut self) {
        if let Some((_, watching)) = self.checked.take() {
            watching.abort();
        }
    }

    /// The target is no more.
    fn end(self, ends: bool) {
        if ends {
            self.target.gone.cancel();
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.unwatch();
    }
}
