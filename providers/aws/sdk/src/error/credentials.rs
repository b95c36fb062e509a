//! Trouble with credentials: who refused to give any, and what to do about it.
//!
//! What the SDK and AWS say about it is not passed on: it may have paths and tokens in it. Codes are.

use super::codes::kind_of_code;
use super::find;
use crate::calls::Service;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use gatewright_provider_api::contract::ErrorKind;
use std::error::Error;
use std::io;

/// How the cache of the SDK says that a provider of credentials took too long; it has no type for it.
const SLOW: &str = "identity resolver timed out";

/// How the SDK's provider for containers says that it was refused; it has no type for it.
const NO_SUCCESS: &str = "Non-success status from HTTP credential provider: ";

/// Roles are taken on with credentials, which may be what is missing.
const DEEPEST: usize = 8;

/// Trouble with credentials, anywhere in a chain of causes.
pub(super) fn trouble(source: Option<&(dyn Error + 'static)>) -> Option<(ErrorKind, String)> {
    let (kind, words) = match innermost(source) {
        Some(error) => of(error),
        None if is_slow(source) => (
            ErrorKind::Timeout,
            "neither STS nor another one who gives them answered in time".into(),
        ),
        None => return None,
    };
    Some((kind, format!("no credentials: {words}")))
}

fn innermost<'a>(source: Option<&'a (dyn Error + 'static)>) -> Option<&'a CredentialsError> {
    let mut found: &'a CredentialsError = find(source)?;
    for _ in 0..DEEPEST {
        match find(found.source()) {
            Some(within) => found = within,
            None => break,
        }
    }
    Some(found)
}

fn is_slow(source: Option<&(dyn Error + 'static)>) -> bool {
    let mut next = source;
    for _ in 0..DEEPEST {
        let Some(error) = next else { break };
        if error.to_string().starts_with(SLOW) {
            return true;
        }
        next = error.source();
    }
    false
}

fn of(error: &CredentialsError) -> (ErrorKind, String) {
    if let Some(code) = refusal::<AssumeRoleWithWebIdentityError>(error) {
        return refused("AssumeRoleWithWebIdentity", code, web_identity);
    }
    if let Some(code) = refusal::<AssumeRoleError>(error) {
        return refused("AssumeRole", code, role);
    }
    if let Some(status) = status(error) {
        return agent(status);
    }
    // Opening a file fails at once; what fails in a connection is further down.
    if let Some(error) = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
    {
        let words = format!(
            "the file that AWS_WEB_IDENTITY_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names cannot be read \
             ({}); look at the pod's volumes",
            error.kind()
        );
        return (ErrorKind::Forbidden, words);
    }
    if find::<SdkError<CredentialsError, HttpResponse>>(error.source()).is_some() {
        let words = "the EKS Pod Identity agent, at AWS_CONTAINER_CREDENTIALS_FULL_URI, cannot be reached or does not \
                     answer in time: does it run on this node?";
        return (ErrorKind::Unavailable, words.into());
    }
    let (kind, words) = match error {
        CredentialsError::CredentialsNotLoaded(_) => (
            ErrorKind::Forbidden,
            "neither environment, profile, web identity, Pod Identity nor instance give any",
        ),
        CredentialsError::ProviderTimedOut(_) => {
            (ErrorKind::Timeout, "their provider did not answer in time")
        }
        CredentialsError::InvalidConfiguration(_) => (
            ErrorKind::Forbidden,
            "their configuration is wrong: AWS_CONTAINER_CREDENTIALS_FULL_URI must lead to the EKS Pod Identity agent or \
             to this machine, a token must be one line, and profiles and roles must be as AWS wants them",
        ),
        _ => (
            ErrorKind::Unavailable,
            "who gives them (STS, the EKS Pod Identity agent or the instance) failed or cannot be reached",
        ),
    };
    (kind, words.into())
}

/// The code with which STS refused.
fn refusal<E: ProvideErrorMetadata + Error + 'static>(error: &CredentialsError) -> Option<&str> {
    match find::<SdkError<E, HttpResponse>>(error.source())? {
        SdkError::ServiceError(answer) => Some(answer.err().code().unwrap_or("an error without a code")),
        _ => None,
    }
}

fn refused(operation: &str, code: &str, advice: fn(&str) -> Option<&'static str>) -> (ErrorKind, String) {
    let kind = kind_of_code(Service::Sts, operation, code).unwrap_or(ErrorKind::Unexpected);
    let advice = advice(code).map_or_else(String::new, |advice| format!(": {advice}"));
    (kind, format!("STS answered {code} to {operation}{advice}"))
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors>.
fn web_identity(code: &str) -> Option<&'static str> {
    match code {
        "AccessDenied" => Some(
            "the role of AWS_ROLE_ARN must allow `sts:AssumeRoleWithWebIdentity` to this cluster's issuer, namespace and \
             ServiceAccount (Terraform: output `role_arn` of terraform/aws/irsa)",
        ),
        "ExpiredTokenException" | "ExpiredToken" => Some(
            "the token in the file of AWS_WEB_IDENTITY_TOKEN_FILE has expired; kubelet renews it: look at the pod's \
             volume and the node's clock",
        ),
        "IDPRejectedClaim" | "InvalidIdentityToken" => Some(
            "the file of AWS_WEB_IDENTITY_TOKEN_FILE must hold a token for the audience `sts.amazonaws.com` of a cluster \
             whose issuer IAM knows as an OIDC provider (Terraform: variable `oidc_provider_arn` of terraform/aws/irsa)",
        ),
        _ => None,
    }
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
fn role(code: &str) -> Option<&'static str> {
    (code == "AccessDenied").then_some(
        "the controller's own role needs the permission `sts:AssumeRole` on it (Terraform: variable `assumable_role_arns` \
         of terraform/aws/irsa and terraform/aws/pod-identity), and its trust policy must name the controller's own role",
    )
}

/// The status with which the EKS Pod Identity agent refused.
fn status(error: &CredentialsError) -> Option<u16> {
    let told = error.source()?.to_string();
    let digits = told
        .strip_prefix(NO_SUCCESS)?
        .chars()
        .filter(char::is_ascii_digit);
    digits.collect::<String>().parse().ok()
}

/// <https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html>, which the agent calls.
fn agent(status: u16) -> (ErrorKind, String) {
    let told = format!("the EKS Pod Identity agent answered HTTP {status}");
    match status {
        429 => (ErrorKind::Throttled { after: None }, told),
        400..=499 => (
            ErrorKind::Forbidden,
            format!(
                "{told}: the ServiceAccount must be associated with a role that allows `sts:AssumeRole` and \
                 `sts:TagSession` to pods.eks.amazonaws.com (Terraform: outputs `association_id` and `role_arn` of \
                 terraform/aws/pod-identity)"
            ),
        ),
        _ => (ErrorKind::Unavailable, told),
    }
}
