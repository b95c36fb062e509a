//! Values stay in the rules that have them.

use super::{answer, exact, requests, rule};
use crate::alb::compact::{Room, compact, keep};
use crate::alb::rule::{Conditions, Rule};
use crate::limits::AlbLimits;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn conditions(rules: &[Rule]) -> Vec<Conditions> {
    rules.iter().map(|rule| rule.conditions.clone()).collect()
}

/// Calls that lead from rules to others: changed, made and deleted ones, and one for their order.
fn writes(from: &[Rule], to: &[Rule]) -> usize {
    let is_in = |rule: &Rule, rules: &[Rule]| {
        rules
            .iter()
            .any(|other| other.conditions == rule.conditions && other.action == rule.action)
    };
    let new = to.iter().filter(|rule| !is_in(rule, from)).count();
    let gone = from.iter().filter(|rule| !is_in(rule, to)).count();
    let kept = |rules: &[Rule], others: &[Rule]| -> Vec<Conditions> {
        let kept = rules.iter().filter(|rule| is_in(rule, others));
        kept.map(|rule| rule.conditions.clone()).collect()
    };
    new.max(gone) + usize::from(kept(from, to) != kept(to, from))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn every_request_gets_what_it_got(
        rules in prop::collection::vec(rule(), 0..14),
        before in prop::collection::vec(rule(), 0..14),
        shared in 0_usize..14,
        scarce in any::<bool>(),
    ) {
        let limits = AlbLimits::default();
        let room = if scarce { Room::Scarce } else { Room::Enough };
        // What exists has something to do with what is wanted.
        let before: Vec<Rule> = before.into_iter().chain(rules.iter().take(shared).cloned()).collect();
        let existing = conditions(&compact(before, &limits));
        let fewer = compact(rules.clone(), &limits);
        let kept = keep(&fewer, &existing, &limits, room);
        prop_assert!(kept.len() <= 2 * fewer.len());
        for request in requests() {
            prop_assert_eq!(answer(&rules, &request), answer(&kept, &request), "{:?}\n{:#?}", request, kept);
        }
        let again = keep(&fewer, &conditions(&kept), &limits, room);
        prop_assert_eq!(conditions(&again), conditions(&kept));
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Routes come, change their host and go, in any order, each with a host and path of its own. A route that comes or
    /// changes is one write, one that goes one as well, unless rules are left that others have room for; and a host that
    /// is served before and after is in a rule that stays, or in a new one.
    #[test]
    fn a_route_is_one_write(
        steps in prop::collection::vec((0_u8..6, any::<prop::sample::Index>(), 0_u16..3, 0_usize..3), 1..40)
    ) {
        let limits = AlbLimits::default();
        let mut routes: Vec<Rule> = Vec::new();
        let mut seen: Vec<Rule> = Vec::new();
        for (number, (what, at, status, path)) in steps.into_iter().enumerate() {
            let host = format!("h{:02}.example.com", number * 37 % 100);
            let path = ["/", "/a", "/b"][path];
            let before = routes.len();
            match what {
                0 if !routes.is_empty() => { routes.remove(at.index(routes.len())); }
                1 if !routes.is_empty() => {
                    let at = at.index(routes.len());
                    routes[at].conditions.host = exact(&host, path, status).conditions.host;
                }
                _ => routes.insert(at.index(routes.len() + 1), exact(&host, path, 200 + status)),
            }
            let fewer = compact(routes.clone(), &limits);
            let kept = keep(&fewer, &conditions(&seen), &limits, Room::Enough);
            prop_assert!(kept.len() <= 2 * fewer.len());
            let writes = writes(&seen, &kept);
            if routes.len() >= before {
                prop_assert!(writes <= 1, "{writes} writes\n{seen:#?}\n{kept:#?}");
            } else {
                prop_assert!(writes <= 1 || seen.len() > 2 * fewer.len(), "{writes} writes\n{seen:#?}\n{kept:#?}");
            }
            seen = kept;
        }
        // Where room is scarce they are as few as can be: each route has one value of each condition.
        let fewer = compact(routes, &limits);
        let kept = keep(&fewer, &conditions(&seen), &limits, Room::Scarce);
        prop_assert!(kept.len() <= fewer.len(), "{fewer:#?}\n{kept:#?}");
    }
}

/// A host that sorts in front of all others goes to the rule that has room, and moves nobody.
#[test]
fn a_new_host_goes_where_room_is() {
    let limits = AlbLimits::default();
    let hosts = |names: &[&str]| -> Vec<Rule> {
        let rules = names.iter().map(|name| exact(&format!("{name}.x.com"), "/", 200));
        compact(rules.collect(), &limits)
    };
    let before = hosts(&["b", "c", "d", "e", "f"]);
    assert_eq!(before.len(), 2);
    let after = keep(
        &hosts(&["a", "b", "c", "d", "e", "f"]),
        &conditions(&before),
        &limits,
        Room::Enough,
    );
    let values = |rules: &[Rule]| -> Vec<BTreeSet<crate::Str>> {
        let hosts = rules.iter().map(|rule| rule.conditions.host.clone().unwrap());
        hosts
            .map(|host| match host {
                crate::alb::rule::Values::Wildcards(values) | crate::alb::rule::Values::Regex(values) => {
                    values
                }
            })
            .collect()
    };
    let set = |names: [&str; 3]| names.iter().map(|name| format!("{name}.x.com").into()).collect();
    assert_eq!(values(&after), [set(["b", "c", "d"]), set(["a", "e", "f"])]);
    assert_eq!(writes(&before, &after), 1);
}
