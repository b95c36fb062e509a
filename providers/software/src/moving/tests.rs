use super::{LEAVE, LINGER, LOOK, Move, Phase, find, has_ready, step};
use crate::cluster::Cluster as _;
use crate::contract_tests::{Dedicated, InMemory};
use crate::kind::{Key, Kind, Observed, text};
use crate::lower::Part;
use crate::testing::{balancers, input, request, settings};
use gatewright_provider_api::contract::{Leave, Outcome, converge};
use gatewright_provider_api::suite::{World as _, drive};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// A Gateway that changes over to other proxies, step by step.
struct Journey {
    world: InMemory<Dedicated>,
    now: Instant,
    known: Option<Move>,
}

impl Journey {
    /// Begins with a Gateway that has only the proxies of one mode.
    fn begin(part: Part) -> Self {
        let journey = Self {
            world: InMemory::empty(),
            now: Instant::now(),
            known: None,
        };
        let request = request(input(&balancers()[0], Self::parameters(part)), part);
        let outcome = drive(converge(&journey.world.driver(), &request));
        assert!(outcome.unwrap().is_converged());
        journey
    }

    fn parameters(part: Part) -> Value {
        let mode = if part == Part::Tenant {
            "Shared"
        } else {
            "Dedicated"
        };
        json!({"mode": mode, "service": {"type": "ClusterIP"}})
    }

    /// One step towards a mode; `serves`: its proxies have the configuration. Answers the phase it was in, and the
    /// namespaces of the Services that the addresses are those of.
    fn step(&mut self, part: Part, serves: bool) -> (Option<Phase>, Outcome) {
        let driver = self.world.driver();
        let request = request(input(&balancers()[0], Self::parameters(part)), part);
        let observed = drive(driver.cluster.observe(&request.owner));
        let observed = observed.unwrap().unwrap();
        let settings = settings();
        self.known = find(self.known, &request.input, (&observed, &settings), self.now);
        let phase = self.known.map(|known| known.phase);
        self.world.0.calls.reset();
        let outcome = match self.known {
            None => drive(converge(&driver, &request)).unwrap(),
            Some(Move { to, phase }) => {
                let leave = Leave::always();
                let step = step(&driver, request, (phase, serves), (self.now, &leave));
                let (outcome, next) = drive(step).unwrap();
                self.known = next.map(|phase| Move { to, phase });
                outcome
            }
        };
        assert!(outcome.is_converged(), "{outcome:?}");
        (phase, outcome)
    }

    /// What exists: kinds with namespace; a Service that is only a name is one of its own kind.
    fn exists(&self) -> BTreeSet<String> {
        let objects = self.world.0.objects.lock().unwrap();
        let names = objects.iter().map(|(key, stored)| {
            let kind = match text(&stored.applied, "/spec/type") {
                "ExternalName" => "Name",
                _ => key.kind.as_str(),
            };
            format!("{kind} {}", key.name.namespace)
        });
        names.collect()
    }

    fn writes(&self) -> usize {
        self.world.0.calls.writes().len()
    }

    /// Gives each Service an address of its own, by which they can be told apart.
    fn number_addresses(&self) {
        let mut objects = self.world.0.objects.lock().unwrap();
        for (key, stored) in objects.iter_mut().filter(|(key, _)| key.kind == Kind::Service) {
            let spec = stored.added.get_mut("spec").and_then(Value::as_object_mut);
            if let Some(spec) = spec {
                let last = if *key.name.namespace == *"system" { 2 } else { 1 };
                spec.insert("clusterIPs".to_owned(), json!([format!("10.96.0.{last}")]));
            }
        }
    }
}

fn address(outcome: &Outcome) -> &str {
    assert!(outcome.addresses.fault.is_none(), "{:?}", outcome.addresses);
    &outcome.addresses.assigned[0].value
}

/// Sorted names as they are written in the tests.
fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

const OWN: [&str; 5] = [
    "ServiceAccount infra",
    "ConfigMap infra",
    "Service infra",
    "Deployment infra",
    "PodDisruptionBudget infra",
];

/// Made first, then switched, then drained, then deleted.
#[test]
fn own_proxies_go_only_after_shared_ones_serve() {
    let mut journey = Journey::begin(Part::Dedicated);
    journey.number_addresses();
    assert_eq!(journey.exists(), set(&OWN));
    let both: BTreeSet<String> = set(&OWN).union(&set(&["Service system"])).cloned().collect();
    // The fleet does not have the configuration: all that is old stays, and counts.
    let (phase, outcome) = journey.step(Part::Tenant, false);
    assert_eq!((phase, address(&outcome)), (Some(Phase::Preparing), "10.96.0.1"));
    assert_eq!(journey.exists(), both);
    journey.number_addresses();
    for _ in 0..3 {
        journey.now += LOOK;
        let (phase, outcome) = journey.step(Part::Tenant, false);
        assert_eq!((phase, address(&outcome)), (Some(Phase::Preparing), "10.96.0.1"));
        assert_eq!(journey.writes(), 0);
    }
    // It has: the addresses are the new ones, and clients that know the old ones are served still.
    let (_, outcome) = journey.step(Part::Tenant, true);
    assert_eq!(address(&outcome), "10.96.0.2");
    // A change that the fleet has not acknowledged yet turns nothing back.
    for serves in [true, false] {
        journey.now += LINGER / 3;
        let (phase, outcome) = journey.step(Part::Tenant, serves);
        assert!(matches!(phase, Some(Phase::Lingering(_))), "{phase:?}");
        assert_eq!((address(&outcome), journey.writes()), ("10.96.0.2", 0));
        assert_eq!(journey.exists(), both);
    }
    // The old ones end, and have time to do so before their configuration goes.
    journey.now += LINGER;
    let (_, outcome) = journey.step(Part::Tenant, true);
    assert_eq!(address(&outcome), "10.96.0.2");
    assert_eq!(journey.exists(), set(&["Name infra", "Service system"]));
    let (phase, _) = journey.step(Part::Tenant, true);
    assert!(matches!(phase, Some(Phase::Leaving(_))), "{phase:?}");
    journey.now += LEAVE;
    journey.step(Part::Tenant, true);
    assert_eq!(journey.known, None);
    assert_eq!((journey.step(Part::Tenant, true).0, journey.writes()), (None, 0));
}

#[test]
fn shared_proxies_are_left_only_after_own_ones_serve() {
    let mut journey = Journey::begin(Part::Tenant);
    journey.number_addresses();
    assert_eq!(journey.exists(), set(&["Name infra", "Service system"]));
    // Everything is made but the Service, whose name leads to those that serve.
    let (phase, outcome) = journey.step(Part::Dedicated, false);
    assert_eq!((phase, address(&outcome)), (Some(Phase::Preparing), "10.96.0.2"));
    let mut made = set(&OWN);
    made.remove("Service infra");
    made.extend(set(&["Name infra", "Service system"]));
    assert_eq!(journey.exists(), made);
    // The proxies have the configuration: the name becomes their Service.
    let both: BTreeSet<String> = set(&OWN).union(&set(&["Service system"])).cloned().collect();
    let (_, outcome) = journey.step(Part::Dedicated, true);
    assert_eq!(journey.exists(), both);
    assert_eq!(address(&outcome), "10.96.0.7", "the one that it was given");
    assert!(matches!(
        journey.known,
        Some(Move {
            phase: Phase::Lingering(_),
            ..
        })
    ));
    journey.now += LINGER;
    journey.step(Part::Dedicated, true);
    assert_eq!(journey.exists(), set(&OWN));
}

/// Whoever changes their mind on the way finds the proxies that served all the time.
#[test]
fn a_change_back_on_the_way_never_counts_on_proxies_that_do_not_serve() {
    let mut journey = Journey::begin(Part::Dedicated);
    journey.number_addresses();
    journey.step(Part::Tenant, false);
    journey.number_addresses();
    let (phase, outcome) = journey.step(Part::Dedicated, true);
    assert!(matches!(phase, Some(Phase::Lingering(_))), "{phase:?}");
    assert_eq!(address(&outcome), "10.96.0.1");
    journey.now += LINGER;
    journey.step(Part::Dedicated, true);
    assert_eq!(journey.exists(), set(&OWN));

    // After the switch the others are those that serve.
    let mut journey = Journey::begin(Part::Dedicated);
    journey.number_addresses();
    journey.step(Part::Tenant, true);
    journey.number_addresses();
    journey.step(Part::Tenant, true);
    let (phase, outcome) = journey.step(Part::Dedicated, false);
    assert_eq!((phase, address(&outcome)), (Some(Phase::Preparing), "10.96.0.2"));
}

/// A process that starts on the way begins with what served first, and takes nothing away.
#[test]
fn a_restart_on_the_way_takes_nothing_away() {
    for serves in [false, true] {
        let mut journey = Journey::begin(Part::Dedicated);
        journey.number_addresses();
        journey.step(Part::Tenant, serves);
        journey.number_addresses();
        let before = journey.exists();
        journey.known = None;
        let (phase, outcome) = journey.step(Part::Tenant, false);
        assert_eq!((phase, address(&outcome)), (Some(Phase::Preparing), "10.96.0.1"));
        assert_eq!((journey.exists(), journey.writes()), (before, 0));
    }
}

/// An address is named when somebody answers there: the workload that counts has a ready pod and is not going.
#[test]
fn proxies_are_ready_when_a_pod_of_a_workload_that_stays_is() {
    let of = |kind: Kind, object: Value| {
        let mut observed = Observed::default();
        let key = Key::new(kind, "infra", "edge");
        observed.objects.insert(key, Arc::new(object));
        has_ready(&observed)
    };
    assert!(of(Kind::Deployment, json!({"status": {"readyReplicas": 1}})));
    assert!(of(Kind::DaemonSet, json!({"status": {"numberReady": 2}})));
    for (kind, object) in [
        (Kind::Deployment, json!({"status": {"replicas": 2}})),
        (Kind::DaemonSet, json!({"status": {"numberReady": 0}})),
        (
            Kind::Deployment,
            json!({"metadata": {"deletionTimestamp": "now"}, "status": {"readyReplicas": 1}}),
        ),
        (Kind::Service, json!({"status": {"readyReplicas": 1}})),
    ] {
        assert!(!of(kind, object.clone()), "{kind:?} {object}");
    }
}
