//! Addresses that go over to the load balancer that takes the place of another.

use super::forms::{account, end, pass, request, run, settle};
use super::network::{address, driver, standing, with};
use crate::memory::Memory;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::Transport;
use gatewright_provider_api::contract::{Driver as _, Outcome, converge};
use gatewright_provider_api::suite::drive;
use std::collections::BTreeSet;

/// A public load balancer of this name with these addresses.
fn named(name: &str, at: &[(&str, u8)]) -> Target {
    let mut target = standing(super::network::net(), at);
    target.balancer.name = name.into();
    with(target, 80, Transport::Tcp, &[("a", 1)])
}

const BOTH: &[(&str, u8)] = &[("a", 1), ("b", 2)];

/// Which load balancer has each address.
fn owners(memory: &Memory) -> BTreeSet<(String, String)> {
    let state = memory.state();
    let kept = state.balancers.values();
    kept.flat_map(|kept| {
        let addresses = kept.of.addresses.values();
        addresses.map(|address| (address.ip.to_string(), kept.of.name.to_string()))
    })
    .collect()
}

fn shown(outcome: &Outcome) -> BTreeSet<String> {
    let addresses = outcome.addresses.assigned.iter();
    addresses
        .filter(|address| &*address.kind == "IPAddress")
        .map(|address| address.value.to_string())
        .collect()
}

/// API_CreateLoadBalancer refuses an address that another has (`ResourceInUse`): the successor is made without, and gets them
/// one by one. Meanwhile each of them leads somewhere, but for the one that is on its way.
#[test]
fn addresses_go_over_zone_by_zone() {
    let memory = account();
    settle(&memory, &named("gw-before", BOTH));
    let wanted = named("gw-after", BOTH);
    let mut seen = Vec::new();
    for _ in 0..20 {
        let outcome = run(&memory, &wanted);
        assert!(outcome.is_converged(), "{outcome:?}");
        let now = owners(&memory);
        assert!(!now.is_empty(), "never all at once");
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        if outcome.changes.is_empty() {
            break;
        }
        if let Some(fault) = &outcome.addresses.fault {
            assert_eq!(&*fault.reason, "Pending");
            assert!(fault.message.contains("203.0.113."), "{}", fault.message);
        }
    }
    let at = |one: &str, other: &str| {
        let found = [("203.0.113.1", one), ("203.0.113.2", other)];
        let found = found.into_iter().filter(|(_, owner)| !owner.is_empty());
        found
            .map(|(ip, owner)| (ip.to_owned(), owner.to_owned()))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        seen,
        [
            at("gw-before", "gw-before"),
            at("", "gw-before"),
            at("gw-after", "gw-before"),
            at("gw-after", ""),
            at("gw-after", "gw-after"),
        ]
    );
    let outcome = settle(&memory, &wanted);
    assert_eq!(outcome.addresses.fault, None);
    assert_eq!(
        shown(&outcome),
        ["203.0.113.1", "203.0.113.2"].map(ToOwned::to_owned).into()
    );
    while !end(&memory, &wanted).changes.is_empty() {}
    assert_eq!(memory.contents(), account().contents());
}

/// Clients that know the name of the one before have the time to find the new one, and those of the addresses are served.
#[test]
fn nothing_goes_over_before_the_former_one_has_drained() {
    let memory = account();
    settle(&memory, &named("gw-before", BOTH));
    let wanted = named("gw-after", BOTH);
    let slow = || {
        let driver = super::forms::driver(&memory, 300);
        drive(converge(&driver, &request(wanted.clone()))).unwrap()
    };
    for _ in 0..10 {
        let outcome = slow();
        assert!(outcome.is_converged(), "{outcome:?}");
        assert_eq!(
            shown(&outcome),
            ["203.0.113.1", "203.0.113.2"].map(ToOwned::to_owned).into(),
            "both lead to the Gateway"
        );
    }
    assert!(owners(&memory).iter().all(|(_, name)| name == "gw-before"));
    pass(301);
    for _ in 0..10 {
        slow();
    }
    assert!(owners(&memory).iter().all(|(_, name)| name == "gw-after"));
    assert_eq!(owners(&memory).len(), 2);
}

/// The plan says that addresses follow.
#[test]
fn the_plan_says_which_addresses_follow() {
    let memory = account();
    settle(&memory, &named("gw-before", BOTH));
    let driver = driver(&memory);
    let wanted = named("gw-after", &[("a", 1), ("b", 3)]);
    let observed = drive(driver.observe(&wanted.gateway)).unwrap().unwrap();
    let plan = driver.plan(Some(&wanted), &observed);
    let made = plan.changes.iter().find(|change| {
        change.resource.kind == "load balancer"
            && change.action == gatewright_provider_api::contract::Action::Create
    });
    let why = &made.unwrap().why;
    assert!(why.contains("gets 203.0.113.1 from that later"), "{why}");
    assert!(!why.contains("203.0.113.3"), "{why}");
    // That of nobody is there at once.
    run(&memory, &wanted);
    let after = owners(&memory);
    assert!(
        after.contains(&("203.0.113.3".into(), "gw-after".into())),
        "{after:?}"
    );
    assert_eq!(address(3).ip.to_string(), "203.0.113.3");
}

/// In a single zone nothing can go over: what serves goes on, and the Gateway says what helps.
#[test]
fn in_a_single_zone_the_former_one_serves_on() {
    let memory = account();
    settle(&memory, &named("gw-before", &[("a", 1)]));
    let wanted = named("gw-after", &[("a", 1)]);
    for _ in 0..3 {
        let outcome = run(&memory, &wanted);
        let fault = outcome.addresses.fault.as_ref().unwrap();
        assert_eq!(&*fault.reason, "AddressNotUsable");
        assert!(fault.message.contains("in a second zone"), "{}", fault.message);
        assert_eq!(shown(&outcome), ["203.0.113.1".to_owned()].into());
    }
    assert_eq!(
        owners(&memory),
        [("203.0.113.1".to_owned(), "gw-before".to_owned())].into()
    );
    // As it says: a second one for the time.
    let both = named("gw-after", BOTH);
    for _ in 0..20 {
        run(&memory, &both);
    }
    settle(&memory, &wanted);
    assert_eq!(
        owners(&memory),
        [("203.0.113.1".to_owned(), "gw-after".to_owned())].into()
    );
}
