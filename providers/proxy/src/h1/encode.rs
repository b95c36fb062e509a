//! Writing heads and chunk framing.

use super::framing::BodyLength;
use crate::http::{RequestHead, ResponseHead, Version};

/// What the response head says about the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseFraming {
    /// The body that follows.
    pub length: BodyLength,
    /// `Content-Length` where no body follows (HEAD, 304).
    pub declared: Option<u64>,
    /// Whether the connection stays open.
    pub keep_alive: bool,
    /// Version of the client.
    pub version: Version,
    /// Whether it answers a HEAD request.
    pub to_head: bool,
}

/// Writes a final response head.
pub(crate) fn response(out: &mut Vec<u8>, head: &ResponseHead, framing: ResponseFraming) {
    out.reserve(256 + head.headers.len() * 32);
    status_line(out, head);
    head.headers.write_h1(out);
    match (framing.length, framing.declared) {
        (BodyLength::Known(length), _) | (BodyLength::None, Some(length)) => content_length(out, length),
        (BodyLength::Chunked, _) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        // RFC 9112 section 6.3: no length and no coding means "until close", so 0 must be said;
        // RFC 9110 section 8.6 forbids it with 1xx and 204, and 304 would describe another body.
        (BodyLength::None, None)
            if head.status != http::StatusCode::NO_CONTENT
                && head.status != http::StatusCode::NOT_MODIFIED
                && !framing.to_head =>
        {
            content_length(out, 0);
        }
        (BodyLength::None | BodyLength::UntilClose, _) => {}
    }
    match (framing.keep_alive, framing.version) {
        (false, _) => out.extend_from_slice(b"connection: close\r\n"),
        (true, Version::H10) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        (true, _) => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes an interim response head (1xx); 101 says what was switched to.
pub(crate) fn interim(out: &mut Vec<u8>, head: &ResponseHead, upgrade: Option<&str>) {
    status_line(out, head);
    head.headers.write_h1(out);
    if let Some(protocol) = upgrade {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: ");
        out.extend_from_slice(protocol.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// What the request head says beyond its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestFraming<'a> {
    /// The body that follows.
    pub length: BodyLength,
    /// Whether the client waits for `100 Continue`.
    pub expect_continue: bool,
    /// Whether the client takes trailers.
    pub trailers: bool,
    /// Protocol to upgrade to.
    pub upgrade: Option<&'a str>,
}

/// Writes a request head.
pub(crate) fn request(out: &mut Vec<u8>, head: &RequestHead, framing: RequestFraming<'_>) {
    out.reserve(256 + head.target.len() + head.headers.len() * 32);
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(head.authority.as_bytes());
    out.extend_from_slice(b"\r\n");
    head.headers.write_h1(out);
    match framing.length {
        BodyLength::Known(length) => content_length(out, length),
        BodyLength::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        // RFC 9110 section 8.6: said for methods that anticipate content.
        BodyLength::None
            if matches!(
                head.method,
                http::Method::POST | http::Method::PUT | http::Method::PATCH
            ) =>
        {
            content_length(out, 0);
        }
        BodyLength::None | BodyLength::UntilClose => {}
    }
    if framing.expect_continue {
        out.extend_from_slice(b"expect: 100-continue\r\n");
    }
    match (framing.upgrade, framing.trailers) {
        (Some(protocol), _) => {
            out.extend_from_slice(b"connection: upgrade\r\nupgrade: ");
            out.extend_from_slice(protocol.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        // RFC 9110 section 10.1.4: TE is named in Connection.
        (None, true) => out.extend_from_slice(b"te: trailers\r\nconnection: te\r\n"),
        (None, false) => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the size line of a chunk.
pub(crate) fn chunk_size(out: &mut Vec<u8>, size: usize) {
    let mut digits = [0u8; 16];
    let mut left = size;
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        let value = (left & 15) as u8;
        *digit = if value < 10 {
            b'0' + value
        } else {
            b'a' + value - 10
        };
        left >>= 4;
        count += 1;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(16 - count..).unwrap_or_default());
    out.extend_from_slice(b"\r\n");
}

fn status_line(out: &mut Vec<u8>, head: &ResponseHead) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(head.status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    out.extend_from_slice(b"\r\n");
}
