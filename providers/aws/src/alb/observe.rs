//! Reading what exists: completely, or not at all.

use super::observed::{Observed, SeenBalancer, SeenGroup, SeenListener, SeenRule};
use super::shared;
use crate::cloud::{Answer, Arn, Balancer, Cloud, Kind, Listener, Tagged};
use crate::owner::{self, CAPACITY, Owner, SHIELD, Tags, WEB_ACL};
use std::collections::{BTreeMap, BTreeSet};

/// Reads everything that has the owner's marks, at a time in seconds since 1970.
///
/// # Errors
/// When anything of it cannot be read.
pub async fn observe<C: Cloud>(cloud: &C, owner: &Owner, now: u64) -> Answer<Observed> {
    let marks = owner.marks();
    let mut observed = Observed {
        limits: cloud.limits().await?,
        now,
        ..Observed::default()
    };
    let balancers = tagged(cloud.find(Kind::Balancer, &marks).await?);
    for balancer in cloud.balancers(&keys(&balancers)).await? {
        let tags = balancers.get(&balancer.arn).cloned().unwrap_or_default();
        let seen = read_balancer(cloud, owner, (balancer, tags)).await?;
        observed.balancers.insert(seen.balancer.arn.clone(), seen);
    }
    let groups = tagged(cloud.find(Kind::TargetGroup, &marks).await?);
    for group in cloud.target_groups(&keys(&groups)).await? {
        let seen = SeenGroup {
            attributes: cloud.target_group_attributes(&group.arn).await?,
            targets: cloud.targets(&group.arn).await?,
            tags: groups.get(&group.arn).cloned().unwrap_or_default(),
            group,
        };
        observed.target_groups.insert(seen.group.arn.clone(), seen);
    }
    observed.returned = returned(cloud, owner, &observed).await?;
    if owner.gateway != owner::shared() {
        let security_groups = tagged(cloud.find(Kind::SecurityGroup, &marks).await?);
        for group in cloud.security_groups(&keys(&security_groups)).await? {
            observed.security_groups.insert(group.id.clone(), group);
        }
    }
    observed.shared = shared::read(cloud, owner).await?;
    observed.certificates = tagged(cloud.find(Kind::Certificate, &marks).await?);
    observed.trust_stores = tagged(cloud.find(Kind::TrustStore, &marks).await?);
    Ok(observed)
}

/// Load balancers that use target groups of ours without being ours: who gave one over may have taken it back. No other use
/// is looked at.
async fn returned<C: Cloud>(
    cloud: &C,
    owner: &Owner,
    observed: &Observed,
) -> Answer<BTreeMap<Arn, SeenBalancer>> {
    let groups = observed.target_groups.values();
    let users: BTreeSet<&Arn> = groups.flat_map(|seen| &seen.group.balancers).collect();
    let others: Vec<Arn> = users
        .into_iter()
        .filter(|arn| !observed.balancers.contains_key(*arn))
        .cloned()
        .collect();
    let mut found = BTreeMap::new();
    if others.is_empty() {
        return Ok(found);
    }
    // The search by tags may not show yet what was made a moment ago.
    let tags = cloud.tags_now(Kind::Balancer, &others).await?;
    for balancer in cloud.balancers(&others).await? {
        if tags.get(&balancer.arn).is_none_or(|tags| owner.owns(tags)) {
            continue;
        }
        let seen = read_balancer(cloud, owner, (balancer, Tags::new())).await?;
        let mut listeners = seen.listeners.iter();
        if listeners.any(|listener| listener.ours || listener.rules.iter().any(|rule| rule.ours)) {
            found.insert(seen.balancer.arn.clone(), seen);
        }
    }
    Ok(found)
}

async fn read_balancer<C: Cloud>(
    cloud: &C,
    owner: &Owner,
    (balancer, tags): (Balancer, Tags),
) -> Answer<SeenBalancer> {
    let attributes = cloud.balancer_attributes(&balancer.arn).await?;
    let web_acl = if tags.contains_key(WEB_ACL) {
        cloud.web_acl(&balancer.arn).await?
    } else {
        None
    };
    let protection = if tags.contains_key(SHIELD) {
        cloud.protection(&balancer.arn).await?
    } else {
        None
    };
    let capacity = if tags.contains_key(CAPACITY) {
        cloud.capacity(&balancer.arn).await?
    } else {
        None
    };
    let found = cloud.listeners(&balancer.arn).await?;
    let arns: Vec<Arn> = found.iter().map(|listener| listener.arn.clone()).collect();
    let mut tags_of = read_tags(cloud, &arns).await?;
    let mut listeners = Vec::with_capacity(found.len());
    for listener in found {
        let tags = tags_of.remove(&listener.arn).unwrap_or_default();
        listeners.push(read_listener(cloud, owner, (listener, tags)).await?);
    }
    listeners.sort_by_key(|seen| seen.listener.port);
    Ok(SeenBalancer {
        balancer,
        attributes,
        tags,
        web_acl,
        protection,
        capacity,
        listeners,
    })
}

async fn read_listener<C: Cloud>(
    cloud: &C,
    owner: &Owner,
    (listener, tags): (Listener, Tags),
) -> Answer<SeenListener> {
    let ours = owner.owns(&tags);
    let mut found = cloud.rules(&listener.arn).await?;
    found.sort_by_key(|rule| rule.priority);
    let arns: Vec<Arn> = found.iter().map(|rule| rule.arn.clone()).collect();
    let mut tags_of = read_tags(cloud, &arns).await?;
    let rules = found.into_iter().map(|rule| {
        let tags = tags_of.remove(&rule.arn).unwrap_or_default();
        SeenRule {
            ours: owner.owns(&tags),
            rule,
            tags,
        }
    });
    let mut seen = SeenListener {
        ours,
        tags,
        attributes: BTreeMap::new(),
        certificates: BTreeSet::new(),
        rules: rules.collect(),
        listener,
    };
    if ours {
        seen.attributes = cloud.listener_attributes(&seen.listener.arn).await?;
        if seen.listener.tls.is_some() {
            seen.certificates = cloud.listener_certificates(&seen.listener.arn).await?;
        }
    }
    Ok(seen)
}

async fn read_tags<C: Cloud>(cloud: &C, arns: &[Arn]) -> Answer<BTreeMap<Arn, Tags>> {
    if arns.is_empty() {
        return Ok(BTreeMap::new());
    }
    cloud.tags(arns).await
}

fn tagged(found: Vec<Tagged>) -> BTreeMap<Arn, Tags> {
    found.into_iter().map(|found| (found.arn, found.tags)).collect()
}

fn keys(found: &BTreeMap<Arn, Tags>) -> Vec<Arn> {
    found.keys().cloned().collect()
}
