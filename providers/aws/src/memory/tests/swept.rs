//! What is known already: it saves calls, is never believed for long against AWS's word, and does no harm.

use super::forms::{account, alone, driver_on, forward, http, pod, request, settle, swept};
use super::partial::{form, slow, target};
use crate::alb::AlbDriver;
use crate::memory::{Connection, Memory};
use crate::swept::Swept;
use gatewright_aws_core::alb::Target;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{ErrorKind, Outcome, Resource, converge, remove};
use gatewright_provider_api::suite::{Injected, drive};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

type Process = AlbDriver<Swept<Connection>>;

const RULES: &[(&str, &[(&str, u16)])] = &[
    ("/a/*", &[("a", 9), ("b", 1)]),
    ("/b/*", &[("b", 1)]),
    ("/c/*", &[("c", 1)]),
];

/// A process that lives on.
fn process(memory: &Arc<Memory>) -> Process {
    driver_on(swept(memory), 0)
}

fn run(process: &Process, target: &Target) -> Outcome {
    drive(converge(process, &request(target.clone()))).expect("nobody is killed")
}

fn sweep(process: &Process) -> u64 {
    let sweep = drive(process.cloud().sweep(f64::MAX, Duration::from_secs(3600)));
    sweep.expect("nobody waits").expect("AWS answers").calls
}

/// Reads and writes of a run that has nothing more to do afterwards.
fn cost(memory: &Memory, process: &Process, target: &Target) -> (Vec<&'static str>, usize) {
    memory.calls().reset();
    let outcome = run(process, target);
    assert!(outcome.is_converged(), "{outcome:?}");
    let writes: Vec<&str> = memory
        .calls()
        .writes()
        .into_iter()
        .map(|(_, what)| what.kind)
        .collect();
    (writes.clone(), memory.calls().made().len() - writes.len())
}

fn other(target: &Target, name: &str) -> Target {
    let mut other = target.clone();
    other.gateway = ObjectName::new("infra", name);
    other.balancer.name = format!("gw-{name}").into();
    if let gatewright_aws_core::network::SecurityGroups::Managed(group) = &mut other.balancer.security_groups
    {
        group.name = format!("gw-{name}").into();
    }
    for group in other.target_groups.values_mut() {
        group.name = group.name.replace("gw-internal", &format!("gw-{name}")).into();
    }
    other
}

#[test]
fn nothing_is_read_twice_that_nobody_changed() {
    let memory = account();
    let process = process(&memory);
    let wanted = http(RULES);
    run(&process, &wanted);
    run(&process, &wanted);
    assert_eq!(cost(&memory, &process, &wanted), (vec![], 0));
}

/// Only what a write touched is read again.
#[test]
fn a_change_costs_few_reads() {
    let memory = account();
    let process = process(&memory);
    let mut wanted = http(RULES);
    run(&process, &wanted);
    run(&process, &wanted);
    wanted.listeners.get_mut(&80).unwrap().rules[0] =
        forward(&mut http(RULES), "/a/*", &[("a", 1), ("b", 9)]);
    assert_eq!(cost(&memory, &process, &wanted), (vec!["ModifyRule"], 1));

    let rule = alone(forward(&mut wanted, "/new/*", &[("c", 1)]));
    wanted.listeners.get_mut(&80).unwrap().rules.push(rule);
    // The rules, and who uses the target group.
    assert_eq!(cost(&memory, &process, &wanted), (vec!["CreateRule"], 2));

    let group = wanted.target_groups.values_mut().next().unwrap();
    group.targets = [pod(1), pod(7)].into();
    let (writes, reads) = cost(&memory, &process, &wanted);
    assert_eq!(writes, ["RegisterTargets", "DeregisterTargets"]);
    assert_eq!(reads, 1);

    let rule = forward(&mut wanted, "/newer/*", &[("newer", 1)]);
    wanted.listeners.get_mut(&80).unwrap().rules.push(rule);
    let (writes, reads) = cost(&memory, &process, &wanted);
    assert_eq!(writes.len(), 4, "{writes:?}");
    assert!(reads <= 6, "{reads} reads");
    assert_eq!(cost(&memory, &process, &wanted).0, [""; 0]);
}

/// Load balancers, target groups and tags are read for all Gateways together.
#[test]
fn a_sweep_serves_all_gateways() {
    let memory = account();
    let wanted: Vec<Target> = (0..8)
        .map(|number| other(&http(RULES), &format!("g{number}")))
        .collect();
    for target in &wanted {
        settle(&memory, target);
    }
    let process = process(&memory);
    memory.calls().reset();
    let calls = sweep(&process);
    let made = memory.calls().made().len();
    assert!(
        u64::try_from(made).unwrap() <= calls,
        "{made} calls were counted as {calls}"
    );
    // Each: listeners, two attributes and rules; three groups of attributes and targets. Together: searches, lists, tags.
    assert!(made <= 8 * (4 + 3 * 2) + 4 + 3 + 5, "{made} calls");
    for target in &wanted {
        assert_eq!(cost(&memory, &process, target), (vec![], 0));
    }
}

/// What others changed is found by the next sweep, and no earlier.
#[test]
fn a_sweep_finds_what_others_changed() {
    let memory = account();
    let process = process(&memory);
    let wanted = http(RULES);
    for _ in 0..3 {
        run(&process, &wanted);
    }
    let ideal = memory.contents();
    let resources: Vec<&Resource> = ideal
        .keys()
        .filter(|found| !found.id.starts_with("sg-given"))
        .collect();
    for resource in &resources {
        memory.lose(resource);
        sweep(&process);
        for _ in 0..6 {
            run(&process, &wanted);
        }
        assert_eq!(memory.contents(), ideal, "without {resource}");
        if !memory.damage(resource) {
            continue;
        }
        sweep(&process);
        for _ in 0..6 {
            run(&process, &wanted);
        }
        assert_eq!(memory.contents(), ideal, "with a changed {resource}");
    }
}

/// A call that fails because something is not as it was costs an attempt, not a sweep.
#[test]
fn an_error_makes_what_is_known_of_its_gateway_doubtful() {
    let memory = account();
    let process = process(&memory);
    let mut wanted = http(RULES);
    for _ in 0..3 {
        run(&process, &wanted);
    }
    let group = memory
        .contents()
        .into_keys()
        .find(|found| found.kind == "target group" && found.id.ends_with("-a"));
    memory.lose(&group.unwrap());
    for group in wanted.target_groups.values_mut() {
        group.targets = [pod(8)].into();
    }
    let first = run(&process, &wanted);
    assert!(
        first.errors().any(|error| error.kind == ErrorKind::NotFound),
        "{first:?}"
    );
    for _ in 0..3 {
        run(&process, &wanted);
    }
    let ideal = account();
    settle(&ideal, &wanted);
    assert_eq!(memory.contents(), ideal.contents());
}

/// Two clusters of one account: each sees its own, whatever the other does.
#[test]
fn two_clusters_leave_each_other_alone() {
    let memory = account();
    let green = {
        let cloud = Swept::new(
            Connection(Arc::clone(&memory)),
            "green",
            crate::swept::Ages::default(),
        );
        let settings = crate::alb::Settings {
            cluster: "green".into(),
            vpc: None,
            drain: Duration::ZERO,
        };
        AlbDriver::new(cloud, settings, super::forms::now)
    };
    let blue = process(&memory);
    // The same Gateway by name, in another cluster.
    let theirs = Target {
        gateway: ObjectName::new("infra", "edge"),
        ..other(&http(RULES), "green")
    };
    let ours = http(RULES);
    for _ in 0..3 {
        assert!(run(&blue, &ours).is_converged());
        assert!(run(&green, &theirs).is_converged());
        sweep(&blue);
        sweep(&green);
    }
    let both = memory.contents();
    let named = |name: &str| both.keys().filter(|found| found.id.contains(name)).count();
    assert!(
        named("gw-internal") > 5 && named("gw-green") > 5,
        "{:?}",
        both.keys()
    );
    for _ in 0..4 {
        assert!(drive(remove(&green, &theirs.gateway)).unwrap().is_converged());
    }
    let alone = account();
    settle(&alone, &ours);
    assert_eq!(memory.contents(), alone.contents());
    assert_eq!(cost(&memory, &blue, &ours), (vec![], 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// One process lives through calls that fail, runs that end early and others who change things meanwhile, with
    /// AWS's delays: what it knows never keeps it from what is wanted.
    #[test]
    fn whatever_is_known_leads_to_what_is_wanted(
        history in proptest::collection::vec((form(), 0..90_usize, 0..6_u8), 0..6),
        last in form(),
    ) {
        let wanted = target(&last);
        let ideal = account();
        settle(&ideal, &wanted);
        let memory = slow();
        let process = process(&memory);
        for (form, at, how) in &history {
            let form = target(form);
            match how {
                0 | 1 => memory.calls().inject(*at, Injected::Kill { carried_out: *how == 1 }),
                2 => memory.calls().inject(*at, Injected::Error { kind: ErrorKind::Timeout, carried_out: true }),
                3 => memory.calls().inject(*at, Injected::Error { kind: ErrorKind::Unavailable, carried_out: false }),
                4 => {
                    // Another process for a moment.
                    drive(converge(&super::forms::driver(&memory, 0), &request(form.clone())));
                }
                _ => {}
            }
            drive(converge(&process, &request(form)));
            memory.calls().reset();
        }
        let mut quiet = 0;
        for _ in 0..300 {
            sweep(&process);
            let outcome = run(&process, &wanted);
            quiet = if outcome.is_converged() && outcome.changes.is_empty() { quiet + 1 } else { 0 };
            if quiet == 12 {
                break;
            }
        }
        prop_assert_eq!(memory.contents(), ideal.contents());
        prop_assert_eq!(cost(&memory, &process, &wanted).0, Vec::<&str>::new());
    }
}
