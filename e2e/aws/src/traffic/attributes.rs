//! Attributes that change how traffic is served, with AWS's defaults.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>

use super::config::Attributes;
use super::mutual::Names;
use http::{HeaderName, HeaderValue};
use std::time::Duration;

/// Attributes of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BalancerAttributes {
    /// `idle_timeout.timeout_seconds`.
    pub(super) idle: Duration,
    /// `routing.http2.enabled`.
    pub(super) http2: bool,
    /// `routing.http.xff_header_processing.mode`.
    pub(super) forwarded_for: ForwardedFor,
    /// `routing.http.xff_client_port.enabled`.
    pub(super) client_port: bool,
    /// `routing.http.preserve_host_header.enabled`.
    pub(super) preserve_host: bool,
    /// `routing.http.x_amzn_tls_version_and_cipher_suite.enabled`.
    pub(super) tls_headers: bool,
    /// `routing.http.drop_invalid_header_fields.enabled`.
    pub(super) drop_invalid: bool,
}

/// What becomes of `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ForwardedFor {
    /// The client is added.
    Append,
    /// It stays as it came.
    Preserve,
    /// It is removed.
    Remove,
}

impl BalancerAttributes {
    pub(super) fn new(from: &Attributes) -> Self {
        Self {
            idle: Duration::from_secs(number(from, "idle_timeout.timeout_seconds", 60).clamp(1, 4000)),
            http2: flag(from, "routing.http2.enabled", Flag::On),
            forwarded_for: match text(from, "routing.http.xff_header_processing.mode") {
                Some("preserve") => ForwardedFor::Preserve,
                Some("remove") => ForwardedFor::Remove,
                _ => ForwardedFor::Append,
            },
            client_port: flag(from, "routing.http.xff_client_port.enabled", Flag::Off),
            preserve_host: flag(from, "routing.http.preserve_host_header.enabled", Flag::Off),
            tls_headers: flag(
                from,
                "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
                Flag::Off,
            ),
            drop_invalid: flag(from, "routing.http.drop_invalid_header_fields.enabled", Flag::Off),
        }
    }
}

/// Attributes of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListenerAttributes {
    /// `routing.http.response.server.enabled`: `Server` in answers of the load balancer's own.
    pub(super) server: bool,
    /// `routing.http.response.*.header_value`: fields of every response, in place of the target's (assumed).
    pub(super) responses: Vec<(HeaderName, HeaderValue)>,
    /// `routing.http.request.x_amzn_mtls_clientcert*.header_name`.
    pub(super) clients: Names,
    /// `routing.http.request.x_amzn_tls_version.header_name`.
    pub(super) tls_version: HeaderName,
    /// `routing.http.request.x_amzn_tls_cipher_suite.header_name`.
    pub(super) tls_cipher: HeaderName,
}

/// Fields that a listener can insert into responses: the attribute is the name with `_` for `-`.
const RESPONSES: [&str; 10] = [
    "strict-transport-security",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-max-age",
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
];

impl ListenerAttributes {
    pub(super) fn new(from: &Attributes) -> Self {
        let inserted = |name: &'static str| {
            let key = format!("routing.http.response.{}.header_value", name.replace('-', "_"));
            let value = HeaderValue::from_str(text(from, &key)?).ok()?;
            Some((HeaderName::from_static(name), value))
        };
        let renamed = |key: &str, default: &'static str| {
            text(from, key)
                .and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok())
                .unwrap_or(HeaderName::from_static(default))
        };
        Self {
            server: flag(from, "routing.http.response.server.enabled", Flag::On),
            responses: RESPONSES.into_iter().filter_map(inserted).collect(),
            clients: Names::new(from),
            tls_version: renamed(
                "routing.http.request.x_amzn_tls_version.header_name",
                "x-amzn-tls-version",
            ),
            tls_cipher: renamed(
                "routing.http.request.x_amzn_tls_cipher_suite.header_name",
                "x-amzn-tls-cipher-suite",
            ),
        }
    }
}

/// Attributes of a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupAttributes {
    /// `load_balancing.algorithm.type`.
    pub(super) algorithm: Algorithm,
    /// `stickiness.*` with `lb_cookie`: seconds; none without.
    pub(super) sticky_s: Option<u32>,
    /// `lambda.multi_value_headers.enabled`.
    pub(super) multi_value: bool,
}

/// How a target is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest requests in flight.
    LeastOutstanding,
    /// By chance.
    Random,
}

impl GroupAttributes {
    pub(super) fn new(from: &Attributes) -> Self {
        let sticky = flag(from, "stickiness.enabled", Flag::Off)
            && matches!(text(from, "stickiness.type"), None | Some("lb_cookie"));
        let seconds = number(from, "stickiness.lb_cookie.duration_seconds", 86400).clamp(1, 604_800);
        Self {
            algorithm: match text(from, "load_balancing.algorithm.type") {
                Some("least_outstanding_requests") => Algorithm::LeastOutstanding,
                Some("weighted_random") => Algorithm::Random,
                _ => Algorithm::RoundRobin,
            },
            sticky_s: sticky.then(|| u32::try_from(seconds).unwrap_or(u32::MAX)),
            multi_value: flag(from, "lambda.multi_value_headers.enabled", Flag::Off),
        }
    }
}

enum Flag {
    On,
    Off,
}

fn text<'a>(from: &'a Attributes, key: &str) -> Option<&'a str> {
    from.get(key)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

fn flag(from: &Attributes, key: &str, default: Flag) -> bool {
    match text(from, key) {
        Some(value) => value == "true",
        None => matches!(default, Flag::On),
    }
}

fn number(from: &Attributes, key: &str, default: u64) -> u64 {
    text(from, key)
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}
