//! Instances that are ready as soon as a load balancer finds them healthy ([`crate::graph::pods`]).

use super::service::{Transport, inspect, numbers};
use super::{BackendOptions, Location, endpoints};
use crate::lookup::Lookup;
use crate::snapshot::{Dep, View, listed};
use gatewright_model::address::is_reserved;
use gatewright_model::backend::Endpoint;
use gatewright_model::key::{BackendKey, BackendKind};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::{Endpoint as SliceEndpoint, EndpointSlice};
use std::collections::BTreeSet;

/// Instances behind a Service's port that wait for the load balancer: those that EndpointSlices list as not ready,
/// neither terminating, of pods that lack nothing but its word. None of a Service that takes those that are not ready
/// anyway (`publishNotReadyAddresses`).
pub fn warming(view: &View<'_>, key: &BackendKey, options: BackendOptions) -> Vec<Endpoint> {
    let pods: Vec<&Pod> = listed!(view, Dep::PodsIn(key.object.namespace.clone()), Pod);
    if pods.is_empty() {
        return Vec::new();
    }
    let waiting: BTreeSet<&str> = pods
        .iter()
        .filter_map(|pod| pod.metadata.name.as_deref())
        .collect();
    let transport = match key.kind {
        BackendKind::ServiceUdp => Transport::Udp,
        BackendKind::Service | BackendKind::XBackend => Transport::Tcp,
    };
    let Some(service) = view.service(&key.object) else {
        return Vec::new();
    };
    let spec = service.spec.as_ref();
    if spec.is_some_and(|spec| spec.publish_not_ready_addresses == Some(true)) {
        return Vec::new();
    }
    let Ok(facts) = inspect(service, (key.port, transport), options) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let slices: Vec<&EndpointSlice> = view.endpoint_slices(&key.object);
    for slice in slices.into_iter().filter(|slice| slice.address_type != "FQDN") {
        for port in numbers(slice, facts.port_name, transport) {
            for endpoint in slice
                .endpoints
                .iter()
                .filter(|endpoint| is_waiting(endpoint, &waiting))
            {
                let addresses = endpoint
                    .addresses
                    .iter()
                    .filter_map(|address| address.parse().ok());
                let usable = addresses
                    .filter(|address| options.location == Location::Standalone || !is_reserved(*address));
                found.extend(usable.map(|address| endpoints::build(endpoint, address, port)));
            }
        }
    }
    found.sort();
    found.dedup_by(|one, other| (one.address, one.port) == (other.address, other.port));
    found
}

fn is_waiting(endpoint: &SliceEndpoint, waiting: &BTreeSet<&str>) -> bool {
    let conditions = endpoint.conditions.as_ref();
    let not_ready = conditions.and_then(|conditions| conditions.ready) == Some(false);
    let terminating = conditions.and_then(|conditions| conditions.terminating) == Some(true);
    let pod = endpoint
        .target_ref
        .as_ref()
        .filter(|target| target.kind.as_deref() == Some("Pod"))
        .and_then(|target| target.name.as_deref());
    not_ready && !terminating && pod.is_some_and(|pod| waiting.contains(pod))
}
