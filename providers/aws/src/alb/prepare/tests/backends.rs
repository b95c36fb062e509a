//! Security groups of backends.

use super::*;

#[test]
fn load_balancers_share_a_group_where_nodes_were_given_over() {
    let prepared = |given: bool, spec: serde_json::Value| {
        let memory = Memory::new(AlbLimits::default(), Delays::default());
        if given {
            memory.give_nodes("blue");
            memory.give_nodes_of("sg-given-1", "green");
        }
        let settings = crate::alb::Settings {
            cluster: "blue".into(),
            drain: std::time::Duration::ZERO,
            vpc: Some("vpc-1".into()),
        };
        let driver = ElbDriver::new(Connection(Arc::new(memory)), settings, || 0);
        let mut spec = serde_json::json!({"access": spec});
        spec["subnets"] = json!({"ids": ["subnet-a", "subnet-b"]});
        let parameters = AwsAlb {
            balancer: serde_json::from_value(spec).unwrap(),
            ..AwsAlb::default()
        };
        let request = contract::Request {
            balancer: Arc::new(balancer()),
            uid: "".into(),
            parameters: Parameters::AwsAlb(Arc::new(parameters)),
        };
        drive(driver.prepare(&request)).unwrap().unwrap()
    };
    let backend = |request: &Request| request.target.balancer.access.backend.clone();
    let shared = prepared(true, json!({}));
    let Some(Backend::Shared(group)) = backend(&shared) else {
        panic!("{shared:?}");
    };
    assert_eq!(group.nodes, BTreeSet::from(["sg-given-2".into()]));
    assert!(group.name.starts_with("gw-backends-"), "{}", group.name);
    assert_eq!(shared.fault, None);
    for (given, spec) in [(false, json!({})), (true, json!({"manageBackendRules": false}))] {
        let request = prepared(given, spec);
        assert_eq!((backend(&request), request.fault), (None, None));
    }
    let request = prepared(true, json!({"backendSecurityGroups": ["sg-0123456789abcdef0"]}));
    assert_eq!(
        backend(&request),
        Some(Backend::Given(["sg-0123456789abcdef0".into()].into()))
    );
    // Asked for, and nowhere to put rules: the Gateway says so, and serves.
    let request = prepared(false, json!({"manageBackendRules": true}));
    assert_eq!(backend(&request), None);
    let fault = request.fault.unwrap();
    assert!(
        fault.message.contains("tag gatewright.dev/nodes=blue"),
        "{fault:?}"
    );
}
