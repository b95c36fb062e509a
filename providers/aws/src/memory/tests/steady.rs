//! Hosts of routes that do the same share rules: one more moves none of the others.

use super::forms::{account, bare, driver, fixed, managed, request, rule, settle, writes};
use crate::cloud::{self, Seen};
use crate::memory::Memory;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::compact::compact;
use gatewright_aws_core::alb::rule::{Rule, Values};
use gatewright_aws_core::limits::AlbLimits;
use gatewright_provider_api::contract::converge;
use gatewright_provider_api::suite::{Injected, drive};
use std::collections::BTreeMap;

/// Routes: a host, and the status that it is answered with.
type Routes = BTreeMap<String, u16>;

fn of(host: &str, status: u16) -> Rule {
    let mut rule = rule("/", fixed(status));
    rule.conditions.path = None;
    rule.conditions.host = Some(Values::Wildcards([host.into()].into()));
    rule
}

fn target(routes: &Routes) -> Target {
    let mut target = managed(bare(), &[80]);
    super::forms::add_listener(&mut target, 80, &[]);
    let rules = routes.iter().map(|(host, status)| of(host, *status)).collect();
    target.listeners.get_mut(&80).unwrap().rules = compact(rules, &AlbLimits::default());
    target
}

/// Hosts whose order has nothing to do with the order in which they come.
fn host(number: u32) -> String {
    format!("h{:03}.example", number * 61 % 128)
}

/// What a host is answered by the rules that exist.
fn answer(memory: &Memory, host: &str) -> Option<u16> {
    let state = memory.state();
    let mut rules: Vec<_> = state.rules.values().map(|kept| &kept.of).collect();
    rules.sort_by_key(|rule| rule.priority);
    rules.into_iter().find_map(|rule| match &rule.settings {
        Seen::Known(settings) => match (&settings.conditions.host, &settings.action) {
            (Some(Values::Wildcards(hosts)), cloud::Action::Fixed(fixed)) => {
                hosts.contains(host).then_some(fixed.status)
            }
            other => panic!("{other:?}"),
        },
        Seen::Other(_) => None,
    })
}

/// "An edit of an existing rule is at most one write, a new route to a known backend at most two": however many
/// routes share rules with it, and wherever it sorts among them.
#[test]
fn a_route_that_comes_or_goes_is_one_write_among_a_hundred() {
    let memory = account();
    let mut routes = Routes::from([(host(0), 200)]);
    settle(&memory, &target(&routes));
    let mut spread = 0;
    for number in 1..100 {
        routes.insert(host(number), 200 + u16::try_from(number % 3).unwrap());
        match writes(&memory, &target(&routes)).as_slice() {
            ["CreateRule" | "ModifyRule"] => {}
            ["SetRulePriorities", "CreateRule"] => spread += 1,
            other => panic!("{number}: {other:?}"),
        }
    }
    assert!(spread <= 10, "{spread}");
    let rules = memory.state().rules.len();
    assert_eq!(rules, 3 * 11 + 1, "as few as can be for 34, 33 and 33 hosts");
    for number in 1..50 {
        let status = routes.remove(&host(number)).unwrap();
        routes.insert(format!("new-{}", host(number)), status);
        assert_eq!(
            writes(&memory, &target(&routes)),
            ["ModifyRule"],
            "{number} has another host"
        );
    }
    for number in 50..70 {
        routes.remove(&host(number));
        let writes = writes(&memory, &target(&routes));
        assert!(
            matches!(writes.as_slice(), ["ModifyRule" | "DeleteRule"]),
            "{number}: {writes:?}"
        );
    }
    assert_eq!(writes(&memory, &target(&routes)), Vec::<&str>::new());
}

/// Whatever comes, goes and changes, and wherever it is interrupted: a host that is answered before and after is answered
/// all the time, as before or as after.
#[test]
fn nobody_is_without_a_rule_meanwhile() {
    let mut random = 7_u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let memory = account();
    let mut routes: Routes = (0..40).map(|number| (host(number), 200)).collect();
    settle(&memory, &target(&routes));
    for round in 0..60_u32 {
        let before = routes.clone();
        for _ in 0..=next(3) {
            let some = host(u32::try_from(next(60)).unwrap());
            let status = [None, Some(200), Some(201)][usize::try_from(next(3)).unwrap()];
            match status {
                None => routes.remove(&some),
                Some(status) => routes.insert(some, status),
            };
        }
        let after = target(&routes);
        for call in 0..40 {
            memory.calls().inject(call, Injected::Kill { carried_out: true });
            drive(converge(&driver(&memory, 0), &request(after.clone())));
            memory.calls().reset();
            for (host, new) in &routes {
                if let Some(old) = before.get(host) {
                    let found = answer(&memory, host);
                    assert!(
                        found == Some(*old) || found == Some(*new),
                        "round {round}: {host} gets {found:?} after call {call}"
                    );
                }
            }
        }
        settle(&memory, &after);
        for (host, status) in &routes {
            assert_eq!(answer(&memory, host), Some(*status), "round {round}: {host}");
        }
    }
}

/// At the quota, rules with room are filled: what fits in the fewest rules fits.
#[test]
fn at_the_quota_rules_are_closed_up() {
    let limits = AlbLimits {
        rules: 8,
        ..AlbLimits::default()
    };
    let memory = std::sync::Arc::new(Memory::new(limits, crate::memory::Delays::default()));
    let mut routes: Routes = (0..24).map(|number| (host(number), 200)).collect();
    settle(&memory, &target(&routes));
    assert_eq!(memory.state().rules.len(), 8);
    // Every rule loses a host or two; eight others that are answered otherwise need three rules more.
    for number in (0..24).step_by(2) {
        routes.remove(&host(number));
    }
    settle(&memory, &target(&routes));
    for number in 24..36 {
        routes.insert(host(number), 201);
        settle(&memory, &target(&routes));
        for (host, status) in &routes {
            assert_eq!(answer(&memory, host), Some(*status), "{host}");
        }
    }
    assert_eq!(memory.state().rules.len(), 8);
}
