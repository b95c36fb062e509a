//! How many writes a change costs.

use super::forms::{account, alone, forward, http, settle, writes};
use gatewright_aws_core::alb::Target;

const RULES: &[(&str, &[(&str, u16)])] = &[
    ("/a/*", &[("a", 9), ("b", 1)]),
    ("/b/*", &[("b", 1)]),
    ("/c/*", &[("c", 1)]),
    ("/d/*", &[("d", 1)]),
];

fn listener(target: &mut Target) -> &mut Vec<gatewright_aws_core::alb::rule::Rule> {
    &mut target.listeners.get_mut(&80).unwrap().rules
}

#[test]
fn an_unchanged_world_is_not_written_to() {
    let memory = account();
    settle(&memory, &http(RULES));
    assert_eq!(writes(&memory, &http(RULES)), Vec::<&str>::new());
}

#[test]
fn another_weight_is_one_write() {
    let memory = account();
    let mut target = http(RULES);
    settle(&memory, &target);
    listener(&mut target)[0] = forward(&mut http(RULES), "/a/*", &[("a", 1), ("b", 9)]);
    assert_eq!(writes(&memory, &target), ["ModifyRule"]);
}

#[test]
fn another_path_in_the_same_place_is_one_write() {
    let memory = account();
    let mut target = http(RULES);
    settle(&memory, &target);
    listener(&mut target)[1] = forward(&mut http(RULES), "/bb/*", &[("b", 1)]);
    assert_eq!(writes(&memory, &target), ["ModifyRule"]);
}

#[test]
fn another_order_is_one_write() {
    let memory = account();
    // Some requests meet several.
    let mut target = http(&[
        ("/a*", &[("a", 1)]),
        ("/*b*", &[("b", 1)]),
        ("/*c*", &[("c", 1)]),
        ("*/d", &[("d", 1)]),
    ]);
    settle(&memory, &target);
    listener(&mut target).swap(0, 3);
    assert_eq!(writes(&memory, &target), ["SetRulePriorities"]);
    listener(&mut target).reverse();
    assert_eq!(writes(&memory, &target), ["SetRulePriorities"]);
    listener(&mut target).rotate_left(1);
    assert_eq!(writes(&memory, &target), ["SetRulePriorities"]);
}

/// No request meets two of them.
#[test]
fn another_order_that_does_not_matter_is_no_write() {
    let memory = account();
    let mut target = http(RULES);
    settle(&memory, &target);
    listener(&mut target).reverse();
    assert_eq!(writes(&memory, &target), Vec::<&str>::new());
}

#[test]
fn a_new_route_to_a_known_backend_is_one_write_wherever_it_stands() {
    for at in 0..=4 {
        let memory = account();
        let mut target = http(RULES);
        settle(&memory, &target);
        let rule = alone(forward(&mut target, "/new/*", &[("c", 1)]));
        listener(&mut target).insert(at, rule);
        assert_eq!(writes(&memory, &target), ["CreateRule"], "at {at}");
    }
}

#[test]
fn a_new_route_to_a_new_backend_is_four_writes() {
    let memory = account();
    let mut target = http(RULES);
    settle(&memory, &target);
    let rule = forward(&mut target, "/new/*", &[("new", 1)]);
    listener(&mut target).insert(2, rule);
    let made = [
        "CreateTargetGroup",
        "ModifyTargetGroupAttributes",
        "RegisterTargets",
        "CreateRule",
    ];
    assert_eq!(writes(&memory, &target), made);
}

/// Between two rules there is room for nine; when there is none left, one write makes new room. With every rule at the same
/// place that is every ninth one at most (docs/aws/alb.md).
const EVERY: usize = 9;

#[test]
fn many_new_routes_in_one_place_are_two_writes_at_most() {
    let memory = account();
    let mut target = http(RULES);
    settle(&memory, &target);
    let mut spread = Vec::new();
    for number in 0..60 {
        let rule = alone(forward(&mut target, &format!("/new-{number}/*"), &[("c", 1)]));
        listener(&mut target).insert(2, rule);
        let writes = writes(&memory, &target);
        match writes.as_slice() {
            ["CreateRule"] => {}
            ["SetRulePriorities", "CreateRule"] => spread.push(number),
            other => panic!("{other:?}"),
        }
    }
    assert!(is_rare(&spread), "{spread:?}");
    settle(&memory, &target);
}

/// Whether new room was needed at all, and never sooner than said.
fn is_rare(spread: &[usize]) -> bool {
    let gaps = spread.windows(2).map(|pair| pair[1] - pair[0]);
    spread.first().is_some_and(|first| *first >= EVERY) && gaps.min().is_none_or(|gap| gap >= EVERY)
}

/// The same of new backends: four writes, and five where there is no room left.
#[test]
fn many_new_backends_in_one_place_are_four_writes_and_five_where_order_is_made_anew() {
    let memory = account();
    let mut target = http(RULES);
    settle(&memory, &target);
    let mut spread = Vec::new();
    for number in 0..60 {
        let name = format!("new-{number}");
        let rule = alone(forward(&mut target, &format!("/{name}/*"), &[(&name, 1)]));
        listener(&mut target).insert(2, rule);
        let writes = writes(&memory, &target);
        let (order, made): (Vec<&str>, Vec<&str>) = writes
            .into_iter()
            .partition(|write| *write == "SetRulePriorities");
        let usual = [
            "CreateTargetGroup",
            "ModifyTargetGroupAttributes",
            "RegisterTargets",
            "CreateRule",
        ];
        assert_eq!(made, usual);
        assert!(order.len() < 2, "{order:?}");
        if !order.is_empty() {
            spread.push(number);
        }
    }
    assert!(is_rare(&spread), "{spread:?}");
    settle(&memory, &target);
}

#[test]
fn a_route_that_goes_is_one_write_and_its_backend_another() {
    let memory = account();
    let mut target = http(RULES);
    settle(&memory, &target);
    let mut fewer = http(&[RULES[0], RULES[1], RULES[2]]);
    assert_eq!(writes(&memory, &fewer), ["DeleteRule", "DeleteTargetGroup"]);
    target = fewer.clone();
    let rule = alone(forward(&mut target, "/again/*", &[("c", 1)]));
    listener(&mut target).push(rule);
    settle(&memory, &target);
    fewer = http(&[RULES[0], RULES[1], RULES[2]]);
    assert_eq!(writes(&memory, &fewer), ["DeleteRule"]);
}

#[test]
fn pods_come_before_pods_go() {
    let memory = account();
    let mut target = http(RULES);
    settle(&memory, &target);
    let group = target.target_groups.values_mut().next().unwrap();
    group.targets = [super::forms::pod(2), super::forms::pod(3)].into();
    assert_eq!(writes(&memory, &target), ["RegisterTargets", "DeregisterTargets"]);
}

/// `RegisterTargets` takes 200 at once.
#[test]
fn many_pods_are_registered_in_chunks() {
    let memory = account();
    let mut target = http(&RULES[2..3]);
    settle(&memory, &target);
    let group = target.target_groups.values_mut().next().unwrap();
    group.targets = (0..=255)
        .flat_map(|port| (1..=2).map(move |pod| (pod, port)))
        .map(|(pod, port)| {
            let mut target = super::forms::pod(pod);
            target.port = 8000 + port;
            target
        })
        .collect();
    let writes = writes(&memory, &target);
    let registrations = writes.iter().filter(|write| **write == "RegisterTargets").count();
    assert_eq!(registrations, 3, "512 targets: {writes:?}");
}
