//! Heads read strictly (RFC 9112 sections 2 to 5): what two readers could understand differently
//! is refused, so that no later reader can be led astray.

use super::error::HeadError;
use super::framing::{Collected, RequestFields, ResponseFields};
use crate::http::{Headers, Version, token, value_byte};
use http::{Method, StatusCode};

/// Bounds on a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes, start line and final empty line included.
    pub bytes: usize,
    /// Fields.
    pub fields: usize,
    /// Bytes of the request target.
    pub target: usize,
}

/// Longest method; longer ones are nobody's (RFC 9112 section 3: 501).
const METHOD: usize = 32;

/// Form of a request target (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`
    Origin,
    /// `http://host/path`
    Absolute,
    /// `host:port`, for CONNECT
    Authority,
    /// `*`, for OPTIONS
    Asterisk,
}

/// A request head as read.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Version.
    pub version: Version,
    /// Form the target came in.
    pub form: TargetForm,
    /// Path and query (`*` for the asterisk form), not yet normalised.
    pub target: String,
    /// Host and optional port, from the absolute form or the Host field; not yet validated.
    pub authority: String,
    /// End-to-end fields.
    pub headers: Headers,
    /// What the other fields say.
    pub fields: RequestFields,
}

/// A response head as read.
#[derive(Clone, Debug)]
pub struct Response {
    /// Version.
    pub version: Version,
    /// Status.
    pub status: StatusCode,
    /// End-to-end fields.
    pub headers: Headers,
    /// What the other fields say.
    pub fields: ResponseFields,
}

/// End of the head at the front of `input`: the offset behind its empty line. `from` bytes are
/// known not to hold it.
///
/// A bare LF counts as a line end here, so that such a head is found, and then refused.
pub(crate) fn head_end(input: &[u8], from: usize) -> Option<usize> {
    let mut at = from.saturating_sub(3);
    while let Some(found) = memchr::memchr(b'\n', input.get(at..)?) {
        at += found + 1;
        match input.get(at..) {
            Some([b'\n', ..]) => return Some(at + 1),
            Some([b'\r', b'\n', ..]) => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// Number of bytes of empty lines in front of a request line: one is tolerated (RFC 9112 section
/// 2.2: "SHOULD ignore at least one empty line"). `None`: more input is needed to tell.
pub(crate) fn leading_line(input: &[u8]) -> Option<usize> {
    match input {
        [b'\r', b'\n', ..] => Some(2),
        [] | [b'\r'] => None,
        _ => Some(0),
    }
}

/// Room for the fields that tell a backend about the client, so that adding them moves nothing.
const FORWARDING: usize = 256;

/// Reads a request head; `head` ends with its empty line.
///
/// # Errors
/// The first fault found.
pub fn request(head: &[u8], limits: HeadLimits) -> Result<Request, HeadError> {
    let (line, rest) = next_line(head)?;
    let (method, target, version) = request_line(line, limits)?;
    let mut headers = Headers::with_capacity(16, rest.len() + FORWARDING);
    let mut collected = Collected::default();
    field_lines(rest, limits, &mut headers, &mut collected)?;
    let (form, authority, target) = split_target(&method, target)?;
    let (host, fields) = collected.request(version, &mut headers)?;
    let authority = match (authority, host) {
        // RFC 9112 section 3.2.2: the absolute form wins over Host.
        (Some(authority), Some(_)) => authority,
        (Some(authority), None) if version == Version::H10 => authority,
        (None, Some(host)) => host,
        (None, None) if version == Version::H10 => String::new(),
        // RFC 9112 section 3.2: HTTP/1.1 needs Host, whatever the form of the target.
        (_, None) => return Err(HeadError::Host),
    };
    Ok(Request {
        method,
        version,
        form,
        target,
        authority,
        headers,
        fields,
    })
}

/// Reads a response head; `head` ends with its empty line. `to_head`: it answers a HEAD request.
///
/// # Errors
/// The first fault found.
pub fn response(head: &[u8], limits: HeadLimits, request: &Method) -> Result<Response, HeadError> {
    let (line, rest) = next_line(head)?;
    let (version, status) = status_line(line)?;
    let mut headers = Headers::with_capacity(16, rest.len());
    let mut collected = Collected::default();
    field_lines(rest, limits, &mut headers, &mut collected)?;
    let fields = collected.response(version, status, request, &mut headers)?;
    Ok(Response {
        version,
        status,
        headers,
        fields,
    })
}

/// Reads a trailer section, dropping fields that may not be there (RFC 9110 section 6.5.1).
///
/// # Errors
/// The first fault found.
pub(crate) fn trailers(section: &[u8], limits: HeadLimits) -> Result<Headers, HeadError> {
    let mut headers = Headers::new();
    let mut rest = section;
    let mut count = 0usize;
    loop {
        let (line, after) = next_line(rest)?;
        if line.is_empty() {
            headers.retain(|name, _| crate::http::trailer_allowed(name));
            return Ok(headers);
        }
        count += 1;
        if count > limits.fields {
            return Err(HeadError::TooLarge);
        }
        let (name, value) = field_line(line)?;
        headers
            .append_checked_value(name, value)
            .map_err(|_| HeadError::FieldName)?;
        rest = after;
    }
}

/// The line at the front, without its CRLF, and what follows.
fn next_line(input: &[u8]) -> Result<(&[u8], &[u8]), HeadError> {
    let end = memchr::memchr(b'\n', input).ok_or(HeadError::LineEnd)?;
    let (line, rest) = input.split_at_checked(end + 1).ok_or(HeadError::LineEnd)?;
    Ok((line.strip_suffix(b"\r\n").ok_or(HeadError::LineEnd)?, rest))
}

fn request_line(line: &[u8], limits: HeadLimits) -> Result<(Method, &[u8], Version), HeadError> {
    let space = memchr::memchr(b' ', line).ok_or(HeadError::RequestLine)?;
    let (method, rest) = line.split_at_checked(space).ok_or(HeadError::RequestLine)?;
    let rest = rest.get(1..).unwrap_or_default();
    let space = memchr::memchr(b' ', rest).ok_or(HeadError::RequestLine)?;
    let (target, version) = rest.split_at_checked(space).ok_or(HeadError::RequestLine)?;
    if method.is_empty() || method.iter().any(|byte| token(*byte) == 0) {
        return Err(HeadError::RequestLine);
    }
    if method.len() > METHOD {
        return Err(HeadError::Method);
    }
    let version = version.get(1..).unwrap_or_default();
    if !version.starts_with(b"HTTP/") {
        return Err(if version.is_empty() {
            HeadError::RequestLine
        } else {
            HeadError::Protocol
        });
    }
    let version = version_of(version).ok_or(HeadError::RequestLine)??;
    if target.is_empty() {
        return Err(HeadError::RequestLine);
    }
    if target.len() > limits.target {
        return Err(HeadError::TargetTooLong);
    }
    // RFC 3986 section 2: visible ASCII alone; a fragment is never sent (RFC 9112 section 3.2).
    if target
        .iter()
        .any(|byte| !byte.is_ascii_graphic() || *byte == b'#')
    {
        return Err(HeadError::Target);
    }
    let method = Method::from_bytes(method).map_err(|_| HeadError::RequestLine)?;
    Ok((method, target, version))
}

/// `None`: not a version at all. `Some(Err)`: one that is not spoken here.
fn version_of(text: &[u8]) -> Option<Result<Version, HeadError>> {
    match text {
        b"HTTP/1.1" => Some(Ok(Version::H11)),
        b"HTTP/1.0" => Some(Ok(Version::H10)),
        // RFC 9110 section 2.5: a higher minor version is served as the highest one known.
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor] if minor.is_ascii_digit() => Some(Ok(Version::H11)),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Some(Err(HeadError::Version))
        }
        _ => None,
    }
}

fn status_line(line: &[u8]) -> Result<(Version, StatusCode), HeadError> {
    let (version, rest) = line.split_at_checked(8).ok_or(HeadError::StatusLine)?;
    let version = version_of(version).ok_or(HeadError::StatusLine)??;
    let (status, reason) = match rest {
        [b' ', a, b, c] => ([*a, *b, *c], [].as_slice()),
        [b' ', a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
        _ => return Err(HeadError::StatusLine),
    };
    if !reason.iter().copied().all(value_byte) {
        return Err(HeadError::StatusLine);
    }
    let status = StatusCode::from_bytes(&status).map_err(|_| HeadError::StatusLine)?;
    // RFC 9110 section 15: the classes are 1xx to 5xx.
    if status.as_u16() > 599 {
        Err(HeadError::StatusLine)
    } else {
        Ok((version, status))
    }
}

fn field_lines<'a>(
    mut rest: &'a [u8],
    limits: HeadLimits,
    headers: &mut Headers,
    collected: &mut Collected<'a>,
) -> Result<(), HeadError> {
    let mut count = 0usize;
    loop {
        let (line, after) = next_line(rest)?;
        if line.is_empty() {
            return Ok(());
        }
        count += 1;
        if count > limits.fields {
            return Err(HeadError::TooLarge);
        }
        let (name, value) = field_line(line)?;
        if !collected.take(name, value)? {
            headers
                .append_checked_value(name, value)
                .map_err(|_| HeadError::FieldName)?;
        }
        rest = after;
    }
}

/// Name and value of a field line; the name is not yet checked, the value is.
fn field_line(line: &[u8]) -> Result<(&[u8], &[u8]), HeadError> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(HeadError::Folded);
    }
    let colon = memchr::memchr(b':', line).ok_or(HeadError::FieldName)?;
    let (name, value) = line.split_at_checked(colon).ok_or(HeadError::FieldName)?;
    let value = trim_ows(value.get(1..).unwrap_or_default());
    if name.is_empty() {
        return Err(HeadError::FieldName);
    }
    // Without an early exit the compiler checks many bytes at once.
    if value.iter().fold(false, |bad, byte| bad | !value_byte(*byte)) {
        return Err(HeadError::FieldValue);
    }
    Ok((name, value))
}

/// Removes optional whitespace (RFC 9110 section 5.6.3: space and tab alone).
pub(crate) fn trim_ows(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

type Split = (TargetForm, Option<String>, String);

fn split_target(method: &Method, target: &[u8]) -> Result<Split, HeadError> {
    let text = std::str::from_utf8(target).map_err(|_| HeadError::Target)?;
    if *method == Method::CONNECT {
        return Ok((TargetForm::Authority, Some(text.to_owned()), text.to_owned()));
    }
    if text.starts_with('/') {
        return Ok((TargetForm::Origin, None, text.to_owned()));
    }
    if text == "*" {
        return if *method == Method::OPTIONS {
            Ok((TargetForm::Asterisk, None, text.to_owned()))
        } else {
            Err(HeadError::Target)
        };
    }
    let (scheme, rest) = text.split_once("://").ok_or(HeadError::Target)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(HeadError::Target);
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // RFC 9110 section 4.2.4: user information is an error; an http URI has a host (section 4.2.1).
    if authority.is_empty() || authority.contains('@') {
        return Err(HeadError::Target);
    }
    let path = match path.bytes().next() {
        // RFC 9112 section 3.2.4: OPTIONS of a URI without path is about the server.
        None if *method == Method::OPTIONS => "*".to_owned(),
        None => "/".to_owned(),
        Some(b'/') => path.to_owned(),
        Some(_) => format!("/{path}"),
    };
    Ok((TargetForm::Absolute, Some(authority.to_owned()), path))
}
