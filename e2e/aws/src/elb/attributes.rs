//! Attributes of load balancers and listeners.

use super::balancer::Kind;
use super::defaults::{self, Definition, Form, define};
use super::{arn, listener};
use crate::error::ApiError;
use crate::input::{list, text};
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Of all load balancers.
const COMMON: &[Definition] = &[
    define("deletion_protection.enabled", "false", Form::Bool),
    define("access_logs.s3.enabled", "false", Form::Bool),
    define("access_logs.s3.bucket", "", Form::Text(1024)),
    define("access_logs.s3.prefix", "", Form::Text(1024)),
    define("ipv6.deny_all_igw_traffic", "false", Form::Bool),
    define("zonal_shift.config.enabled", "false", Form::Bool),
];

/// Of ALBs.
const APPLICATION: &[Definition] = &[
    // "The default for Application Load Balancers is true, and can't be changed."
    define("load_balancing.cross_zone.enabled", "true", Form::Only("true")),
    define("idle_timeout.timeout_seconds", "60", Form::Range(1, 4000)),
    define("client_keep_alive.seconds", "3600", Form::Range(60, 604_800)),
    define("connection_logs.s3.enabled", "false", Form::Bool),
    define("connection_logs.s3.bucket", "", Form::Text(1024)),
    define("connection_logs.s3.prefix", "", Form::Text(1024)),
    define("health_check_logs.s3.enabled", "false", Form::Bool),
    define("health_check_logs.s3.bucket", "", Form::Text(1024)),
    define("health_check_logs.s3.prefix", "", Form::Text(1024)),
    define(
        "routing.http.desync_mitigation_mode",
        "defensive",
        Form::Words(&["monitor", "defensive", "strictest"]),
    ),
    define(
        "routing.http.drop_invalid_header_fields.enabled",
        "false",
        Form::Bool,
    ),
    define("routing.http.preserve_host_header.enabled", "false", Form::Bool),
    define(
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        "false",
        Form::Bool,
    ),
    define("routing.http.xff_client_port.enabled", "false", Form::Bool),
    define(
        "routing.http.xff_header_processing.mode",
        "append",
        Form::Words(&["append", "preserve", "remove"]),
    ),
    define("routing.http2.enabled", "true", Form::Bool),
    define("waf.fail_open.enabled", "false", Form::Bool),
];

/// Of NLBs.
const NETWORK: &[Definition] = &[
    define("load_balancing.cross_zone.enabled", "false", Form::Bool),
    define(
        "dns_record.client_routing_policy",
        "any_availability_zone",
        Form::Words(&[
            "any_availability_zone",
            "availability_zone_affinity",
            "partial_availability_zone_affinity",
        ]),
    ),
    define("secondary_ips.auto_assigned.per_subnet", "0", Form::Range(0, 7)),
];

/// Of HTTP and HTTPS listeners: headers of answers, `guide/header-modification`.
const ANSWERS: &[Definition] = &[
    define("routing.http.response.server.enabled", "true", Form::Bool),
    define(
        "routing.http.response.strict_transport_security.header_value",
        "",
        Form::Text(1024),
    ),
    define(
        "routing.http.response.access_control_allow_origin.header_value",
        "",
        Form::Text(1024),
    ),
    define(
        "routing.http.response.access_control_allow_methods.header_value",
        "",
        Form::Text(1024),
    ),
    define(
        "routing.http.response.access_control_allow_headers.header_value",
        "",
        Form::Text(1024),
    ),
    define(
        "routing.http.response.access_control_allow_credentials.header_value",
        "",
        Form::Words(&["", "true"]),
    ),
    define(
        "routing.http.response.access_control_expose_headers.header_value",
        "",
        Form::Text(1024),
    ),
    define(
        "routing.http.response.access_control_max_age.header_value",
        "",
        Form::Text(1024),
    ),
    define(
        "routing.http.response.content_security_policy.header_value",
        "",
        Form::Text(1024),
    ),
    define(
        "routing.http.response.x_content_type_options.header_value",
        "",
        Form::Words(&["", "nosniff"]),
    ),
    define(
        "routing.http.response.x_frame_options.header_value",
        "",
        Form::Text(1024),
    ),
];

/// Of HTTPS listeners: names of headers that tell of the client's TLS.
const NAMES: &[Definition] = &[
    define(
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
        "X-Amzn-Mtls-Clientcert-Serial-Number",
        Form::Text(40),
    ),
    define(
        "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name",
        "X-Amzn-Mtls-Clientcert-Issuer",
        Form::Text(40),
    ),
    define(
        "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
        "X-Amzn-Mtls-Clientcert-Subject",
        Form::Text(40),
    ),
    define(
        "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
        "X-Amzn-Mtls-Clientcert-Validity",
        Form::Text(40),
    ),
    define(
        "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name",
        "X-Amzn-Mtls-Clientcert-Leaf",
        Form::Text(40),
    ),
    define(
        "routing.http.request.x_amzn_mtls_clientcert.header_name",
        "X-Amzn-Mtls-Clientcert",
        Form::Text(40),
    ),
    define(
        "routing.http.request.x_amzn_tls_version.header_name",
        "X-Amzn-Tls-Version",
        Form::Text(40),
    ),
    define(
        "routing.http.request.x_amzn_tls_cipher_suite.header_name",
        "X-Amzn-Tls-Cipher-Suite",
        Form::Text(40),
    ),
];

/// Of TCP listeners.
const TCP: &[Definition] = &[define("tcp.idle_timeout.seconds", "350", Form::Range(60, 6000))];

fn definitions(kind: Kind) -> impl Iterator<Item = &'static Definition> {
    let own = match kind {
        Kind::Application => APPLICATION,
        Kind::Network => NETWORK,
    };
    COMMON.iter().chain(own)
}

fn of_protocol(protocol: &str) -> impl Iterator<Item = &'static Definition> {
    let (first, second): (&[Definition], &[Definition]) = match protocol {
        "HTTP" => (ANSWERS, &[]),
        "HTTPS" => (ANSWERS, NAMES),
        "TCP" | "TCP_UDP" | "TLS" => (TCP, &[]),
        _ => (&[], &[]),
    };
    first.iter().chain(second)
}

/// Attributes of a new load balancer. `ipv6.deny_all_igw_traffic` is "false for internet-facing load balancers and
/// true for internal load balancers".
pub(super) fn of_balancer(kind: Kind, scheme: &str) -> BTreeMap<String, String> {
    let mut all = defaults::all(definitions(kind));
    all.insert(
        "ipv6.deny_all_igw_traffic".to_owned(),
        (scheme == "internal").to_string(),
    );
    all
}

/// Attributes of a listener of a protocol: those it has, where they still apply, and defaults.
pub(super) fn of_listener(protocol: &str, former: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = defaults::all(of_protocol(protocol));
    for (key, value) in &mut all {
        if let Some(former) = former.get(key) {
            value.clone_from(former);
        }
    }
    all
}

/// Attributes in the API's shape.
pub(super) fn told(attributes: &BTreeMap<String, String>) -> Value {
    let pairs = attributes
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}));
    json!({"Attributes": pairs.collect::<Vec<Value>>()})
}

/// Attributes of a call, none twice.
pub(super) fn asked(input: &Value) -> Result<Vec<(&str, &str)>, ApiError> {
    let mut keys = BTreeSet::new();
    let mut pairs = Vec::new();
    for pair in list(input, "Attributes") {
        let key = text(pair, "Key")
            .ok_or_else(|| ApiError::validation("The key of an attribute must be specified"))?;
        let value = text(pair, "Value").unwrap_or_default();
        if !keys.insert(key) {
            return Err(ApiError::validation(format!(
                "Attribute key '{key}' is specified more than once"
            )));
        }
        pairs.push((key, value));
    }
    if pairs.is_empty() {
        return Err(ApiError::validation("An attribute must be specified"));
    }
    Ok(pairs)
}

/// `API_DescribeLoadBalancerAttributes`.
pub(super) fn describe_of_balancer(
    account: &mut Account,
    _context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let arn = text(input, "LoadBalancerArn").unwrap_or_default();
    arn::check(arn, "loadbalancer")?;
    Ok(told(&account.elb.balancer(arn)?.attributes))
}

/// `API_ModifyLoadBalancerAttributes`: "If any of the specified attributes can't be modified as requested, the call
/// fails. Any existing attributes that you do not modify retain their current values." The answer has all of them.
pub(super) fn modify_of_balancer(
    account: &mut Account,
    _context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let arn = text(input, "LoadBalancerArn").unwrap_or_default();
    arn::check(arn, "loadbalancer")?;
    let balancer = account.elb.balancer(arn)?;
    let mut all = balancer.attributes.clone();
    for (key, value) in asked(input)? {
        defaults::check(definitions(balancer.kind), "Load balancer", key, value)?;
        all.insert(key.to_owned(), value.to_owned());
    }
    // "This attribute is required if access logs are enabled", and so on.
    for logs in ["access_logs", "connection_logs", "health_check_logs"] {
        let value = |part: &str| all.get(&format!("{logs}.s3.{part}")).map_or("", String::as_str);
        if value("enabled") == "true" && value("bucket").is_empty() {
            let message = format!("{logs}.s3.bucket must be specified when {logs}.s3.enabled is true");
            return Err(ApiError::new("InvalidConfigurationRequest", message));
        }
    }
    account.elb.balancer_mut(arn)?.attributes.clone_from(&all);
    Ok(told(&all))
}

/// `API_DescribeListenerAttributes`.
pub(super) fn describe_of_listener(
    account: &mut Account,
    _context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let arn = text(input, "ListenerArn").unwrap_or_default();
    listener::check(arn)?;
    Ok(told(&account.elb.listener(arn)?.attributes))
}

/// `API_ModifyListenerAttributes`.
pub(super) fn modify_of_listener(
    account: &mut Account,
    _context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let arn = text(input, "ListenerArn").unwrap_or_default();
    listener::check(arn)?;
    let listener = account.elb.listener(arn)?;
    let mut all = listener.attributes.clone();
    for (key, value) in asked(input)? {
        defaults::check(of_protocol(&listener.protocol), "Listener", key, value)?;
        all.insert(key.to_owned(), value.to_owned());
    }
    account.elb.listener_mut(arn)?.attributes.clone_from(&all);
    Ok(told(&all))
}
