//! Requests of S3: bucket and key in the path, bodies as they are
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAPI.html>, "path-style requests").

use super::xml::Told;
use crate::error::ApiError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// Operation and input of a request.
///
/// # Errors
///
/// When nothing is served that way.
pub fn read(method: &Method, path: &str, body: &[u8]) -> Result<(&'static str, Value), ApiError> {
    let refused = || {
        let message = "The specified method is not allowed against this resource.";
        ApiError::new("MethodNotAllowed", message).with_status(405)
    };
    let decode = |part: &str| {
        let decoded = percent_decode_str(part).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_| refused())
    };
    let path = path.trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let (bucket, key) = (decode(bucket)?, decode(key)?);
    let at = json!({"Bucket": bucket, "Key": key});
    match (method, key.is_empty()) {
        (&Method::PUT, true) => Ok(("CreateBucket", json!({"Bucket": bucket}))),
        (&Method::PUT, false) => Ok((
            "PutObject",
            json!({"Bucket": bucket, "Key": key, "Body": STANDARD.encode(body)}),
        )),
        (&Method::GET, false) => Ok(("GetObject", at)),
        (&Method::DELETE, false) => Ok(("DeleteObject", at)),
        _ => Err(refused()),
    }
}

/// Body of an answer.
///
/// # Errors
///
/// When what is stored is not what was put.
pub fn body(output: &Value) -> Result<Vec<u8>, ApiError> {
    match output.get("Body").and_then(Value::as_str) {
        None => Ok(Vec::new()),
        Some(body) => STANDARD
            .decode(body)
            .map_err(|_| ApiError::internal("an object cannot be read")),
    }
}

/// Status of an answer.
pub fn status(operation: &str) -> u16 {
    if operation == "DeleteObject" { 204 } else { 200 }
}

/// A refusal: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
pub fn error(told: &Told<'_>) -> Vec<u8> {
    let escape = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    let Told {
        code,
        message,
        request_id,
        ..
    } = told;
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message><RequestId>{}</RequestId></Error>",
        escape(code),
        escape(message),
        escape(request_id)
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_told_by_method_and_path() {
        let found = |method: Method, path: &str| {
            read(&method, path, b"x").map(|(name, input)| (name, input["Key"].clone()))
        };
        assert_eq!(found(Method::PUT, "/b").unwrap().0, "CreateBucket");
        assert_eq!(
            found(Method::PUT, "/b/a%20b/c").unwrap(),
            ("PutObject", json!("a b/c"))
        );
        assert_eq!(found(Method::DELETE, "/b/c").unwrap().0, "DeleteObject");
        assert!(found(Method::POST, "/b/c").is_err());
        assert_eq!(read(&Method::PUT, "/b/k", b"x").unwrap().1["Body"], "eA==");
    }
}
