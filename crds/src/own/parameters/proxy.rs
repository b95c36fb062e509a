//! What the proxy does with connections and requests.

use crate::own::merge::over;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

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
    /// Silence of a backend that has a request (then 504), in the middle of its response, or on an upgraded
    /// connection. 5m by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub backend_idle: Option<String>,
    /// A TCP or TLS connection of a TCPRoute or TLSRoute without traffic. 1h by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub tcp_idle: Option<String>,
    /// A UDP session without traffic. 1m by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24), regex(pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub udp_idle: Option<String>,
}

over!(Forwarding {
    trusted_hops,
    trusted_cidrs,
    send_forwarded,
    keep_request_id
});
over!(Limits {
    header_bytes,
    header_fields,
    body_bytes,
    body_bytes_per_second,
    connections_per_port,
    connections_per_client
});
over!(Timeouts {
    header,
    idle,
    body,
    connect,
    external_auth,
    backend_idle,
    tcp_idle,
    udp_idle
});
