//! The plain HTTP protocol (`HTTPAuthConfig`): 200 allows, any other answer goes to the client.

use super::{Changes, Decision, HttpRules, may_change};
use crate::http::upstream::Fetched;
use crate::http::{Headers, LocalResponse, RequestHead, ResponseHead};
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What may not stand in a path (RFC 3986 section 3.3).
const NOT_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// The path prefix, made safe: "implementations MUST sanitize this input" (`HTTPAuthConfig.path`).
pub(super) fn prefix(path: &str) -> String {
    // Dot segments would let the prefix leave itself.
    let mut prefix = String::new();
    for segment in path
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "." | ".."))
    {
        prefix.push('/');
        prefix.extend(utf8_percent_encode(segment, NOT_PATH));
    }
    prefix
}

/// The request to the server: the method, host, path and `Authorization` of the client's request,
/// and the further fields that are allowed.
pub(super) fn request(rules: &HttpRules, head: &RequestHead, body_len: usize) -> RequestHead {
    let mut headers = Headers::new();
    for (name, value) in head.headers.iter() {
        let allowed = name == "authorization" || rules.request.iter().any(|allowed| **allowed == *name);
        if allowed && may_change(name) {
            let _ = headers.append_raw(name.as_bytes(), value);
        }
    }
    if body_len == 0 && !matches!(head.method, Method::POST | Method::PUT | Method::PATCH) {
        // "Content-Length must be 0". A body, and its absence in these methods, is the encoder's.
        let _ = headers.append_raw(b"content-length", b"0");
    }
    let target = if head.target.starts_with('/') {
        [rules.prefix.as_str(), head.target.as_str()].concat()
    } else {
        [rules.prefix.as_str(), "/"].concat()
    };
    RequestHead {
        target,
        headers,
        upgrade: None,
        ..head.clone()
    }
}

/// What an answer means.
pub(super) fn decision(rules: &HttpRules, answer: Fetched) -> Decision {
    let Fetched { head, body, .. } = answer;
    if head.status == StatusCode::OK {
        let mut changes = Changes::default();
        for (name, value) in head.headers.iter() {
            let copied = if rules.response.is_empty() {
                // What describes the body of the answer would be wrong about the request's.
                !name.starts_with("content-")
            } else {
                rules.response.iter().any(|allowed| **allowed == *name)
            };
            if copied && may_change(name) {
                let _ = changes.set.append_raw(name.as_bytes(), value);
            }
        }
        return Decision::Allow(Box::new(changes));
    }
    // Another success is no permission, and would look like one to the client.
    let status = if head.status.is_success() || head.status.is_informational() {
        StatusCode::FORBIDDEN
    } else {
        head.status
    };
    let mut denial = ResponseHead::new(status);
    for (name, value) in head.headers.iter().filter(|(name, _)| may_change(name)) {
        let _ = denial.headers.append_raw(name.as_bytes(), value);
    }
    Decision::Deny(Box::new(LocalResponse { head: denial, body }))
}
