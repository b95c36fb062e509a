//! What services of VPC Lattice know of pods.

use super::cloud::{Kind, Lattice, Tagged};
use crate::cloud::Answer;
use crate::owner::{Owner, RESOURCE};
use crate::pools::{pool, service};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::Pool;
use std::collections::BTreeSet;

/// The target groups of these Services that services of the owner forward to, with the health of their targets. Each hostname
/// has target groups of its own, and a pod is to be well in all of them.
pub(super) async fn pools<C: Lattice>(
    cloud: &C,
    owner: &Owner,
    services: &BTreeSet<ObjectName>,
) -> Answer<Vec<Pool>> {
    let mut pools = Vec::new();
    for Tagged { arn, tags } in cloud.find_marked(Kind::TargetGroup, &owner.marks()).await? {
        // In front of what a group is for stands the hostname that it belongs to. A tag that both do not fit into tells no
        // Service, and nobody waits for its group.
        let resource = tags.get(RESOURCE).and_then(|resource| resource.split_once(' '));
        let Some(service) = resource.and_then(|(_, backend)| service(backend, services)) else {
            continue;
        };
        let Some(group) = cloud.group(&arn).await? else {
            continue;
        };
        let targets = cloud.targets_of(&arn).await?;
        pools.extend(pool(group.name, service, targets));
    }
    Ok(pools)
}
