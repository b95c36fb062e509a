//! Reading what exists: completely, or not at all.

use super::cloud::{Kind, Lattice, Tagged};
use super::observed::{Observed, SeenAccess, SeenGroup, SeenListener, SeenNetwork, SeenService};
use crate::cloud::{Answer, Arn};
use crate::owner::{ADOPTED, Owner, Tags};
use gatewright_aws_core::lattice::names;
use std::collections::BTreeMap;

/// Reads everything that has the owner's marks.
///
/// # Errors
/// When anything of it cannot be read.
pub async fn observe<C: Lattice>(cloud: &C, owner: &Owner) -> Answer<Observed> {
    let marks = owner.marks();
    let mut observed = Observed::default();
    for Tagged { arn, tags } in cloud.find_marked(Kind::Network, &marks).await? {
        let Some(network) = cloud.network(&arn).await? else {
            continue;
        };
        let seen = SeenNetwork {
            access: access(cloud, &arn).await?,
            vpcs: cloud.vpc_associations(&arn).await?,
            tags,
            network,
        };
        observed.networks.insert(arn, seen);
    }
    for Tagged { arn, tags } in cloud.find_marked(Kind::Service, &marks).await? {
        if let Some(seen) = service(cloud, (owner, &arn), tags).await? {
            observed.services.insert(arn, seen);
        }
    }
    for Tagged { arn, tags } in cloud.find_marked(Kind::TargetGroup, &marks).await? {
        let Some(group) = cloud.group(&arn).await? else {
            continue;
        };
        let targets = cloud.targets_of(&arn).await?;
        observed
            .target_groups
            .insert(arn, SeenGroup { group, targets, tags });
    }
    let certificates = cloud.find_marked(Kind::Certificate, &marks).await?;
    observed.certificates = certificates
        .into_iter()
        .map(|found| (found.arn, found.tags))
        .collect::<BTreeMap<_, _>>();
    Ok(observed)
}

async fn service<C: Lattice>(
    cloud: &C,
    (owner, arn): (&Owner, &Arn),
    tags: Tags,
) -> Answer<Option<SeenService>> {
    let Some(service) = cloud.service(arn).await? else {
        return Ok(None);
    };
    let adopted = tags.contains_key(ADOPTED);
    let adopted = adopted.then(|| names::adopted(&owner.cluster, &owner.gateway));
    let prefix = adopted.as_deref().unwrap_or(names::PREFIX);
    let mut listeners = Vec::new();
    for listener in cloud.listeners_of(arn).await? {
        let mut rules = cloud.rules_of(&listener.arn).await?;
        rules.sort_by_key(|rule| (rule.priority, rule.name.starts_with(prefix)));
        listeners.push(SeenListener {
            listener,
            rules,
            adopted: adopted.clone(),
        });
    }
    listeners.sort_by_key(|seen| seen.listener.port);
    Ok(Some(SeenService {
        access: access(cloud, arn).await?,
        associations: cloud.service_associations(arn).await?,
        listeners,
        tags,
        service,
    }))
}

/// A policy without authentication has no effect and is read all the same: it would have one as soon as somebody switches
/// authentication on.
async fn access<C: Lattice>(cloud: &C, arn: &Arn) -> Answer<SeenAccess> {
    Ok(SeenAccess {
        policy: cloud.policy(arn).await?,
        logs: cloud.logs(arn).await?,
    })
}
