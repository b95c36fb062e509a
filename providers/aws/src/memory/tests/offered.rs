//! Load balancers of others that have the Gateway's tags before it takes them over.

use super::forms::{account, add_listener, bare, driver, http, pass, request};
use crate::cloud::{Arn, Balancers, NewBalancer};
use crate::memory::{Connection, Memory};
use crate::owner::{CLUSTER, GATEWAY, Tags};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Scheme};
use gatewright_provider_api::contract::{Outcome, Resource, converge, remove};
use gatewright_provider_api::suite::drive;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Seconds that a replaced load balancer stays.
const DRAIN: u64 = 300;

/// Its owner makes `theirs`, and gives it over.
pub(super) fn offer(memory: &Arc<Memory>) {
    let new = NewBalancer {
        name: "theirs".into(),
        kind: BalancerKind::Application,
        scheme: Scheme::Internal,
        ip_address_type: IpAddressType::Ipv4,
        ipam_pool: None,
        customer_owned_pool: None,
        subnets: ["subnet-a".into(), "subnet-b".into()].into(),
        addresses: BTreeMap::new(),
        ipv6: gatewright_aws_core::network::Ipv6::default(),
        security_groups: [Arn("sg-given-1".into())].into(),
        tags: Tags::from([
            (CLUSTER.into(), "blue".into()),
            (GATEWAY.into(), bare().gateway.to_string().into()),
        ]),
    };
    let connection = Connection(Arc::clone(memory));
    drive(connection.create_balancer(&new)).unwrap().unwrap();
}

fn own() -> Target {
    http(&[("/*", &[("a", 1)])])
}

/// `adopt` names it.
fn adopting() -> Target {
    let mut target = bare();
    target.balancer.name = "theirs".into();
    add_listener(&mut target, 80, &[("/*", &[("a", 1)])]);
    target
}

fn round(memory: &Arc<Memory>, target: &Target) -> Outcome {
    let outcome = drive(converge(&driver(memory, DRAIN), &request(target.clone()))).unwrap();
    assert!(outcome.is_converged(), "{outcome:#?}");
    outcome
}

fn balancer(memory: &Memory, name: &str) -> Option<String> {
    let contents = memory.contents();
    let of_it = |found: &&Resource| found.kind == "load balancer" && &*found.id == name;
    contents.keys().find(of_it).map(|found| contents[found].clone())
}

/// Somebody tags a load balancer and never writes `adopt`, or writes it a week later.
#[test]
fn what_is_given_over_and_not_taken_stays_untouched() {
    let memory = account();
    offer(&memory);
    let untouched = balancer(&memory, "theirs");
    assert!(untouched.is_some());
    round(&memory, &own());
    for _ in 0..4 {
        pass(DRAIN);
        assert_eq!(round(&memory, &own()).changes, []);
        assert_eq!(balancer(&memory, "theirs"), untouched);
    }
    let removed = drive(remove(&driver(&memory, DRAIN), &own().gateway)).unwrap();
    assert!(removed.is_converged(), "{removed:#?}");
    assert_eq!(balancer(&memory, "theirs"), untouched);
    assert_eq!(balancer(&memory, "gw-internal"), None);
}

/// Once it is taken over it is the Gateway's, and the former one goes.
#[test]
fn what_is_taken_over_goes_with_the_gateway() {
    let memory = account();
    offer(&memory);
    round(&memory, &own());
    round(&memory, &adopting());
    round(&memory, &adopting());
    pass(DRAIN);
    round(&memory, &adopting());
    assert_eq!(balancer(&memory, "gw-internal"), None);
    let removed = drive(remove(&driver(&memory, DRAIN), &own().gateway)).unwrap();
    assert!(removed.is_converged(), "{removed:#?}");
    assert_eq!(balancer(&memory, "theirs"), None);
}
