//! What load balancers know of pods.

use super::bindings;
use crate::cloud::{Answer, Arn, Cloud, Health, Kind};
use crate::owner::{Owner, RESOURCE, Tags, value};
use gatewright_aws_core::Str;
use gatewright_aws_core::target_group::{Target, TargetAddress, TargetKind};
use gatewright_model::key::{BackendKey, BackendKind, ObjectName};
use gatewright_provider_api::contract::{Instance, Membership, Pool};
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
        .filter_map(|found| Some((found.arn.clone(), service(&found.tags, services)?)))
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

/// Targets as a pool, where they are checked.
fn pool(name: Str, service: &ObjectName, targets: BTreeMap<Target, Health>) -> Option<Pool> {
    if !is_checked(&targets) {
        return None;
    }
    let mut pool = Pool {
        name,
        service: service.clone(),
        instances: BTreeMap::new(),
    };
    for (target, health) in targets {
        if let TargetAddress::Ip(address) = target.id {
            pool.note(address, instance(health));
        }
    }
    Some(pool)
}

/// The Service of a target group, by the tag that says what it is for: `Service/shop/cart:80/http1`.
fn service<'a>(tags: &Tags, services: &'a BTreeSet<ObjectName>) -> Option<&'a ObjectName> {
    let resource = tags.get(RESOURCE)?;
    services.iter().find(|service| {
        let key = BackendKey {
            kind: BackendKind::Service,
            object: (*service).clone(),
            port: 0,
        };
        let name = value(&key.to_string());
        let begin = name.strip_suffix('0').unwrap_or(&name);
        resource.starts_with(begin)
    })
}

/// Whether targets are checked at all: none is where no rule leads to the group, or its load balancer is being set up
/// (`unused`). An empty group may be: its first target tells.
fn is_checked(targets: &BTreeMap<Target, Health>) -> bool {
    let unused = |health: &Health| matches!(health, Health::Unused | Health::Draining);
    targets.is_empty() || !targets.values().all(unused)
}

/// `TargetHealth.State`
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>).
const fn instance(health: Health) -> Instance {
    match health {
        // "Health checks are disabled for the target group": nobody can tell more.
        Health::Healthy | Health::Unavailable => Instance::Healthy,
        Health::Initial => Instance::Waiting("is being checked for the first time (initial)"),
        Health::Unhealthy => Instance::Waiting("does not pass the health check (unhealthy)"),
        Health::Unused => Instance::Waiting(
            "is not checked (unused): its availability zone is not one of the load balancer's subnets",
        ),
        Health::Draining => Instance::Waiting("was deregistered and is on its way out (draining)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> ObjectName {
        ObjectName::new("shop", name)
    }

    #[test]
    fn a_target_group_belongs_to_the_service_of_its_tag() {
        let services = BTreeSet::from([named("cart"), named("cart-2")]);
        let of = |text: &str| {
            let tags = Tags::from([(RESOURCE.into(), text.into())]);
            service(&tags, &services).map(|service| service.name.to_string())
        };
        assert_eq!(of("Service/shop/cart:80/http1").as_deref(), Some("cart"));
        assert_eq!(of("Service/shop/cart-2:80/UDP/udp").as_deref(), Some("cart-2"));
        assert_eq!(of("Service/shop/cart-3:80/http1"), None);
        assert_eq!(of("Service/other/cart:80/http1"), None);
        assert_eq!(of("load balancer"), None);
    }

    #[test]
    fn a_group_in_which_nothing_is_checked_is_nobodys_word() {
        let target = |last: u8| Target {
            id: TargetAddress::Ip([10, 0, 0, last].into()),
            port: 80,
            zone: None,
            quic_server: None,
        };
        let of = |all: &[Health]| {
            let all = all.iter().enumerate();
            is_checked(&all.map(|(last, health)| (target(last as u8), *health)).collect())
        };
        assert!(of(&[]));
        assert!(of(&[Health::Unused, Health::Healthy]));
        assert!(of(&[Health::Initial]));
        assert!(!of(&[Health::Unused, Health::Draining]));
    }
}
