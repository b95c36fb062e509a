//! What left the configuration: nothing of it stays behind in the metrics.

use gatewright_model::LoadBalancer;
use gatewright_model::Str;
use gatewright_model::key::{BackendKey, ListenerKey, RouteKey};
use rustc_hash::FxHashSet;

/// Listeners, routes and backends that a load balancer may have held last.
#[derive(Debug, Default)]
pub struct Gone {
    pub(super) listeners: Vec<ListenerKey>,
    pub(super) routes: Vec<RouteKey>,
    pub(super) backends: Vec<BackendKey>,
}

impl Gone {
    /// Everything in a load balancer.
    pub fn all(balancer: &LoadBalancer) -> Self {
        Self {
            listeners: balancer.listeners.keys().cloned().collect(),
            routes: balancer.http_routes.keys().cloned().collect(),
            backends: balancer.backends.keys().cloned().collect(),
        }
    }

    /// Adds what left another one.
    pub fn add(&mut self, other: Self) {
        self.listeners.extend(other.listeners);
        self.routes.extend(other.routes);
        self.backends.extend(other.backends);
    }

    /// Names of what none of the load balancers in use holds.
    pub fn names<'a>(&self, used: impl Iterator<Item = &'a LoadBalancer> + Clone) -> Vec<Str> {
        let listeners = self
            .listeners
            .iter()
            .filter(|key| !used.clone().any(|other| other.listeners.contains_key(*key)))
            .map(ToString::to_string);
        let routes = self
            .routes
            .iter()
            .filter(|key| !used.clone().any(|other| other.http_routes.contains_key(*key)))
            .map(ToString::to_string);
        let backends = self
            .backends
            .iter()
            .filter(|key| !used.clone().any(|other| other.backends.contains_key(*key)))
            .map(ToString::to_string);
        listeners.chain(routes).chain(backends).map(Str::from).collect()
    }
}

/// Names of everything in use.
pub fn names_in_use<'a>(used: impl Iterator<Item = &'a LoadBalancer>) -> FxHashSet<String> {
    let mut names = FxHashSet::default();
    for balancer in used {
        names.extend(balancer.listeners.keys().map(ToString::to_string));
        names.extend(balancer.http_routes.keys().map(ToString::to_string));
        names.extend(balancer.backends.keys().map(ToString::to_string));
    }
    names
}
