//! What pods that wait for a load balancer are told.

use super::forms::{driver, http, pod, request};
use crate::memory::{Delays, Memory};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::target_group::TargetAddress;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Driver, Instance, Pool, converge};
use gatewright_provider_api::suite::drive;
use std::collections::BTreeSet;
use std::sync::Arc;

fn target() -> Target {
    http(&[("/*", &[("front", 1)])])
}

fn pools(memory: &Arc<Memory>, service: &str) -> Vec<Pool> {
    let services = BTreeSet::from([ObjectName::new("shop", service)]);
    let driver = driver(memory, 300);
    drive(driver.pools(&target().gateway, &services))
        .unwrap()
        .unwrap()
}

#[test]
fn a_new_pod_is_healthy_when_aws_has_checked_it() {
    let delays = Delays {
        provisioning: 0,
        healthy: 100,
        draining: 200,
        release: 0,
        search: 0,
    };
    let memory = Arc::new(Memory::new(AlbLimits::default(), delays));
    assert_eq!(
        pools(&memory, "front"),
        [],
        "there is nothing that a pod could wait for"
    );
    let mut target = target();
    let round = |target: &Target| {
        let outcome = drive(converge(&driver(&memory, 300), &request(target.clone()))).unwrap();
        assert!(outcome.is_converged(), "{outcome:?}");
    };
    round(&target);
    assert_eq!(pools(&memory, "other"), []);
    let new = pod(77);
    let TargetAddress::Ip(address) = new.id else {
        panic!("{new:?}");
    };
    for group in target.target_groups.values_mut() {
        group.targets.insert(new.clone());
    }
    let of = |memory: &Arc<Memory>| pools(memory, "front")[0].instances.get(&address).copied();
    assert_eq!(of(&memory), None, "it is not registered");
    round(&target);
    assert!(matches!(of(&memory), Some(Instance::Waiting(why)) if why.contains("initial")));
    let found = (0..200).find(|_| of(&memory) == Some(Instance::Healthy));
    assert!(found.is_some(), "time passes with every call");
    for group in target.target_groups.values_mut() {
        group.targets.remove(&new);
    }
    round(&target);
    assert!(matches!(of(&memory), Some(Instance::Waiting(why)) if why.contains("draining")));
}
