use super::{Bench, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn map(told: &Value) -> BTreeMap<String, String> {
    let pairs = told["Attributes"].as_array().unwrap().iter();
    pairs
        .map(|pair| (text(&pair["Key"]), text(&pair["Value"])))
        .collect()
}

fn set(member: &str, arn: &str, key: &str, value: &str) -> Value {
    json!({member: arn, "Attributes": [{"Key": key, "Value": value}]})
}

/// `API_LoadBalancerAttribute`.
#[test]
fn load_balancers_have_documented_attributes() {
    let mut bench = Bench::new();
    let arn = bench.balancer("shop");
    let told = map(&bench.ok("DescribeLoadBalancerAttributes", json!({"LoadBalancerArn": arn})));
    for (key, value) in [
        ("idle_timeout.timeout_seconds", "60"),
        ("client_keep_alive.seconds", "3600"),
        ("routing.http2.enabled", "true"),
        ("load_balancing.cross_zone.enabled", "true"),
        ("routing.http.desync_mitigation_mode", "defensive"),
        ("ipv6.deny_all_igw_traffic", "false"),
        ("deletion_protection.enabled", "false"),
    ] {
        assert_eq!(told.get(key).map(String::as_str), Some(value), "{key}");
    }
    let change = |key: &str, value: &str| set("LoadBalancerArn", &arn, key, value);
    let told = map(&bench.ok(
        "ModifyLoadBalancerAttributes",
        change("idle_timeout.timeout_seconds", "4000"),
    ));
    assert_eq!(told["idle_timeout.timeout_seconds"], "4000");
    for (key, value, code) in [
        ("idle_timeout.timeout_seconds", "4001", "ValidationError"),
        ("idle_timeout.timeout_seconds", "0", "ValidationError"),
        ("routing.http2.enabled", "yes", "ValidationError"),
        ("load_balancing.cross_zone.enabled", "false", "ValidationError"),
        (
            "routing.http.xff_header_processing.mode",
            "drop",
            "ValidationError",
        ),
        ("bogus.key", "1", "ValidationError"),
        (
            "dns_record.client_routing_policy",
            "any_availability_zone",
            "ValidationError",
        ),
        ("access_logs.s3.enabled", "true", "InvalidConfigurationRequest"),
    ] {
        assert_eq!(
            bench.code("ModifyLoadBalancerAttributes", change(key, value)),
            code,
            "{key}={value}"
        );
    }
}

/// `API_TargetGroupAttribute`.
#[test]
fn target_groups_have_documented_attributes() {
    let mut bench = Bench::new();
    let arn = bench.group("pods");
    let told = map(&bench.ok("DescribeTargetGroupAttributes", json!({"TargetGroupArn": arn})));
    assert_eq!(told["deregistration_delay.timeout_seconds"], "300");
    assert_eq!(told["stickiness.type"], "lb_cookie");
    assert!(!told.contains_key("proxy_protocol_v2.enabled"));
    let change = |key: &str, value: &str| set("TargetGroupArn", &arn, key, value);
    bench.ok(
        "ModifyTargetGroupAttributes",
        change("slow_start.duration_seconds", "30"),
    );
    for (key, value, code) in [
        ("deregistration_delay.timeout_seconds", "3601", "ValidationError"),
        ("slow_start.duration_seconds", "29", "ValidationError"),
        ("stickiness.app_cookie.cookie_name", "AWSALBx", "ValidationError"),
        ("bogus.key", "1", "ValidationError"),
        (
            "load_balancing.algorithm.type",
            "weighted_random",
            "InvalidConfigurationRequest",
        ),
        (
            "load_balancing.algorithm.anomaly_mitigation",
            "on",
            "InvalidConfigurationRequest",
        ),
    ] {
        assert_eq!(
            bench.code("ModifyTargetGroupAttributes", change(key, value)),
            code,
            "{key}={value}"
        );
    }
    let tcp = bench.group_with("tcp", json!({"Protocol": "TCP"}));
    let told = map(&bench.ok("DescribeTargetGroupAttributes", json!({"TargetGroupArn": tcp})));
    assert_eq!(told["preserve_client_ip.enabled"], "false", "an ip group of TCP");
}

/// `API_ListenerAttribute`: `routing.http.*`.
#[test]
fn listeners_have_documented_attributes() {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    let arn = bench.listener(&balancer, 80);
    let told = map(&bench.ok("DescribeListenerAttributes", json!({"ListenerArn": arn})));
    assert_eq!(told["routing.http.response.server.enabled"], "true");
    let change = |key: &str, value: &str| set("ListenerArn", &arn, key, value);
    let told = bench.ok(
        "ModifyListenerAttributes",
        change("routing.http.response.x_frame_options.header_value", "DENY"),
    );
    assert_eq!(
        map(&told)["routing.http.response.x_frame_options.header_value"],
        "DENY"
    );
    for key in [
        "tcp.idle_timeout.seconds",
        "bogus",
        "routing.http.request.x_amzn_tls_version.header_name",
    ] {
        assert_eq!(
            bench.code("ModifyListenerAttributes", change(key, "60")),
            "ValidationError",
            "{key}"
        );
    }
}
