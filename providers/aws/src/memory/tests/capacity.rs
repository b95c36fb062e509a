//! Capacity that is reserved for load balancers.

use super::forms::{account, http, settle, writes};
use crate::cloud::{Arn, Capacities, Capacity};
use crate::memory::{Connection, Memory};
use crate::owner::CAPACITY;
use gatewright_aws_core::alb::Target;
use gatewright_provider_api::suite::drive;
use std::sync::Arc;

fn form(capacity: Option<u32>) -> Target {
    let mut target = http(&[("/a", &[("a", 1)])]);
    target.capacity = capacity;
    target
}

fn reserved(memory: &Memory) -> Vec<Capacity> {
    memory.state().capacities.values().cloned().collect()
}

fn is_noted(memory: &Memory) -> bool {
    memory.contents().values().any(|text| text.contains(CAPACITY))
}

fn balancer(memory: &Memory) -> Arn {
    memory.state().balancers.keys().next().unwrap().clone()
}

#[test]
fn capacity_is_reserved_changed_and_let_go() {
    let memory = account();
    settle(&memory, &form(None));
    assert_eq!(
        writes(&memory, &form(Some(200))),
        ["AddTags", "ModifyCapacityReservation"]
    );
    assert_eq!(writes(&memory, &form(Some(200))), Vec::<&str>::new());
    assert_eq!(writes(&memory, &form(Some(300))), ["ModifyCapacityReservation"]);
    let wanted = Capacity {
        units: 300,
        failed: None,
    };
    assert_eq!(reserved(&memory), [wanted]);
    assert_eq!(
        writes(&memory, &form(None)),
        ["ModifyCapacityReservation", "RemoveTags"]
    );
    assert!(reserved(&memory).is_empty() && !is_noted(&memory));
    assert_eq!(writes(&memory, &form(None)), Vec::<&str>::new());
}

#[test]
fn a_new_load_balancer_gets_it_in_the_end() {
    let memory = account();
    settle(&memory, &form(Some(200)));
    assert_eq!(reserved(&memory).len(), 1);
    assert_eq!(writes(&memory, &form(Some(200))), Vec::<&str>::new());
}

/// What others reserved is theirs, unless parameters say how much it is to be.
#[test]
fn what_others_reserved_stays() {
    let memory = account();
    settle(&memory, &form(None));
    let arn = balancer(&memory);
    let theirs = Connection(Arc::clone(&memory));
    drive(theirs.set_capacity(&arn, Some(500))).unwrap().unwrap();
    assert_eq!(writes(&memory, &form(None)), Vec::<&str>::new());
    assert_eq!(reserved(&memory).first().map(|found| found.units), Some(500));
    // Changed by hand: it is put right.
    settle(&memory, &form(Some(200)));
    drive(theirs.set_capacity(&arn, None)).unwrap().unwrap();
    assert_eq!(writes(&memory, &form(Some(200))), ["ModifyCapacityReservation"]);
}

/// What AWS could not provide is asked for again, and the plan says why.
#[test]
fn what_could_not_be_provided_is_asked_for_again() {
    let memory = account();
    settle(&memory, &form(Some(200)));
    let arn = balancer(&memory);
    memory.state().capacities.get_mut(&arn).unwrap().failed = Some("no room".into());
    let outcome = super::forms::run(&memory, &form(Some(200)));
    let told: Vec<&str> = outcome.changes.iter().map(|change| &*change.summary).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        reserved(&memory).first().map(|found| found.failed.clone()),
        Some(None)
    );
    assert_eq!(writes(&memory, &form(Some(200))), Vec::<&str>::new());
}
