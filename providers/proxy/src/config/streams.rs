//! Routes of TCP, UDP and TLS listeners.

use super::backends::Backends;
use crate::stream::targets::{StreamRoutes, StreamTargets};
use gatewright_model::LoadBalancer;
use gatewright_model::backend::BackendTarget;
use gatewright_model::key::{ListenerKey, RouteKey};
use gatewright_model::route::StreamRoute;
use gatewright_model::router::StreamEntry;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Stream routes of a load balancer, ready to use.
#[derive(Debug, Default)]
pub(super) struct Streams {
    compiled: BTreeMap<RouteKey, (Arc<StreamRoute>, Arc<StreamTargets>)>,
}

impl Streams {
    /// Compiles what is new or changed, or names a backend of `moved`. The number of stream routes is
    /// small against that of HTTP routes, so each is looked at.
    pub(super) fn update(
        &mut self,
        new: &LoadBalancer,
        backends: &Backends,
        moved: impl Fn(&BackendTarget) -> bool,
    ) {
        self.compiled.retain(|key, _| new.stream_routes.contains_key(key));
        for (key, route) in &new.stream_routes {
            let known = self.compiled.get(key).is_some_and(|(model, _)| {
                (Arc::ptr_eq(model, route) || model.backends == route.backends)
                    && !route.backends.iter().any(|backend| moved(&backend.target))
            });
            if known {
                if let Some((model, _)) = self.compiled.get_mut(key) {
                    *model = Arc::clone(route);
                }
            } else {
                self.compiled.insert(
                    key.clone(),
                    (Arc::clone(route), Arc::new(targets(route, backends))),
                );
            }
        }
    }

    /// The routes of one listener.
    pub(super) fn of(&self, listener: &ListenerKey) -> StreamRoutes {
        self.compiled
            .values()
            .flat_map(|(route, targets)| {
                let attached = route
                    .attachments
                    .iter()
                    .filter(|attachment| attachment.listener == *listener);
                attached
                    .flat_map(|attachment| &attachment.hosts)
                    .map(|host| StreamEntry {
                        host: host.clone(),
                        created: route.created,
                        route: route.key.clone(),
                        payload: Arc::clone(targets),
                    })
            })
            .collect()
    }
}

fn targets(route: &StreamRoute, backends: &Backends) -> StreamTargets {
    let resolved: Vec<_> = route
        .backends
        .iter()
        .map(|backend| match &backend.target {
            BackendTarget::Backend(key) => (backends.get(key).cloned(), backend.weight),
            BackendTarget::Invalid(_) => (None, backend.weight),
        })
        .collect();
    StreamTargets {
        route: route.key.clone(),
        route_name: route.key.to_string().into(),
        total_weight: resolved.iter().map(|(_, weight)| u64::from(*weight)).sum(),
        backends: resolved,
    }
}
