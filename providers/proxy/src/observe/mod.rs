//! Access log, metrics, traces, error pages.

use crate::http::{LocalResponse, RequestHead};
use crate::runtime::{BackendRuntime, CompiledRule, ConnInfo, HttpListener, RouteProtocol};
use http::StatusCode;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Metrics, access log and traces of the process.
#[derive(Debug, Default)]
pub struct Observer {}

/// One worker's part of the [`Observer`].
#[derive(Debug)]
pub struct WorkerObserver {}

impl WorkerObserver {
    /// The part of worker `index`.
    pub fn new(observer: &Arc<Observer>, index: usize) -> Self {
        let _ = (observer, index);
        Self {}
    }

    /// A connection was accepted.
    pub fn connection_opened(&self, _: &ConnInfo) {}

    /// A connection is closed.
    pub fn connection_closed(&self, _: &ConnInfo) {}

    /// A request is over.
    pub fn request(&self, _: &RequestRecord<'_>) {}
}

/// What is known about a request when it is over.
#[derive(Clone, Copy, Debug)]
pub struct RequestRecord<'a> {
    /// Connection.
    pub conn: &'a ConnInfo,
    /// Listener.
    pub listener: Option<&'a HttpListener>,
    /// Rule.
    pub rule: Option<&'a CompiledRule>,
    /// Backend.
    pub backend: Option<&'a BackendRuntime>,
    /// Endpoint of the last try.
    pub endpoint: Option<SocketAddr>,
    /// Head as forwarded.
    pub request: Option<&'a RequestHead>,
    /// Status.
    pub status: u16,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the response body.
    pub bytes_out: u64,
    /// Time of everything.
    pub duration: Duration,
    /// Time until the backend's response head.
    pub upstream_duration: Option<Duration>,
    /// Tries.
    pub attempts: u32,
    /// Why the proxy answered itself, or broke off.
    pub flag: Option<ResponseFlag>,
}

/// Why the proxy answered itself, or broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ResponseFlag {
    NoRoute,
    Misdirected,
    RuleFault,
    NoBackend,
    BackendFault,
    NoEndpoint,
    Overload,
    ConnectFailure,
    UpstreamTimeout,
    UpstreamReset,
    UpstreamProtocol,
    RequestTimeout,
    ClientTimeout,
    ClientGone,
    ClientError,
}

/// The body of an error.
pub fn error_response(status: StatusCode, _: RouteProtocol, _: Option<&RequestHead>) -> LocalResponse {
    LocalResponse::empty(status)
}
