//! Who signed a call for which region and service.
//!
//! What a call is signed for decides its account and region; [`super::signature`] verifies it where the secret is known,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use thiserror::Error;

/// Credential scope of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Access key id.
    pub access_key: String,
    /// Region.
    pub region: String,
    /// Signing name of the service.
    pub service: String,
    /// Day, as `20150830`.
    pub date: String,
    /// Names of the headers that are signed, in their order.
    pub signed_headers: Vec<String>,
    /// The signature, in hexadecimal digits; empty without.
    pub signature: String,
}

/// Why a signature cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Authorization header cannot be read: {0}")]
pub struct ScopeError(&'static str);

/// Credential scope in the `Authorization` header; none when there is no such header.
///
/// # Errors
///
/// When the header is there and is no AWS signature.
pub fn read(headers: &HeaderMap) -> Result<Option<Scope>, ScopeError> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| ScopeError("it is not ASCII"))?;
    let (algorithm, parameters) = text.split_once(' ').ok_or(ScopeError("it has no parameters"))?;
    if !algorithm.starts_with("AWS4-") {
        return Err(ScopeError("its algorithm is not of Signature Version 4"));
    }
    let parameter = |name: &str| {
        parameters
            .split(',')
            .find_map(|parameter| parameter.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let credential = parameter("Credential").ok_or(ScopeError("it has no Credential"))?;
    let headers = parameter("SignedHeaders").unwrap_or_default();
    let parts: Vec<&str> = credential.split('/').collect();
    let [access_key, date, region, service, "aws4_request"] = parts.as_slice() else {
        return Err(ScopeError(
            "its Credential is not key/date/region/service/aws4_request",
        ));
    };
    if !is_region(region) {
        return Err(ScopeError("its region is no region"));
    }
    if access_key.len() > 128
        || !access_key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return Err(ScopeError("its access key id is malformed"));
    }
    Ok(Some(Scope {
        access_key: (*access_key).to_owned(),
        region: (*region).to_owned(),
        service: (*service).to_owned(),
        date: (*date).to_owned(),
        signed_headers: headers
            .split(';')
            .filter(|name| !name.is_empty())
            .map(str::to_ascii_lowercase)
            .collect(),
        signature: parameter("Signature").unwrap_or_default().to_owned(),
    }))
}

/// Whether a text could be a region: lowercase words, then a number.
pub fn is_region(text: &str) -> bool {
    let mut words = text.split('-').rev();
    let number = words.next().unwrap_or_default();
    let mut count = 0;
    for word in words {
        count += 1;
        if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return false;
        }
    }
    text.len() <= 32 && count >= 2 && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}
