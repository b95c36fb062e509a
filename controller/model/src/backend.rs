//! Backends: where traffic goes.

use crate::Str;
use crate::certificate::TrustAnchors;
use crate::filter::HttpFilter;
use crate::key::BackendKey;
use crate::route::SessionPersistence;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// A backend reference with its share of the traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightedBackend {
    /// Where the share goes.
    pub target: BackendTarget,
    /// Share relative to the sum of the rule; 0 takes no traffic.
    pub weight: u32,
    /// Filters of the reference itself, run after those of the rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<HttpFilter>,
}

/// A backend, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackendTarget {
    /// An entry of [`crate::LoadBalancer::backends`].
    Backend(BackendKey),
    /// The reference is invalid: its share answers 500 (streams are refused). Said in words.
    Invalid(Str),
}

/// A resolved backend: a Service port or an XBackend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Identity.
    pub key: BackendKey,
    /// What the backend speaks.
    pub protocol: BackendProtocol,
    /// TLS towards the backend, when a policy or the backend asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Arc<BackendTls>>,
    /// Where its instances are.
    pub endpoints: Endpoints,
    /// Port of every node that leads to the backend (`Service.spec.ports[].nodePort`), for load
    /// balancers that cannot reach the instances' own addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<u16>,
    /// How instances near the proxy are preferred.
    pub distribution: TrafficDistribution,
    /// Session persistence that belongs to the backend (XBackend, XBackendTrafficPolicy).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_persistence: Option<Arc<SessionPersistence>>,
    /// Limit on retries (XBackendTrafficPolicy).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_budget: Option<RetryBudget>,
    /// A fault that makes all traffic to it fail with 5xx, in words (invalid TLS policy, say).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Str>,
}

impl Backend {
    /// A backend with these instances, of which nothing else is said.
    pub const fn bare(key: BackendKey, endpoints: Endpoints) -> Self {
        Self {
            key,
            protocol: BackendProtocol::Auto,
            tls: None,
            endpoints,
            node_port: None,
            distribution: TrafficDistribution::Any,
            session_persistence: None,
            retry_budget: None,
            fault: None,
        }
    }
}

/// What a backend speaks. TLS is told by [`Backend::tls`], not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackendProtocol {
    /// HTTP/1.1 for HTTPRoutes, HTTP/2 for GRPCRoutes; with TLS whatever ALPN picks.
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2, prior knowledge when in cleartext (`kubernetes.io/h2c`).
    Http2,
    /// WebSocket over HTTP/1.1 (`kubernetes.io/ws`, `kubernetes.io/wss`).
    WebSocket,
    /// A plain stream (`appProtocol` tcp, or a UDP/TCP service of a stream route).
    Stream,
}

/// TLS towards a backend (BackendTLSPolicy, XBackend `tls`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendTls {
    /// SNI to send, and the name to verify unless `subject_alt_names` is given.
    pub hostname: Str,
    /// Authorities to trust; `None` encrypts without verifying (never from a BackendTLSPolicy).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<TrustAnchors>,
    /// Accepted subject alternative names; any one must match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_alt_names: Vec<SubjectAltName>,
    /// Client certificate of this backend's own, before the Gateway's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<crate::key::CertificateKey>,
}

/// An accepted subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubjectAltName {
    /// A DNS name, exact or `*.` wildcard.
    Hostname(Str),
    /// A URI such as a SPIFFE id.
    Uri(Str),
}

/// Where the instances of a backend are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Endpoints {
    /// Known addresses, sorted, without duplicates. Empty: no ready endpoint, answer 503.
    Static(Vec<Endpoint>),
    /// A DNS name to resolve, honouring its TTL.
    Dns {
        /// The name.
        hostname: Str,
        /// Port of every resolved address.
        port: u16,
        /// Whether loopback, link-local and metadata addresses may be used (never in a cluster).
        allow_local: bool,
    },
}

/// One instance that may take traffic. Core lists only those that should: ready ones, or serving
/// terminating ones when none is ready.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// Address.
    pub address: IpAddr,
    /// Port of the instance.
    pub port: u16,
    /// Zones that should prefer this endpoint (`hints.forZones`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub for_zones: Vec<Str>,
    /// Nodes that should prefer this endpoint (`hints.forNodes`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub for_nodes: Vec<Str>,
    /// Zone of the endpoint itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Str>,
    /// Node of the endpoint itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Str>,
}

impl Endpoint {
    /// An instance of which nothing is known but where it is.
    pub const fn at(address: IpAddr, port: u16) -> Self {
        Self {
            address,
            port,
            for_zones: Vec::new(),
            for_nodes: Vec::new(),
            zone: None,
            node: None,
        }
    }
}

/// `Service.spec.trafficDistribution`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficDistribution {
    /// No preference.
    #[default]
    Any,
    /// Prefer endpoints whose hints name the proxy's zone (`PreferClose`, `PreferSameZone`).
    PreferSameZone,
    /// Prefer endpoints on the proxy's node, then in its zone.
    PreferSameNode,
}

/// Retry budget (GEP-3388): retries may be at most `percent` of the requests in `interval_ms`, and
/// at least `min_count` per `min_interval_ms` are always allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryBudget {
    /// Percentage, 0 to 100.
    pub percent: u32,
    /// Window in milliseconds.
    pub interval_ms: u64,
    /// Retries always allowed per `min_interval_ms`.
    pub min_count: u32,
    /// See `min_count`, milliseconds.
    pub min_interval_ms: u64,
}
