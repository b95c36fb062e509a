//! What load balancers know of pods: what both kinds of target groups have in common.

use crate::cloud::Health;
use gatewright_aws_core::target_group::{Target, TargetAddress};
use gatewright_aws_core::{Str, tags};
use gatewright_model::key::{BackendKey, BackendKind, ObjectName};
use gatewright_provider_api::contract::{Instance, Pool};
use std::collections::{BTreeMap, BTreeSet};

/// The Service of a target group, by what it is for: `Service/shop/cart:80/http1`.
pub(crate) fn service<'a>(resource: &str, services: &'a BTreeSet<ObjectName>) -> Option<&'a ObjectName> {
    services.iter().find(|service| {
        let key = BackendKey {
            kind: BackendKind::Service,
            object: (*service).clone(),
            port: 0,
        };
        let name = tags::value(&key.to_string());
        let begin = name.strip_suffix('0').unwrap_or(&name);
        resource.starts_with(begin)
    })
}

/// A target group's word on its targets; none when none of them is checked: no rule leads to the group, or its load
/// balancer is being set up (`unused`). An empty group may be: its first target tells.
pub(crate) fn pool(name: Str, service: &ObjectName, targets: BTreeMap<Target, Health>) -> Option<Pool> {
    let unused = |health: &Health| matches!(health, Health::Unused | Health::Draining);
    if !targets.is_empty() && targets.values().all(unused) {
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

/// `TargetHealth.State`
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>), and `status` of a
/// target of VPC Lattice, which has the same words
/// (<https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_TargetSummary.html>).
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
    fn a_target_group_belongs_to_the_service_that_it_is_for() {
        let services = BTreeSet::from([named("cart"), named("cart-2")]);
        let of = |text: &str| service(text, &services).map(|service| service.name.to_string());
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
            let targets = all.map(|(last, health)| (target(last as u8), *health)).collect();
            pool("tg".into(), &named("cart"), targets).map(|pool| pool.instances.len())
        };
        assert_eq!(of(&[]), Some(0));
        assert_eq!(of(&[Health::Unused, Health::Healthy]), Some(2));
        assert_eq!(of(&[Health::Initial]), Some(1));
        assert_eq!(of(&[Health::Unused, Health::Draining]), None);
    }
}
