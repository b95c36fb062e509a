//! Errors as AWS writes them.
//!
//! | protocol | form |
//! |---|---|
//! | query | `<ErrorResponse><Error><Code/><Message/></Error><RequestId/></ErrorResponse>` |
//! | EC2 | `<Response><Errors><Error><Code/><Message/></Error></Errors><RequestID/></Response>` |
//! | REST-XML (S3) | `<Error><Code/><Message/><RequestId/></Error>` |
//! | JSON | `{"__type": "namespace#Code", "message": ""}`, or the code in `x-amzn-errortype` |
//!
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization>,
//! <https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html#operation-error-serialization>,
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>.

use super::xml;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::Deserialize;
use std::fmt;

/// Where the id of a request is in [`ErrorMetadata`]; the SDK's crates use the same key.
pub(crate) const REQUEST_ID: &str = "aws_request_id";

/// A call was answered with an error.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) ErrorMetadata);

impl Failure {
    /// One of which nothing is known.
    pub(crate) fn unknown() -> Self {
        Self(ErrorMetadata::builder().build())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code().unwrap_or("an error without a code"))
    }
}

impl std::error::Error for Failure {}

impl ProvideErrorMetadata for Failure {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Xml {
    #[serde(rename = "Error")]
    error: Option<Detail>,
    #[serde(rename = "Errors")]
    errors: Option<Errors>,
    #[serde(rename = "Code")]
    code: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
    #[serde(rename = "RequestId", alias = "RequestID")]
    request_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Errors {
    #[serde(rename = "Error")]
    error: Vec<Detail>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Detail {
    #[serde(rename = "Code")]
    code: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Json {
    #[serde(rename = "__type")]
    kind: Option<String>,
    code: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

/// Code, message and request id of an answer, in whichever form it is. What cannot be read is left out.
pub(crate) fn read(headers: &Headers, body: &[u8]) -> ErrorMetadata {
    let mut meta = ErrorMetadata::builder();
    let (code, message, request_id) = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<') => read_xml(body),
        _ => read_json(headers, body),
    };
    if let Some(code) = code {
        meta = meta.code(code);
    }
    if let Some(message) = message {
        meta = meta.message(message);
    }
    let request_id = request_id.or_else(|| header_id(headers).map(str::to_owned));
    if let Some(id) = request_id {
        meta = meta.custom(REQUEST_ID, id);
    }
    meta.build()
}

/// The id of a request, in the header of its answer.
pub(crate) fn header_id(headers: &Headers) -> Option<&str> {
    headers
        .get("x-amzn-requestid")
        .or_else(|| headers.get("x-amz-request-id"))
}

type Parts = (Option<String>, Option<String>, Option<String>);

fn read_xml(body: &[u8]) -> Parts {
    let Ok(read) = xml::read::<Xml>(body) else {
        return (None, None, None);
    };
    let detail = read
        .error
        .or_else(|| read.errors.and_then(|errors| errors.error.into_iter().next()))
        .unwrap_or_default();
    (
        detail.code.or(read.code),
        detail.message.or(read.message),
        read.request_id,
    )
}

fn read_json(headers: &Headers, body: &[u8]) -> Parts {
    let read: Json = serde_json::from_slice(body).unwrap_or_default();
    let code = headers
        .get("x-amzn-errortype")
        .map(str::to_owned)
        .or(read.kind)
        .or(read.code);
    // "aws.protocoltests.restjson#FooError:http://internal.amazon.com/..." means FooError.
    let code = code.map(|code| {
        let code = code.split_once(':').map_or(code.as_str(), |(code, _)| code);
        code.rsplit_once('#').map_or(code, |(_, code)| code).to_owned()
    });
    (code.filter(|code| !code.is_empty()), read.message, None)
}

#[cfg(test)]
mod tests;
