//! Load balancers on an AWS Outpost, with addresses of its pool.

use super::*;

/// What converging does, change by change, until nothing is left.
fn changes(memory: &Arc<Memory>, spec: &serde_json::Value) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..10 {
        let request = prepared(memory, spec.clone()).unwrap();
        let outcome = drive(contract::converge(&driver(memory), &request)).unwrap();
        if outcome.is_converged() && outcome.changes.is_empty() {
            return found;
        }
        found.extend(outcome.changes.iter().map(|change| change.summary.clone()));
    }
    panic!("it does not settle: {found:?}");
}

fn name(memory: &Arc<Memory>, spec: &serde_json::Value) -> String {
    let request = prepared(memory, spec.clone()).unwrap();
    request.target.balancer.name.to_string()
}

/// No call changes the pool of a load balancer: another one comes first, then the one before goes.
#[test]
fn a_pool_is_another_load_balancer_beside_the_one_before() {
    let memory = Arc::new(Memory::new(AlbLimits::default(), Delays::default()));
    memory.plant_outpost("subnet-outpost");
    let region = json!({"subnets": subnets()});
    let on = |pool: &str| {
        let pool = format!("ipv4pool-coip-{pool}");
        json!({"subnets": {"ids": ["subnet-outpost"]}, "customerOwnedIpv4Pool": pool})
    };
    let mut before = region.clone();
    changes(&memory, &before);
    for after in [on("1"), on("2"), region] {
        let (old, new) = (name(&memory, &before), name(&memory, &after));
        assert_ne!(old, new);
        let done = changes(&memory, &after);
        let at = |beginning: String| {
            let found = done.iter().position(|summary| summary.starts_with(&beginning));
            found.unwrap_or_else(|| panic!("no {beginning} in {done:#?}"))
        };
        let created = at(format!("create load balancer {new}"));
        assert!(created < at(format!("delete load balancer {old}")), "{done:#?}");
        let cloud = Connection(Arc::clone(&memory));
        let there = |name: &str| drive(cloud.balancer_named(name)).unwrap().unwrap();
        assert_eq!(there(&old), None);
        let pool = there(&new).unwrap().customer_owned_pool;
        assert_eq!(pool.as_deref(), after["customerOwnedIpv4Pool"].as_str());
        before = after;
    }
}

/// A subnet of the Outpost is enough, as AWS has it; a pool needs one.
#[test]
fn a_pool_needs_the_subnet_of_an_outpost() {
    let memory = Arc::new(Memory::new(AlbLimits::default(), Delays::default()));
    memory.plant_outpost("subnet-outpost");
    let without = prepared(&memory, json!({"subnets": {"ids": ["subnet-outpost"]}})).unwrap();
    assert_eq!(without.unsupported, []);
    assert_eq!(without.target.balancer.customer_owned_pool, None);
    let spec = json!({"subnets": {"ids": ["subnet-a"]}, "customerOwnedIpv4Pool": "ipv4pool-coip-1"});
    let error = prepared(&memory, spec).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("subnet-a is of no AWS Outpost"), "{error}");
}
