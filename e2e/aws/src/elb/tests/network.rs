//! Network Load Balancers: `network/…` is a page of
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html>.

use super::{Bench, fixed, forward, merge, text};
use serde_json::{Value, json};

impl Bench {
    fn network(&mut self, name: &str, more: Value) -> String {
        let subnets = self.subnets();
        let mut input = json!({"Name": name, "Type": "network", "Subnets": subnets});
        merge(&mut input, more);
        text(&self.ok("CreateLoadBalancer", input)["LoadBalancers"][0]["LoadBalancerArn"])
    }

    fn below_http(&mut self, name: &str, protocol: &str) -> String {
        self.group_with(name, json!({"Protocol": protocol}))
    }

    fn elastic(&mut self) -> (String, String) {
        let made = crate::ec2::address::allocate(&mut self.account, &self.context, &json!({"Domain": "vpc"}))
            .unwrap();
        (text(&made["AllocationId"]), text(&made["PublicIp"]))
    }
}

fn listener(balancer: &str, protocol: &str, port: u16, group: &str) -> Value {
    json!({"LoadBalancerArn": balancer, "Protocol": protocol, "Port": port, "DefaultActions": [forward(group)]})
}

/// network/create-network-load-balancer, network/load-balancer-security-groups.
#[test]
fn they_stand_in_one_zone_and_without_security_groups_when_none_are_given() {
    let mut bench = Bench::new();
    let one = bench.subnets()[0].clone();
    let arn = bench.network("net", json!({"Subnets": [one]}));
    let told = bench.ok("DescribeLoadBalancers", json!({"LoadBalancerArns": [arn]}));
    let told = &told["LoadBalancers"][0];
    assert_eq!(told["Type"], "network");
    assert_eq!(told["SecurityGroups"], json!([]));
    assert_eq!(told["AvailabilityZones"].as_array().unwrap().len(), 1);
    assert!(text(&told["DNSName"]).ends_with(".elb.eu-central-1.amazonaws.com"));
    let group = bench.account.ec2.groups().next().unwrap().id.clone();
    assert_eq!(
        bench.code(
            "SetSecurityGroups",
            json!({"LoadBalancerArn": arn, "SecurityGroups": [group]})
        ),
        "InvalidConfigurationRequest"
    );
    let refused = json!({"Name": "x", "Type": "network", "Subnets": [one], "IpAddressType": "dualstack-without-public-ipv4"});
    assert_eq!(bench.code("CreateLoadBalancer", refused), "ValidationError");
}

/// `API_SetSecurityGroups`: rules count for PrivateLink unless that is switched off, of Network Load Balancers with groups.
#[test]
fn rules_count_for_private_link_until_that_is_switched_off() {
    const ENFORCED: &str = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic";
    let mut bench = Bench::new();
    let group = bench.account.ec2.groups().next().unwrap().id.clone();
    let arn = bench.network("net", json!({"SecurityGroups": [group]}));
    let told = |bench: &mut Bench, arn: &str| {
        let told = bench.ok("DescribeLoadBalancers", json!({"LoadBalancerArns": [arn]}));
        told["LoadBalancers"][0][ENFORCED].clone()
    };
    assert_eq!(told(&mut bench, &arn), "on");
    let set = json!({"LoadBalancerArn": arn, "SecurityGroups": [group], ENFORCED: "off"});
    assert_eq!(bench.ok("SetSecurityGroups", set)[ENFORCED], "off");
    // It stays so until somebody says otherwise.
    bench.ok(
        "SetSecurityGroups",
        json!({"LoadBalancerArn": arn, "SecurityGroups": [group]}),
    );
    assert_eq!(told(&mut bench, &arn), "off");
    let open = bench.network("open", json!({}));
    assert_eq!(told(&mut bench, &open), Value::Null);
    let application = bench.balancer("app");
    let set = json!({"LoadBalancerArn": application, "SecurityGroups": [group], ENFORCED: "off"});
    assert_eq!(
        bench.code("SetSecurityGroups", set),
        "InvalidConfigurationRequest"
    );
}

/// network/load-balancer-listeners, network/load-balancer-target-groups: which protocols go together.
#[test]
fn protocols_of_listeners_and_groups_go_together() {
    let mut bench = Bench::new();
    let arn = bench.network("net", json!({}));
    let groups: Vec<(&str, String)> = ["TCP", "UDP", "TCP_UDP"]
        .map(|protocol| (protocol, bench.below_http(&protocol.replace('_', "-"), protocol)))
        .into();
    let web = bench.group("web");
    let mut port = 1000;
    for (protocol, fits) in [
        ("TCP", &["TCP", "TCP_UDP"][..]),
        ("UDP", &["UDP", "TCP_UDP"]),
        ("TCP_UDP", &["TCP_UDP"]),
    ] {
        for (of, group) in &groups {
            port += 1;
            let input = listener(&arn, protocol, port, group);
            if fits.contains(of) {
                bench.ok("CreateListener", input);
            } else {
                assert_eq!(
                    bench.code("CreateListener", input),
                    "IncompatibleProtocols",
                    "{protocol} to {of}"
                );
            }
        }
        let input = listener(&arn, protocol, 2000, &web);
        assert_eq!(bench.code("CreateListener", input), "IncompatibleProtocols");
    }
    let input = listener(&arn, "HTTP", 2000, &web);
    assert_eq!(bench.code("CreateListener", input), "UnsupportedProtocol");
    let application = bench.balancer("app");
    let input = listener(&application, "TCP", 2000, &groups[0].1);
    assert_eq!(bench.code("CreateListener", input), "UnsupportedProtocol");
    let mut input = listener(&arn, "TCP", 2000, &groups[0].1);
    merge(&mut input, json!({"DefaultActions": [fixed("404")]}));
    assert_eq!(bench.code("CreateListener", input), "InvalidLoadBalancerAction");
    // TLS needs a certificate.
    let input = listener(&arn, "TLS", 2000, &groups[0].1);
    assert_eq!(bench.code("CreateListener", input), "ValidationError");
}

/// Weighted target groups: 0 to 999 (API_TargetGroupTuple).
#[test]
fn a_listener_forwards_by_weights() {
    let mut bench = Bench::new();
    let arn = bench.network("net", json!({}));
    let (one, two) = (bench.below_http("one", "TCP"), bench.below_http("two", "TCP"));
    let weighted = |weight: u32| {
        json!({"Type": "forward", "ForwardConfig": {"TargetGroups": [
            {"TargetGroupArn": one, "Weight": 9}, {"TargetGroupArn": two, "Weight": weight}]}})
    };
    let mut input = listener(&arn, "TCP", 80, &one);
    merge(&mut input, json!({"DefaultActions": [weighted(1)]}));
    let made = bench.ok("CreateListener", input);
    let made = &made["Listeners"][0];
    assert_eq!(
        made["DefaultActions"][0]["ForwardConfig"]["TargetGroups"][1]["Weight"],
        1
    );
    let input = json!({"ListenerArn": made["ListenerArn"], "DefaultActions": [weighted(1000)]});
    assert_eq!(bench.code("ModifyListener", input), "ValidationError");
    // Both are in use now.
    assert_eq!(
        bench.code("DeleteTargetGroup", json!({"TargetGroupArn": two})),
        "ResourceInUse"
    );
}

/// API_SubnetMapping, API_SetSubnets.
#[test]
fn elastic_addresses_belong_to_subnets() {
    let mut bench = Bench::new();
    let subnets = bench.subnets();
    let (first, ip) = bench.elastic();
    let (second, _) = bench.elastic();
    let mapping = |subnet: &String, allocation: &str| json!({"SubnetId": subnet, "AllocationId": allocation});
    let arn = bench.network(
        "net",
        json!({"Subnets": null, "Scheme": "internet-facing", "SubnetMappings": [mapping(&subnets[0], &first)]}),
    );
    let told = bench.ok("DescribeLoadBalancers", json!({"LoadBalancerArns": [arn]}));
    let address = &told["LoadBalancers"][0]["AvailabilityZones"][0]["LoadBalancerAddresses"][0];
    assert_eq!(address["IpAddress"], json!(ip));
    assert_eq!(address["AllocationId"], json!(first));
    // Another zone with another address can be added; that of the first cannot change while it is enabled.
    let both = json!([mapping(&subnets[0], &first), mapping(&subnets[1], &second)]);
    bench.ok(
        "SetSubnets",
        json!({"LoadBalancerArn": arn, "SubnetMappings": both}),
    );
    let swapped = json!([mapping(&subnets[0], &second)]);
    assert_eq!(
        bench.code(
            "SetSubnets",
            json!({"LoadBalancerArn": arn, "SubnetMappings": swapped})
        ),
        "InvalidConfigurationRequest"
    );
    // In use by this one.
    let input = json!({"Name": "other", "Type": "network", "Scheme": "internet-facing",
        "SubnetMappings": [mapping(&subnets[0], &first)]});
    assert_eq!(bench.code("CreateLoadBalancer", input), "ResourceInUse");
    let internal = json!({"Name": "other", "Type": "network", "Scheme": "internal",
        "SubnetMappings": [mapping(&subnets[0], &second)]});
    assert_eq!(
        bench.code("CreateLoadBalancer", internal),
        "InvalidConfigurationRequest"
    );
}

/// network/create-listener, "Prerequisites"; API_TargetDescription.
#[test]
fn quic_goes_together_with_little() {
    let mut bench = Bench::new();
    let arn = bench.network("net", json!({}));
    let (quic, udp) = (bench.below_http("quic", "QUIC"), bench.below_http("udp", "UDP"));
    bench.ok("CreateListener", listener(&arn, "QUIC", 443, &quic));
    for (protocol, group) in [("UDP", &udp), ("QUIC", &quic)] {
        assert_eq!(
            bench.code("CreateListener", listener(&arn, protocol, 53, group)),
            "InvalidConfigurationRequest"
        );
    }
    let group = bench.account.ec2.groups().next().unwrap().id.clone();
    let another = bench.below_http("another", "QUIC");
    let guarded = bench.network("guarded", json!({"SecurityGroups": [group]}));
    assert_eq!(
        bench.code("CreateListener", listener(&guarded, "QUIC", 443, &another)),
        "InvalidConfigurationRequest"
    );
    let register = |server: Value| {
        let mut target = json!({"Id": "127.0.0.1", "Port": 8443, "QuicServerId": server});
        if server.is_null() {
            target.as_object_mut().unwrap().remove("QuicServerId");
        }
        json!({"TargetGroupArn": quic, "Targets": [target]})
    };
    for wrong in [Value::Null, json!("0x1"), json!("0x00000000000000AA")] {
        assert_eq!(bench.code("RegisterTargets", register(wrong)), "ValidationError");
    }
    bench.ok("RegisterTargets", register(json!("0x00000000000000aa")));
    assert_eq!(
        bench.code("RegisterTargets", register(json!("0x00000000000000ab"))),
        "InvalidTarget"
    );
}

/// network/edit-target-group-attributes.
#[test]
fn clients_of_datagrams_are_always_seen() {
    let mut bench = Bench::new();
    let (tcp, udp) = (bench.below_http("tcp", "TCP"), bench.below_http("udp", "UDP"));
    let set = |group: &str, value: &str| json!({"TargetGroupArn": group, "Attributes": [{"Key": "preserve_client_ip.enabled", "Value": value}]});
    bench.ok("ModifyTargetGroupAttributes", set(&tcp, "true"));
    bench.ok("ModifyTargetGroupAttributes", set(&tcp, "false"));
    assert_eq!(
        bench.code("ModifyTargetGroupAttributes", set(&udp, "false")),
        "InvalidConfigurationRequest"
    );
}

/// network/application-load-balancer-target.
#[test]
fn an_application_load_balancer_can_be_a_target() {
    let mut bench = Bench::new();
    let application = bench.balancer("app");
    let group = bench.group_with("alb", json!({"Protocol": "TCP", "TargetType": "alb", "Port": 80}));
    let register = json!({"TargetGroupArn": group, "Targets": [{"Id": application}]});
    // It has no listener on the port yet.
    assert_eq!(bench.code("RegisterTargets", register.clone()), "InvalidTarget");
    bench.listener(&application, 80);
    bench.ok("RegisterTargets", register);
    let network = bench.network("net", json!({}));
    bench.ok("CreateListener", listener(&network, "TCP", 80, &group));
    let register = json!({"TargetGroupArn": group, "Targets": [{"Id": network}]});
    assert_eq!(bench.code("RegisterTargets", register), "InvalidTarget");
}
