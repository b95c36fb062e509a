//! What others added stays, and what means the same is the same.

use super::forms::{
    account, add_listener, bare, certificate, driver, fixed, forward, http, managed, oidc, rule, run, settle,
    tls, writes,
};
use crate::cloud::{Action, RuleSettings};
use gatewright_aws_core::alb::rule::{Conditions, FixedResponse, HeaderCondition, Transforms, Values};
use gatewright_provider_api::contract::Driver;
use gatewright_provider_api::suite::drive;

fn foreign(path: &str) -> RuleSettings {
    RuleSettings {
        conditions: rule(path, fixed(403)).conditions,
        transforms: Transforms::default(),
        before: None,
        action: Action::Fixed(FixedResponse {
            status: 403,
            content_type: "text/html".into(),
            body: "theirs".into(),
        }),
    }
}

fn theirs(memory: &crate::memory::Memory) -> Vec<String> {
    let contents = memory.contents().into_values();
    contents.filter(|text| text.contains("theirs")).collect()
}

#[test]
fn rules_of_others_keep_their_priorities_and_ours_go_around_them() {
    let memory = account();
    let mut target = http(&[("/a", &[("a", 1)]), ("/b", &[("b", 1)])]);
    settle(&memory, &target);
    for priority in [1, 20_050, 20_150, 50_000] {
        memory.add_foreign_rule(("gw-internal", 80), priority, foreign("/theirs"));
    }
    assert_eq!(writes(&memory, &target), Vec::<&str>::new());
    for number in 0..30 {
        let new = forward(&mut target, &format!("/{number}"), &[("a", 1)]);
        target.listeners.get_mut(&80).unwrap().rules.insert(1, new);
    }
    settle(&memory, &target);
    assert_eq!(theirs(&memory).len(), 4);
    target.listeners.get_mut(&80).unwrap().rules.reverse();
    settle(&memory, &target);
    assert_eq!(theirs(&memory).len(), 4);
}

/// The port is closed but for what others serve there.
#[test]
fn a_listener_with_rules_of_others_stays_for_them() {
    let memory = account();
    let mut target = http(&[("/a", &[("a", 1)])]);
    super::forms::add_listener(&mut target, 81, &[("/b", &[("b", 1)])]);
    target.listeners.get_mut(&81).unwrap().default = fixed(500);
    settle(&memory, &target);
    memory.add_foreign_rule(("gw-internal", 81), 7, foreign("/theirs"));
    target = http(&[("/a", &[("a", 1)])]);
    settle(&memory, &target);
    assert_eq!(theirs(&memory).len(), 1);
    let contents = memory.contents();
    let listener = contents.iter().find(|(resource, _)| resource.id.ends_with(":81"));
    assert!(listener.unwrap().1.contains("status: 404"), "{listener:?}");
    let of_81 = contents.keys().filter(|resource| resource.id.contains(":81 "));
    assert_eq!(of_81.count(), 1, "ours are gone");
}

/// Hosts and names of headers are compared in any case ("Condition types for listener rules").
#[test]
fn what_differs_only_in_case_is_the_same() {
    let memory = account();
    let mut target = http(&[("/a", &[("a", 1)])]);
    let conditions = |host: &str, header: &str| Conditions {
        host: Some(Values::Wildcards([host.into()].into())),
        headers: [HeaderCondition {
            name: header.into(),
            values: Values::Wildcards(["x".into()].into()),
        }]
        .into(),
        ..Conditions::default()
    };
    target.listeners.get_mut(&80).unwrap().rules[0].conditions = conditions("Shop.Example", "X-Env");
    settle(&memory, &target);
    target.listeners.get_mut(&80).unwrap().rules[0].conditions = conditions("shop.example", "x-env");
    assert_eq!(writes(&memory, &target), Vec::<&str>::new());
}

#[test]
fn the_weight_of_a_single_group_says_nothing_unless_it_is_zero() {
    let memory = account();
    settle(&memory, &http(&[("/a", &[("a", 1)])]));
    assert_eq!(
        writes(&memory, &http(&[("/a", &[("a", 77)])])),
        Vec::<&str>::new()
    );
    assert_eq!(writes(&memory, &http(&[("/a", &[("a", 0)])])), ["ModifyRule"]);
}

/// A backend whose group cannot be made hurts its own rule alone.
#[test]
fn a_broken_backend_hurts_only_its_own_rules() {
    let memory = account();
    let mut target = http(&[("/good", &[("good", 1)]), ("/bad", &[("bad", 1)])]);
    for group in target.target_groups.values_mut() {
        if group.name.contains("bad") {
            group.name = "-not-a-name-".into();
        }
    }
    let outcome = run(&memory, &target);
    assert_eq!(outcome.errors().count(), 1, "{outcome:?}");
    let rules = memory
        .contents()
        .into_keys()
        .filter(|resource| resource.kind == "rule");
    assert_eq!(rules.count(), 1);
    assert_eq!(outcome.addresses.assigned.len(), 1);
}

/// AWS tells no secrets, so that a change is seen by a tag; and no text of ours holds one.
#[test]
fn a_new_secret_of_a_client_is_written_once_and_shown_nowhere() {
    let memory = account();
    let mut target = managed(bare(), &[443]);
    add_listener(&mut target, 443, &[("/a", &[("a", 1)])]);
    let shop = certificate(&mut target, "shop", "RSA-1");
    let listener = target.listeners.get_mut(&443).unwrap();
    listener.tls = Some(tls(shop, &[]));
    listener.rules[0].before = Some(oidc("first-hidden-word"));
    let outcome = settle(&memory, &target);
    assert_eq!(writes(&memory, &target), Vec::<&str>::new());
    target.listeners.get_mut(&443).unwrap().rules[0].before = Some(oidc("second-hidden-word"));
    let driver = driver(&memory, 0);
    let observed = drive(driver.observe(&target.gateway)).unwrap().unwrap();
    let plan = driver.plan(Some(&target), &observed);
    let changes = plan.changes.iter().cloned();
    let changes: Vec<_> = changes
        .map(gatewright_provider_api::contract::Change::without_step)
        .collect();
    // What `gatewright plan --output json` and the admin endpoint tell.
    let told = serde_json::to_string(&changes).unwrap();
    for shown in [format!("{plan:?} {outcome:?} {:?}", memory.contents()), told] {
        assert!(
            shown.contains("client secret, by its hash") && !shown.contains("hidden"),
            "{shown}"
        );
    }
    assert_eq!(writes(&memory, &target), ["ModifyRule", "AddTags"]);
    assert_eq!(writes(&memory, &target), Vec::<&str>::new());
    // Nobody is asked any more.
    target.listeners.get_mut(&443).unwrap().rules[0].before = None;
    assert_eq!(writes(&memory, &target), ["ModifyRule"]);
    assert_eq!(writes(&memory, &target), Vec::<&str>::new());
}
