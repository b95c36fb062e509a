//! Instances that are ready as soon as the load balancer finds them healthy: they are targets like others.

use gatewright_model::LoadBalancer;
use gatewright_model::backend::{Endpoint, Endpoints};
use gatewright_model::key::BackendKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The load balancer with these instances beside those that are ready.
pub(super) fn with(
    balancer: &Arc<LoadBalancer>,
    warming: &BTreeMap<BackendKey, Vec<Endpoint>>,
) -> Arc<LoadBalancer> {
    let mut balancer = Arc::clone(balancer);
    for (key, more) in warming {
        if !balancer.backends.contains_key(key) {
            continue;
        }
        let Some(backend) = Arc::make_mut(&mut balancer).backends.get_mut(key) else {
            continue;
        };
        if let Endpoints::Static(endpoints) = &mut Arc::make_mut(backend).endpoints {
            endpoints.extend(more.iter().cloned());
            endpoints.sort();
            endpoints.dedup_by(|one, other| (one.address, one.port) == (other.address, other.port));
        }
    }
    balancer
}
