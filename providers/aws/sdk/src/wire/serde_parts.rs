//! Between our requests and answers and the SDK's.

use super::failure::{self, Failure};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{Error, Input, Output, OutputOrError};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SerializeRequest};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use std::fmt;

/// A request.
#[derive(Clone)]
pub(crate) struct Request {
    /// Method.
    pub(crate) method: http::Method,
    /// Path, already encoded.
    pub(crate) path: String,
    /// `Content-Type`.
    pub(crate) content_type: &'static str,
    /// `X-Amz-Target` of the JSON protocols.
    pub(crate) target: Option<String>,
    /// Body.
    pub(crate) body: String,
}

impl Request {
    /// A `POST` of `/`, as the query and JSON protocols have it.
    pub(crate) fn post(content_type: &'static str, target: Option<String>, body: String) -> Self {
        Self {
            method: http::Method::POST,
            path: "/".to_owned(),
            content_type,
            target,
            body,
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} bytes of {})", self.body.len(), self.content_type)
    }
}

/// The body of a successful answer.
#[derive(Clone)]
pub(crate) struct Answered(pub(crate) Vec<u8>);

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answered({} bytes)", self.0.len())
    }
}

#[derive(Debug)]
pub(super) struct Serializer;

impl SerializeRequest for Serializer {
    fn serialize_input(&self, input: Input, _cfg: &mut ConfigBag) -> Result<HttpRequest, BoxError> {
        let request: Request = input.downcast().map_err(|_| "a request of another type")?;
        let mut http = http::Request::builder()
            .method(request.method)
            .uri(request.path)
            .header(http::header::CONTENT_TYPE, request.content_type)
            .header(http::header::CONTENT_LENGTH, request.body.len());
        if let Some(target) = request.target {
            http = http.header("x-amz-target", target);
        }
        Ok(http.body(SdkBody::from(request.body))?.try_into()?)
    }
}

#[derive(Debug)]
pub(super) struct Deserializer;

impl DeserializeResponse for Deserializer {
    fn deserialize_nonstreaming(&self, response: &HttpResponse) -> OutputOrError {
        let body = response.body().bytes().unwrap_or_default();
        if response.status().is_success() {
            return Ok(Output::erase(Answered(body.to_vec())));
        }
        let failure = Failure(failure::read(response.headers(), body));
        Err(OrchestratorError::operation(Error::erase(failure)))
    }
}
