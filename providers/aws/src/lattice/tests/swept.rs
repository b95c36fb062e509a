//! What is known already: it saves calls, is never believed for long against AWS's word, and does no harm.

use super::{
    Growing, InMemory, Replaced, Stages, add_host, bare, group, request, settle as settle_anew, writes,
};
use crate::lattice::driver::{LatticeDriver, Request, Settings};
use crate::lattice::memory::{Connection, Delays, Memory};
use crate::lattice::swept::Swept;
use crate::swept::Ages;
use gatewright_aws_core::lattice::{Access, Action, Network, ServiceId, Target};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Driver, ErrorKind, Outcome, Resource, converge, remove};
use gatewright_provider_api::suite::{Calls, Injected, World, drive, run as run_suite};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(super) type Process = LatticeDriver<Swept<Connection>>;

/// A process of a cluster that lives on. Nothing is taken for settled for long that AWS is busy with, because here time is
/// the number of calls.
pub(super) fn process(memory: &Arc<Memory>, cluster: &str) -> Process {
    let ages = Ages {
        busy: Duration::ZERO,
        ..Ages::default()
    };
    let settings = Settings {
        cluster: cluster.into(),
        vpc: None,
    };
    LatticeDriver::new(
        Swept::new(Connection(Arc::clone(memory)), cluster, ages),
        settings,
    )
}

/// The contract, by drivers that read through what they know.
struct Remembered<S>(InMemory<S>);

impl<S: Stages> World for Remembered<S> {
    type Driver = Process;

    fn empty() -> Self {
        Self(InMemory::empty())
    }

    fn copy(&self) -> Self {
        Self(self.0.copy())
    }

    fn is_like(&self, other: &Self) -> bool {
        self.0.is_like(&other.0)
    }

    fn driver(&self) -> Self::Driver {
        process(&self.0.0, "blue")
    }

    fn stages() -> Vec<Request> {
        InMemory::<S>::stages()
    }

    fn calls(&self) -> &Calls {
        self.0.calls()
    }

    fn contents(&self) -> BTreeMap<Resource, String> {
        self.0.contents()
    }

    fn plant_foreign(&self) {
        self.0.plant_foreign();
    }

    fn lose(&self, resource: &Resource) {
        self.0.lose(resource);
    }

    fn damage(&self, resource: &Resource) -> bool {
        self.0.damage(resource)
    }

    fn order() -> &'static [&'static str] {
        InMemory::<S>::order()
    }
}

#[test]
fn what_is_known_already_keeps_the_contract() {
    let report = run_suite::<Remembered<Growing>>();
    assert_eq!(report.failed, 0, "{report}");
    assert!(report.checks > 1000, "{report}");
    let report = run_suite::<Remembered<Replaced>>();
    assert_eq!(report.failed, 0, "{report}");
}

fn account() -> Arc<Memory> {
    Arc::new(Memory::new(Delays::default()))
}

fn run(process: &Process, target: &Target) -> Outcome {
    drive(converge(process, &request(target.clone()))).expect("nobody is killed")
}

fn settle(process: &Process, target: &Target) {
    for _ in 0..80 {
        let outcome = run(process, target);
        if outcome.is_converged() && outcome.changes.is_empty() && outcome.again.is_none() {
            return;
        }
    }
    panic!("it does not come to an end: {:?}", run(process, target));
}

fn sweep(process: &Process) -> u64 {
    let sweep = drive(process.cloud().sweep(f64::MAX, Duration::from_secs(3600)));
    sweep.expect("nobody waits").expect("AWS answers").calls
}

/// Writes and reads of a run that has nothing more to do afterwards.
fn cost(memory: &Memory, process: &Process, target: &Target) -> (Vec<&'static str>, usize) {
    memory.calls().reset();
    let outcome = run(process, target);
    assert!(outcome.is_converged(), "{outcome:?}");
    let writes = writes(memory);
    let reads = memory.calls().made().len() - writes.len();
    (writes, reads)
}

/// A Gateway with its own names: a host with two rules, and one without.
fn gateway(name: &str) -> Target {
    let mut target = bare();
    target.gateway = ObjectName::new("infra", name);
    target.network = Network::Own {
        name: format!("gw-{name}").into(),
        access: Access::default(),
    };
    target.vpc = None;
    if let Some(own) = target.services.get_mut(&ServiceId::own()) {
        own.name = format!("gw-own-{name}").into();
    }
    add_host(
        &mut target,
        &format!("{name}.example"),
        &[("/a", &[("a", 9), ("b", 1)]), ("/b", &[("b", 1)])],
    );
    target
}

#[test]
fn nothing_is_read_twice_that_nobody_changed() {
    let memory = account();
    let process = process(&memory, "blue");
    let (one, two) = (gateway("one"), gateway("two"));
    settle(&process, &one);
    settle(&process, &two);
    assert_eq!(cost(&memory, &process, &one), (vec![], 0));
    assert_eq!(cost(&memory, &process, &two), (vec![], 0));
}

/// Only what a write touched is read again.
#[test]
fn a_change_costs_few_reads() {
    let memory = account();
    let process = process(&memory, "blue");
    let mut wanted = gateway("one");
    settle(&process, &wanted);
    let host = ServiceId("one.example".into());

    let listeners = |target: &mut Target| target.services.get_mut(&host).unwrap().listeners.clone();
    let mut changed = listeners(&mut wanted);
    let rules = &mut changed.get_mut(&80).unwrap().rules;
    let Action::Forward(weights) = &mut rules[0].action else {
        panic!("it forwards");
    };
    weights.values_mut().for_each(|weight| *weight = 5);
    wanted.services.get_mut(&host).unwrap().listeners = changed;
    // The rules of the listener.
    assert_eq!(cost(&memory, &process, &wanted), (vec!["UpdateRule"], 1));

    let id = group(&mut wanted, "gw-one-example", "b", "HTTP");
    wanted.target_groups.get_mut(&id).unwrap().targets.pop_first();
    let (writes, reads) = cost(&memory, &process, &wanted);
    assert_eq!(writes, ["DeregisterTargets"]);
    assert_eq!(reads, 1);
    settle(&process, &wanted);
    assert_eq!(cost(&memory, &process, &wanted), (vec![], 0));
}

/// Searches are made for all Gateways at once, and a sweep takes what `plan` says.
#[test]
fn a_sweep_serves_all_gateways_and_takes_what_is_said() {
    let memory = account();
    let wanted: Vec<Target> = (0..8).map(|number| gateway(&format!("g{number}"))).collect();
    let first = process(&memory, "blue");
    for target in &wanted {
        settle(&first, target);
    }
    let process = process(&memory, "blue");
    memory.calls().reset();
    let calls = sweep(&process);
    let said: u64 = wanted.iter().map(|target| process.reads(target).calls).sum();
    assert_eq!(calls, 4 + said);
    assert!(memory.calls().made().len() as u64 <= calls);
    for target in &wanted {
        assert_eq!(cost(&memory, &process, target), (vec![], 0));
    }
    // Once more it reads the same again.
    assert_eq!(sweep(&process), 4 + said);
}

/// AWS publishes no rate of VPC Lattice: a sweep leaves room for changes whatever it is.
#[tokio::test(start_paused = true)]
async fn a_sweep_is_paced() {
    let memory = account();
    let process = process(&memory, "blue");
    for number in 0..8 {
        settle_anew(&memory, Some(&gateway(&format!("g{number}"))));
    }
    let sweep = process
        .cloud()
        .sweep(5.0, Duration::from_secs(3600))
        .await
        .unwrap();
    // Twenty at once, five a second from then on; the last may be made before its turn is over.
    let least = (sweep.calls as f64 - 20.0 - 20.0) / 5.0;
    assert!(sweep.calls > 100, "{sweep:?}");
    assert!(sweep.took.as_secs_f64() >= least, "{sweep:?}");
}

/// What others changed is found by the next sweep.
#[test]
fn a_sweep_finds_what_others_changed() {
    let memory = account();
    let process = process(&memory, "blue");
    let wanted = &Growing::stages()[1];
    settle(&process, wanted);
    let ideal = memory.contents();
    for resource in ideal.keys() {
        memory.lose(resource);
        sweep(&process);
        settle(&process, wanted);
        assert_eq!(memory.contents(), ideal, "without {resource}");
        if memory.damage(resource) {
            sweep(&process);
            settle(&process, wanted);
            assert_eq!(memory.contents(), ideal, "with a changed {resource}");
        }
    }
}

/// A call that fails because something is not as it was costs an attempt, not a sweep.
#[test]
fn an_error_makes_what_is_known_of_its_gateway_doubtful() {
    let memory = account();
    let process = process(&memory, "blue");
    let mut wanted = gateway("one");
    settle(&process, &wanted);
    let lost = memory
        .contents()
        .into_keys()
        .find(|found| found.kind == "target group" && found.id.contains("-b-"));
    memory.lose(&lost.unwrap());
    let id = group(&mut wanted, "gw-one-example", "b", "HTTP");
    wanted.target_groups.get_mut(&id).unwrap().targets.pop_first();
    // Deregistering from what is gone is no error, but registering would be: ask for another one.
    let mut other = bare();
    let more = group(&mut other, "gw-one-example", "bb", "HTTP");
    let pods = other.target_groups.remove(&more).unwrap().targets;
    wanted.target_groups.get_mut(&id).unwrap().targets.extend(pods);
    let first = run(&process, &wanted);
    assert!(
        first.errors().any(|error| error.kind == ErrorKind::NotFound),
        "{first:?}"
    );
    settle(&process, &wanted);
    let ideal = account();
    settle_anew(&ideal, Some(&wanted));
    assert_eq!(memory.contents(), ideal.contents());
}

/// An answer that is lost leaves nothing behind that nobody wants.
#[test]
fn what_nobody_heard_of_is_found_again() {
    for at in 0..80 {
        for carried_out in [true, false] {
            let memory = account();
            let process = process(&memory, "blue");
            let injected = Injected::Error {
                kind: ErrorKind::Timeout,
                carried_out,
            };
            memory.calls().inject(at, injected);
            run(&process, &gateway("one"));
            // By then it is not wanted any more.
            settle(&process, &bare_of("one"));
            let ideal = account();
            settle_anew(&ideal, Some(&bare_of("one")));
            assert_eq!(memory.contents(), ideal.contents(), "call {at}, {carried_out}");
        }
    }
}

fn bare_of(name: &str) -> Target {
    let mut target = gateway(name);
    target.services.retain(|id, _| *id == ServiceId::own());
    target.target_groups.clear();
    target
}

/// Two clusters of one account: each sees its own, whatever the other does.
#[test]
fn two_clusters_leave_each_other_alone() {
    let memory = account();
    let (blue, green) = (process(&memory, "blue"), process(&memory, "green"));
    let (ours, theirs) = (gateway("one"), {
        let mut theirs = gateway("two");
        theirs.gateway = ObjectName::new("infra", "one");
        theirs
    });
    settle(&blue, &ours);
    settle(&green, &theirs);
    sweep(&blue);
    sweep(&green);
    assert_eq!(cost(&memory, &blue, &ours), (vec![], 0));
    for _ in 0..80 {
        drive(remove(&green, &theirs.gateway)).unwrap();
    }
    let alone = account();
    settle_anew(&alone, Some(&ours));
    assert_eq!(memory.contents(), alone.contents());
    assert_eq!(cost(&memory, &blue, &ours), (vec![], 0));
}
