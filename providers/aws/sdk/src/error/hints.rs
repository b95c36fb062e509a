//! What to do about an error, for who runs the controller.

use super::codes::is_of_credentials;
use crate::calls::Call;
use gatewright_provider_api::contract::ErrorKind;

/// Where the module is whose outputs grant permissions.
const TERRAFORM: &str = "terraform/aws/permissions";

/// Words in front of AWS's own; none where these say enough.
///
/// Codes: "Common Errors" of the API references, and
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html>.
pub(super) fn of(call: &Call, kind: ErrorKind, code: &str) -> Option<String> {
    let told = match (kind, code) {
        (_, "ExpiredToken" | "ExpiredTokenException") => {
            "AWS does not accept the credentials: they have expired; whoever gives them out must give new ones"
        }
        (_, "RequestExpired" | "RequestTimeTooSkewed") => {
            "AWS does not accept the credentials: the request is too old; set the clock of the controller (AWS accepts \
             five minutes)"
        }
        (_, "SignatureDoesNotMatch" | "InvalidSignatureException") => {
            "AWS does not accept the credentials: the secret key does not belong to the access key, or the clock of the \
             controller is more than five minutes off"
        }
        _ if is_of_credentials(code) => {
            "AWS does not accept the credentials; check what gives them (environment, profile, IRSA, Pod Identity)"
        }
        (ErrorKind::Invalid, "ResourceNotFoundException") if call.operation == "CreateProtection" => {
            "the account has no subscription to Shield Advanced, which costs: subscribe, or leave shieldAdvanced out"
        }
        // What AWS says of a private key is not repeated, so that these say all that there is to know.
        (ErrorKind::Invalid, _) if call.operation == "ImportCertificate" => {
            "ACM does not take the certificate of the Secret, whose hostname alone is hurt: it takes one that is valid \
             now, whose key belongs to it (RSA of 1024 to 4096 bits, ECDSA of P-256, P-384 or P-521), and behind it in \
             tls.crt each certificate that signed the one before"
        }
        (ErrorKind::QuotaExceeded, _) if call.operation == "ImportCertificate" => {
            "ACM has no room for the certificate, whose hostname alone is hurt: the quota of imported certificates, or of \
             imports in a year, is used up; raise it in Service Quotas, or delete certificates that nobody uses"
        }
        (ErrorKind::InUse, _) if call.operation == "DeleteCertificate" => {
            "something shows the certificate still (InUseBy of DescribeCertificate tells what): a load balancer of this \
             Gateway lets go by itself, what others made must be changed by them; then it is deleted"
        }
        (ErrorKind::QuotaExceeded, _) => {
            "a quota is used up; raise it in Service Quotas, or remove what is not needed"
        }
        (_, "OptInRequired" | "RegionDisabledException" | "PendingVerification") => {
            "the account may not use the service in this region; enable it, or choose another region"
        }
        (ErrorKind::Forbidden, _) => return permission(call),
        (ErrorKind::Unexpected, _) => {
            "this version does not know the error; the call is repeated, ever less often"
        }
        _ => return None,
    };
    Some(told.to_owned())
}

/// The action, and what grants it.
fn permission(call: &Call) -> Option<String> {
    let action = call.action()?;
    let granted = call.grant().map(|grant| {
        format!(
            " (Terraform: output `{}` of {TERRAFORM})",
            grant.terraform_output()
        )
    });
    Some(format!(
        "needs the permission `{action}`{}",
        granted.unwrap_or_default()
    ))
}

/// No connection: also where a region does not have a service, whose endpoint then has no address.
pub(super) fn unreachable(call: &Call) -> String {
    format!(
        "the endpoint of {} cannot be reached; does the region have the service, and does the network lead there?",
        call.service.id()
    )
}
