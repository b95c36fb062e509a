//! Whether a request comes from whom it says: in the words of each kind of service.
//!
//! - Query services: <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>
//! - EC2: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
//! - JSON and REST services: <https://docs.aws.amazon.com/acm/latest/APIReference/CommonErrors.html>

use super::{Request, Simulator};
use crate::error::ApiError;
use crate::protocol::model::Protocol;
use crate::protocol::scope::Scope;
use crate::protocol::signature::{self, Fault, Signed};
use crate::sts::Secret;

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";
const UNKNOWN: &str = "The security token included in the request is invalid.";
const NOT_VALIDATED: &str = "AWS was not able to validate the provided access credentials";

impl Simulator {
    /// Checks date and signature of a request.
    ///
    /// # Errors
    ///
    /// In the words of services of the protocol.
    pub fn authentic(&self, protocol: Protocol, scope: &Scope, request: &Request) -> Result<(), ApiError> {
        let signed = Signed {
            method: &request.method,
            path: &request.path,
            query: &request.query,
            headers: &request.headers,
            body: &request.body,
        };
        signature::in_time(&signed, self.clock.machine_s()).map_err(|fault| told(protocol, fault))?;
        let secret = self.inner().keys.secret(&scope.access_key);
        match secret {
            Secret::Any => Ok(()),
            Secret::Is(secret) => {
                signature::verify(&signed, scope, &secret).map_err(|fault| told(protocol, fault))
            }
            Secret::Unknown => Err(unknown(protocol)),
        }
    }
}

fn unknown(protocol: Protocol) -> ApiError {
    match protocol {
        Protocol::Ec2 => ApiError::new("AuthFailure", NOT_VALIDATED).with_status(401),
        Protocol::Query => ApiError::new("InvalidClientTokenId", UNKNOWN).with_status(403),
        Protocol::Json => ApiError::new("UnrecognizedClientException", UNKNOWN).with_status(400),
        Protocol::Object => ApiError::new("InvalidAccessKeyId", UNKNOWN).with_status(403),
        // https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/CommonErrors.html
        Protocol::Rest => ApiError::new("UnrecognizedClientException", UNKNOWN).with_status(403),
    }
}

fn told(protocol: Protocol, fault: Fault) -> ApiError {
    match (protocol, fault) {
        (Protocol::Ec2, Fault::Mismatch) => ApiError::new("AuthFailure", NOT_VALIDATED).with_status(401),
        (Protocol::Ec2, Fault::Skewed(told)) => {
            ApiError::new("RequestExpired", format!("Request has expired. {told}")).with_status(400)
        }
        (Protocol::Query, Fault::Mismatch) => {
            ApiError::new("SignatureDoesNotMatch", MISMATCH).with_status(403)
        }
        (Protocol::Query, Fault::Skewed(told)) => {
            ApiError::new("SignatureDoesNotMatch", told).with_status(403)
        }
        (Protocol::Ec2 | Protocol::Query, Fault::Incomplete(told)) => {
            ApiError::new("IncompleteSignature", told).with_status(400)
        }
        // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
        (Protocol::Object, Fault::Mismatch) => {
            ApiError::new("SignatureDoesNotMatch", MISMATCH).with_status(403)
        }
        (Protocol::Object, Fault::Skewed(told)) => {
            ApiError::new("RequestTimeTooSkewed", told).with_status(403)
        }
        (Protocol::Object, Fault::Incomplete(told)) => {
            ApiError::new("AuthorizationHeaderMalformed", told).with_status(400)
        }
        (Protocol::Rest, Fault::Mismatch) => {
            ApiError::new("InvalidSignatureException", MISMATCH).with_status(403)
        }
        (Protocol::Rest, Fault::Skewed(told)) => {
            ApiError::new("InvalidSignatureException", told).with_status(403)
        }
        (_, Fault::Mismatch) => ApiError::new("InvalidSignatureException", MISMATCH).with_status(400),
        (_, Fault::Skewed(told)) => ApiError::new("InvalidSignatureException", told).with_status(400),
        (_, Fault::Incomplete(told)) => ApiError::new("IncompleteSignatureException", told).with_status(400),
    }
}
