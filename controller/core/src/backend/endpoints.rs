//! EndpointSlices: which instances take traffic.

use super::Location;
use gatewright_model::Str;
use gatewright_model::address::is_reserved;
use gatewright_model::backend::Endpoint;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint as SliceEndpoint, EndpointSlice};
use std::net::IpAddr;

/// How instances are chosen among those that EndpointSlices list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// Ready ones; when none is ready, those that still serve while they terminate.
    Ready,
    /// All (`publishNotReadyAddresses`): "any agent which deals with endpoints for this Service
    /// should disregard any indications of ready/not-ready".
    Ignored,
}

/// Instances found so far, by how fit they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates {
    ready: Vec<Endpoint>,
    draining: Vec<Endpoint>,
    refused: Vec<IpAddr>,
}

impl Candidates {
    /// Adds the instances of one slice at a port.
    pub(super) fn add(&mut self, slice: &EndpointSlice, port: u16, readiness: Readiness, location: Location) {
        for endpoint in &slice.endpoints {
            let conditions = endpoint.conditions.clone().unwrap_or_default();
            // "A nil value should be interpreted as true" for ready and serving, false for
            // terminating (discovery/v1 EndpointConditions).
            let ready = conditions.ready.unwrap_or(true) || readiness == Readiness::Ignored;
            let draining = conditions.serving.unwrap_or(true) && conditions.terminating.unwrap_or(false);
            if !ready && !draining {
                continue;
            }
            // All addresses of one endpoint are fungible (discovery/v1 Endpoint.addresses).
            for address in &endpoint.addresses {
                let Ok(address) = address.parse::<IpAddr>() else {
                    continue;
                };
                if location == Location::Cluster && is_reserved(address) {
                    self.refused.push(address);
                    continue;
                }
                let built = build(endpoint, address, port);
                if ready {
                    self.ready.push(built);
                } else {
                    self.draining.push(built);
                }
            }
        }
    }

    /// Addresses that were left out because a proxy in a cluster must not connect to them.
    pub(super) fn refused(&self) -> &[IpAddr] {
        &self.refused
    }

    /// The instances that should take traffic, sorted and without duplicates. `first` is the
    /// Service's first IP family: a dual-stack Service lists each instance once per family, and one
    /// of them is enough.
    pub(super) fn choose(self, first: Option<Family>) -> Vec<Endpoint> {
        let mut chosen = [self.ready, self.draining]
            .into_iter()
            .find(|group| !group.is_empty())
            .unwrap_or_default();
        if let Some(first) = first
            && chosen.iter().any(|endpoint| first.holds(endpoint.address))
        {
            chosen.retain(|endpoint| first.holds(endpoint.address));
        }
        // Hints count only when every endpoint has one, else those without would starve (kube-proxy,
        // KEP-2433 and KEP-3015).
        if chosen.iter().any(|endpoint| endpoint.for_zones.is_empty()) {
            for endpoint in &mut chosen {
                endpoint.for_zones.clear();
            }
        }
        if chosen.iter().any(|endpoint| endpoint.for_nodes.is_empty()) {
            for endpoint in &mut chosen {
                endpoint.for_nodes.clear();
            }
        }
        chosen.sort();
        chosen.dedup_by(|one, other| (one.address, one.port) == (other.address, other.port));
        chosen.shrink_to_fit();
        chosen
    }
}

/// IP family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    /// The first of `spec.ipFamilies`, if the Service says.
    pub(super) fn first_of(service: &Service) -> Option<Self> {
        match service.spec.as_ref()?.ip_families.as_ref()?.first()?.as_str() {
            "IPv4" => Some(Self::V4),
            "IPv6" => Some(Self::V6),
            _ => None,
        }
    }

    fn holds(self, address: IpAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

pub(super) fn build(endpoint: &SliceEndpoint, address: IpAddr, port: u16) -> Endpoint {
    let hints = endpoint.hints.as_ref();
    let zones = hints
        .and_then(|hints| hints.for_zones.as_deref())
        .unwrap_or_default();
    let nodes = hints
        .and_then(|hints| hints.for_nodes.as_deref())
        .unwrap_or_default();
    let mut for_zones: Vec<Str> = zones.iter().map(|zone| zone.name.as_str().into()).collect();
    let mut for_nodes: Vec<Str> = nodes.iter().map(|node| node.name.as_str().into()).collect();
    for_zones.sort();
    for_nodes.sort();
    Endpoint {
        address,
        port,
        for_zones,
        for_nodes,
        zone: endpoint.zone.as_deref().map(Str::from),
        node: endpoint.node_name.as_deref().map(Str::from),
    }
}
