use super::{Bench, forward, merge, text};
use crate::service::Health;
use serde_json::{Value, json};

fn create(bench: &Bench, more: Value) -> Value {
    let mut input =
        json!({"Name": "pods", "Protocol": "HTTP", "Port": 80, "VpcId": bench.vpc(), "TargetType": "ip"});
    merge(&mut input, more);
    input
}

/// `API_CreateTargetGroup`: "If you attempt to create multiple target groups with the same settings, each call
/// succeeds."
#[test]
fn creation_is_idempotent_for_the_same_settings_only() {
    let mut bench = Bench::new();
    let input = create(&bench, json!({"Tags": [{"Key": "a", "Value": "b"}]}));
    let first = bench.ok("CreateTargetGroup", input.clone());
    assert_eq!(bench.ok("CreateTargetGroup", input), first);
    for more in [
        json!({"Port": 81}),
        json!({"Protocol": "HTTPS"}),
        json!({"HealthCheckPath": "/x"}),
        json!({}),
    ] {
        let input = create(&bench, more.clone());
        assert_eq!(
            bench.code("CreateTargetGroup", input),
            "DuplicateTargetGroupName",
            "{more}"
        );
    }
}

#[test]
fn settings_are_checked() {
    let mut bench = Bench::new();
    for more in [
        json!({"Name": "a".repeat(33)}),
        json!({"Name": "-a"}),
        json!({"Protocol": null}),
        json!({"Port": null}),
        json!({"Port": 65_536}),
        json!({"VpcId": null}),
        json!({"VpcId": "vpc-0"}),
        json!({"ProtocolVersion": "HTTP3"}),
        json!({"Protocol": "TCP", "ProtocolVersion": "HTTP2"}),
        json!({"Protocol": "GENEVE", "Port": 6081}),
        json!({"TargetType": "lambda"}),
        json!({"HealthCheckProtocol": "TCP"}),
        json!({"HealthCheckEnabled": false}),
        json!({"HealthCheckIntervalSeconds": 4}),
        json!({"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 5}),
        json!({"HealthCheckPath": "healthz"}),
        json!({"HealthCheckPort": "http"}),
        json!({"HealthyThresholdCount": 1}),
        json!({"Matcher": {"HttpCode": "500"}}),
        json!({"Matcher": {"HttpCode": "200-"}}),
        json!({"Matcher": {"GrpcCode": "0"}}),
        json!({"ProtocolVersion": "GRPC", "Matcher": {"HttpCode": "200"}}),
    ] {
        let input = create(&bench, more.clone());
        assert_eq!(
            bench.code("CreateTargetGroup", input),
            "ValidationError",
            "{more}"
        );
    }
    assert!(bench.account.elb.groups().is_empty());
}

/// Defaults: `API_CreateTargetGroup`, `guide/target-group-health-checks`.
#[test]
fn defaults_are_the_documented_ones() {
    let mut bench = Bench::new();
    let told = bench.ok("CreateTargetGroup", create(&bench, json!({})));
    let told = &told["TargetGroups"][0];
    for (member, value) in [
        ("ProtocolVersion", json!("HTTP1")),
        ("HealthCheckProtocol", json!("HTTP")),
        ("HealthCheckPort", json!("traffic-port")),
        ("HealthCheckPath", json!("/")),
        ("HealthCheckIntervalSeconds", json!(30)),
        ("HealthCheckTimeoutSeconds", json!(5)),
        ("HealthyThresholdCount", json!(5)),
        ("UnhealthyThresholdCount", json!(2)),
        ("Matcher", json!({"HttpCode": "200"})),
        ("IpAddressType", json!("ipv4")),
        ("LoadBalancerArns", json!([])),
    ] {
        assert_eq!(told[member], value, "{member}");
    }
    let grpc = bench.ok(
        "CreateTargetGroup",
        create(&bench, json!({"Name": "grpc", "ProtocolVersion": "GRPC"})),
    );
    assert_eq!(grpc["TargetGroups"][0]["Matcher"], json!({"GrpcCode": "12"}));
    assert_eq!(grpc["TargetGroups"][0]["HealthCheckPath"], "/AWS.ALB/healthcheck");
}

/// `guide/target-group-protocol-version`; `API_CreateListener` lists `IncompatibleProtocols`.
#[test]
fn protocols_must_fit_the_listener() {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    let tcp = bench.group_with("tcp", json!({"Protocol": "TCP"}));
    let grpc = bench.group_with("grpc", json!({"ProtocolVersion": "GRPC"}));
    for group in [tcp, grpc] {
        let input = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": [forward(&group)]});
        assert_eq!(bench.code("CreateListener", input), "IncompatibleProtocols");
    }
}

fn ids(bench: &mut Bench, group: &str) -> Vec<(String, u64, String)> {
    let told = bench.ok("DescribeTargetHealth", json!({"TargetGroupArn": group}));
    let descriptions = told["TargetHealthDescriptions"].as_array().unwrap().iter();
    descriptions
        .map(|told| {
            (
                text(&told["Target"]["Id"]),
                told["Target"]["Port"].as_u64().unwrap(),
                text(&told["TargetHealth"]["State"]),
            )
        })
        .collect()
}

/// `API_RegisterTargets`: "You can register each EC2 instance or IP address with the same target group multiple times
/// using different ports."
#[test]
fn two_ports_of_an_address_are_two_targets() {
    let mut bench = Bench::new();
    let group = bench.group("pods");
    let targets = |ports: &[u16]| {
        let targets: Vec<Value> = ports
            .iter()
            .map(|port| json!({"Id": "127.0.0.1", "Port": port}))
            .collect();
        json!({"TargetGroupArn": group, "Targets": targets})
    };
    bench.ok("RegisterTargets", targets(&[1, 2]));
    bench.ok("RegisterTargets", targets(&[2]));
    assert_eq!(ids(&mut bench, &group).len(), 2);
    bench.ok("DeregisterTargets", targets(&[1]));
    bench.ok("DeregisterTargets", targets(&[7]));
    let left = ids(&mut bench, &group);
    assert_eq!(left, [("127.0.0.1".to_owned(), 2, "unused".to_owned())]);
}

/// `API_TargetHealth`: unused without a load balancer, then what the data plane says; draining for the deregistration
/// delay, and registered again when it is taken back.
#[test]
fn health_goes_through_its_states() {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    let group = bench.group("pods");
    let target = json!({"TargetGroupArn": group, "Targets": [{"Id": "127.0.0.1"}]});
    bench.ok("RegisterTargets", target.clone());
    let state = |bench: &mut Bench| ids(bench, &group).first().map(|(_, _, state)| state.clone());
    assert_eq!(state(&mut bench).as_deref(), Some("unused"));
    bench.ok("CreateListener", json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": [forward(&group)]}));
    bench.context.now += 1000;
    assert_eq!(state(&mut bench).as_deref(), Some("initial"));
    *bench.healths.0.lock().unwrap() = Some(Health {
        state: "healthy".to_owned(),
        reason: None,
        description: None,
    });
    assert_eq!(state(&mut bench).as_deref(), Some("healthy"));
    let delay = json!({"TargetGroupArn": group, "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "2"}]});
    bench.ok("ModifyTargetGroupAttributes", delay);
    bench.ok("DeregisterTargets", target.clone());
    assert_eq!(state(&mut bench).as_deref(), Some("draining"));
    bench.ok("RegisterTargets", target.clone());
    assert_eq!(state(&mut bench).as_deref(), Some("healthy"));
    bench.ok("DeregisterTargets", target);
    bench.context.now += 2000;
    assert_eq!(state(&mut bench), None);
    let gone = bench.ok(
        "DescribeTargetHealth",
        json!({"TargetGroupArn": group, "Targets": [{"Id": "127.0.0.1"}]}),
    );
    assert_eq!(
        gone["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"],
        "Target.NotRegistered"
    );
}

/// `API_CreateTargetGroup`, `TargetType`; `API_TargetDescription`, `AvailabilityZone`.
#[test]
fn targets_are_checked() {
    let mut bench = Bench::new();
    let (ips, instances) = (
        bench.group("ips"),
        bench.group_with("instances", json!({"TargetType": "instance"})),
    );
    for (group, target, code) in [
        (&ips, json!({"Id": "not-an-ip"}), "ValidationError"),
        (&ips, json!({"Id": "8.8.8.8"}), "InvalidTarget"),
        (&ips, json!({"Id": "10.9.9.9"}), "ValidationError"),
        (&ips, json!({"Id": "fd00::1"}), "ValidationError"),
        (
            &ips,
            json!({"Id": "127.0.0.1", "QuicServerId": "0x0123456789abcdef"}),
            "ValidationError",
        ),
        (&instances, json!({"Id": "i-0"}), "InvalidTarget"),
        (
            &instances,
            json!({"Id": "i-0", "AvailabilityZone": "all"}),
            "ValidationError",
        ),
    ] {
        let input = json!({"TargetGroupArn": group, "Targets": [target]});
        assert_eq!(bench.code("RegisterTargets", input), code, "{target}");
    }
    bench.ok(
        "RegisterTargets",
        json!({"TargetGroupArn": ips, "Targets": [{"Id": "10.9.9.9", "AvailabilityZone": "all"}]}),
    );
    bench.ok(
        "RegisterTargets",
        json!({"TargetGroupArn": ips, "Targets": [{"Id": "192.168.0.9"}]}),
    );
    let told = bench.ok("DescribeTargetHealth", json!({"TargetGroupArn": ips}));
    let zones: Vec<String> = told["TargetHealthDescriptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| text(&told["Target"]["AvailabilityZone"]))
        .collect();
    assert_eq!(zones[0], "all");
    assert!(zones[1].starts_with("eu-central-1"), "{zones:?}");
}

#[test]
fn a_group_in_use_stays_and_a_missing_one_is_deleted_already() {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    let group = bench.group("pods");
    let listener = bench.ok("CreateListener", json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": [forward(&group)]}));
    assert_eq!(
        bench.code("DeleteTargetGroup", json!({"TargetGroupArn": group})),
        "ResourceInUse"
    );
    bench.ok(
        "DeleteListener",
        json!({"ListenerArn": listener["Listeners"][0]["ListenerArn"]}),
    );
    bench.ok("DeleteTargetGroup", json!({"TargetGroupArn": group}));
    bench.ok("DeleteTargetGroup", json!({"TargetGroupArn": group}));
    assert_eq!(
        bench.code("DescribeTargetGroups", json!({"Names": ["pods"]})),
        "TargetGroupNotFound"
    );
}
