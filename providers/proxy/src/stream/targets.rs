//! Where the connections and datagrams of stream routes go.

use crate::balance::{Lease, PickContext};
use crate::runtime::{BackendRuntime, WorkerContext};
use gatewright_model::Str;
use gatewright_model::key::RouteKey;
use gatewright_model::router::StreamRouter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// The stream routes of one listener by server name. TCP and UDP listeners use only the entry for
/// any name.
pub type StreamRoutes = StreamRouter<Arc<StreamTargets>>;

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

/// An endpoint of a backend, by load, health and nearness; other than the excluded ones.
pub fn pick(backend: &BackendRuntime, exclude: &[SocketAddr], context: &WorkerContext) -> Option<Lease> {
    let options = context.options();
    let choice = PickContext {
        session: None,
        exclude,
        zone: options.zone.as_deref(),
        node: options.node.as_deref(),
        now: Instant::now(),
    };
    crate::balance::pick(&backend.endpoints(), &choice)
        .filter(|lease| !exclude.contains(&lease.endpoint().address))
}
