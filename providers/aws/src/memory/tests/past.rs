//! What is told apart from what others changed: what is ours, or follows from something else.

use super::backend::{at, given, named, sharing};
use super::forms::{account, add_listener, bare, driver, http, managed, pass, request};
use super::offered::offer;
use crate::alb::{AlbDriver, Request};
use crate::memory::{Connection, Memory};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::network::Scheme;
use gatewright_provider_api::contract::{BoxFuture, Drift, Driver, Lead, Leave, Outcome, Past, Resource};
use gatewright_provider_api::suite::drive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const DRAIN: u64 = 300;

/// Leave for so many changes.
struct First(AtomicUsize);

impl Lead for First {
    fn holds(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
    }

    fn ended(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// One process, and what it knows.
struct Process {
    driver: AlbDriver<Connection>,
    past: Past<Target>,
}

impl Process {
    fn new(memory: &Arc<Memory>) -> Self {
        Self {
            driver: driver(memory, DRAIN),
            past: Past::Unknown,
        }
    }

    fn run(&mut self, request: &Request) -> Outcome {
        self.run_by(&Leave::always(), request)
    }

    fn run_by(&mut self, leave: &Leave, request: &Request) -> Outcome {
        drive(leave.converge_after(&self.driver, request, &mut self.past)).unwrap()
    }

    /// Only so many changes are made; the others fail.
    fn makes_first(&mut self, most: usize, target: &Target) -> Outcome {
        let leave = Leave::of(First(AtomicUsize::new(most)));
        let outcome = self.run_by(&leave, &request(target.clone()));
        assert!(!outcome.is_converged(), "{outcome:?}");
        outcome
    }

    fn makes(&mut self, target: &Target) -> Outcome {
        self.run(&request(target.clone()))
    }

    fn has_settled(&self, target: &Target) -> bool {
        self.past == Past::Settled(target.clone())
    }
}

fn routes(count: usize) -> Target {
    let all: [(&str, &[(&str, u16)]); 2] = [("/a/*", &[("a", 1)]), ("/b/*", &[("b", 1)])];
    http(&all[..count])
}

/// Routes that were left out have room when a quota is raised, or another Gateway goes. Nobody changed what was made.
#[test]
fn what_the_account_has_room_for_later_is_no_drift() {
    let memory = account();
    let mut process = Process::new(&memory);
    process.makes(&routes(1));
    assert!(process.has_settled(&routes(1)));
    let outcome = process.makes(&routes(2));
    assert!(!outcome.changes.is_empty());
    assert_eq!(outcome.drift, Drift::None);
}

/// Whoever waits for a certificate, or for room, still sees what others do.
#[test]
fn who_waits_for_what_is_not_there_yet_has_settled() {
    let memory = account();
    let mut process = Process::new(&memory);
    let target = routes(1);
    let waits = Request {
        look_again: Some(Duration::from_secs(60)),
        ..request(target.clone())
    };
    assert!(process.run(&waits).again.is_some());
    assert!(process.has_settled(&target));
}

/// A load balancer that another takes the place of goes when its time is over, and that is ours.
#[test]
fn what_ends_in_its_own_time_is_no_drift() {
    let memory = account();
    let mut process = Process::new(&memory);
    process.makes(&routes(1));
    let mut public = bare();
    public.balancer.name = "gw-public".into();
    public.balancer.scheme = Scheme::InternetFacing;
    let mut public = managed(public, &[80]);
    add_listener(&mut public, 80, &[("/a/*", &[("a", 1)])]);
    let mut ended = false;
    for _ in 0..20 {
        let outcome = process.makes(&public);
        assert_eq!(outcome.drift, Drift::None, "{outcome:?}");
        ended = outcome
            .changes
            .iter()
            .any(|change| change.summary.starts_with("delete load balancer"));
        if ended {
            break;
        }
        assert!(!process.has_settled(&public), "the former one is still there");
        pass(DRAIN);
    }
    assert!(ended, "the former one stays");
    assert_eq!(process.makes(&public).drift, Drift::None);
    assert!(process.has_settled(&public));
}

/// The half of an edit that failed, and goes on in the next run.
#[test]
fn what_failed_of_an_edit_is_no_drift_when_it_is_made() {
    let memory = account();
    let mut process = Process::new(&memory);
    process.makes(&routes(1));
    process.makes_first(1, &routes(2));
    assert_eq!(process.past, Past::Underway);
    let outcome = process.makes(&routes(2));
    assert!(!outcome.changes.is_empty());
    assert_eq!(outcome.drift, Drift::None);
    assert!(process.has_settled(&routes(2)));
    // Taken back half-way likewise.
    process.makes_first(1, &routes(1));
    assert_eq!(process.makes(&routes(2)).drift, Drift::None);
}

/// What others changed stays theirs until it is mended.
#[test]
fn what_cannot_be_mended_at_once_is_told_again() {
    let memory = account();
    let mut process = Process::new(&memory);
    let target = routes(2);
    process.makes(&target);
    memory.lose(&Resource {
        kind: "rule",
        id: "gw-internal:80 0".into(),
    });
    assert_eq!(process.makes_first(0, &target).drift, Drift::All);
    assert_eq!(process.makes(&target).drift, Drift::All);
    assert_eq!(process.makes(&target).drift, Drift::None);
}

/// Another Gateway of ours notes its ports before rules are made for them: whoever looks first makes them.
#[test]
fn what_load_balancers_share_is_no_drift() {
    let memory = given();
    let mut process = Process::new(&memory);
    let edge = sharing(http(&[("/*", &[("front", 1)])]));
    process.makes(&edge);
    process.makes(&edge);
    assert!(process.has_settled(&edge));
    let other = at(named(sharing(http(&[("/*", &[("front", 1)])])), "other"), 9090);
    let theirs = driver(&memory, 0);
    let observed = drive(theirs.observe(&other.gateway)).unwrap().unwrap();
    let plan = theirs.plan(Some(&other), &observed);
    let before = plan
        .changes
        .iter()
        .filter(|change| change.resource.kind != "rules for load balancers");
    for change in before {
        drive(theirs.apply(change)).unwrap().unwrap();
    }
    let outcome = process.makes(&edge);
    let made: Vec<&str> = outcome
        .changes
        .iter()
        .map(|change| change.resource.kind)
        .collect();
    assert_eq!(made, ["rules for load balancers"]);
    assert_eq!(outcome.drift, Drift::None);
}

/// Its owner marks a load balancer as the Gateway's before a user names it.
#[test]
fn a_load_balancer_that_is_given_over_is_no_drift() {
    let memory = account();
    let mut process = Process::new(&memory);
    let target = routes(1);
    process.makes(&target);
    offer(&memory);
    let mut adopting = target.clone();
    adopting.balancer.name = "theirs".into();
    let outcome = process.makes(&adopting);
    assert!(!outcome.changes.is_empty());
    assert_eq!(outcome.drift, Drift::None, "{outcome:#?}");
}
