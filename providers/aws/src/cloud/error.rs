//! Errors of calls.

use gatewright_aws_core::Str;
use gatewright_provider_api::contract::{ErrorKind, ProviderError, Resource};
use thiserror::Error;

/// A call failed.
///
/// Kinds by AWS's codes (the pages of the API reference, "Common Errors" and each operation's "Errors"):
///
/// | codes | kind |
/// |---|---|
/// | `Throttling`, `ThrottlingException`, `RequestLimitExceeded`, `TooManyRequestsException`, HTTP 429 | `Throttled` |
/// | `PriorityInUse`, `ConcurrentModification`, `OptimisticLock`-like | `Conflict` |
/// | `*NotFound`, `InvalidGroup.NotFound`, `ResourceNotFoundException` | `NotFound` |
/// | `DuplicateLoadBalancerName`, `DuplicateTargetGroupName`, `DuplicateListener`, `InvalidGroup.Duplicate` | `NotOurs`: the driver looks whose it is |
/// | `AccessDenied*`, `UnauthorizedOperation`, expired or wrong credentials | `Forbidden`; the message names the action |
/// | `TooMany*`, `*LimitExceeded` except of rates, `TargetGroupAssociationLimit` | `QuotaExceeded` |
/// | `ResourceInUse`, `ResourceInUseException`, `DependencyViolation` | `InUse` |
/// | `OperationNotPermitted` of `DeleteLoadBalancer` | `Protected` |
/// | `ValidationError`, `Invalid*`, `IncompatibleProtocols`, `UnsupportedProtocol`, `UnsupportedCertificate`, … | `Invalid` |
/// | no answer in time | `Timeout` |
/// | connection refused, HTTP 5xx | `Unavailable` |
/// | any other | `Unexpected` |
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", words(self))]
pub struct CloudError {
    /// Kind.
    pub kind: ErrorKind,
    /// The operation of AWS's API, for example `CreateRule`.
    pub operation: &'static str,
    /// AWS's code; empty when there was no answer.
    pub code: Str,
    /// AWS's message, without secrets.
    pub message: String,
}

fn words(error: &CloudError) -> String {
    let CloudError {
        operation,
        code,
        message,
        ..
    } = error;
    if code.is_empty() {
        format!("{operation}: {message}")
    } else {
        format!("{operation}: {code}: {message}")
    }
}

impl CloudError {
    /// The same, told of a resource.
    pub fn about(self, resource: Resource) -> ProviderError {
        ProviderError {
            kind: self.kind,
            resource,
            message: self.to_string(),
        }
    }
}
