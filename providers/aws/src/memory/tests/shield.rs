//! Protection of load balancers by Shield Advanced.

use super::forms::{account, end, http, settle, writes};
use crate::memory::Memory;
use crate::owner::SHIELD;
use gatewright_aws_core::alb::Target;

fn form(shield: bool) -> Target {
    let mut target = http(&[("/a", &[("a", 1)])]);
    target.shield = shield;
    target
}

fn protections(memory: &Memory) -> Vec<String> {
    let contents = memory.contents().into_keys();
    let found = contents.filter(|resource| resource.kind == "protection");
    found.map(|resource| resource.id.to_string()).collect()
}

fn is_noted(memory: &Memory) -> bool {
    let contents = memory.contents();
    let mut balancers = contents
        .iter()
        .filter(|(resource, _)| resource.kind == "load balancer");
    balancers.any(|(_, text)| text.contains(SHIELD))
}

#[test]
fn a_protection_comes_is_put_back_and_goes() {
    let memory = account();
    let (with, without) = (form(true), form(false));
    settle(&memory, &without);
    assert_eq!(writes(&memory, &with), ["AddTags", "CreateProtection"]);
    assert_eq!(protections(&memory), ["gatewright gw-internal"]);
    assert_eq!(writes(&memory, &with), Vec::<&str>::new());
    let of = memory
        .contents()
        .into_keys()
        .find(|resource| resource.kind == "protection");
    memory.lose(&of.unwrap());
    assert_eq!(writes(&memory, &with), ["CreateProtection"]);
    assert_eq!(writes(&memory, &without), ["DeleteProtection", "RemoveTags"]);
    assert!(protections(&memory).is_empty() && !is_noted(&memory));
    assert_eq!(writes(&memory, &without), Vec::<&str>::new());
}

/// One that somebody else made protects as well, and is theirs.
#[test]
fn somebody_elses_protection_does_and_stays() {
    let memory = account();
    settle(&memory, &form(false));
    memory.plant_protection("gw-internal", "theirs");
    assert_eq!(writes(&memory, &form(false)), Vec::<&str>::new());
    assert_eq!(writes(&memory, &form(true)), ["AddTags", "CreateProtection"]);
    assert_eq!(writes(&memory, &form(true)), Vec::<&str>::new());
    assert_eq!(writes(&memory, &form(false)), ["RemoveTags"]);
    assert_eq!(protections(&memory), ["theirs"]);
}

#[test]
fn it_goes_before_its_load_balancer() {
    let memory = account();
    let target = form(true);
    settle(&memory, &target);
    end(&memory, &target);
    assert!(
        memory
            .contents()
            .keys()
            .all(|resource| resource.kind != "protection")
    );
}
