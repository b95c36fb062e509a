//! Where the connections and datagrams of stream routes go.

use crate::runtime::{BackendRuntime, EndpointRuntime};
use crate::tls::host_index::HostIndex;
use gatewright_model::Str;
use gatewright_model::key::RouteKey;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The stream routes of one listener by server name. TCP and UDP listeners use only the entry for
/// any name.
pub type StreamRoutes = HostIndex<Arc<StreamTargets>>;

/// Backends of one stream route.
#[derive(Debug)]
pub struct StreamTargets {
    /// The route.
    pub route: RouteKey,
    /// Text of the route's key, for logs and metrics.
    pub route_name: Str,
    /// Backends with their share; `None` is an invalid reference, whose share is refused
    /// (Gateway API v1.7.0, `TCPRouteRule.backendRefs`).
    pub backends: Vec<(Option<Arc<BackendRuntime>>, u32)>,
    /// Sum of the weights.
    pub total_weight: u64,
}

impl StreamTargets {
    /// Draws a backend with the probability of its weight. `None`: refuse.
    pub fn choose(&self) -> Option<&Arc<BackendRuntime>> {
        if self.total_weight == 0 {
            return None;
        }
        let mut draw = fastrand::u64(..self.total_weight);
        for (backend, weight) in &self.backends {
            let weight = u64::from(*weight);
            if draw < weight {
                return backend
                    .as_ref()
                    .filter(|backend| backend.settings().fault.is_none());
            }
            draw -= weight;
        }
        None
    }
}

/// An endpoint in use: counts in its load until dropped.
#[derive(Debug)]
pub struct InUse(Arc<EndpointRuntime>);

impl InUse {
    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The less loaded of two random endpoints that are not excluded.
pub fn pick(backend: &BackendRuntime, exclude: &[SocketAddr]) -> Option<InUse> {
    let set = backend.endpoints();
    let candidates = || {
        set.endpoints
            .iter()
            .filter(|endpoint| !exclude.contains(&endpoint.address))
    };
    let count = if exclude.is_empty() {
        set.endpoints.len()
    } else {
        candidates().count()
    };
    if count == 0 {
        return None;
    }
    let first = candidates().nth(fastrand::usize(..count))?;
    let second = candidates().nth(fastrand::usize(..count))?;
    let load = |endpoint: &EndpointRuntime| endpoint.active.load(Ordering::Relaxed);
    let chosen = if load(second) < load(first) { second } else { first };
    chosen.active.fetch_add(1, Ordering::Relaxed);
    Some(InUse(Arc::clone(chosen)))
}
