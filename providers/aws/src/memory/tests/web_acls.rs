//! Web ACLs in front of load balancers.

use super::forms::{account, http, run, settle, web_acl, writes};
use crate::memory::Memory;
use crate::owner::WEB_ACL;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::Target;

fn form(acl: Option<&str>) -> Target {
    let mut target = http(&[("/a", &[("a", 1)])]);
    target.web_acl = acl.map(web_acl);
    target
}

/// What is known of the load balancer.
fn balancer(memory: &Memory) -> String {
    let contents = memory.contents();
    let found = contents
        .iter()
        .find(|(resource, _)| resource.kind == "load balancer");
    found.unwrap().1.clone()
}

fn stands(memory: &Memory, acl: &Str) -> bool {
    balancer(memory).contains(&format!("Some(\"{acl}\") tags"))
}

#[test]
fn a_web_acl_comes_changes_is_put_back_and_goes() {
    let memory = account();
    let (first, second) = (form(Some("first")), form(Some("second")));
    settle(&memory, &first);
    assert!(stands(&memory, &web_acl("first")), "{}", balancer(&memory));
    assert_eq!(writes(&memory, &first), Vec::<&str>::new());
    assert_eq!(writes(&memory, &second), ["AssociateWebACL", "AddTags"]);
    assert_eq!(writes(&memory, &second), Vec::<&str>::new());
    // Somebody takes it away, or puts another one there.
    memory.set_web_acl("gw-internal", None);
    assert_eq!(writes(&memory, &second), ["AssociateWebACL"]);
    memory.set_web_acl("gw-internal", Some(&web_acl("theirs")));
    assert_eq!(writes(&memory, &second), ["AssociateWebACL"]);
    assert!(stands(&memory, &web_acl("second")), "{}", balancer(&memory));
    assert_eq!(writes(&memory, &form(None)), ["DisassociateWebACL", "RemoveTags"]);
    assert!(!balancer(&memory).contains("webacl"), "{}", balancer(&memory));
    assert!(!balancer(&memory).contains(WEB_ACL));
}

/// Users of AWS Firewall Manager have web ACLs put there by others.
#[test]
fn without_the_parameter_nobodys_web_acl_is_touched() {
    let memory = account();
    let plain = form(None);
    settle(&memory, &plain);
    memory.set_web_acl("gw-internal", Some(&web_acl("theirs")));
    assert_eq!(writes(&memory, &plain), Vec::<&str>::new());
    assert!(stands(&memory, &web_acl("theirs")), "{}", balancer(&memory));
}

/// A new load balancer does not listen before it stands behind the web ACL; one that listens goes on.
#[test]
fn nobody_comes_in_before_the_first_one_is_there() {
    let memory = account();
    let mut target = form(None);
    let wrong: Str =
        "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/00000000-0000-4000-8000-000000000000".into();
    target.web_acl = Some(wrong.clone());
    let outcome = run(&memory, &target);
    let errors: Vec<String> = outcome.errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("WAFInvalidParameterException"), "{errors:?}");
    assert!(
        memory
            .contents()
            .keys()
            .all(|resource| resource.kind != "listener")
    );
    settle(&memory, &form(Some("first")));
    assert!(
        memory
            .contents()
            .keys()
            .any(|resource| resource.kind == "listener")
    );
    // Another one that cannot be: routes are served on, behind the one before.
    let mut next = http(&[("/a", &[("a", 1)]), ("/b", &[("b", 1)])]);
    next.web_acl = Some(wrong);
    let outcome = run(&memory, &next);
    assert_eq!(outcome.errors().count(), 1);
    assert!(stands(&memory, &web_acl("first")), "{}", balancer(&memory));
    let rules = memory
        .contents()
        .into_keys()
        .filter(|resource| resource.kind == "rule");
    assert_eq!(rules.count(), 2);
}
