//! What load balancers know of pods.

use super::bindings;
use crate::cloud::{Answer, Arn, Cloud, Kind};
use crate::owner::{Owner, RESOURCE};
use crate::pools::{pool, service};
use gatewright_aws_core::target_group::TargetKind;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Membership, Pool};
use std::collections::{BTreeMap, BTreeSet};

/// The target groups of these Services that load balancers of the owner forward to, with the health of their targets:
/// those of addresses alone, as nodes are not ready or not by pods.
pub(super) async fn pools<C: Cloud>(
    cloud: &C,
    owner: &Owner,
    services: &BTreeSet<ObjectName>,
) -> Answer<Vec<Pool>> {
    let found = cloud.find(Kind::TargetGroup, &owner.marks()).await?;
    let of: BTreeMap<Arn, &ObjectName> = found
        .iter()
        .filter_map(|found| Some((found.arn.clone(), service(found.tags.get(RESOURCE)?, services)?)))
        .collect();
    let arns: Vec<Arn> = of.keys().cloned().collect();
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let mut pools = Vec::new();
    for group in cloud.target_groups(&arns).await? {
        let Some(service) = of.get(&group.arn) else {
            continue;
        };
        if group.fixed.kind != TargetKind::Ip {
            continue;
        }
        let targets = cloud.targets_now(&group.arn).await?;
        pools.extend(pool(group.name, service, targets));
    }
    Ok(pools)
}

/// The same of a group that somebody else made. One that is not there, or whose owner does not allow the binding, keeps
/// nobody waiting: the binding says so.
pub(super) async fn bound<C: Cloud>(
    cloud: &C,
    cluster: &str,
    membership: &Membership,
) -> Answer<Option<Pool>> {
    let Some(group) = bindings::find(cloud, &membership.group).await? else {
        return Ok(None);
    };
    if group.fixed.kind != TargetKind::Ip {
        return Ok(None);
    }
    let arns = std::slice::from_ref(&group.arn);
    let tags = cloud.tags_now(Kind::TargetGroup, arns).await?;
    let allowed = tags
        .get(&group.arn)
        .is_some_and(|tags| bindings::forbidden(cluster, Some(&membership.binding), tags).is_none());
    if !allowed {
        return Ok(None);
    }
    let targets = cloud.targets_now(&group.arn).await?;
    Ok(pool(group.name, &membership.service, targets))
}
