//! Addresses, and how one load balancer takes the place of another.

use super::forms::{add_listener, bare, driver, http, managed, pass, request, rule, target_group};
use crate::alb::addresses;
use crate::memory::{Delays, Memory};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::rule::{Action, Forward};
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::network::Scheme;
use gatewright_aws_core::target_group::TargetGroupId;
use gatewright_provider_api::contract::{Driver, Outcome, converge};
use gatewright_provider_api::suite::drive;
use std::sync::Arc;
use std::time::Duration;

fn slow() -> Arc<Memory> {
    let delays = Delays {
        provisioning: 60,
        healthy: 100,
        draining: 20,
        release: 50,
        search: 0,
    };
    Arc::new(Memory::new(AlbLimits::default(), delays))
}

fn public() -> Target {
    let mut target = bare();
    target.balancer.name = "gw-public".into();
    target.balancer.scheme = Scheme::InternetFacing;
    let mut target = managed(target, &[80]);
    add_listener(&mut target, 80, &[("/*", &[("front", 1)])]);
    target
}

fn round(memory: &Arc<Memory>, target: &Target) -> Outcome {
    drive(converge(&driver(memory, 300), &request(target.clone()))).unwrap()
}

fn address(outcome: &Outcome) -> Option<String> {
    outcome.addresses.assigned.first().map(|address| {
        assert_eq!(&*address.kind, "Hostname");
        address.value.to_string()
    })
}

fn recheck(memory: &Arc<Memory>, target: &Target) -> Option<Duration> {
    let driver = driver(memory, 300);
    let observed = drive(driver.observe(&target.gateway)).unwrap().unwrap();
    addresses::recheck(target, &observed, 300)
}

#[test]
fn the_address_is_told_once_the_load_balancer_is_active() {
    let memory = slow();
    let target = http(&[("/*", &[("front", 1)])]);
    let first = round(&memory, &target);
    assert!(first.is_converged());
    assert_eq!(address(&first), None);
    let fault = first.addresses.fault.unwrap();
    assert_eq!(&*fault.reason, "Pending");
    assert!(fault.message.contains("gw-internal"), "{fault:?}");
    assert_eq!(recheck(&memory, &target), Some(Duration::from_secs(5)));
    let found = (0..20).find_map(|_| address(&round(&memory, &target)));
    let found = found.unwrap();
    assert!(found.starts_with("gw-internal-"), "{found}");
    assert_eq!(recheck(&memory, &target), None);
}

/// kubernetes-sigs/aws-load-balancer-controller#1959: a change of the scheme deleted first.
#[test]
fn a_replaced_load_balancer_serves_until_its_successor_does_and_is_known() {
    let memory = slow();
    let before = http(&[("/*", &[("front", 1)])]);
    while address(&round(&memory, &before)).is_none() {}
    let target = public();
    let exists = |name: &str| memory.contents().keys().any(|resource| &*resource.id == name);
    let mut rounds = 0;
    loop {
        let outcome = round(&memory, &target);
        assert!(outcome.is_converged(), "{outcome:?}");
        assert!(exists("gw-internal") && exists("gw-internal-front"));
        let address = address(&outcome).expect("there is always an address");
        if address.starts_with("gw-public") {
            break;
        }
        assert!(address.starts_with("gw-internal"), "{address}");
        rounds += 1;
        assert!(rounds < 50);
    }
    assert!(rounds > 1, "it takes AWS some time");
    // From now on 300 s.
    round(&memory, &target);
    let left = recheck(&memory, &target).unwrap();
    assert_eq!(left, Duration::from_secs(300));
    pass(299);
    round(&memory, &target);
    assert!(exists("gw-internal"));
    pass(1);
    let last = round(&memory, &target);
    assert!(last.is_converged(), "{last:?}");
    assert!(!exists("gw-internal") && !exists("gw-internal-front"));
    assert!(exists("gw-public") && exists("gw-public-front"));
    assert_eq!(recheck(&memory, &target), None);
}

/// Meanwhile pods come and go on both.
#[test]
fn the_former_load_balancer_learns_of_new_pods_while_it_serves() {
    let memory = slow();
    let before = http(&[("/*", &[("front", 1)])]);
    while address(&round(&memory, &before)).is_none() {}
    let mut target = public();
    round(&memory, &target);
    for group in target.target_groups.values_mut() {
        group.targets = [super::forms::pod(77)].into();
    }
    round(&memory, &target);
    let contents = memory.contents();
    let former = contents
        .iter()
        .find(|(resource, _)| &*resource.id == "gw-internal-front");
    let former = former.unwrap().1;
    assert!(
        former.contains("10.0.0.77") && !former.contains("10.0.0.1\u{29}"),
        "{former}"
    );
}

/// What was about to go is wanted again.
#[test]
fn a_replacement_can_be_taken_back() {
    let memory = slow();
    let before = http(&[("/*", &[("front", 1)])]);
    while address(&round(&memory, &before)).is_none() {}
    let target = public();
    for _ in 0..30 {
        round(&memory, &target);
    }
    assert!(recheck(&memory, &target).is_some(), "it is on its way out");
    let back = round(&memory, &before);
    assert!(back.is_converged(), "{back:?}");
    for _ in 0..40 {
        pass(100);
        round(&memory, &before);
    }
    let names: Vec<String> = memory
        .contents()
        .into_keys()
        .filter(|resource| resource.kind == "load balancer")
        .map(|resource| resource.id.to_string())
        .collect();
    assert_eq!(names, ["gw-internal"]);
    assert!(
        memory
            .contents()
            .values()
            .all(|text| !text.contains("gatewright.dev/retired"))
    );
}

/// A group of another protocol takes the place: rules lead to it once its targets are well, and never to none.
#[test]
fn a_replaced_target_group_serves_until_its_successor_is_well() {
    let memory = slow();
    let before = http(&[("/*", &[("front", 3)])]);
    while address(&round(&memory, &before)).is_none() {}
    for _ in 0..10 {
        round(&memory, &before);
    }
    let mut target = before.clone();
    for group in target.target_groups.values_mut() {
        group.name = "gw-internal-front-h2".into();
        group.fixed.version = Some(gatewright_aws_core::target_group::ProtocolVersion::Http2);
    }
    let rule = || {
        let contents = memory.contents();
        let rule = contents.into_iter().find(|(resource, _)| resource.kind == "rule");
        rule.unwrap().1
    };
    let outcome = round(&memory, &target);
    assert!(outcome.is_converged(), "{outcome:?}");
    let both = "{\"target group gw-internal-front\": 3, \"target group gw-internal-front-h2\": 0}";
    assert!(rule().contains(both), "{}", rule());
    assert_eq!(recheck(&memory, &target), Some(Duration::from_secs(15)));
    let mut rounds = 0;
    while rule().contains(both) {
        assert!(round(&memory, &target).is_converged());
        rounds += 1;
        assert!(rounds < 30);
    }
    assert!(rounds > 1, "it takes AWS some time");
    assert!(
        rule().contains("{\"target group gw-internal-front-h2\": 1}"),
        "{}",
        rule()
    );
    round(&memory, &target);
    let left = memory
        .contents()
        .into_keys()
        .filter(|resource| resource.kind == "target group");
    assert_eq!(left.count(), 1);
    assert_eq!(recheck(&memory, &target), None);
}

/// The same backend once more, by gRPC.
fn and_grpc(mut target: Target) -> Target {
    let id = TargetGroupId("Service/shop/front:80/grpc".into());
    let name = format!("{}-grpc", target.balancer.name).into();
    target.target_groups.insert(id.clone(), target_group(name, 2));
    let forward = Forward {
        groups: [(id, 1)].into(),
        stickiness_s: None,
    };
    let rules = &mut target.listeners.get_mut(&80).unwrap().rules;
    rules.insert(0, rule("/grpc", Action::Forward(forward)));
    target
}

/// A target group takes the place of its like: that another one of the same backend is well is no reason to wait for one that
/// was not well before.
#[test]
fn targets_that_were_never_well_hold_no_successor_up() {
    let memory = slow();
    let before = and_grpc(http(&[("/*", &[("front", 1)])]));
    let target = and_grpc(public());
    let unwell = ["gw-internal-grpc", "gw-public-grpc"];
    memory.state().unwell.extend(unwell.map(Into::into));
    while address(&round(&memory, &before)).is_none() {}
    let moved = (0..100).any(|_| {
        let address = address(&round(&memory, &target));
        address
            .expect("there is always an address")
            .starts_with("gw-public")
    });
    assert!(moved, "{:?}", round(&memory, &target).addresses);
}
