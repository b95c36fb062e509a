//! `SoftwareGatewayParameters`: what the software proxy needs and the Gateway API has no field for.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// Settings of the software proxy for a GatewayClass (`spec.parametersRef`) or one Gateway
/// (`spec.infrastructure.parametersRef`). A Gateway's settings win over its class', field by field;
/// what neither sets has the proxy's default.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "gatewright.dev",
    version = "v1alpha1",
    kind = "SoftwareGatewayParameters",
    plural = "softwaregatewayparameters",
    namespaced,
    category = "gatewright",
    doc = "Settings of Gatewright's software proxy, for a GatewayClass or for one Gateway.",
    derive = "Default",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct SoftwareGatewayParametersSpec {
    /// PROXY protocol on incoming connections. Off unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Whose forwarding headers are believed and which are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarding: Option<Forwarding>,
    /// Bounds on size and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Bounds on time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
}

/// PROXY protocol, versions 1 and 2, on incoming connections.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.requiredFrom.all(c, isCIDR(c))")
    .message("requiredFrom must hold IP networks such as 10.0.0.0/8 or 2001:db8::/32"))]
pub struct ProxyProtocol {
    /// Networks of the load balancers in front. Connections from them must start with a PROXY header and
    /// are closed if they don't; the header of anybody else is taken for payload.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 43)))]
    pub required_from: Vec<String>,
}

/// Forwarding headers: `X-Forwarded-*` and `Forwarded` (RFC 7239).
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.trustedCidrs) || self.trustedCidrs.all(c, isCIDR(c))")
    .message("trustedCidrs must hold IP networks such as 10.0.0.0/8 or 2001:db8::/32"))]
pub struct Forwarding {
    /// Number of proxies in front whose `X-Forwarded-For` entries are believed. 0, the default, believes
    /// nobody: the client is whoever connects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 16))]
    pub trusted_hops: Option<u32>,
    /// Networks whose forwarding headers are believed; the headers of others are overwritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 43)))]
    pub trusted_cidrs: Option<Vec<String>>,
    /// Whether backends get `Forwarded` beside `X-Forwarded-*`. Off by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_forwarded: Option<bool>,
    /// Whether a client's own `X-Request-Id` is kept. Off by default; a trusted peer's always is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_request_id: Option<bool>,
}

/// Bounds on size and number; bytes unless said otherwise.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Longest request head, request line included; a longer one is answered with 431.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024, max = 1_048_576))]
    pub header_bytes: Option<u32>,
    /// Most header fields in one request; more are answered with 431.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub header_fields: Option<u32>,
    /// Longest request body; a longer one is answered with 413. No bound by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_099_511_627_776_i64))]
    pub body_bytes: Option<i64>,
    /// Slowest request body, in bytes per second, measured over the time that `timeouts.body` allows for
    /// a pause; a slower one is answered with 408. 100 by default, 0 for no bound. gRPC calls, WebSocket
    /// and other upgrades are exempt, and so is what a client sends after its response has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub body_bytes_per_second: Option<u32>,
    /// Most connections from clients, for each listener port and worker thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_port: Option<u32>,
    /// Most connections from one client address, for each listener port and worker thread. No bound by
    /// default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_client: Option<u32>,
}

/// Bounds on time, as durations of the Gateway API (GEP-2257), for example `10s` or `1m30s`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// From the first byte of a request to the end of its head; then 408.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub header: Option<String>,
    /// A keep-alive connection without a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub idle: Option<String>,
    /// Between two reads of a request body, or two writes of a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub body: Option<String>,
    /// A connection to a backend, TLS included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub connect: Option<String>,
    /// The answer of an external authorization server, connection included; then 503. 5s by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub external_auth: Option<String>,
}

impl SoftwareGatewayParametersSpec {
    /// These settings where set, else `base`'s: `gateway.over(&class)`.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let Self {
            proxy_protocol,
            forwarding,
            limits,
            timeouts,
        } = self;
        Self {
            proxy_protocol: proxy_protocol.or_else(|| base.proxy_protocol.clone()),
            forwarding: both(forwarding, base.forwarding.as_ref(), Forwarding::over),
            limits: both(limits, base.limits.as_ref(), Limits::over),
            timeouts: both(timeouts, base.timeouts.as_ref(), Timeouts::over),
        }
    }
}

fn both<T: Clone>(mine: Option<T>, base: Option<&T>, over: impl Fn(T, &T) -> T) -> Option<T> {
    match (mine, base) {
        (Some(mine), Some(base)) => Some(over(mine, base)),
        (mine, base) => mine.or_else(|| base.cloned()),
    }
}

impl Forwarding {
    fn over(self, base: &Self) -> Self {
        let Self {
            trusted_hops,
            trusted_cidrs,
            send_forwarded,
            keep_request_id,
        } = self;
        Self {
            trusted_hops: trusted_hops.or(base.trusted_hops),
            trusted_cidrs: trusted_cidrs.or_else(|| base.trusted_cidrs.clone()),
            send_forwarded: send_forwarded.or(base.send_forwarded),
            keep_request_id: keep_request_id.or(base.keep_request_id),
        }
    }
}

impl Limits {
    fn over(self, base: &Self) -> Self {
        let Self {
            header_bytes,
            header_fields,
            body_bytes,
            body_bytes_per_second,
            connections_per_port,
            connections_per_client,
        } = self;
        Self {
            header_bytes: header_bytes.or(base.header_bytes),
            header_fields: header_fields.or(base.header_fields),
            body_bytes: body_bytes.or(base.body_bytes),
            body_bytes_per_second: body_bytes_per_second.or(base.body_bytes_per_second),
            connections_per_port: connections_per_port.or(base.connections_per_port),
            connections_per_client: connections_per_client.or(base.connections_per_client),
        }
    }
}

impl Timeouts {
    fn over(self, base: &Self) -> Self {
        let Self {
            header,
            idle,
            body,
            connect,
            external_auth,
        } = self;
        Self {
            header: header.or_else(|| base.header.clone()),
            idle: idle.or_else(|| base.idle.clone()),
            body: body.or_else(|| base.body.clone()),
            connect: connect.or_else(|| base.connect.clone()),
            external_auth: external_auth.or_else(|| base.external_auth.clone()),
        }
    }
}
