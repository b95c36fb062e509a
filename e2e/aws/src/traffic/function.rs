//! Lambda functions as targets.
//!
//! Events and answers: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>. How a
//! function is invoked: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>, at a program on this machine, which
//! AWS's own runtime interface emulator is, for example.
//!
//! Assumed: an answer without an integer `statusCode`, or with a header field that HTTP does not know, is malformed (502); a
//! group with values of several lines takes `multiValueHeaders` alone, another one `headers` alone; the idle timeout
//! bounds an invocation (504). Functions are not checked, whatever their group says.

use super::answer::{Body, Refusal, body};
use super::group::Group;
use super::headers;
use super::relay::Exchange;
use super::upstream::SendError;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tokio::time::timeout;

/// "The maximum size of the request body that you can send to a Lambda function is 1 MB", and that of the answer's JSON.
const LARGEST: usize = 1 << 20;

/// What a function answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    multi_value_headers: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// Passes a request to a function and its answer back.
pub(super) async fn invoke(
    exchange: Exchange,
    group: &Group,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let (head, upload) = request.into_parts();
    let upload = match timeout(exchange.idle, Limited::new(upload, LARGEST).collect()).await {
        Ok(Ok(upload)) => upload.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Refusal::TooLarge),
        Ok(Err(_)) => return Err(Refusal::BadRequest),
        Err(_) => return Err(Refusal::RequestTimeout),
    };
    let several = group.attributes.multi_value;
    let event = event(group, &Request::from_parts(head, ()), &upload);
    let target = exchange.in_flight.target();
    let function = utf8_percent_encode(&target.id, NON_ALPHANUMERIC);
    let invocation = Request::post(format!("/2015-03-31/functions/{function}/invocations"))
        .header(HOST, "lambda")
        .header(CONTENT_TYPE, "application/json")
        .body(body(event.to_string()))
        .map_err(|_| Refusal::BadGateway)?;
    let answered = async {
        let answer = target.upstream.send(invocation).await;
        let answer = answer.map_err(|error| match error {
            SendError::Timeout => Refusal::GatewayTimeout,
            SendError::Broken => Refusal::BadGateway,
        })?;
        // "FunctionError: If present, indicates that an error occurred during function execution" (`API_Invoke`).
        if answer.status() != StatusCode::OK || answer.headers().contains_key("x-amz-function-error") {
            return Err(Refusal::BadGateway);
        }
        let answer = Limited::new(answer.into_body(), LARGEST).collect().await;
        Ok(answer.map_err(|_| Refusal::BadGateway)?.to_bytes())
    };
    let answer = tokio::select! {
        answer = timeout(exchange.idle, answered) => answer.unwrap_or(Err(Refusal::GatewayTimeout))?,
        () = target.gone.cancelled() => return Err(Refusal::BadGateway),
    };
    respond(&answer, several).ok_or(Refusal::BadGateway)
}

/// The event of a request.
fn event(group: &Group, request: &Request<()>, upload: &[u8]) -> Value {
    let several = group.attributes.multi_value;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| (name.as_str().to_owned(), text(value)));
    // "If the query parameters are URL-encoded, the load balancer does not decode them."
    let query = request.uri().query().unwrap_or_default();
    let parameters = query.split('&').filter(|one| !one.is_empty()).map(|one| {
        let (key, value) = one.split_once('=').unwrap_or((one, ""));
        (key.to_owned(), value.to_owned())
    });
    let (body, is_base64_encoded) = if is_text(request.headers()) {
        (String::from_utf8_lossy(upload).into_owned(), false)
    } else {
        (BASE64_STANDARD.encode(upload), true)
    };
    let mut event = Map::new();
    let mut add = |member: &str, value: Value| event.insert(member.to_owned(), value);
    add("requestContext", json!({"elb": {"targetGroupArn": group.arn}}));
    add("httpMethod", request.method().as_str().into());
    add("path", request.uri().path().into());
    add("body", body.into());
    add("isBase64Encoded", is_base64_encoded.into());
    let (of_fields, of_parameters) = if several {
        ("multiValueHeaders", "multiValueQueryStringParameters")
    } else {
        ("headers", "queryStringParameters")
    };
    add(of_fields, collect(fields, several));
    add(of_parameters, collect(parameters, several));
    Value::Object(event)
}

/// By name: all values, or the last one, as "the load balancer uses the last value sent by the client".
fn collect(pairs: impl Iterator<Item = (String, String)>, several: bool) -> Value {
    let mut found = Map::new();
    for (name, value) in pairs {
        match found.get_mut(&name).and_then(Value::as_array_mut) {
            Some(values) => values.push(value.into()),
            None if several => {
                found.insert(name, json!([value]));
            }
            None => {
                found.insert(name, value.into());
            }
        }
    }
    Value::Object(found)
}

/// "If the `content-encoding` header is present, the body is Base64 encoded"; of types it is so but for those of text. A
/// request without a body has an empty text.
fn is_text(headers: &HeaderMap) -> bool {
    if headers.contains_key(CONTENT_ENCODING) {
        return false;
    }
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&kind)
}

/// What the client gets; none when the answer is malformed.
fn respond(answer: &[u8], several: bool) -> Option<Response<Body>> {
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    let text = answer.body.unwrap_or_default();
    let content = if answer.is_base64_encoded {
        Bytes::from(BASE64_STANDARD.decode(text).ok()?)
    } else {
        Bytes::from(text)
    };
    let mut response = Response::new(body(content));
    *response.status_mut() = StatusCode::from_u16(answer.status_code)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))?;
    let fields: Vec<(String, String)> = if several {
        let lines = answer.multi_value_headers.into_iter();
        lines
            .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)))
            .collect()
    } else {
        answer.headers.into_iter().collect()
    };
    for (name, value) in fields {
        let name: HeaderName = name.parse().ok()?;
        response
            .headers_mut()
            .append(name, HeaderValue::from_str(&value).ok()?);
    }
    // "The load balancer does not honor hop-by-hop headers", and "computes" the length.
    headers::hop_by_hop(response.headers_mut());
    response.headers_mut().remove(CONTENT_LENGTH);
    Some(response)
}
