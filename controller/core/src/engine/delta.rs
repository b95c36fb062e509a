//! What an update changed.

use crate::snapshot::ObjectKey;
use crate::status::Status;
use gatewright_model::LoadBalancer;
use gatewright_model::key::{BackendKey, CertificateKey, ListenerKey, ObjectName, RouteKey};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Everything that is different after an update. Empty when nothing is.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    /// Load balancers, by Gateway name.
    pub balancers: Vec<BalancerChange>,
    /// Statuses, by object.
    pub statuses: Vec<StatusChange>,
}

impl Delta {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.balancers.is_empty() && self.statuses.is_empty()
    }
}

/// A load balancer that is new, different or gone.
#[derive(Clone, Debug)]
pub enum BalancerChange {
    /// It is new or different.
    Changed {
        /// As it is now; parts that are equal to before are the same allocation as before.
        balancer: Arc<LoadBalancer>,
        /// Which of its parts differ.
        parts: Parts,
    },
    /// The Gateway is gone, or not ours, or not accepted any more.
    Removed(ObjectName),
}

/// Keys of parts that were added, changed or removed: what the load balancer holds under a key now is
/// its new state, nothing means removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Whether something outside of the maps differs: addresses, infrastructure, tracing, class, or the
    /// parameters, which are not part of the load balancer.
    pub settings: bool,
    /// Listeners.
    pub listeners: BTreeSet<ListenerKey>,
    /// HTTPRoutes and GRPCRoutes.
    pub http_routes: BTreeSet<RouteKey>,
    /// TLSRoutes, TCPRoutes and UDPRoutes.
    pub stream_routes: BTreeSet<RouteKey>,
    /// Backends.
    pub backends: BTreeSet<BackendKey>,
    /// Certificates.
    pub certificates: BTreeSet<CertificateKey>,
}

impl Parts {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        let Self {
            settings,
            listeners,
            http_routes,
            stream_routes,
            backends,
            certificates,
        } = self;
        !settings
            && listeners.is_empty()
            && http_routes.is_empty()
            && stream_routes.is_empty()
            && backends.is_empty()
            && certificates.is_empty()
    }
}

/// A status to write.
#[derive(Clone, Debug)]
pub struct StatusChange {
    /// The object.
    pub key: ObjectKey,
    /// The whole status, foreign entries included.
    pub status: Arc<Status>,
    /// What it was before, unless nobody had said anything yet.
    pub before: Option<Arc<Status>>,
}
