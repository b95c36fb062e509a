//! At the edge of a quota, and what AWS protects.

use super::forms::{account, alone, end, forward, http, run, settle, writes};
use crate::memory::{Delays, Memory};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_provider_api::contract::{Action, ErrorKind, Outcome};
use std::sync::Arc;

fn paths(names: &[&str]) -> Target {
    let mut target = http(&[]);
    for name in names {
        let rule = alone(forward(&mut target, &format!("/{name}/*"), &[("all", 1)]));
        target.listeners.get_mut(&80).unwrap().rules.push(rule);
    }
    target
}

fn full() -> Arc<Memory> {
    let limits = AlbLimits {
        rules: 4,
        ..AlbLimits::default()
    };
    let memory = Arc::new(Memory::new(limits, Delays::default()));
    settle(&memory, &paths(&["a", "b", "c", "d"]));
    memory
}

/// kubernetes-sigs/aws-load-balancer-controller#4373: at the limit nothing could be edited or deleted.
#[test]
fn at_the_quota_of_rules_edits_and_deletions_go_through() {
    let memory = full();
    assert_eq!(writes(&memory, &paths(&["a", "b", "c", "dd"])), ["ModifyRule"]);
    assert_eq!(writes(&memory, &paths(&["a", "c", "dd"])), ["DeleteRule"]);
    assert_eq!(writes(&memory, &paths(&["a", "c", "dd", "e"])), ["CreateRule"]);
    // One goes and one comes elsewhere, where it could as well be in the other's place: it changes its form.
    assert_eq!(writes(&memory, &paths(&["new", "a", "c", "dd"])), ["ModifyRule"]);
    settle(&memory, &paths(&["x", "y", "z", "w"]));
}

#[test]
fn below_the_quota_nothing_is_deleted_before_what_takes_its_place_is_there() {
    let memory = account();
    settle(&memory, &paths(&["a", "b", "c", "d"]));
    let mut target = http(&[]);
    let rule = forward(&mut target, "/new/*", &[("new", 1)]);
    target.listeners.get_mut(&80).unwrap().rules.push(rule);
    let outcome = run(&memory, &target);
    let position = |action| outcome.changes.iter().rposition(|change| change.action == action);
    let first_deletion = outcome
        .changes
        .iter()
        .position(|change| change.action == Action::Delete);
    assert!(position(Action::Create) < first_deletion, "{:?}", outcome.changes);
}

/// Across listeners, where nothing can change its form, what goes makes room first.
#[test]
fn a_rule_that_moves_to_another_listener_at_the_quota_makes_room_first() {
    let memory = full();
    let mut target = paths(&["a", "b", "c"]);
    super::forms::add_listener(&mut target, 81, &[("/d/*", &[("all", 1)])]);
    let outcome = run(&memory, &target);
    assert!(outcome.is_converged(), "{outcome:?}");
    settle(&memory, &target);
}

#[test]
fn more_rules_than_the_quota_allows_are_told_and_the_others_serve() {
    let memory = full();
    let outcome = run(&memory, &paths(&["a", "b", "c", "d", "e"]));
    let kinds: Vec<ErrorKind> = outcome.errors().map(|error| error.kind).collect();
    assert_eq!(kinds, [ErrorKind::QuotaExceeded]);
    assert!(!outcome.addresses.assigned.is_empty());
}

/// kubernetes-sigs/aws-load-balancer-controller#4848: at the limit of target groups nothing could recover.
#[test]
fn at_the_quota_of_target_groups_one_backend_takes_the_place_of_another() {
    let limits = AlbLimits {
        target_groups: 3,
        ..AlbLimits::default()
    };
    let memory = Arc::new(Memory::new(limits, Delays::default()));
    let backends = |names: &[&str]| {
        let mut target = http(&[]);
        for name in names {
            let rule = forward(&mut target, &format!("/{name}/*"), &[(name, 1)]);
            target.listeners.get_mut(&80).unwrap().rules.push(rule);
        }
        target
    };
    settle(&memory, &backends(&["a", "b", "c"]));
    let outcome = run(&memory, &backends(&["a", "b", "d"]));
    assert!(outcome.is_converged(), "{outcome:?}");
    settle(&memory, &backends(&["a", "b", "d"]));
    let outcome = run(&memory, &backends(&["e"]));
    assert!(outcome.is_converged(), "{outcome:?}");
    settle(&memory, &backends(&["x", "y", "z"]));
}

fn told(outcome: &Outcome) -> Vec<(ErrorKind, String)> {
    outcome
        .errors()
        .map(|error| (error.kind, error.to_string()))
        .collect()
}

/// kubernetes-sigs/aws-load-balancer-controller#4325: it was switched off silently.
#[test]
fn protection_from_deletion_is_never_switched_off() {
    let memory = account();
    let target = paths(&["a"]);
    settle(&memory, &target);
    memory.set_balancer_attribute("gw-internal", "deletion_protection.enabled", "true");
    let before = memory.contents();
    let told = told(&end(&memory, &target));
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, ErrorKind::Protected);
    assert!(told[0].1.contains("deletion_protection.enabled"), "{told:?}");
    assert_eq!(memory.contents(), before, "nothing else of it goes either");
    memory.set_balancer_attribute("gw-internal", "deletion_protection.enabled", "false");
    assert!(end(&memory, &target).is_converged());
    assert_eq!(memory.contents(), account().contents());
}

/// A load balancer's security group is released some time after it.
#[test]
fn what_is_still_held_is_deleted_later() {
    let delays = Delays {
        release: 40,
        ..Delays::default()
    };
    let memory = Arc::new(Memory::new(AlbLimits::default(), delays));
    let target = paths(&["a"]);
    settle(&memory, &target);
    let first = told(&end(&memory, &target));
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(first[0].0, ErrorKind::InUse);
    for _ in 0..20 {
        if end(&memory, &target).changes.is_empty() {
            break;
        }
    }
    assert_eq!(memory.contents(), account().contents());
}

/// Gateways that are gone and left something behind are found by the cluster's mark alone.
#[test]
fn whoever_something_is_left_of_is_known() {
    let memory = account();
    let owners = |memory: &Arc<Memory>| {
        let driver = super::forms::driver(memory, 0);
        gatewright_provider_api::suite::drive(driver.gateways())
            .unwrap()
            .unwrap()
    };
    assert!(owners(&memory).is_empty());
    let target = paths(&["a"]);
    settle(&memory, &target);
    memory.plant(
        "theirs",
        &[("gatewright.dev/cluster".into(), "green".into())].into(),
    );
    assert_eq!(owners(&memory), [target.gateway.clone()].into());
    end(&memory, &target);
    assert!(owners(&memory).is_empty());
}
