//! Endpoints near the proxy (Kubernetes `Service.spec.trafficDistribution`).

use crate::runtime::EndpointSet;
use gatewright_model::Str;
use gatewright_model::backend::{Endpoint, TrafficDistribution};

/// Positions of preferred endpoints in a set, nearest group first. Empty groups are left out, and
/// so is a group that holds all endpoints.
#[derive(Debug, Default)]
pub struct Near {
    groups: Vec<Vec<u32>>,
}

impl Near {
    /// The groups of a set for a proxy in a zone, on a node.
    ///
    /// An endpoint is near when its hints name the zone or node, or, without any hints, when it
    /// lies there itself. As kube-proxy does, the preference is void unless an endpoint is near:
    /// traffic then goes to all.
    pub fn of(set: &EndpointSet, zone: Option<&str>, node: Option<&str>) -> Self {
        let mut near = Self::default();
        if set.distribution == TrafficDistribution::PreferSameNode {
            near.push(set, |endpoint| {
                named(node, &endpoint.for_nodes, endpoint.node.as_ref())
            });
        }
        if set.distribution != TrafficDistribution::Any {
            near.push(set, |endpoint| {
                named(zone, &endpoint.for_zones, endpoint.zone.as_ref())
            });
        }
        near
    }

    /// The groups, nearest first.
    pub fn groups(&self) -> impl Iterator<Item = &[u32]> {
        self.groups.iter().map(Vec::as_slice)
    }

    fn push(&mut self, set: &EndpointSet, is_near: impl Fn(&Endpoint) -> bool) {
        let group: Vec<u32> = (0u32..)
            .zip(&set.endpoints)
            .filter(|(_, runtime)| is_near(&runtime.endpoint))
            .map(|(position, _)| position)
            .collect();
        if !group.is_empty() && group.len() < set.endpoints.len() {
            self.groups.push(group);
        }
    }
}

fn named(own: Option<&str>, hints: &[Str], place: Option<&Str>) -> bool {
    own.is_some_and(|own| {
        if hints.is_empty() {
            place.is_some_and(|place| **place == *own)
        } else {
            hints.iter().any(|hint| **hint == *own)
        }
    })
}
