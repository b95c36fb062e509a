//! From any state to what is wanted, whatever AWS's delays are.

use super::forms::{
    account, add_listener, bare, certificate, end, forward, http, managed, run, settle, tls, writes,
};
use crate::memory::{Delays, Memory};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::rule::Rule;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::network::Scheme;
use gatewright_provider_api::contract::{Driver, ErrorKind, converge};
use gatewright_provider_api::suite::{Injected, drive};
use proptest::prelude::*;
use std::sync::Arc;

const BACKENDS: [&str; 4] = ["a", "b", "c", "d"];

/// A wanted form from a few numbers.
#[derive(Clone, Debug)]
pub struct Form {
    public: bool,
    secure: Option<u8>,
    rules: Vec<(u8, u8, u16)>,
    pods: u8,
    team: Option<u8>,
}

pub fn form() -> impl Strategy<Value = Form> {
    let rule = (0..8_u8, 0..4_u8, 0..4_u16);
    (
        any::<bool>(),
        proptest::option::of(0..3_u8),
        proptest::collection::vec(rule, 0..7),
        0..4_u8,
        proptest::option::of(0..2_u8),
    )
        .prop_map(|(public, secure, rules, pods, team)| Form {
            public,
            secure,
            rules,
            pods,
            team,
        })
}

pub fn target(form: &Form) -> Target {
    let mut target = bare();
    if form.public {
        target.balancer.name = "gw-public".into();
        target.balancer.scheme = Scheme::InternetFacing;
    }
    target = managed(target, &[80]);
    add_listener(&mut target, 80, &[]);
    let mut rules: Vec<Rule> = Vec::new();
    for (path, backend, weight) in &form.rules {
        let backends = [(BACKENDS[usize::from(*backend)], *weight)];
        // Some requests meet several, and no two do the same: what is made of them does not depend on what was there.
        let mut rule = forward(&mut target, &format!("/*{path}*"), &backends);
        if let gatewright_aws_core::alb::rule::Action::Forward(forward) = &mut rule.action {
            forward.stickiness_s = Some(u32::from(*path) + 1);
        }
        // The first of equal conditions serves; a second one would never.
        if rules.iter().all(|other| other.conditions != rule.conditions) {
            rules.push(rule);
        }
    }
    target.listeners.get_mut(&80).unwrap().rules = rules.clone();
    if let Some(version) = form.secure {
        add_listener(&mut target, 443, &[]);
        let kind = if version == 2 { "EC" } else { "RSA" };
        let one = certificate(&mut target, "one", &format!("{kind}-{version}"));
        let two = certificate(&mut target, "two", "RSA-1");
        let listener = target.listeners.get_mut(&443).unwrap();
        listener.tls = Some(if version == 1 {
            tls(two, &[one])
        } else {
            tls(one, &[two])
        });
        rules.reverse();
        listener.rules = rules;
    }
    for group in target.target_groups.values_mut() {
        group.targets = (1..=form.pods).map(super::forms::pod).collect();
    }
    if let Some(team) = form.team {
        target.tags.insert("team".into(), format!("{team}").into());
    }
    let used: Vec<_> = target
        .listeners
        .values()
        .flat_map(|listener| &listener.rules)
        .filter_map(|rule| match &rule.action {
            gatewright_aws_core::alb::rule::Action::Forward(forward) => Some(forward.groups.keys().cloned()),
            _ => None,
        })
        .flatten()
        .collect();
    target.target_groups.retain(|id, _| used.contains(id));
    target
}

pub fn slow() -> Arc<Memory> {
    let delays = Delays {
        provisioning: 25,
        healthy: 15,
        draining: 40,
        release: 30,
        search: 12,
    };
    Arc::new(Memory::new(AlbLimits::default(), delays))
}

/// One run that ends early, at this call and in this way.
fn disturbed(memory: &Arc<Memory>, target: &Target, at: usize, injected: Injected) {
    memory.calls().inject(at, injected);
    let driver = super::forms::driver(memory, 0);
    drive(converge(&driver, &super::forms::request(target.clone())));
    memory.calls().reset();
}

/// Runs until nothing is left to do for some time: what was made a moment ago may not be seen yet.
fn settle_slowly(memory: &Arc<Memory>, target: &Target) {
    let mut quiet = 0;
    for _ in 0..200 {
        let outcome = run(memory, target);
        quiet = if outcome.is_converged() && outcome.changes.is_empty() {
            quiet + 1
        } else {
            0
        };
        if quiet == 12 {
            return;
        }
    }
    panic!("it does not settle: {:?}", run(memory, target));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Whatever was left behind by runs towards other forms that ended anywhere, with AWS's delays: it leads to
    /// what an undisturbed run makes, then nothing is written, and what is removed leaves nothing.
    #[test]
    fn any_partial_state_leads_to_what_is_wanted(
        history in proptest::collection::vec((form(), 0..90_usize, 0..4_u8), 0..4),
        last in form(),
    ) {
        let wanted = target(&last);
        let ideal = account();
        settle(&ideal, &wanted);
        let memory = slow();
        for (form, at, how) in &history {
            let injected = match how {
                0 => Injected::Kill { carried_out: false },
                1 => Injected::Kill { carried_out: true },
                2 => Injected::Error { kind: ErrorKind::Timeout, carried_out: true },
                _ => Injected::Error { kind: ErrorKind::Unavailable, carried_out: false },
            };
            disturbed(&memory, &target(form), *at, injected);
        }
        settle_slowly(&memory, &wanted);
        prop_assert_eq!(memory.contents(), ideal.contents());
        prop_assert_eq!(writes(&memory, &wanted), Vec::<&str>::new());
        for _ in 0..60 {
            if end(&memory, &wanted).changes.is_empty() {
                break;
            }
        }
        prop_assert_eq!(memory.contents(), account().contents());
    }

    /// The documented numbers, wherever a route is added or changed in whatever listener.
    #[test]
    fn a_change_of_one_route_costs_what_is_documented(
        first in form(),
        at in 0..8_usize,
        change in 0..4_u8,
    ) {
        let mut wanted = target(&first);
        let memory = account();
        settle(&memory, &wanted);
        let before = wanted.clone();
        let rules = wanted.listeners[&80].rules.clone();
        let place = at.min(rules.len());
        let most = match change {
            0 => {
                let known = before.target_groups.keys().next().map(|id| id.0.clone());
                let Some(known) = known else { return Ok(()) };
                let backend = known.trim_start_matches("Service/shop/").trim_end_matches(":80/http1").to_owned();
                let rule = forward(&mut wanted, "/new", &[(&backend, 1)]);
                wanted.listeners.get_mut(&80).unwrap().rules.insert(place, rule);
                2
            }
            1 => {
                let rule = forward(&mut wanted, "/new", &[("new", 1)]);
                wanted.listeners.get_mut(&80).unwrap().rules.insert(place, rule);
                4
            }
            2 if !rules.is_empty() => {
                let rules = &mut wanted.listeners.get_mut(&80).unwrap().rules;
                let place = at % rules.len();
                rules[place].conditions = super::forms::rule("/edited", super::forms::fixed(200)).conditions;
                1
            }
            _ => {
                wanted.listeners.get_mut(&80).unwrap().rules.reverse();
                1
            }
        };
        let writes = writes(&memory, &wanted);
        prop_assert!(writes.len() <= most, "{:?}", writes);
        settle(&memory, &wanted);
    }
}

/// Two controllers that plan from what they saw at the same time, and then take turns.
fn race(memory: &Arc<Memory>, goals: [&Target; 2], turns: &[bool]) {
    let driver = super::forms::driver(memory, 0);
    let mut plans = goals.map(|goal| {
        let observed = drive(driver.observe(&goal.gateway)).unwrap().unwrap();
        driver.plan(Some(goal), &observed).changes.into_iter()
    });
    // Whatever is refused is refused.
    for turn in turns {
        if let Some(change) = plans[usize::from(*turn)].next() {
            let _ = drive(driver.apply(&change));
        }
    }
    for change in plans.into_iter().flatten() {
        let _ = drive(driver.apply(&change));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Two leaders for a moment, with the same goal or an old and a new one: nothing is left of it.
    #[test]
    fn two_controllers_that_race_do_no_lasting_harm(
        first in form(),
        goals in (form(), form()),
        same in any::<bool>(),
        turns in proptest::collection::vec(any::<bool>(), 60),
    ) {
        let wanted = target(&goals.1);
        let ideal = account();
        settle(&ideal, &wanted);
        let memory = account();
        settle(&memory, &target(&first));
        let other = target(&goals.0);
        race(&memory, [if same { &wanted } else { &other }, &wanted], &turns);
        settle(&memory, &wanted);
        prop_assert_eq!(memory.contents(), ideal.contents());
    }
}

/// A target group that is deleted behind our back comes back with its targets and rules.
#[test]
fn what_is_deleted_by_hand_comes_back() {
    let memory = account();
    let target = http(&[("/a", &[("a", 1)]), ("/b", &[("b", 1)])]);
    settle(&memory, &target);
    let ideal = memory.contents();
    for resource in ideal
        .keys()
        .filter(|resource| !resource.id.starts_with("sg-given"))
    {
        memory.lose(resource);
        settle(&memory, &target);
        assert_eq!(memory.contents(), ideal, "without {resource}");
    }
}
