//! Load balancers that exist already and are given over.

use super::*;

/// kubernetes-sigs/aws-load-balancer-controller#228, #4482: load balancers that exist are to be taken over.
#[test]
fn a_load_balancer_is_taken_over_when_its_owner_gives_it() {
    let memory = Arc::new(Memory::new(AlbLimits::default(), Delays::default()));
    let theirs = Connection(Arc::clone(&memory));
    let new = NewBalancer {
        name: "theirs".into(),
        kind: BalancerKind::Application,
        scheme: Scheme::InternetFacing,
        ip_address_type: IpAddressType::Ipv4,
        ipam_pool: None,
        customer_owned_pool: None,
        subnets: ["subnet-b".into(), "subnet-c".into()].into(),
        addresses: BTreeMap::new(),
        ipv6: gatewright_aws_core::network::Ipv6::default(),
        security_groups: [Arn("sg-given-1".into())].into(),
        tags: Tags::from([("team".into(), "web".into())]),
    };
    let arn = drive(theirs.create_balancer(&new)).unwrap().unwrap();
    let settings = crate::alb::Settings {
        cluster: "blue".into(),
        drain: std::time::Duration::ZERO,
        vpc: None,
    };
    let driver = ElbDriver::new(Connection(Arc::clone(&memory)), settings, || 0);
    let prepared = |spec: serde_json::Value| {
        let parameters = AwsAlb {
            balancer: serde_json::from_value(spec).unwrap(),
            ..AwsAlb::default()
        };
        let request = contract::Request {
            balancer: Arc::new(balancer()),
            uid: "".into(),
            parameters: Parameters::AwsAlb(Arc::new(parameters)),
        };
        drive(driver.prepare(&request)).unwrap()
    };
    let message = |spec| prepared(spec).unwrap_err().to_string();
    assert_eq!(
        message(json!({"adopt": "gone"})),
        "load balancer gone: adopt: it does not exist in this account and region"
    );
    assert_eq!(
        message(json!({"adopt": "theirs"})),
        "load balancer theirs: adopt: its owner has not given it over: it lacks the tags gatewright.dev/cluster=blue and \
         gatewright.dev/gateway=n/g"
    );
    let half = Tags::from([(CLUSTER.into(), "blue".into())]);
    let arns = [arn];
    drive(theirs.add_tags(Kind::Balancer, &arns, &half))
        .unwrap()
        .unwrap();
    assert!(message(json!({"adopt": "theirs"})).ends_with("it lacks the tags gatewright.dev/gateway=n/g"));
    let marks = Tags::from([(GATEWAY.into(), "n/g".into())]);
    drive(theirs.add_tags(Kind::Balancer, &arns, &marks))
        .unwrap()
        .unwrap();
    assert!(
        message(json!({"adopt": "theirs", "scheme": "Internal"})).contains("its scheme is InternetFacing")
    );
    let vpc = json!({"adopt": "theirs", "vpc": "vpc-0123456789abcdef0"});
    assert!(message(vpc).contains("it stands in vpc-1"));

    let pool = json!({"adopt": "theirs", "customerOwnedIpv4Pool": "ipv4pool-coip-1"});
    assert!(message(pool).contains("its pool of customer-owned addresses is none"));

    let request = prepared(json!({"adopt": "theirs"})).unwrap();
    let wanted = &request.target.balancer;
    assert_eq!((&*wanted.name, wanted.scheme), ("theirs", Scheme::InternetFacing));
    let subnets: Vec<&str> = wanted.subnets.iter().map(|subnet| &*subnet.id).collect();
    assert_eq!(subnets, ["subnet-b", "subnet-c"]);
    assert_eq!(
        wanted.security_groups,
        SecurityGroups::Given(["sg-given-1".into()].into())
    );
    // What is there is taken as it is: it gets the tag that says what it is, keeps those of others, and leaves hosts as
    // they come.
    let outcome = drive(contract::converge(&driver, &request)).unwrap();
    assert!(outcome.is_converged(), "{outcome:?}");
    let summaries: Vec<&str> = outcome
        .changes
        .iter()
        .map(|change| change.summary.as_str())
        .collect();
    assert_eq!(
        summaries,
        [
            "update load balancer attributes theirs: they differ; routing.http.preserve_host_header.enabled from nothing \
             to \"true\"",
            "update tags load balancer theirs: its tags differ; gatewright.dev/resource from nothing to \"load balancer\""
        ]
    );
    let tags = drive(theirs.tags(&arns)).unwrap().unwrap();
    assert_eq!(tags[&arns[0]].get("team").map(|team| &**team), Some("web"));
    let balancers = memory
        .contents()
        .into_keys()
        .filter(|found| found.kind == "load balancer");
    assert_eq!(
        balancers.map(|found| found.id.to_string()).collect::<Vec<_>>(),
        ["theirs"]
    );
    assert_eq!(drive(contract::converge(&driver, &request)).unwrap().changes, []);
}
