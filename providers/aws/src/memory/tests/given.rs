//! Target groups that somebody else keeps, and Lambda functions.

use super::forms::{account, add_listener, bare, http, run, settle, writes};
use crate::memory::Memory;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::rule::Action;
use gatewright_aws_core::target_group::{
    self as group, Fixed, HealthCheck, TargetAddress, TargetGroup, TargetGroupId, TargetKind,
};
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, BTreeSet};

fn forwards(target: &mut Target, id: &TargetGroupId, weight: u16) {
    let rules = &mut target.listeners.get_mut(&80).unwrap().rules;
    let Action::Forward(forward) = &mut rules[0].action else {
        panic!("no forward");
    };
    forward.groups.insert(id.clone(), weight);
}

fn theirs(memory: &Memory) -> String {
    let contents = memory.contents();
    let found = contents.iter().find(|(resource, _)| &*resource.id == "theirs");
    found.unwrap().1.clone()
}

/// It gets requests, and nothing of it changes, whatever happens to the Gateway.
#[test]
fn a_group_of_somebody_else_gets_requests_and_stays_as_it_is() {
    let memory = account();
    let arn = memory.plant_group("theirs");
    let untouched = theirs(&memory);
    let plain = http(&[("/a", &[("a", 9)])]);
    let mut target = plain.clone();
    let id = TargetGroupId("TargetGroup/theirs".into());
    target.given_groups.insert(id.clone(), arn.0.clone());
    forwards(&mut target, &id, 1);
    settle(&memory, &target);
    let rule = memory
        .contents()
        .into_iter()
        .find(|(resource, _)| resource.kind == "rule");
    assert!(rule.unwrap().1.contains("\"target group theirs\": 1"));
    assert_eq!(writes(&memory, &target), Vec::<&str>::new());
    forwards(&mut target, &id, 3);
    assert_eq!(writes(&memory, &target), ["ModifyRule"]);
    assert_eq!(writes(&memory, &plain), ["ModifyRule"]);
    settle(&memory, &target);
    super::forms::end(&memory, &target);
    // AWS tells who uses it, and nobody does any more.
    assert_eq!(theirs(&memory), untouched);
    assert_eq!(
        memory
            .contents()
            .keys()
            .filter(|resource| resource.kind == "target group")
            .count(),
        1
    );
}

/// AWS lets one load balancer alone use a group: the rule that wants it fails, the others are served.
#[test]
fn a_group_that_another_load_balancer_uses_hurts_its_own_rule_alone() {
    let memory = account();
    let arn = memory.plant_group("theirs");
    let id = TargetGroupId("TargetGroup/theirs".into());
    let with = |mut target: Target| {
        target.given_groups.insert(id.clone(), arn.0.clone());
        forwards(&mut target, &id, 1);
        target
    };
    settle(&memory, &with(http(&[("/a", &[("a", 9)])])));
    let mut other = bare();
    other.gateway = ObjectName::new("infra", "other");
    other.balancer.name = "gw-other".into();
    add_listener(&mut other, 80, &[("/b", &[("b", 9)]), ("/c", &[("c", 1)])]);
    let outcome = run(&memory, &with(other));
    let errors: Vec<String> = outcome.errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("TargetGroupAssociationLimit"), "{errors:?}");
}

fn function(target: &mut Target, arn: &str) -> TargetGroupId {
    let id = TargetGroupId(format!("Lambda/{arn}").into());
    let group = TargetGroup {
        name: format!("{}-lambda", target.balancer.name).into(),
        fixed: Fixed {
            protocol: "".into(),
            version: None,
            port: 0,
            kind: TargetKind::Lambda,
            ipv6: false,
            control_port: None,
        },
        health: HealthCheck::default(),
        attributes: BTreeMap::from([("lambda.multi_value_headers.enabled".into(), "true".into())]),
        targets: BTreeSet::from([group::Target {
            id: TargetAddress::Id(arn.into()),
            port: 0,
            zone: None,
            quic_server: None,
        }]),
    };
    target.target_groups.insert(id.clone(), group);
    id
}

#[test]
fn a_function_has_a_group_of_its_own_that_comes_and_goes_and_is_repaired() {
    let memory = account();
    let plain = http(&[("/a", &[("a", 9)])]);
    let mut target = plain.clone();
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:f";
    let id = function(&mut target, arn);
    forwards(&mut target, &id, 1);
    settle(&memory, &plain);
    assert_eq!(
        writes(&memory, &target),
        [
            "CreateTargetGroup",
            "ModifyTargetGroupAttributes",
            "RegisterTargets",
            "ModifyRule"
        ]
    );
    assert_eq!(writes(&memory, &target), Vec::<&str>::new());
    // Somebody registers another one: it goes first, because a group holds one function.
    let of = memory
        .contents()
        .into_keys()
        .find(|resource| &*resource.id == "gw-internal-lambda");
    assert!(memory.damage(&of.unwrap()));
    assert_eq!(writes(&memory, &target), ["DeregisterTargets", "RegisterTargets"]);
    assert_eq!(writes(&memory, &target), Vec::<&str>::new());
    settle(&memory, &plain);
    assert!(
        memory
            .contents()
            .keys()
            .all(|resource| &*resource.id != "gw-internal-lambda")
    );
}
