//! What filters and policies do to a request.

use crate::http::{LocalResponse, RequestHead, ResponseHead};
use crate::runtime::{BackendRuntime, ConnInfo, EndpointRuntime, HttpPort};
use gatewright_model::backend::RetryBudget;
use http::StatusCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Filters of a rule or of a backend reference, compiled.
#[derive(Debug, Default)]
pub struct FilterChain {}

/// What a filter decided.
#[derive(Debug)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Answer with this.
    Respond(LocalResponse),
}

/// State of the filters of one request.
#[derive(Debug, Default)]
pub struct FilterState {}

/// What filters know about a request beyond its head.
#[derive(Clone, Copy, Debug)]
pub struct FilterContext<'a> {
    /// Connection.
    pub conn: &'a ConnInfo,
    /// Port.
    pub port: &'a HttpPort,
    /// Path prefix that matched.
    pub matched_prefix: Option<&'a str>,
}

/// An external authorization filter.
#[derive(Debug)]
pub struct CompiledExternalAuth {}

impl CompiledExternalAuth {
    /// Bytes of the request body to send along.
    pub fn body_limit(&self) -> usize {
        0
    }
}

/// A mirror.
#[derive(Debug)]
pub struct CompiledMirror {
    /// Where the copy goes.
    pub backend: Option<Arc<BackendRuntime>>,
}

impl CompiledMirror {
    /// Whether this request is copied.
    pub fn sample(&self) -> bool {
        true
    }
}

impl FilterChain {
    /// External authorization filters.
    pub fn auths(&self) -> &[Arc<CompiledExternalAuth>] {
        &[]
    }

    /// Mirrors.
    pub fn mirrors(&self) -> &[CompiledMirror] {
        &[]
    }

    /// Runs the filters on a request.
    pub fn request(&self, _: &mut RequestHead, _: &mut FilterState, _: &FilterContext<'_>) -> Verdict {
        Verdict::Continue
    }

    /// Runs the filters on a response.
    pub fn response(&self, _: &mut ResponseHead, _: &FilterState) {}
}

/// Filters of a listener, compiled.
#[derive(Debug, Default)]
pub struct ListenerFilters {}

impl ListenerFilters {
    /// External authorization filters.
    pub fn auths(&self) -> &[Arc<CompiledExternalAuth>] {
        &[]
    }
}

/// Retries by policy.
#[derive(Debug)]
pub struct RetryPolicy {}

impl RetryPolicy {
    /// Tries beyond the first.
    pub fn attempts(&self) -> u32 {
        0
    }

    /// Whether a status is retried.
    pub fn on_status(&self, _: StatusCode) -> bool {
        false
    }

    /// Wait before a retry.
    pub fn backoff(&self, _: u32) -> Duration {
        Duration::ZERO
    }
}

/// State of a retry budget.
#[derive(Debug, Default)]
pub struct BudgetState {}

impl BudgetState {
    /// Counts a request.
    pub fn request(&self, _: Option<&RetryBudget>, _: Instant) {}

    /// Whether a retry is allowed.
    pub fn allow_retry(&self, _: Option<&RetryBudget>, _: Instant) -> bool {
        true
    }
}

/// Session persistence.
#[derive(Debug)]
pub struct SessionPolicy {}

/// A session that a request belongs to.
#[derive(Debug)]
pub struct SessionToken {}

impl SessionPolicy {
    /// The session of a request.
    pub fn token(&self, _: &RequestHead) -> Option<SessionToken> {
        None
    }

    /// Tells the client its session.
    pub fn respond(
        &self,
        _: &mut ResponseHead,
        _: &RequestHead,
        _: &EndpointRuntime,
        _: Option<&SessionToken>,
    ) {
    }
}

/// Forwarding headers.
pub mod forward {
    use crate::http::RequestHead;
    use crate::runtime::{ConnInfo, ForwardingOptions, HttpPort};

    /// Sets them.
    pub fn apply(_: &mut RequestHead, _: &ConnInfo, _: &HttpPort, _: &ForwardingOptions) {}
}
