//! What is known about a request when it is over.

use crate::http::RequestHead;
use crate::runtime::{BackendRuntime, CompiledRule, ConnInfo, HttpListener};
use std::net::SocketAddr;
use std::time::Duration;

/// What is known about a request when it is over.
#[derive(Clone, Copy, Debug)]
pub struct RequestRecord<'a> {
    /// Connection.
    pub conn: &'a ConnInfo,
    /// Listener; none when the host matched none.
    pub listener: Option<&'a HttpListener>,
    /// Rule; none when nothing matched.
    pub rule: Option<&'a CompiledRule>,
    /// Backend that was chosen.
    pub backend: Option<&'a BackendRuntime>,
    /// Endpoint of the last try.
    pub endpoint: Option<SocketAddr>,
    /// Head as forwarded.
    pub request: Option<&'a RequestHead>,
    /// Status that the client got.
    pub status: u16,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the response body.
    pub bytes_out: u64,
    /// From the first byte of the request to the last of the response.
    pub duration: Duration,
    /// Time until the backend's response head, in the last try.
    pub upstream_duration: Option<Duration>,
    /// Tries.
    pub attempts: u32,
    /// Why the proxy answered itself, or broke off.
    pub flag: Option<ResponseFlag>,
    /// The request's span, when the port has tracing.
    pub span: Option<&'a crate::observe::Span>,
}

/// Why the proxy answered itself, or broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseFlag {
    /// No listener or route matches: 404.
    NoRoute,
    /// The host belongs to another listener than the TLS session: 421.
    Misdirected,
    /// The whole rule answers 500.
    RuleFault,
    /// The rule has no backend, or an invalid one was chosen: 500.
    NoBackend,
    /// The backend has a fault of its own: 500.
    BackendFault,
    /// The backend has no ready endpoint: 503.
    NoEndpoint,
    /// A limit of this proxy: 503.
    Overload,
    /// No connection to an endpoint: 503.
    ConnectFailure,
    /// The backend took too long: 504.
    UpstreamTimeout,
    /// The backend broke the connection: 502, or a cut response.
    UpstreamReset,
    /// The backend's answer is no HTTP: 502.
    UpstreamProtocol,
    /// The whole request took too long: 504.
    RequestTimeout,
    /// The client was silent for too long: 408.
    ClientTimeout,
    /// The client went away.
    ClientGone,
    /// The client's request is at fault: 4xx.
    ClientError,
    /// The retry budget is spent: 503.
    RetryBudget,
}

impl ResponseFlag {
    /// All flags, in order.
    pub(crate) const ALL: [Self; 16] = [
        Self::NoRoute,
        Self::Misdirected,
        Self::RuleFault,
        Self::NoBackend,
        Self::BackendFault,
        Self::NoEndpoint,
        Self::Overload,
        Self::ConnectFailure,
        Self::UpstreamTimeout,
        Self::UpstreamReset,
        Self::UpstreamProtocol,
        Self::RequestTimeout,
        Self::ClientTimeout,
        Self::ClientGone,
        Self::ClientError,
        Self::RetryBudget,
    ];

    /// As written in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRoute => "no_route",
            Self::Misdirected => "misdirected",
            Self::RuleFault => "rule_fault",
            Self::NoBackend => "no_backend",
            Self::BackendFault => "backend_fault",
            Self::NoEndpoint => "no_endpoint",
            Self::Overload => "overload",
            Self::ConnectFailure => "connect_failure",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamReset => "upstream_reset",
            Self::UpstreamProtocol => "upstream_protocol",
            Self::RequestTimeout => "request_timeout",
            Self::ClientTimeout => "client_timeout",
            Self::ClientGone => "client_gone",
            Self::ClientError => "client_error",
            Self::RetryBudget => "retry_budget",
        }
    }
}
