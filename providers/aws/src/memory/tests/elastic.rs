//! Elastic IP addresses by their tags.

use super::forms::account;
use super::network::driver;
use crate::memory::Memory;
use crate::owner::Tags;
use gatewright_core::graph::parameters::{AwsAlb, Parameters};
use gatewright_crds::own::aws::{Scheme, SubnetChoice};
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{self, Prepare, converge};
use gatewright_provider_api::suite::drive;
use std::collections::BTreeMap;
use std::sync::Arc;

fn tag(memory: &Memory, number: u8, value: &str) {
    let tags = Tags::from([("role".into(), value.into())]);
    memory
        .state()
        .elastic_tags
        .insert([203, 0, 113, number].into(), tags);
}

/// Runs until nothing changes; answers its addresses by subnet, and what is wrong with them.
fn settled(
    memory: &Arc<Memory>,
    gateway: &str,
    accepted: &[&str],
) -> (BTreeMap<String, String>, Option<String>) {
    let balancer = LoadBalancer::bare(ObjectName::new("infra", gateway), "nlb", "gatewright.dev/aws-nlb");
    let mut parameters = AwsAlb::default();
    let values = accepted.iter().map(|value| (*value).to_owned()).collect();
    parameters.balancer.scheme = Some(Scheme::InternetFacing);
    parameters.balancer.elastic_ip_tags = Some(BTreeMap::from([("role".to_owned(), values)]));
    parameters.balancer.subnets = Some(SubnetChoice {
        ids: Some(vec!["subnet-a".to_owned(), "subnet-b".to_owned()]),
        tags: None,
    });
    let asked = contract::Request {
        balancer: Arc::new(balancer),
        uid: "".into(),
        parameters: Parameters::AwsAlb(Arc::new(parameters)),
    };
    let driver = driver(memory);
    for _ in 0..10 {
        let prepared = drive(driver.prepare(&asked)).unwrap().unwrap();
        let outcome = drive(converge(&driver, &prepared)).unwrap();
        assert!(outcome.is_converged(), "{outcome:?}");
        if outcome.changes.is_empty() {
            let state = memory.state();
            let mut kept = state.balancers.values();
            let kept = kept.find(|kept| kept.of.name == prepared.target.balancer.name);
            let addresses = kept.unwrap().of.addresses.iter();
            let addresses = addresses.map(|(subnet, address)| (subnet.to_string(), address.ip.to_string()));
            let fault = prepared
                .fault
                .map(|fault| format!("{}: {}", fault.reason, fault.message));
            return (addresses.collect(), fault);
        }
    }
    panic!("it does not settle");
}

fn at(pairs: &[(&str, u8)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(zone, number)| (format!("subnet-{zone}"), format!("203.0.113.{number}")))
        .collect()
}

#[test]
fn addresses_are_found_by_tags_and_stay_where_they_are() {
    let memory = account();
    tag(&memory, 2, "edge");
    tag(&memory, 3, "edge");
    tag(&memory, 4, "other");
    assert_eq!(
        settled(&memory, "edge", &["edge"]),
        (at(&[("a", 2), ("b", 3)]), None)
    );
    // A lower one comes: nothing moves.
    tag(&memory, 1, "edge");
    assert_eq!(
        settled(&memory, "edge", &["edge"]),
        (at(&[("a", 2), ("b", 3)]), None)
    );
    // One loses its tag: that zone alone gets another.
    memory.state().elastic_tags.remove(&[203, 0, 113, 3].into());
    assert_eq!(
        settled(&memory, "edge", &["edge"]),
        (at(&[("a", 2), ("b", 1)]), None)
    );
}

/// What another load balancer has is not taken; too few are told.
#[test]
fn too_few_addresses_are_told_and_zones_without_are_left_out() {
    let memory = account();
    for number in [1, 2, 3] {
        tag(&memory, number, "edge");
    }
    settled(&memory, "edge", &[]);
    let (addresses, fault) = settled(&memory, "second", &[]);
    assert_eq!(addresses, at(&[("a", 3)]));
    let fault = fault.unwrap();
    assert!(fault.starts_with("AddressNotUsable"), "{fault}");
    assert!(fault.contains("elasticIpTags: 1 Elastic IP addresses"), "{fault}");
}
