//! Filters: what happens to a request or response on its way.

use crate::Str;
use crate::backend::BackendTarget;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One filter of a rule or backend reference, in the order written.
///
/// Each is behind a pointer: most rules have none, few have more than one, and what executes a filter may
/// hold on to it instead of copying it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpFilter {
    /// Change request headers before forwarding.
    RequestHeaders(Arc<HeaderModifier>),
    /// Change response headers before answering.
    ResponseHeaders(Arc<HeaderModifier>),
    /// Answer with a redirect instead of forwarding.
    Redirect(Arc<Redirect>),
    /// Change host or path before forwarding.
    UrlRewrite(Arc<UrlRewrite>),
    /// Send a copy of the request elsewhere and forget its answer.
    Mirror(Arc<Mirror>),
    /// Cross-origin resource sharing.
    Cors(Arc<Cors>),
    /// Ask an external authorization server first.
    ExternalAuth(Arc<ExternalAuth>),
}

impl HttpFilter {
    /// The filter's `type` in manifests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RequestHeaders(_) => "RequestHeaderModifier",
            Self::ResponseHeaders(_) => "ResponseHeaderModifier",
            Self::Redirect(_) => "RequestRedirect",
            Self::UrlRewrite(_) => "URLRewrite",
            Self::Mirror(_) => "RequestMirror",
            Self::Cors(_) => "CORS",
            Self::ExternalAuth(_) => "ExternalAuth",
        }
    }
}

/// Whether a field, named in lower case, belongs to one connection or to the framing of one message.
/// Who passes a message on writes it anew: no filter can set, add or remove it (RFC 9110 sections 7.6.1
/// and 7.8, RFC 9112 section 6).
pub fn belongs_to_connection(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-length"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Header changes. Names are lower case; `set` replaces, `add` appends, `remove` deletes.
///
/// Names repeated within `set` or `add` keep only the first entry (spec: `HTTPHeaderFilter`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderModifier {
    /// Headers to overwrite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<(Str, Str)>,
    /// Headers to append.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<(Str, Str)>,
    /// Headers to delete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<Str>,
}

impl HeaderModifier {
    /// Every name, once for each action.
    pub fn names(&self) -> impl Iterator<Item = &Str> {
        let changed = self.set.iter().chain(&self.add).map(|(name, _)| name);
        changed.chain(&self.remove)
    }
}

/// How a path is changed. Prefix replacement works on whole path elements of the matched prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathModifier {
    /// Replace the whole path, keeping the query.
    ReplaceFullPath(Str),
    /// Replace the matched prefix.
    ReplacePrefixMatch(Str),
}

/// `RequestRedirect` filter. Absent fields keep the request's value, with the port rules of
/// `HTTPRequestRedirectFilter.port` applied by whoever executes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// New scheme, `http` or `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Str>,
    /// New hostname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Str>,
    /// New path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathModifier>,
    /// New port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// `URLRewrite` filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlRewrite {
    /// New Host header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Str>,
    /// New path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathModifier>,
}

/// `RequestMirror` filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// Where the copy goes.
    pub backend: BackendTarget,
    /// Share of requests that are copied: `numerator` of `denominator`, the latter never 0.
    pub numerator: u32,
    /// See `numerator`.
    pub denominator: u32,
}

/// `CORS` filter, as written. Wildcard rules are the executor's (spec: `HTTPCORSFilter`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// Allowed origins: `*`, exact `scheme://host[:port]`, or with a `*` host wildcard.
    pub allow_origins: Vec<Str>,
    /// Whether credentials are allowed.
    pub allow_credentials: bool,
    /// Allowed methods, or `*`.
    pub allow_methods: Vec<Str>,
    /// Allowed request headers, or `*`.
    pub allow_headers: Vec<Str>,
    /// Response headers that scripts may read, or `*`.
    pub expose_headers: Vec<Str>,
    /// Preflight cache time in seconds; the API's default is 5.
    pub max_age: u32,
}

/// `ExternalAuth` filter (GEP-1494).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalAuth {
    /// The authorization server.
    pub backend: BackendTarget,
    /// How it is asked.
    pub protocol: ExternalAuthProtocol,
    /// How much of the request body is sent along, in bytes; 0 sends none.
    pub forward_body_limit: u32,
}

/// Wire protocol of an authorization server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternalAuthProtocol {
    /// Envoy's `envoy.service.auth.v3.Authorization/Check`.
    Grpc {
        /// Request headers to send; empty sends all.
        allowed_request_headers: Vec<Str>,
    },
    /// Plain HTTP: 200 allows, anything else is returned to the client.
    Http {
        /// Prefix put in front of the request path.
        path: Str,
        /// Further request headers to send, lower case; the always-sent set is the executor's.
        allowed_request_headers: Vec<Str>,
        /// Answer headers copied into the request to the backend, lower case.
        allowed_response_headers: Vec<Str>,
    },
}
