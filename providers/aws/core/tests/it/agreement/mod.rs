//! The rules of a load balancer and the bundled proxy do the same with every request: the rules as routes ask for them,
//! compacted, and as they are made on AWS, where values stay in the rules that exist from before.
//!
//! Random load balancers of what an ALB expresses exactly: several ports, listeners of Gateways and ListenerSets, routes
//! of both kinds, rewrites, redirects, weights, networks of clients; and their histories. Random requests. The rules are
//! executed by the simulator of AWS ([`execute`]), which knows nothing of the router; what is compared is which backends
//! get what share of the request, with which host, path and query, or what the client is answered.
//!
//! The worlds are the same in every run, and others with `PROPTEST_RNG_SEED=… PROPTEST_CASES=…`. What fails there is
//! kept in `proptest-regressions` and tried first from then on.

mod build;
mod execute;
mod generate;
mod outcome;
mod request;
mod routed;

use build::Made;
use execute::Executed;
use gatewright_aws_core::alb::compact::{Room, compact, keep};
use gatewright_aws_core::alb::listener::Listener;
use gatewright_aws_core::alb::lower::lower;
use gatewright_aws_core::alb::rule::{Conditions, Rule};
use gatewright_aws_core::alb::settings::Surroundings;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::network::Subnet;
use generate::World;
use outcome::Outcome;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use routed::Routed;
use std::cell::RefCell;
use std::collections::BTreeMap;

const WORLDS: u32 = 200;
const REQUESTS: usize = 500;
/// What the worlds come from unless something else is asked for.
const SEED: u64 = 20_261_122;

/// Where the values of a rule are not counted: that a match takes too many is another test's.
fn surroundings() -> Surroundings {
    let subnet = |id: &str, zone: &str| Subnet {
        id: id.into(),
        zone: zone.into(),
    };
    Surroundings {
        vpc: "vpc-1".into(),
        subnets: [subnet("subnet-a", "a"), subnet("subnet-b", "b")].into(),
        limits: AlbLimits {
            values_per_rule: 99,
            ..AlbLimits::default()
        },
        ..Surroundings::default()
    }
}

fn config() -> Config {
    let asked = Config::default();
    Config {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() {
            asked.cases
        } else {
            WORLDS
        },
        rng_seed: match asked.rng_seed {
            RngSeed::Random => RngSeed::Fixed(SEED),
            given @ RngSeed::Fixed(_) => given,
        },
        source_file: Some(file!()),
        ..asked
    }
}

/// What the worlds were like.
#[derive(Debug, Default)]
struct Seen {
    worlds: usize,
    requests: usize,
    rewritten: usize,
    shared: usize,
    redirected: usize,
    failed: usize,
    other_ports: usize,
    guards: usize,
    rules: usize,
    compacted: usize,
    /// Listeners whose rules are not those of the compaction, because others exist.
    kept: usize,
}

impl Seen {
    fn outcome(&mut self, outcome: &Outcome, port: u16, host: &str, url: &str) {
        self.requests += 1;
        self.other_ports += usize::from(port != generate::PORTS[0].0);
        match outcome {
            Outcome::Answered(status) => self.failed += usize::from(*status == 500),
            Outcome::Redirected { .. } => self.redirected += 1,
            Outcome::Sent(sent) => {
                self.rewritten += usize::from(sent.host != host || sent.url != url);
                self.shared += usize::from(sent.shares.len() > 1);
            }
        }
    }
}

/// A listener with its rules in one form.
struct Form {
    name: &'static str,
    rules: Vec<Rule>,
    executed: Executed,
}

/// The listeners of a state: what was asked for and cannot be expressed is none.
fn listeners(made: &Made) -> BTreeMap<u16, Listener> {
    let lowered = lower(&made.balancer, &made.settings, &surroundings());
    let refused: Vec<String> = lowered
        .unsupported
        .iter()
        .filter(|item| !item.approximated && !item.field.ends_with(".filters"))
        .map(ToString::to_string)
        .collect();
    assert_eq!(refused, Vec::<String>::new());
    lowered.target.listeners
}

/// Rules of a listener in all forms, where rules with these conditions exist.
fn forms(listener: &Listener, existing: &[Conditions], seen: &mut Seen) -> Vec<Form> {
    let limits = AlbLimits::default();
    let fewer = compact(listener.rules.clone(), &limits);
    let kept = keep(&fewer, existing, &limits, Room::Enough);
    let tight = keep(&fewer, existing, &limits, Room::Scarce);
    seen.rules += listener.rules.len();
    seen.compacted += fewer.len();
    seen.kept += usize::from(conditions(&kept) != conditions(&fewer));
    seen.guards += listener
        .rules
        .iter()
        .filter(|rule| rule.origins.is_empty())
        .count();
    let forms = [
        ("as routes ask for them", listener.rules.clone()),
        ("compacted", fewer),
        ("made", kept),
        ("made where room is scarce", tight),
    ];
    forms
        .into_iter()
        .map(|(name, rules)| Form {
            name,
            executed: Executed::new(listener, &rules),
            rules,
        })
        .collect()
}

fn conditions(rules: &[Rule]) -> Vec<Conditions> {
    rules.iter().map(|rule| rule.conditions.clone()).collect()
}

fn judge(world: &World, seen: &mut Seen) {
    seen.worlds += 1;
    let mut states = world.states();
    let now = states.pop().unwrap();
    // What exists on each port after all that was before, one after the other.
    let mut exists: BTreeMap<u16, Vec<Conditions>> = BTreeMap::new();
    for state in &states {
        for (port, listener) in listeners(state) {
            let limits = AlbLimits::default();
            let existing = exists.entry(port).or_default();
            let made = keep(&compact(listener.rules, &limits), existing, &limits, Room::Enough);
            *existing = conditions(&made);
        }
    }
    let ports: BTreeMap<u16, Vec<Form>> = listeners(&now)
        .into_iter()
        .map(|(port, listener)| {
            let existing = exists.remove(&port).unwrap_or_default();
            (port, forms(&listener, &existing, seen))
        })
        .collect();
    let routed = Routed::new(&now);
    let mut random = fastrand::Rng::with_seed(world.seed);
    for _ in 0..REQUESTS {
        let request = request::request(&mut random, &routed.ports());
        let expected = routed.serve(&request);
        seen.outcome(&expected, request.port, request.host, &request.url());
        for form in &ports[&request.port] {
            let (found, at) = form.executed.serve(&request);
            assert_eq!(
                found, expected,
                "{}, {request:?}\nrule {at} of {:#?}",
                form.name, form.rules
            );
        }
    }
}

#[test]
fn rules_and_router_agree() {
    let seen = RefCell::new(Seen::default());
    let mut runner = TestRunner::new(config());
    let result = runner.run(&generate::world(), |world| {
        judge(&world, &mut seen.borrow_mut());
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let seen = seen.into_inner();
    assert!(seen.requests >= WORLDS as usize * REQUESTS, "{seen:?}");
    // The worlds are worth something: of everything there was enough.
    for (found, least) in [
        (seen.rewritten, 1_000),
        (seen.shared, 1_000),
        (seen.redirected, 2_000),
        (seen.failed, 2_500),
        (seen.other_ports, 20_000),
        (seen.guards, 50),
        (seen.kept, 50),
    ] {
        assert!(found > least, "{seen:?}");
    }
    assert!(seen.compacted * 20 < seen.rules * 19, "{seen:?}");
}
