use super::{ALL, Kind, Scope, find};
use crate::limiter::Bucket;
use std::collections::BTreeSet;

#[test]
fn calls_are_listed_once() {
    let mut seen = BTreeSet::new();
    for call in ALL {
        assert!(
            seen.insert((call.service, call.operation)),
            "{} twice",
            call.operation
        );
        assert!(!call.why.is_empty() && !call.on.is_empty());
    }
}

#[test]
fn a_write_is_never_allowed_on_everything() {
    for call in ALL.iter().filter(|call| call.writes()) {
        assert_ne!(call.scope, Scope::Always, "{}", call.operation);
        assert!(!call.on.contains(&Kind::Any), "{}", call.operation);
    }
}

#[test]
fn reads_and_writes_draw_on_different_buckets() {
    let buckets = |writes: bool| -> BTreeSet<Bucket> {
        ALL.iter()
            .filter(|call| call.writes() == writes)
            .map(|call| call.bucket)
            .collect()
    };
    assert_eq!(buckets(true).intersection(&buckets(false)).count(), 0);
}

#[test]
fn a_call_is_found_by_the_names_of_the_sdk() {
    let call = find("Elastic Load Balancing v2", "SetRulePriorities").unwrap();
    assert_eq!(
        call.action().as_deref(),
        Some("elasticloadbalancing:SetRulePriorities")
    );
    assert_eq!(find("Elastic Load Balancing v2", "DeleteTrustStore"), None);
    assert_eq!(find("EC2", "RunInstances"), None);
}
