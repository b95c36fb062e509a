//! Enforcing a policy: what callers may do, as
//! [IAM evaluates it](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html)
//! for one identity-based policy. Without a policy everything is allowed.
//!
//! Elements that are not known here make a policy unusable instead of being skipped.

mod condition;
mod policy;
mod request;

pub use policy::{Policy, PolicyError};
pub use request::Request;

use crate::error::ApiError;
use crate::service::Context;
use crate::state::Account;
use policy::Verdict;
use serde_json::Value;

/// Refuses a call that the policy does not allow.
///
/// # Errors
///
/// In the words of the service.
pub fn check(
    policy: &Policy,
    account: &Account,
    context: &Context,
    (service, operation): (&str, &str),
    input: &Value,
) -> Result<(), ApiError> {
    for request in request::requests(account, context, (service, operation), input) {
        let why = match policy.decide(&request) {
            Verdict::Allowed => continue,
            Verdict::Denied => format!(
                "with an explicit deny in an identity-based policy for the {} action",
                request.action
            ),
            Verdict::Silent => format!(
                "because no identity-based policy allows the {} action",
                request.action
            ),
        };
        let user = &context.identity.arn;
        let told = format!(
            "User: {user} is not authorized to perform: {} on resource: {} {why}",
            request.action, request.resource
        );
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html; EC2 has a code of its
        // own, https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html.
        return Err(match service {
            "ec2" => ApiError::new(
                "UnauthorizedOperation",
                format!("You are not authorized to perform this operation. {told}"),
            ),
            "elbv2" | "sts" | "s3" => ApiError::new("AccessDenied", told),
            _ => ApiError::new("AccessDeniedException", told),
        }
        .with_status(if matches!(service, "ec2" | "elbv2" | "sts" | "s3" | "lattice") {
            403
        } else {
            400
        }));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
