//! A Gateway whose class becomes one of another kind of load balancer: the new one is made beside the one before, takes the
//! address over when its targets are well, and the one before goes when clients know.

use super::forms::{http, now, pass, pod, request};
use super::network::{guarded, net, with};
use crate::alb::{ElbDriver, Settings};
use crate::cloud::{Health, State, TargetGroups as _};
use crate::memory::{Connection, Delays, Memory};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::Transport;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_provider_api::contract::{Outcome, converge, remove};
use gatewright_provider_api::suite::drive;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const DRAIN: u64 = 300;

/// An account in which targets are well long after a load balancer is active.
fn slow() -> Arc<Memory> {
    let delays = Delays {
        provisioning: 60,
        healthy: 400,
        draining: 20,
        release: 50,
        search: 0,
    };
    Arc::new(Memory::new(AlbLimits::default(), delays))
}

/// The driver of the class that a form is of.
fn driver(memory: &Arc<Memory>, form: &Target) -> ElbDriver<Connection> {
    let settings = Settings {
        cluster: "blue".into(),
        vpc: Some("vpc-1".into()),
        drain: Duration::from_secs(DRAIN),
    };
    ElbDriver::of(form.balancer.kind, Connection(Arc::clone(memory)), settings, now)
}

fn round(memory: &Arc<Memory>, form: &Target) -> Outcome {
    let outcome = drive(converge(&driver(memory, form), &request(form.clone()))).unwrap();
    assert!(outcome.is_converged(), "{outcome:?}");
    outcome
}

/// Names of the load balancers that exist.
fn balancers(memory: &Memory) -> BTreeSet<String> {
    let state = memory.state();
    state
        .balancers
        .values()
        .map(|kept| kept.of.name.to_string())
        .collect()
}

/// Whether the load balancer of a form is active, listens on all ports, and all its targets are well.
fn is_well(memory: &Arc<Memory>, form: &Target) -> bool {
    let groups: Vec<_> = {
        let state = memory.state();
        let mut own = state.balancers.iter();
        let Some((arn, kept)) = own.find(|(_, kept)| kept.of.name == form.balancer.name) else {
            return false;
        };
        let listeners = state
            .listeners
            .values()
            .filter(|listener| listener.balancer == *arn);
        if kept.of.state != State::Active || listeners.count() < form.listeners.len() {
            return false;
        }
        let groups = state.target_groups.iter();
        let named = groups.filter(|(_, kept)| {
            let mut wanted = form.target_groups.values();
            wanted.any(|group| group.name == kept.of.name)
        });
        named.map(|(arn, _)| arn.clone()).collect()
    };
    let connection = Connection(Arc::clone(memory));
    groups.len() == form.target_groups.len()
        && groups.iter().all(|group| {
            let targets = drive(connection.targets(group)).unwrap().unwrap();
            !targets.is_empty() && targets.values().all(|health| *health == Health::Healthy)
        })
}

/// Whose name is told.
fn told(outcome: &Outcome, forms: [&Target; 2]) -> usize {
    let name = &outcome
        .addresses
        .assigned
        .first()
        .expect("there is always an address")
        .value;
    let of = |form: &&Target| name.starts_with(&format!("{}-", form.balancer.name));
    forms.iter().position(of).expect("it is of one of them")
}

/// From one form to another of another kind.
fn changes(before: &Target, after: &Target) {
    let memory = slow();
    while !is_well(&memory, before) {
        round(&memory, before);
    }
    let (old, new) = (before.balancer.name.to_string(), after.balancer.name.to_string());
    let mut rounds = 0;
    loop {
        let outcome = round(&memory, after);
        assert!(balancers(&memory).contains(&old), "it serves");
        assert!(is_well(&memory, before), "its targets stay");
        if told(&outcome, [before, after]) == 1 {
            break;
        }
        assert!(outcome.again.is_some(), "it is looked at again: {outcome:?}");
        rounds += 1;
        assert!(rounds < 100, "{outcome:?}");
    }
    assert!(is_well(&memory, after), "the address moves to one that is well");
    assert!(rounds > 5, "targets take their time: {rounds}");

    // Clients find the new one; the one before stays until they have.
    let outcome = round(&memory, after);
    assert_eq!(told(&outcome, [before, after]), 1);
    let again = outcome.again.unwrap();
    assert!(again <= Duration::from_secs(DRAIN), "{again:?}");
    pass(DRAIN - 1);
    round(&memory, after);
    assert_eq!(balancers(&memory), BTreeSet::from([old, new.clone()]));
    assert!(is_well(&memory, before));
    pass(1);
    for _ in 0..60 {
        let outcome = round(&memory, after);
        assert_eq!(told(&outcome, [before, after]), 1);
        if outcome.changes.is_empty() && outcome.again.is_none() {
            break;
        }
    }
    assert_eq!(balancers(&memory), BTreeSet::from([new]));
    let alone = slow();
    while !is_well(&alone, after) {
        round(&alone, after);
    }
    assert_eq!(memory.contents(), alone.contents(), "nothing else is left");
    for _ in 0..100 {
        drive(remove(&driver(&memory, after), &after.gateway)).unwrap();
    }
    assert_eq!(memory.contents(), slow().contents());
}

fn application() -> Target {
    http(&[("/*", &[("front", 1)])])
}

fn network(backend: &str) -> Target {
    guarded(with(net(), 80, Transport::Tcp, &[(backend, 1)]))
}

#[test]
fn an_application_load_balancer_serves_until_a_network_load_balancer_does() {
    changes(&application(), &network("front"));
    // A route of another kind may lead to another backend.
    changes(&application(), &network("other"));
}

#[test]
fn a_network_load_balancer_serves_until_an_application_load_balancer_does() {
    changes(&network("front"), &application());
    changes(&network("other"), &application());
}

/// Pods come and go on both meanwhile.
#[test]
fn the_load_balancer_of_the_former_class_learns_of_new_pods() {
    let memory = slow();
    let (before, mut after) = (application(), network("front"));
    while !is_well(&memory, &before) {
        round(&memory, &before);
    }
    round(&memory, &after);
    for group in after.target_groups.values_mut() {
        group.targets = [pod(77)].into();
    }
    round(&memory, &after);
    let contents = memory.contents();
    let mut groups = contents.iter();
    let former = groups.find(|(resource, _)| &*resource.id == "gw-internal-front");
    let targets = former.unwrap().1;
    assert!(targets.contains("10.0.0.77"), "{targets}");
}

/// Target groups of a form fail each check from now on.
fn fail(memory: &Arc<Memory>, form: &Target, which: &str) {
    let mut state = memory.state();
    let names = form.target_groups.iter().filter(|(id, _)| id.0.contains(which));
    for (_, group) in names {
        state.unwell.insert(group.name.clone());
    }
}

/// An HTTP server that answers its root with 404 is well for a Network Load Balancer alone.
#[test]
fn who_waits_for_targets_that_are_never_well_is_told() {
    let memory = slow();
    let (before, after) = (network("front"), application());
    while !is_well(&memory, &before) {
        round(&memory, &before);
    }
    fail(&memory, &after, "");
    let mut told_of = None;
    for _ in 0..100 {
        let outcome = round(&memory, &after);
        assert_eq!(told(&outcome, [&before, &after]), 0, "what works stays");
        told_of = outcome.addresses.fault.or(told_of);
    }
    let fault = told_of.expect("it is told");
    assert_eq!(&*fault.reason, "Pending");
    let group = after.target_groups.values().next().unwrap();
    assert!(fault.message.contains(&*group.name), "{}", fault.message);
    // When its checks are mended it goes on.
    memory.state().unwell.clear();
    let mut rounds = 0;
    while told(&round(&memory, &after), [&before, &after]) == 0 {
        rounds += 1;
        assert!(rounds < 20);
    }
    assert!(round(&memory, &after).addresses.fault.is_none());
}
