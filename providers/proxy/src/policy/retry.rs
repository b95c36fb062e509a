//! Retries (Gateway API v1.7.0, `HTTPRouteRetry`; budgets: `RetryConstraint`, GEP-3388).

mod budget;

pub use budget::BudgetState;

use crate::http::ResponseHead;
use gatewright_model::route::Retry;
use http::StatusCode;
use std::time::Duration;

/// Base interval when the policy names none.
const DEFAULT_BACKOFF: Duration = Duration::from_millis(25);
/// A wait never grows beyond this many base intervals.
const BACKOFF_CAP: u32 = 10;

/// How a try failed, before any part of a response was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFailure {
    /// No connection: refused, unreachable, or not in time. The backend has seen nothing.
    Connect,
    /// The TLS handshake failed. The backend has seen nothing of the request.
    TlsHandshake,
    /// HTTP/2 `REFUSED_STREAM`, or a stream above the last one of a GOAWAY: not processed
    /// (RFC 9113 sections 6.8, 8.7).
    RefusedStream,
    /// A reused connection was closed before anything of a response came. The request may have been
    /// processed.
    Closed,
    /// Reset in another way before the response began. The request may have been processed.
    Reset,
    /// `timeouts.backendRequest` passed.
    Timeout,
    /// The answer was no HTTP.
    Protocol,
}

impl UpstreamFailure {
    /// Whether the backend surely did not process the request: a new try is safe for any method
    /// (RFC 9110 section 9.2.2).
    pub const fn is_unprocessed(self) -> bool {
        matches!(self, Self::Connect | Self::TlsHandshake | Self::RefusedStream)
    }
}

/// A retry policy, ready to execute.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// Bits for the codes 400 to 655.
    codes: [u64; 4],
    attempts: u32,
    base: Duration,
}

impl RetryPolicy {
    /// Compiles a policy. Codes outside 400 to 599 are not retried.
    pub fn compile(retry: &Retry) -> Self {
        let mut codes = [0u64; 4];
        for code in retry.codes.iter().filter(|code| (400..600).contains(*code)) {
            let offset = usize::from(code - 400);
            if let Some(word) = codes.get_mut(offset / 64) {
                *word |= 1 << (offset % 64);
            }
        }
        Self {
            codes,
            attempts: retry.attempts,
            base: retry.backoff_ms.map_or(DEFAULT_BACKOFF, Duration::from_millis),
        }
    }

    /// Tries in addition to the first. 0 disables retries altogether.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether a response with this status is tried again.
    pub fn on_status(&self, status: StatusCode) -> bool {
        usize::from(status.as_u16())
            .checked_sub(400)
            .and_then(|offset| {
                let word = self.codes.get(offset / 64)?;
                Some(word >> (offset % 64) & 1 == 1)
            })
            .unwrap_or(false)
    }

    /// Whether a response is tried again: by its status, or, for a gRPC answer without messages
    /// ("Trailers-Only"), by the HTTP status that its `grpc-status` stands for: 14 UNAVAILABLE is
    /// 503, 4 DEADLINE_EXCEEDED is 504.
    pub fn on_response(&self, head: &ResponseHead) -> bool {
        if self.on_status(head.status) {
            return true;
        }
        let status = match head.headers.get("grpc-status") {
            Some(b"14") => StatusCode::SERVICE_UNAVAILABLE,
            Some(b"4") => StatusCode::GATEWAY_TIMEOUT,
            _ => return false,
        };
        head.status == StatusCode::OK && self.on_status(status)
    }

    /// Whether a failed try of a request that can be repeated without harm is repeated. What the backend
    /// surely did not process always is; so is what may have been processed when the policy names the code that the failure would answer
    /// (503 for a lost connection, 502 for garbage, 504 for a timeout).
    pub fn on_failure(&self, failure: UpstreamFailure) -> bool {
        failure.is_unprocessed()
            || match failure {
                UpstreamFailure::Timeout => self.on_status(StatusCode::GATEWAY_TIMEOUT),
                UpstreamFailure::Protocol => self.on_status(StatusCode::BAD_GATEWAY),
                _ => {
                    self.on_status(StatusCode::SERVICE_UNAVAILABLE) || self.on_status(StatusCode::BAD_GATEWAY)
                }
            }
    }

    /// Wait before retry `retry_no`, counted from 1.
    pub fn backoff(&self, retry_no: u32) -> Duration {
        self.backoff_with(retry_no, fastrand::f64())
    }

    /// [`RetryPolicy::backoff`] for a number drawn evenly from `0.0..1.0`: between half and all of
    /// the base interval, doubled with each retry, at most ten times the base.
    pub fn backoff_with(&self, retry_no: u32, drawn: f64) -> Duration {
        let doublings = retry_no.saturating_sub(1).min(8);
        let full = self
            .base
            .saturating_mul(1 << doublings)
            .min(self.base.saturating_mul(BACKOFF_CAP));
        full.mul_f64(0.5 + drawn.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{RetryPolicy, UpstreamFailure};
    use crate::http::ResponseHead;
    use gatewright_model::route::Retry;
    use http::StatusCode;
    use std::time::Duration;

    fn policy(codes: &[u16], attempts: u32, backoff_ms: Option<u64>) -> RetryPolicy {
        RetryPolicy::compile(&Retry {
            codes: codes.to_vec(),
            attempts,
            backoff_ms,
        })
    }

    #[test]
    fn only_listed_codes_are_retried() {
        let policy = policy(&[400, 500, 503, 599, 200, 600], 2, None);
        for status in 100..=999u16 {
            let expected = [400, 500, 503, 599].contains(&status);
            assert_eq!(
                policy.on_status(StatusCode::from_u16(status).unwrap()),
                expected,
                "{status}"
            );
        }
        assert_eq!(policy.attempts(), 2);
    }

    /// conformance/tests/httproute-retry-connection-error.go: `retry` without codes still retries
    /// refused connections.
    #[test]
    fn what_was_not_processed_is_always_retried() {
        use UpstreamFailure::{Closed, Connect, Protocol, RefusedStream, Reset, Timeout, TlsHandshake};
        let bare = policy(&[], 100, None);
        for failure in [Connect, TlsHandshake, RefusedStream] {
            assert!(bare.on_failure(failure));
        }
        for failure in [Closed, Reset, Timeout, Protocol] {
            assert!(!bare.on_failure(failure), "{failure:?}");
        }
        assert!(policy(&[504], 1, None).on_failure(Timeout));
        assert!(policy(&[502], 1, None).on_failure(Protocol));
        assert!(policy(&[503], 1, None).on_failure(Reset));
        assert!(!policy(&[500], 1, None).on_failure(Reset));
    }

    #[test]
    fn grpc_unavailable_counts_as_503_in_trailers_only_answers() {
        let mut head = ResponseHead::new(StatusCode::OK);
        head.headers.append_raw(b"grpc-status", b"14").unwrap();
        assert!(policy(&[503], 1, None).on_response(&head));
        assert!(!policy(&[500], 1, None).on_response(&head));
        assert!(!policy(&[503], 1, None).on_response(&ResponseHead::new(StatusCode::OK)));
    }

    #[test]
    fn backoff_doubles_with_jitter_up_to_a_cap() {
        let policy = policy(&[], 5, Some(100));
        let ms = |number, drawn| policy.backoff_with(number, drawn).as_millis();
        assert_eq!([ms(1, 0.0), ms(1, 1.0)], [50, 100]);
        assert_eq!([ms(2, 0.0), ms(2, 1.0)], [100, 200]);
        assert_eq!([ms(4, 0.0), ms(4, 1.0)], [400, 800]);
        assert_eq!([ms(5, 1.0), ms(u32::MAX, 1.0)], [1000, 1000]);
        let huge = super::RetryPolicy::compile(&Retry {
            codes: vec![],
            attempts: 1,
            backoff_ms: Some(u64::MAX / 2),
        });
        assert!(huge.backoff_with(9, 0.5) > Duration::ZERO);
    }
}
