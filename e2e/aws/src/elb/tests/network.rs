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

    pub(super) fn elastic(&mut self) -> (String, String) {
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

/// API_CreateRule, API_RuleCondition, network/create-rule: rules of dual-stack load balancers by the type of clients' addresses.
#[test]
fn rules_tell_clients_apart_by_the_type_of_their_addresses() {
    let mut bench = Bench::new();
    let arn = bench.network("net", json!({}));
    let (tcp, udp) = (bench.below_http("tcp", "TCP"), bench.below_http("udp", "UDP"));
    let made = bench.ok("CreateListener", listener(&arn, "TCP", 80, &tcp));
    let on = text(&made["Listeners"][0]["ListenerArn"]);
    let source = |kind: &str| json!({"Field": "source-ip", "SourceIpConfig": {"IpAddressType": kind}});
    let rule = |on: &str, group: &str, more: Value| {
        let mut input = json!({
            "ListenerArn": on, "Priority": 1, "Conditions": [source("ipv4")], "Actions": [forward(group)],
        });
        merge(&mut input, more);
        input
    };
    assert_eq!(
        bench.code("CreateRule", rule(&on, &tcp, json!({}))),
        "OperationNotPermitted"
    );
    // The networks of this account have no IPv6: the load balancer is made dual-stack by hand.
    let balancer = bench.account.elb.balancers.get_mut(&arn).unwrap();
    "dualstack".clone_into(&mut balancer.ip_address_type);
    balancer.source_nat = true;
    for refused in [
        json!({"Conditions": [source("ipv5")]}),
        json!({"Conditions": [source("ipv4"), source("ipv6")]}),
        json!({"Conditions": [{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}]}),
        json!({"Conditions": [super::path("/a")]}),
        json!({"Transforms": [{"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "a", "Replace": "b"}]}}]}),
    ] {
        let input = rule(&on, &tcp, refused.clone());
        assert_eq!(bench.code("CreateRule", input), "ValidationError", "{refused}");
    }
    assert_eq!(
        bench.code("CreateRule", rule(&on, &tcp, json!({"Actions": [fixed("404")]}))),
        "InvalidLoadBalancerAction"
    );
    let made = bench.ok("CreateRule", rule(&on, &tcp, json!({})));
    assert_eq!(made["Rules"][0]["Conditions"], json!([source("ipv4")]));
    assert_eq!(
        bench.code("CreateRule", rule(&on, &tcp, json!({}))),
        "PriorityInUse"
    );
    let first = text(&made["Rules"][0]["RuleArn"]);
    bench.ok(
        "ModifyRule",
        json!({"RuleArn": first, "Conditions": [source("ipv6")]}),
    );
    bench.ok("CreateRule", rule(&on, &tcp, json!({"Priority": 2})));
    let told = bench.ok("DescribeRules", json!({"ListenerArn": on}));
    let kinds = told["Rules"].as_array().unwrap().iter();
    let kinds: Vec<&Value> = kinds
        .map(|rule| &rule["Conditions"][0]["SourceIpConfig"]["IpAddressType"])
        .collect();
    assert_eq!(kinds, [&json!("ipv6"), &json!("ipv4"), &Value::Null]);
    bench.ok("DeleteRule", json!({"RuleArn": first}));
    // Datagrams of a dual-stack load balancer go to IPv6 targets, those of IPv4 clients to IPv4 ones as well.
    let (next, further) = (
        bench.below_http("next", "UDP"),
        bench.below_http("further", "UDP"),
    );
    let next_group = bench.account.elb.groups.get_mut(&next).unwrap();
    "ipv6".clone_into(&mut next_group.ip_address_type);
    let made = bench.ok("CreateListener", listener(&arn, "UDP", 53, &next));
    let datagrams = text(&made["Listeners"][0]["ListenerArn"]);
    bench.ok("CreateRule", rule(&datagrams, &udp, json!({})));
    let to_ipv6 = json!({"Priority": 2, "Conditions": [source("ipv6")]});
    assert_eq!(
        bench.code("CreateRule", rule(&datagrams, &further, to_ipv6)),
        "InvalidConfigurationRequest"
    );
    // QUIC has none.
    let quic = bench.below_http("quic", "QUIC");
    let other = bench.network("other", json!({}));
    let made = bench.ok("CreateListener", listener(&other, "QUIC", 443, &quic));
    let balancer = bench.account.elb.balancers.get_mut(&other).unwrap();
    "dualstack".clone_into(&mut balancer.ip_address_type);
    let on = text(&made["Listeners"][0]["ListenerArn"]);
    assert_eq!(
        bench.code("CreateRule", rule(&on, &quic, json!({}))),
        "UnsupportedProtocol"
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

/// network/load-balancer-limits: "Targets per Availability Zone per Network Load Balancer", and with cross-zone load balancing
/// "the maximum number of targets per load balancer is 500, regardless of the number of Availability Zones".
#[test]
fn targets_of_a_zone_are_limited() {
    let mut bench = Bench::new();
    let zone = "targets-per-availability-zone-per-network-load-balancer";
    assert!(bench.account.elb.limits.set(zone, 2));
    let arn = bench.network("net", json!({}));
    let group = bench.below_http("pods", "TCP");
    bench.ok("CreateListener", listener(&arn, "TCP", 80, &group));
    let register = |zone: &str, number: u8| {
        let target = json!({"Id": format!("10.99.0.{number}"), "Port": 80, "AvailabilityZone": zone});
        json!({"TargetGroupArn": group, "Targets": [target]})
    };
    for (zone, number) in [("eu-central-1a", 1), ("eu-central-1a", 2), ("eu-central-1b", 3)] {
        bench.ok("RegisterTargets", register(zone, number));
    }
    assert_eq!(
        bench.code("RegisterTargets", register("eu-central-1a", 4)),
        "TooManyTargets"
    );
    bench.ok("RegisterTargets", register("eu-central-1b", 4));
    // What is in all zones counts for each.
    assert_eq!(
        bench.code("RegisterTargets", register("all", 5)),
        "TooManyTargets"
    );
    // A second group of the same targets counts again.
    let second = bench.below_http("again", "TCP");
    let target = json!({"Id": "10.99.0.1", "Port": 80, "AvailabilityZone": "eu-central-1a"});
    bench.ok(
        "RegisterTargets",
        json!({"TargetGroupArn": second, "Targets": [target]}),
    );
    assert_eq!(
        bench.code("CreateListener", listener(&arn, "TCP", 81, &second)),
        "TooManyTargets"
    );
    // Across zones all count together.
    let crossing = bench.network("crossing", json!({}));
    bench.ok(
        "ModifyLoadBalancerAttributes",
        json!({"LoadBalancerArn": crossing, "Attributes": [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]}),
    );
    bench.ok("CreateListener", listener(&crossing, "TCP", 80, &second));
    let register = |zone: &str, number: u8| {
        let target = json!({"Id": format!("10.99.0.{number}"), "Port": 80, "AvailabilityZone": zone});
        json!({"TargetGroupArn": second, "Targets": [target]})
    };
    bench.ok("RegisterTargets", register("eu-central-1b", 2));
    assert_eq!(
        bench.code("RegisterTargets", register("eu-central-1c", 3)),
        "TooManyTargets"
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
