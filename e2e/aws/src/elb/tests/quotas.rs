//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>

use super::{Bench, forward, merge, rule, text};
use serde_json::{Value, json};

fn limit(bench: &mut Bench, name: &str, max: u64) {
    assert!(bench.account.elb.limits.set(name, max));
}

/// "Rules per load balancer (not counting default rules)": over all listeners.
#[test]
fn rules_are_counted_per_load_balancer_without_default_ones() {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    let (first, second) = (bench.listener(&balancer, 80), bench.listener(&balancer, 81));
    for priority in 1..=60 {
        bench.rule(&first, priority);
    }
    let mut last = String::new();
    for priority in 1..=40 {
        last = bench.rule(&second, priority);
    }
    assert_eq!(bench.code("CreateRule", rule(&second, 41)), "TooManyRules");
    // At the limit rules can be changed and deleted.
    bench.ok(
        "ModifyRule",
        json!({"RuleArn": last, "Actions": [super::fixed("201")]}),
    );
    bench.ok("DeleteRule", json!({"RuleArn": last}));
    bench.rule(&second, 41);
}

/// "Target groups per load balancer": each counted once, not adjustable for users of AWS.
#[test]
fn unique_target_groups_are_counted_once_each() {
    let mut bench = Bench::new();
    limit(&mut bench, "target-groups-per-application-load-balancer", 2);
    let balancer = bench.balancer("shop");
    let listener = bench.listener(&balancer, 80);
    let groups: Vec<String> = (0..3).map(|number| bench.group(&format!("g{number}"))).collect();
    let to = |group: &str, priority: u32| {
        let mut input = rule(&listener, priority);
        merge(&mut input, json!({"Actions": [forward(group)]}));
        input
    };
    let first = text(&bench.ok("CreateRule", to(&groups[0], 1))["Rules"][0]["RuleArn"]);
    bench.ok("CreateRule", to(&groups[1], 2));
    bench.ok("CreateRule", to(&groups[1], 3));
    assert_eq!(
        bench.code("CreateRule", to(&groups[2], 4)),
        "TooManyUniqueTargetGroupsPerLoadBalancer"
    );
    // A rule may go from the last use of one group to another.
    bench.ok(
        "ModifyRule",
        json!({"RuleArn": first, "Actions": [forward(&groups[2])]}),
    );
    bench.ok("DeleteTargetGroup", json!({"TargetGroupArn": groups[0]}));
}

/// `API_TargetGroup`: "You can use each target group with only one load balancer."
#[test]
fn a_target_group_belongs_to_one_load_balancer() {
    let mut bench = Bench::new();
    let (one, other) = (bench.balancer("one"), bench.balancer("other"));
    let group = bench.group("pods");
    let create = |balancer: &str| json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": [forward(&group)]});
    let listener = text(&bench.ok("CreateListener", create(&one))["Listeners"][0]["ListenerArn"]);
    assert_eq!(
        bench.code("CreateListener", create(&other)),
        "TargetGroupAssociationLimit"
    );
    let told = bench.ok("DescribeTargetGroups", json!({"LoadBalancerArn": one}));
    assert_eq!(told["TargetGroups"][0]["LoadBalancerArns"], json!([one]));
    bench.ok("DeleteListener", json!({"ListenerArn": listener}));
    bench.ok("CreateListener", create(&other));
}

#[test]
fn listeners_balancers_groups_and_targets_are_limited() {
    let mut bench = Bench::new();
    for (name, max) in [
        ("application-load-balancers", 1),
        ("listeners-per-application-load-balancer", 1),
        ("target-groups", 1),
        ("targets-per-application-load-balancer", 2),
    ] {
        limit(&mut bench, name, max);
    }
    let balancer = bench.balancer("shop");
    bench.listener(&balancer, 80);
    let group = bench.group("pods");
    let subnets = bench.subnets();
    assert_eq!(
        bench.code("CreateLoadBalancer", json!({"Name": "b", "Subnets": subnets})),
        "TooManyLoadBalancers"
    );
    let listener = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 81, "DefaultActions": [super::fixed("404")]});
    assert_eq!(bench.code("CreateListener", listener), "TooManyListeners");
    let vpc = bench.vpc();
    let second = json!({"Name": "b", "Protocol": "HTTP", "Port": 80, "VpcId": vpc});
    assert_eq!(bench.code("CreateTargetGroup", second), "TooManyTargetGroups");
    let targets: Vec<Value> = (1..=3)
        .map(|number| json!({"Id": "127.0.0.1", "Port": number}))
        .collect();
    let register = |targets: &[Value]| json!({"TargetGroupArn": group, "Targets": targets});
    assert_eq!(
        bench.code("RegisterTargets", register(&targets)),
        "TooManyTargets"
    );
    bench.ok("RegisterTargets", register(&targets[..2]));
}

/// "Targets per Target Group per Region (instances or IP addresses)".
#[test]
fn targets_of_a_group_are_limited_whether_or_not_it_is_used() {
    let mut bench = Bench::new();
    limit(&mut bench, "targets-per-target-group", 2);
    let group = bench.group("pods");
    let targets = |ports: &[u16]| -> Vec<Value> {
        ports
            .iter()
            .map(|port| json!({"Id": "127.0.0.1", "Port": port}))
            .collect()
    };
    let register = |ports: &[u16]| json!({"TargetGroupArn": group, "Targets": targets(ports)});
    bench.ok("RegisterTargets", register(&[1, 2]));
    assert_eq!(bench.code("RegisterTargets", register(&[3])), "TooManyTargets");
    // What is there can be registered again, and what takes another's place.
    bench.ok("RegisterTargets", register(&[2]));
    bench.ok("DeregisterTargets", register(&[1]));
    bench.ok("RegisterTargets", register(&[3]));
}

/// "You've reached the limit on the number of times a target can be registered with a load balancer"
/// (`API_CreateRule`, `TooManyRegistrationsForTargetId`).
#[test]
fn a_target_is_registered_so_often_with_a_load_balancer() {
    let mut bench = Bench::new();
    limit(
        &mut bench,
        "registrations-per-target-per-application-load-balancer",
        2,
    );
    let balancer = bench.balancer("shop");
    let listener = bench.listener(&balancer, 80);
    let (one, two) = (bench.group("one"), bench.group("two"));
    let register = |group: &str, id: &str, port: u16| json!({"TargetGroupArn": group, "Targets": [{"Id": id, "Port": port}]});
    let to = |group: &str, priority: u32| {
        let mut input = rule(&listener, priority);
        merge(&mut input, json!({"Actions": [forward(group)]}));
        input
    };
    bench.ok("RegisterTargets", register(&one, "127.0.0.1", 1));
    bench.ok("RegisterTargets", register(&two, "127.0.0.1", 1));
    bench.ok("RegisterTargets", register(&two, "127.0.0.1", 2));
    bench.ok("CreateRule", to(&one, 1));
    // Each port in each group is one.
    assert_eq!(
        bench.code("CreateRule", to(&two, 2)),
        "TooManyRegistrationsForTargetId"
    );
    bench.ok("DeregisterTargets", register(&two, "127.0.0.1", 2));
    bench.ok("CreateRule", to(&two, 2));
    assert_eq!(
        bench.code("RegisterTargets", register(&one, "127.0.0.1", 3)),
        "TooManyRegistrationsForTargetId"
    );
    bench.ok("RegisterTargets", register(&one, "127.0.0.2", 3));
}

/// `API_CreateTargetGroup`: "The port on which the target control agent and application load balancer exchange management
/// traffic".
#[test]
fn the_port_of_the_target_control_agent_is_told_as_it_was_given() {
    let mut bench = Bench::new();
    let group = bench.group_with("agents", json!({"TargetControlPort": 9000}));
    let told = bench.ok("DescribeTargetGroups", json!({"TargetGroupArns": [group]}));
    assert_eq!(told["TargetGroups"][0]["TargetControlPort"], 9000);
    let group = bench.group("pods");
    let told = bench.ok("DescribeTargetGroups", json!({"TargetGroupArns": [group]}));
    assert_eq!(told["TargetGroups"][0].get("TargetControlPort"), None);
    // It is a setting of the creation, of groups of Application Load Balancers.
    let other = json!({"Name": "agents", "Protocol": "HTTP", "Port": 80, "VpcId": bench.vpc(), "TargetType": "ip",
        "TargetControlPort": 9001});
    assert_eq!(
        bench.code("CreateTargetGroup", other.clone()),
        "DuplicateTargetGroupName"
    );
    for more in [
        json!({"Name": "x", "Protocol": "TCP"}),
        json!({"Name": "x", "TargetControlPort": 0}),
    ] {
        let mut input = other.clone();
        merge(&mut input, more);
        assert_eq!(bench.code("CreateTargetGroup", input), "ValidationError");
    }
}

/// `API_DescribeAccountLimits`, `API_Limit`.
#[test]
fn limits_are_told_as_they_are_set() {
    let mut bench = Bench::new();
    limit(&mut bench, "rules-per-application-load-balancer", 200);
    let told = bench.ok("DescribeAccountLimits", json!({}));
    let limits = told["Limits"].as_array().unwrap();
    let max = |name: &str| {
        limits
            .iter()
            .find(|limit| limit["Name"] == name)
            .map(|limit| text(&limit["Max"]))
    };
    assert_eq!(max("rules-per-application-load-balancer").as_deref(), Some("200"));
    assert_eq!(
        max("target-groups-per-application-load-balancer").as_deref(),
        Some("100")
    );
    for untold in [
        "values-per-condition",
        "verifying-listeners-per-application-load-balancer",
        "targets-per-target-group",
        "registrations-per-target-per-application-load-balancer",
    ] {
        assert_eq!(max(untold), None, "{untold}");
        assert!(bench.account.elb.limits.get(untold) < u64::MAX, "{untold}");
    }
    assert!(!bench.account.elb.limits.set("nonsense", 1));
}
