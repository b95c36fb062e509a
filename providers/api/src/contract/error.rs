//! What can go wrong with a provider's API, by kind.
//!
//! No text is ever matched: a driver turns codes of its API into a kind, and [`ErrorKind::treatment`] is
//! the one table from kinds to retries, condition reasons and metric labels.

use super::Resource;
use std::time::Duration;
use thiserror::Error;

/// A call failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{resource}: {message}")]
pub struct ProviderError {
    /// Kind.
    pub kind: ErrorKind,
    /// What the call was about.
    pub resource: Resource,
    /// What the API said, without secrets.
    pub message: String,
}

impl ProviderError {
    /// What is done about it.
    pub const fn treatment(&self) -> Treatment {
        self.kind.treatment()
    }
}

/// Kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Too many calls.
    Throttled {
        /// When the API asked to be called again.
        after: Option<Duration>,
    },
    /// Somebody else changed the resource at the same time, or owns what we want to write.
    Conflict,
    /// What the call refers to is not there (yet).
    NotFound,
    /// Something of this name exists and is not ours.
    NotOurs,
    /// We lack the permission.
    Forbidden,
    /// A quota is used up.
    QuotaExceeded,
    /// The API refuses the value.
    Invalid,
    /// The API refuses an address that was asked for.
    AddressUnavailable,
    /// The resource is still in use, or still going away.
    InUse,
    /// It is protected from deletion, by somebody who must lift that.
    Protected,
    /// No answer in time; the call may have been carried out.
    Timeout,
    /// The API is down or cannot be reached.
    Unavailable,
    /// This process may make no changes any more; the call may have been carried out.
    Superseded,
    /// An answer that its documentation does not mention.
    Unexpected,
}

/// Who can put it right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Who wrote the Gateway or its parameters.
    User,
    /// Who runs the controller: permissions, quotas.
    Operator,
    /// The provider; it passes.
    Provider,
}

/// When a call is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// After this time at first, doubled up to the other with each further failure.
    Backoff {
        /// First pause.
        first: Duration,
        /// Longest pause.
        most: Duration,
    },
    /// Not before this time.
    After(Duration),
}

impl Retry {
    /// The pause before attempt number `failures` + 1, `failures` counting from 1. Jitter is the caller's.
    pub fn pause(self, failures: u32) -> Duration {
        match self {
            Self::After(pause) => pause,
            Self::Backoff { first, most } => {
                let doubled =
                    first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
                doubled.min(most)
            }
        }
    }
}

/// What is done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// Who can put it right.
    pub fault: Fault,
    /// When it is tried again.
    pub retry: Retry,
    /// Reason of the Gateway's `Programmed=False`.
    pub reason: &'static str,
    /// Label of metrics.
    pub label: &'static str,
}

/// Passing trouble: soon, and ever less often.
const SOON: Retry = backoff(Duration::from_millis(200), Duration::from_secs(30));

/// Trouble that a person must end: a change of the objects starts a new attempt anyway.
const LATER: Retry = backoff(Duration::from_secs(5), Duration::from_secs(300));

const fn backoff(first: Duration, most: Duration) -> Retry {
    Retry::Backoff { first, most }
}

impl ErrorKind {
    /// One of each, for tests and documentation.
    pub const ALL: [Self; 14] = [
        Self::Throttled { after: None },
        Self::Conflict,
        Self::NotFound,
        Self::NotOurs,
        Self::Forbidden,
        Self::QuotaExceeded,
        Self::Invalid,
        Self::AddressUnavailable,
        Self::InUse,
        Self::Protected,
        Self::Timeout,
        Self::Unavailable,
        Self::Superseded,
        Self::Unexpected,
    ];

    /// The table. Reasons are those of `GatewayConditionProgrammed` (Gateway API v1.7.0,
    /// `apis/v1/gateway_types.go`).
    pub const fn treatment(self) -> Treatment {
        const fn row(fault: Fault, retry: Retry, reason: &'static str, label: &'static str) -> Treatment {
            Treatment {
                fault,
                retry,
                reason,
                label,
            }
        }
        match self {
            Self::Throttled { after: Some(after) } => {
                row(Fault::Provider, Retry::After(after), "Pending", "throttled")
            }
            Self::Throttled { after: None } => row(
                Fault::Provider,
                backoff(Duration::from_secs(1), Duration::from_secs(60)),
                "Pending",
                "throttled",
            ),
            Self::Conflict => row(Fault::Provider, SOON, "Pending", "conflict"),
            Self::NotFound => row(Fault::Provider, SOON, "Pending", "not_found"),
            Self::NotOurs => row(Fault::User, LATER, "Invalid", "not_ours"),
            Self::Forbidden => row(Fault::Operator, LATER, "Invalid", "forbidden"),
            Self::QuotaExceeded => row(Fault::Operator, LATER, "NoResources", "quota_exceeded"),
            Self::Invalid => row(Fault::User, LATER, "Invalid", "invalid"),
            Self::AddressUnavailable => row(Fault::User, LATER, "AddressNotUsable", "address_unavailable"),
            Self::InUse => row(Fault::Provider, SOON, "Pending", "in_use"),
            Self::Protected => row(Fault::User, LATER, "Invalid", "protected"),
            Self::Timeout => row(Fault::Provider, SOON, "Pending", "timeout"),
            Self::Unavailable => row(Fault::Provider, SOON, "Pending", "unavailable"),
            Self::Superseded => row(Fault::Provider, SOON, "Pending", "superseded"),
            Self::Unexpected => row(Fault::Provider, LATER, "Pending", "unexpected"),
        }
    }

    /// Whether it can pass without a person.
    pub const fn retryable(self) -> bool {
        matches!(self.treatment().fault, Fault::Provider)
    }
}
