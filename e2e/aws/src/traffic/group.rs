//! Target groups and their targets, and which target gets a request.

use super::attributes::{Algorithm, GroupAttributes};
use super::config::Arn;
use super::health::{self, Cell, State};
use super::upstream::Upstream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;

/// `ProtocolVersion` of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Version {
    /// `HTTP1`.
    Http1,
    /// `HTTP2`.
    Http2,
    /// `GRPC`.
    Grpc,
    /// A Lambda function, which has none.
    Function,
}

/// A group.
pub(super) struct Group {
    pub(super) arn: Arn,
    pub(super) version: Version,
    pub(super) attributes: GroupAttributes,
    /// Registered targets that have an address and do not drain.
    pub(super) targets: Vec<Arc<Target>>,
    /// Counts requests; lives as long as the group.
    pub(super) turn: Arc<AtomicUsize>,
}

/// A target of a group.
pub(super) struct Target {
    pub(super) id: String,
    pub(super) port: u16,
    pub(super) upstream: Upstream,
    pub(super) health: Cell,
    /// Requests in flight.
    pub(super) busy: AtomicUsize,
    /// Fires when its deregistration is over.
    pub(super) gone: CancellationToken,
}

impl Group {
    /// The target for a request; `wanted` is what its cookie names, `chance` is random. None when there is none.
    ///
    /// Documented (target-group-health-checks, sticky-sessions): healthy targets alone; "if a target group contains
    /// only unhealthy registered targets, the load balancer routes requests to all those targets"; a cookie of a
    /// target that is deregistered or unhealthy chooses another. Assumed: a group of which some targets are initial
    /// and none is healthy uses the unhealthy ones, and one whose targets all are initial has none, as a target gets
    /// requests only after it "passes the initial health checks".
    pub(super) fn pick(&self, wanted: Option<&str>, chance: u64) -> Option<&Arc<Target>> {
        let in_state = |wanted: &[State]| -> Vec<&Arc<Target>> {
            let fits = |target: &&Arc<Target>| wanted.contains(&health::read(&target.health).state);
            self.targets.iter().filter(fits).collect()
        };
        let mut able = in_state(&[State::Healthy, State::Unavailable]);
        if able.is_empty() {
            able = in_state(&[State::Unhealthy]);
        }
        let named = |target: &&Arc<Target>| {
            wanted == Some(super::cookie::target_text(&self.arn, &target.id, target.port).as_str())
        };
        if let Some(target) = able.iter().copied().find(named) {
            return Some(target);
        }
        let at = |turn: usize| able.get(turn.checked_rem(able.len())?).copied();
        match self.attributes.algorithm {
            Algorithm::RoundRobin => at(self.turn.fetch_add(1, Ordering::Relaxed)),
            Algorithm::Random => at(usize::try_from(chance).unwrap_or_default()),
            Algorithm::LeastOutstanding => able
                .iter()
                .min_by_key(|target| target.busy.load(Ordering::Relaxed))
                .copied(),
        }
    }
}

/// A request in flight at a target.
pub(super) struct InFlight {
    target: Arc<Target>,
}

impl InFlight {
    pub(super) fn new(target: &Arc<Target>) -> Self {
        target.busy.fetch_add(1, Ordering::Relaxed);
        Self {
            target: target.clone(),
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.target.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
