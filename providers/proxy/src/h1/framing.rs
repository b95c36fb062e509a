//! Fields that say how a message is framed and how its connection goes on: taken out of the
//! header list while it is read, so that none of them is ever forwarded as it came.

use super::error::HeadError;
use super::parse::trim_ows;
use crate::http::{Headers, Version};
use http::{Method, StatusCode};
use smallvec::SmallVec;

/// Extent of a body (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// No body.
    None,
    /// This many bytes.
    Known(u64),
    /// Chunks.
    Chunked,
    /// Until the connection closes; responses only.
    UntilClose,
}

/// What a request's connection and framing fields say.
#[derive(Clone, Debug)]
pub struct RequestFields {
    /// Extent of the body.
    pub body: BodyLength,
    /// Whether the client wants to keep the connection.
    pub keep_alive: bool,
    /// Protocol to upgrade to, lower case: only when `Connection` names it and the version is 1.1.
    pub upgrade: Option<String>,
    /// `Expect: 100-continue`.
    pub expect_continue: bool,
    /// `TE: trailers`.
    pub trailers: bool,
}

/// What a response's connection and framing fields say.
#[derive(Clone, Debug)]
pub struct ResponseFields {
    /// Extent of the body.
    pub body: BodyLength,
    /// `Content-Length` as sent, also where there is no body (HEAD, 304).
    pub content_length: Option<u64>,
    /// Whether the server keeps the connection.
    pub keep_alive: bool,
    /// Protocol switched to (101), lower case.
    pub upgrade: Option<String>,
}

/// The fields taken out while a head is read.
#[derive(Debug, Default)]
pub(crate) struct Collected<'a> {
    hosts: SmallVec<[&'a [u8]; 1]>,
    lengths: SmallVec<[&'a [u8]; 1]>,
    encodings: SmallVec<[&'a [u8]; 1]>,
    connections: SmallVec<[&'a [u8]; 2]>,
    upgrades: SmallVec<[&'a [u8]; 1]>,
    expects: SmallVec<[&'a [u8]; 1]>,
    te_trailers: bool,
    keep_alive_field: bool,
}

/// Names that differ from a framing or connection field only by underscores: some servers treat
/// both alike, so forwarding them could frame a message twice.
const IMITATIONS: [&str; 2] = ["transfer_encoding", "content_length"];

impl<'a> Collected<'a> {
    /// Takes a field that concerns framing or the connection; answers whether it was one.
    pub(crate) fn take(&mut self, name: &'a [u8], value: &'a [u8]) -> Result<bool, HeadError> {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        match name.len() {
            2 if is("te") => {
                self.te_trailers |= value
                    .split(|byte| *byte == b',')
                    .any(|coding| trim_ows(coding).eq_ignore_ascii_case(b"trailers"));
            }
            4 if is("host") => self.hosts.push(value),
            6 if is("expect") => self.expects.push(value),
            7 if is("upgrade") => self.upgrades.push(value),
            10 if is("connection") => self.connections.push(value),
            10 if is("keep-alive") => self.keep_alive_field = true,
            14 if is("content-length") => self.lengths.push(value),
            14 | 17 if IMITATIONS.iter().any(|imitation| is(imitation)) => return Err(HeadError::Imitation),
            14 if is("http2-settings") => {}
            16 if is("proxy-connection") => {}
            17 if is("transfer-encoding") => self.encodings.push(value),
            18 if is("proxy-authenticate") => {}
            19 if is("proxy-authorization") => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The conclusion for a request: its host, and the rest. Removes the fields that `Connection`
    /// names (RFC 9110 section 7.6.1).
    pub(crate) fn request(
        self,
        version: Version,
        headers: &mut Headers,
    ) -> Result<(Option<String>, RequestFields), HeadError> {
        let connection = self.connection(headers)?;
        let host = match self.hosts.as_slice() {
            [] => None,
            [host] => Some(std::str::from_utf8(host).map_err(|_| HeadError::Host)?.to_owned()),
            // RFC 9112 section 3.2: more than one Host is answered with 400.
            _ => return Err(HeadError::Host),
        };
        let body = match (self.encodings.as_slice(), self.lengths.as_slice()) {
            ([], []) => BodyLength::None,
            ([], [length]) => BodyLength::Known(content_length(length)?),
            // RFC 9110 section 8.6 lets a recipient reject repeated values, equal or not.
            ([], _) => return Err(HeadError::ContentLength),
            // RFC 9112 section 6.1: in HTTP/1.0 the framing is to be treated as faulty.
            (_, _) if version == Version::H10 => return Err(HeadError::TransferEncoding),
            (encodings, []) => transfer_coding(encodings)?,
            // RFC 9112 section 6.1: both together ought to be handled as an error.
            (_, _) => return Err(HeadError::TransferEncoding),
        };
        let expect_continue = match self.expects.as_slice() {
            [] => false,
            // RFC 9110 section 10.1.1: ignored in an HTTP/1.0 request.
            _ if version == Version::H10 => false,
            [expectation] if expectation.eq_ignore_ascii_case(b"100-continue") => body != BodyLength::None,
            _ => return Err(HeadError::Expectation),
        };
        let upgrade = (connection.upgrade && version == Version::H11)
            .then(|| self.upgrade())
            .flatten();
        let fields = RequestFields {
            body,
            keep_alive: connection.keep_alive(version),
            upgrade,
            expect_continue,
            trailers: self.te_trailers,
        };
        Ok((host, fields))
    }

    /// The conclusion for a response to a `request` method.
    pub(crate) fn response(
        self,
        version: Version,
        status: StatusCode,
        request: &Method,
        headers: &mut Headers,
    ) -> Result<ResponseFields, HeadError> {
        let connection = self.connection(headers)?;
        let declared = match (self.lengths.as_slice(), self.encodings.as_slice()) {
            ([], _) => None,
            ([first, others @ ..], []) => {
                // RFC 9112 section 6.3: equal repeated values may be read as one.
                if others.iter().any(|other| other != first) {
                    return Err(HeadError::ContentLength);
                }
                Some(content_length(first)?)
            }
            // Response splitting shows up like this (RFC 9112 section 6.3).
            (_, _) => return Err(HeadError::TransferEncoding),
        };
        let bodiless = *request == Method::HEAD
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        let coding = match self.encodings.as_slice() {
            [] => None,
            _ if version == Version::H10 => return Err(HeadError::TransferEncoding),
            encodings => Some(transfer_coding(encodings)?),
        };
        let body = match (bodiless, coding, declared) {
            (true, _, _) => BodyLength::None,
            (false, Some(coding), _) => coding,
            (false, None, Some(length)) => BodyLength::Known(length),
            (false, None, None) => BodyLength::UntilClose,
        };
        let upgrade = (status == StatusCode::SWITCHING_PROTOCOLS && connection.upgrade)
            .then(|| self.upgrade())
            .flatten();
        Ok(ResponseFields {
            body,
            content_length: declared,
            keep_alive: connection.keep_alive(version) && body != BodyLength::UntilClose,
            upgrade,
        })
    }

    /// Reads `Connection` and removes the fields it names.
    fn connection(&self, headers: &mut Headers) -> Result<Connection, HeadError> {
        let mut connection = Connection::default();
        for value in &self.connections {
            for option in value.split(|byte| *byte == b',').map(trim_ows) {
                if option.is_empty() {
                    continue;
                }
                if option.iter().any(|byte| crate::http::token(*byte) == 0) {
                    return Err(HeadError::FieldValue);
                }
                if option.eq_ignore_ascii_case(b"close") {
                    connection.close = true;
                } else if option.eq_ignore_ascii_case(b"keep-alive") {
                    connection.keep = true;
                } else if option.eq_ignore_ascii_case(b"upgrade") {
                    connection.upgrade = true;
                } else if let Ok(name) = std::str::from_utf8(option) {
                    headers.remove(&name.to_ascii_lowercase());
                }
            }
        }
        Ok(connection)
    }

    /// The one protocol asked for. Several or malformed ones are ignored, which RFC 9110 section
    /// 7.8 allows.
    fn upgrade(&self) -> Option<String> {
        match self.upgrades.as_slice() {
            [protocol]
                if !protocol.is_empty()
                    && protocol
                        .iter()
                        .all(|byte| crate::http::token(*byte) != 0 || *byte == b'/') =>
            {
                std::str::from_utf8(protocol).ok().map(str::to_ascii_lowercase)
            }
            _ => None,
        }
    }
}

#[derive(Debug, Default)]
struct Connection {
    close: bool,
    keep: bool,
    upgrade: bool,
}

impl Connection {
    /// Persistence (RFC 9112 section 9.3).
    fn keep_alive(&self, version: Version) -> bool {
        !self.close && (version != Version::H10 || self.keep)
    }
}

/// `1*DIGIT`, and small enough to count with (RFC 9110 section 8.6).
fn content_length(value: &[u8]) -> Result<u64, HeadError> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(HeadError::ContentLength);
    }
    Ok(value
        .iter()
        .fold(0, |length, digit| length * 10 + u64::from(digit - b'0')))
}

/// `chunked`, once and last; other codings are not spoken (RFC 9112 sections 6.1 and 6.3).
fn transfer_coding(encodings: &[&[u8]]) -> Result<BodyLength, HeadError> {
    let mut unknown = false;
    let mut chunked = false;
    for coding in encodings
        .iter()
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(trim_ows)
    {
        if chunked || coding.is_empty() {
            return Err(HeadError::TransferEncoding);
        }
        if coding.eq_ignore_ascii_case(b"chunked") {
            chunked = true;
        } else {
            unknown = true;
        }
    }
    match (chunked, unknown) {
        (false, _) => Err(HeadError::TransferEncoding),
        (true, true) => Err(HeadError::TransferCoding),
        (true, false) => Ok(BodyLength::Chunked),
    }
}
