//! Whether, where and when a request is tried again.

use crate::balance::Outcome;
use crate::http::attempt::Deadlines;
use crate::http::upstream::{Answer, UpstreamError};
use crate::http::{RequestHead, StreamError};
use crate::observe::ResponseFlag;
use crate::policy::{self, UpstreamFailure};
use http::StatusCode;
use smallvec::SmallVec;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Extra tries when nothing of the request has reached a backend.
const CONNECT_RETRIES: u32 = 3;

/// How often and where a request may be tried again.
pub(crate) struct Retries<'a> {
    policy: Option<&'a policy::RetryPolicy>,
    /// Endpoints that failed.
    pub(crate) tried: SmallVec<[SocketAddr; 4]>,
    by_policy: u32,
    by_connect: u32,
    /// Whether the next try needs a new connection.
    pub(crate) fresh: bool,
}

impl<'a> Retries<'a> {
    pub(crate) fn new(policy: Option<&'a policy::RetryPolicy>) -> Self {
        Self {
            policy,
            tried: SmallVec::new(),
            by_policy: 0,
            by_connect: 0,
            fresh: false,
        }
    }

    /// Nothing has reached a backend: another one is tried, unless the route forbids all retries
    /// (`attempts: 0`, GEP-1731).
    pub(crate) fn connect_again(&mut self) -> bool {
        self.by_connect += 1;
        self.by_connect <= CONNECT_RETRIES && self.policy.is_none_or(|policy| policy.attempts() > 0)
    }

    pub(crate) fn after_answer(&mut self, answer: &Answer) -> bool {
        match answer {
            Answer::Final { head, .. } => self.by_policy(|policy| policy.on_response(head)),
            Answer::Interim(_) | Answer::Switched(_) => false,
        }
    }

    /// A request that may have been processed is not sent again unless it can do no harm (RFC 9110
    /// section 9.2.2; Gateway API v1.7.0, `HTTPRouteRetry`).
    pub(crate) fn after_failure(&mut self, error: &UpstreamError, reused: bool, head: &RequestHead) -> bool {
        let failure = match error {
            UpstreamError::NoEndpoint | UpstreamError::Overload | UpstreamError::Connect(_) => {
                UpstreamFailure::Connect
            }
            UpstreamError::ConnectTimeout => UpstreamFailure::Connect,
            UpstreamError::Closed if reused => UpstreamFailure::Closed,
            UpstreamError::Closed => UpstreamFailure::Reset,
            UpstreamError::Stream(_) if error.before_request() => UpstreamFailure::RefusedStream,
            UpstreamError::Stream(_) => UpstreamFailure::Reset,
            UpstreamError::Head(_) | UpstreamError::TooLarge => UpstreamFailure::Protocol,
            UpstreamError::Timeout => UpstreamFailure::Timeout,
        };
        (failure.is_unprocessed() || head.is_idempotent())
            && self.by_policy(|policy| policy.on_failure(failure))
    }

    fn by_policy(&mut self, wanted: impl FnOnce(&policy::RetryPolicy) -> bool) -> bool {
        let Some(policy) = self.policy else { return false };
        if self.by_policy >= policy.attempts() || !wanted(policy) {
            return false;
        }
        self.by_policy += 1;
        true
    }

    pub(crate) fn failed_at(&mut self, endpoint: SocketAddr) {
        self.fresh = false;
        self.tried.push(endpoint);
    }

    pub(crate) fn backoff(&self) -> Duration {
        self.policy
            .map_or(Duration::ZERO, |policy| policy.backoff(self.by_policy))
    }
}

/// What an answer says about its endpoint. A 500 is the application's own affair.
pub(crate) fn verdict(status: StatusCode) -> Outcome {
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Outcome::ServerError
        }
        _ => Outcome::Success,
    }
}

/// Status, reason and verdict on the endpoint of a failed try.
pub(crate) fn classify(error: &UpstreamError) -> (StatusCode, ResponseFlag, Outcome) {
    match error {
        UpstreamError::NoEndpoint => (
            StatusCode::SERVICE_UNAVAILABLE,
            ResponseFlag::NoEndpoint,
            Outcome::ConnectFailure,
        ),
        UpstreamError::Overload => (
            StatusCode::SERVICE_UNAVAILABLE,
            ResponseFlag::Overload,
            Outcome::Success,
        ),
        UpstreamError::Connect(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            ResponseFlag::ConnectFailure,
            Outcome::ConnectFailure,
        ),
        UpstreamError::ConnectTimeout => (
            StatusCode::SERVICE_UNAVAILABLE,
            ResponseFlag::ConnectFailure,
            Outcome::ConnectFailure,
        ),
        UpstreamError::Timeout => (
            StatusCode::GATEWAY_TIMEOUT,
            ResponseFlag::UpstreamTimeout,
            Outcome::Timeout,
        ),
        UpstreamError::Stream(_) | UpstreamError::Closed => (
            StatusCode::BAD_GATEWAY,
            ResponseFlag::UpstreamReset,
            Outcome::Reset,
        ),
        UpstreamError::Head(_) | UpstreamError::TooLarge => (
            StatusCode::BAD_GATEWAY,
            ResponseFlag::UpstreamProtocol,
            Outcome::Reset,
        ),
    }
}

/// Whether a pooled connection failed the way one does that the backend had closed.
pub(crate) const fn stale(error: &UpstreamError) -> bool {
    matches!(
        error,
        UpstreamError::Closed | UpstreamError::Stream(StreamError::Io(_) | StreamError::H2(_))
    )
}

/// Waits before a retry; `false` when the request has no time left for it.
pub(crate) async fn wait(backoff: Duration, deadlines: &Deadlines) -> bool {
    let until = Instant::now() + backoff;
    if deadlines.request.is_some_and(|deadline| until >= deadline) {
        return false;
    }
    tokio::time::sleep_until(until).await;
    true
}
