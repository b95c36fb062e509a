//! Attributes of target groups: `API_TargetGroupAttribute`, `guide/edit-target-group-attributes`.

use super::arn;
use super::attributes::{asked, told};
use super::defaults::{self, Definition, Form, define};
use crate::error::ApiError;
use crate::input::text;
use crate::service::Context;
use crate::state::Account;
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest duration of stickiness: seven days.
const WEEK: u64 = 604_800;

/// Of all groups but those of Lambda functions.
const COMMON: &[Definition] = &[
    define(
        "deregistration_delay.timeout_seconds",
        "300",
        Form::Range(0, 3600),
    ),
    define(
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
        Form::Words(&["true", "false", "use_load_balancer_configuration"]),
    ),
    define(
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        "1",
        Form::OffOr(1, 1000),
    ),
    define(
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        "off",
        Form::OffOr(1, 100),
    ),
    define(
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        "1",
        Form::Range(1, 1000),
    ),
    define(
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        "off",
        Form::OffOr(1, 100),
    ),
    define("stickiness.enabled", "false", Form::Bool),
];

/// Of HTTP and HTTPS.
const APPLICATION: &[Definition] = &[
    define(
        "stickiness.type",
        "lb_cookie",
        Form::Words(&["lb_cookie", "app_cookie"]),
    ),
    define(
        "stickiness.lb_cookie.duration_seconds",
        "86400",
        Form::Range(1, WEEK),
    ),
    define("stickiness.app_cookie.cookie_name", "", Form::Text(4096)),
    define(
        "stickiness.app_cookie.duration_seconds",
        "86400",
        Form::Range(1, WEEK),
    ),
    define(
        "load_balancing.algorithm.type",
        "round_robin",
        Form::Words(&["round_robin", "least_outstanding_requests", "weighted_random"]),
    ),
    define(
        "load_balancing.algorithm.anomaly_mitigation",
        "off",
        Form::Words(&["on", "off"]),
    ),
    define("slow_start.duration_seconds", "0", Form::ZeroOr(30, 900)),
];

/// Of the protocols of NLBs.
const NETWORK: &[Definition] = &[
    define("stickiness.type", "source_ip", Form::Words(&["source_ip"])),
    define(
        "deregistration_delay.connection_termination.enabled",
        "false",
        Form::Bool,
    ),
    define("preserve_client_ip.enabled", "true", Form::Bool),
    define("proxy_protocol_v2.enabled", "false", Form::Bool),
    define(
        "target_health_state.unhealthy.connection_termination.enabled",
        "true",
        Form::Bool,
    ),
    define(
        "target_health_state.unhealthy.draining_interval_seconds",
        "0",
        Form::Range(0, 360_000),
    ),
];

/// Of Lambda functions.
const LAMBDA: &[Definition] = &[define("lambda.multi_value_headers.enabled", "false", Form::Bool)];

fn definitions(kind: &str, protocol: Option<&str>) -> impl Iterator<Item = &'static Definition> + use<> {
    let (first, second): (&[Definition], &[Definition]) = match (kind, protocol) {
        ("lambda", _) => (LAMBDA, &[]),
        (_, Some("HTTP" | "HTTPS")) => (COMMON, APPLICATION),
        _ => (COMMON, NETWORK),
    };
    first.iter().chain(second)
}

/// Attributes of a new group.
pub(super) fn of(kind: &str, protocol: Option<&str>) -> BTreeMap<String, String> {
    let mut all = defaults::all(definitions(kind, protocol));
    let mut set = |key: &str, value: &str| {
        if let Some(own) = all.get_mut(key) {
            value.clone_into(own);
        }
    };
    let udp = protocol.is_some_and(is_datagrams);
    // "For new UDP/TCP_UDP target groups the default is true."
    set(
        "deregistration_delay.connection_termination.enabled",
        if udp { "true" } else { "false" },
    );
    if udp {
        // "This attribute can't be enabled for UDP and TCP_UDP target groups."
        set(
            "target_health_state.unhealthy.connection_termination.enabled",
            "false",
        );
    }
    // "The default is disabled if the target group type is IP address and the target group protocol is TCP or TLS."
    if kind == "ip" && matches!(protocol, Some("TCP" | "TLS")) {
        set("preserve_client_ip.enabled", "false");
    }
    all
}

/// Protocols with datagrams.
fn is_datagrams(protocol: &str) -> bool {
    ["UDP", "TCP_UDP", "QUIC", "TCP_QUIC"].contains(&protocol)
}

/// `API_DescribeTargetGroupAttributes`.
pub(super) fn describe(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "TargetGroupArn").unwrap_or_default();
    arn::check(arn, "targetgroup")?;
    Ok(told(&account.elb.group(arn)?.attributes))
}

/// `API_ModifyTargetGroupAttributes`.
pub(super) fn modify(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "TargetGroupArn").unwrap_or_default();
    arn::check(arn, "targetgroup")?;
    let group = account.elb.group(arn)?;
    let mut all = group.attributes.clone();
    for (key, value) in asked(input)? {
        defaults::check(
            definitions(&group.kind, group.protocol.as_deref()),
            "Target group",
            key,
            value,
        )?;
        all.insert(key.to_owned(), value.to_owned());
    }
    together(&all)?;
    // network/edit-target-group-attributes: "client IP preservation is enabled (and can't be disabled) for instance and IP
    // type target groups with UDP, TCP_UDP, QUIC, and TCP_QUIC protocols"; of Application Load Balancers it is on.
    let preserved = all
        .get("preserve_client_ip.enabled")
        .is_none_or(|value| value == "true");
    if !preserved && (group.protocol.as_deref().is_some_and(is_datagrams) || group.kind == "alb") {
        return Err(ApiError::new(
            "InvalidConfigurationRequest",
            "Client IP preservation cannot be disabled for this target group",
        ));
    }
    account.elb.group_mut(arn)?.attributes.clone_from(&all);
    Ok(told(&all))
}

/// Attributes that depend on each other.
fn together(all: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let value = |key: &str| all.get(key).map_or("", String::as_str);
    let refuse = |message: &str| Err(ApiError::new("InvalidConfigurationRequest", message));
    let algorithm = value("load_balancing.algorithm.type");
    // "Only available when load_balancing.algorithm.type is weighted_random."
    if value("load_balancing.algorithm.anomaly_mitigation") == "on" && algorithm != "weighted_random" {
        return refuse("Anomaly mitigation is only available with the algorithm weighted_random");
    }
    // guide/edit-target-group-attributes#slow-start-mode: not with the other algorithms.
    if !["", "0"].contains(&value("slow_start.duration_seconds")) && algorithm != "round_robin" {
        return refuse("Slow start mode is only available with the algorithm round_robin");
    }
    let cookie = value("stickiness.app_cookie.cookie_name");
    // "Names that start with the following prefixes are not allowed: AWSALB, AWSALBAPP, and AWSALBTG".
    if cookie.starts_with("AWSALB") {
        return Err(ApiError::validation(format!(
            "The cookie name '{cookie}' is reserved for use by the load balancer"
        )));
    }
    if value("stickiness.enabled") == "true" && value("stickiness.type") == "app_cookie" && cookie.is_empty()
    {
        return refuse("A cookie name must be specified for application-based stickiness");
    }
    Ok(())
}
