//! Routes: what happens to traffic that a listener accepted.

use crate::Str;
use crate::backend::WeightedBackend;
use crate::filter::HttpFilter;
use crate::hostname::HostPattern;
use crate::key::{ListenerKey, RouteKey};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An HTTPRoute or GRPCRoute as attached to the listeners of one load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRoute {
    /// Identity; its kind selects the precedence rules.
    pub key: RouteKey,
    /// `metadata.creationTimestamp`, seconds since the Unix epoch: the older of two equal matches wins.
    pub created: i64,
    /// Listeners that accepted the route, with the hostnames it serves there.
    pub attachments: Vec<Attachment>,
    /// Rules in the order written.
    pub rules: Vec<Arc<HttpRule>>,
}

/// A TLSRoute, TCPRoute or UDPRoute as attached to the listeners of one load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRoute {
    /// Identity.
    pub key: RouteKey,
    /// As in [`HttpRoute::created`].
    pub created: i64,
    /// Listeners that accepted the route. Hostnames are [`HostPattern::Any`] for TCP and UDP.
    pub attachments: Vec<Attachment>,
    /// Where connections or datagrams go.
    pub backends: Vec<WeightedBackend>,
}

/// One listener that accepted a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attachment {
    /// The listener.
    pub listener: ListenerKey,
    /// Hostnames the route serves on it; never empty.
    pub hosts: Vec<RouteHost>,
}

/// A hostname that a route serves on a listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteHost {
    /// Intersection of the listener's and the route's hostname: what is matched.
    pub effective: HostPattern,
    /// The route's own hostname: what precedence among routes with the same intersection looks at
    /// (Gateway API v1.7.0, `HTTPRouteSpec.hostnames`). `Any` when the route names none.
    pub original: HostPattern,
}

/// One rule of an HTTPRoute or GRPCRoute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRule {
    /// Position in `spec.rules`, from 0. Dropped rules leave gaps.
    pub index: u32,
    /// `rules[].name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Str>,
    /// Alternatives; never empty (an omitted list is one match of the prefix `/`).
    pub matches: Vec<HttpMatch>,
    /// Filters in the order written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<HttpFilter>,
    /// Backends. Empty without a redirect filter means: answer 500.
    pub backends: Vec<WeightedBackend>,
    /// Timeouts.
    pub timeouts: Timeouts,
    /// Retries; absent means none beyond what is always safe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Arc<Retry>>,
    /// Session persistence of this rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_persistence: Option<Arc<SessionPersistence>>,
    /// A fault that makes the whole rule answer 500 (for instance an unresolvable filter), said in
    /// words for `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Str>,
}

impl HttpRule {
    /// A rule with these matches, that does nothing yet.
    pub fn bare(index: u32, matches: Vec<HttpMatch>) -> Self {
        Self {
            index,
            name: None,
            matches,
            filters: Vec::new(),
            backends: Vec::new(),
            timeouts: Timeouts::default(),
            retry: None,
            session_persistence: None,
            fault: None,
        }
    }
}

/// All conditions of one match must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpMatch {
    /// Path condition.
    pub path: PathMatch,
    /// Method, upper case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Str>,
    /// Header conditions, names lower case and unique (first entry of a repeated name counts).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderMatch>,
    /// Query conditions, names unique (first entry of a repeated name counts).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<QueryMatch>,
}

impl HttpMatch {
    /// A condition on the path alone.
    pub const fn of_path(path: PathMatch) -> Self {
        Self {
            path,
            method: None,
            headers: Vec::new(),
            query: Vec::new(),
        }
    }
}

/// Path conditions. The query is never part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathMatch {
    /// The whole path, case-sensitive.
    Exact(Str),
    /// Whole path elements: `/foo` matches `/foo`, `/foo/`, `/foo/bar`, not `/foobar`. Without
    /// trailing slash, except for `/` itself.
    Prefix(Str),
    /// Regular expression over the whole path (anchored), RE2 syntax.
    Regex(Str),
    /// gRPC: any service, this method (`/{service}/{method}`).
    GrpcMethod(Str),
}

/// Condition on a request header. Repeated headers are compared joined with `,`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderMatch {
    /// Lower-case name.
    pub name: Str,
    /// Condition on the value.
    pub value: ValueMatch,
}

/// Condition on a query parameter. The first of repeated parameters counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryMatch {
    /// Name, case-sensitive.
    pub name: Str,
    /// Condition on the decoded value.
    pub value: ValueMatch,
}

/// Condition on a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueMatch {
    /// Equal, case-sensitive.
    Exact(Str),
    /// Regular expression over the whole value (anchored), RE2 syntax.
    Regex(Str),
}

/// Timeouts of a rule in milliseconds; `None` means the executor's default, `Some(0)` none at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// From the first byte of the request to the last of the response, over all tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_ms: Option<u64>,
    /// One try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_request_ms: Option<u64>,
}

/// Retry policy (GEP-1731).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Status codes that are retried, 400 to 599. Refused connections are always retried.
    pub codes: Vec<u16>,
    /// Tries in addition to the first; 0 disables.
    pub attempts: u32,
    /// Base interval between tries in milliseconds, doubled each time with jitter.
    pub backoff_ms: Option<u64>,
}

/// Session persistence (GEP-1619).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPersistence {
    /// Cookie or header name; `None` lets the executor choose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Str>,
    /// How the session is carried.
    pub carrier: SessionCarrier,
    /// Hard end of a session in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute_timeout_s: Option<u64>,
    /// End of an unused session in seconds (v1.6 objects only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_s: Option<u64>,
}

/// How a session is carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionCarrier {
    /// A cookie.
    Cookie {
        /// Whether the cookie outlives the browser session (`lifetimeType: Permanent`).
        permanent: bool,
        /// `Path` attribute; default `/`.
        path: Str,
    },
    /// A header.
    Header,
}
