//! What a header block says: a request, or trailers (RFC 9113 sections 8.1 to 8.3).

use super::hpack::Sink;
use crate::http::{Headers, token, trailer_allowed, value_byte};
use http::Method;

/// What a field counts for beyond its bytes (RFC 9113 section 6.5.2).
const OVERHEAD: usize = 32;

/// What `Expect` says (RFC 9110 section 10.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing.
    #[default]
    Nothing,
    /// `100-continue`.
    Continue,
    /// Something else.
    Other,
}

/// A request head as the client sent it. Well-formed by the rules of HTTP/2; what HTTP asks beyond
/// them is left to judge.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// `:method`.
    pub method: Method,
    /// `:authority`.
    pub authority: Option<String>,
    /// `:path`, not empty.
    pub path: Option<String>,
    /// `:protocol` of an extended CONNECT (RFC 8441 section 4).
    pub protocol: Option<String>,
    /// `Host`.
    pub host: Option<Vec<u8>>,
    /// `Content-Length`.
    pub content_length: Option<u64>,
    /// Whether the client takes trailers.
    pub trailers: bool,
    /// `Expect`.
    pub expect: Expect,
    /// Whether a field that must be there once at most came twice, a length is no number, or a name could
    /// be taken for that of a framing field.
    pub contradictory: bool,
    /// Number of fields.
    pub fields: usize,
    /// All other fields, cookie crumbs put together (RFC 9113 section 8.2.3).
    pub headers: Headers,
    /// Whether the request has no body.
    pub ended: bool,
}

/// Why a block is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Malformed: the stream is reset (RFC 9113 section 8.1.1).
    Malformed,
    /// Larger than we announced to accept (RFC 9113 section 6.5.2): 431.
    TooLarge,
}

/// Takes the fields of a block for a purpose.
pub(super) trait Fields: Sink {
    /// They are more than may be, and none of them comes.
    fn exceed(&mut self);
}

/// Collects the fields of a request.
#[derive(Debug)]
pub(super) struct RequestFields {
    request: Request,
    cookies: Vec<u8>,
    method: bool,
    scheme: bool,
    /// Whether a field came: pseudo-header fields must not follow.
    regular: bool,
    malformed: bool,
    room: Option<usize>,
}

impl RequestFields {
    /// Takes up to `limit` bytes of fields.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            request: Request {
                headers: Headers::with_capacity(16, 512),
                ..Request::default()
            },
            cookies: Vec::new(),
            method: false,
            scheme: false,
            regular: false,
            malformed: false,
            room: Some(limit),
        }
    }

    /// The request.
    pub(super) fn finish(mut self, ended: bool) -> Result<Request, Flaw> {
        if self.room.is_none() {
            return Err(Flaw::TooLarge);
        }
        let request = &self.request;
        let connect = request.method == Method::CONNECT;
        // RFC 9113 sections 8.3.1 and 8.5, RFC 8441 section 4.
        let complete = if connect && request.protocol.is_none() {
            !self.scheme && request.path.is_none() && request.authority.is_some()
        } else {
            self.scheme && request.path.is_some() && (connect || request.protocol.is_none())
        };
        if self.malformed || !self.method || !complete {
            return Err(Flaw::Malformed);
        }
        if !self.cookies.is_empty() {
            self.request.headers.append_checked(b"cookie", &self.cookies);
        }
        self.request.ended = ended;
        Ok(self.request)
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> bool {
        if self.regular {
            return false;
        }
        let text = || std::str::from_utf8(value).map(str::to_owned).ok();
        let once = |slot: &mut Option<String>| {
            let vacant = slot.is_none();
            *slot = text();
            vacant && slot.is_some()
        };
        match name {
            b":method" => match Method::from_bytes(value) {
                Ok(method) => {
                    self.request.method = method;
                    !std::mem::replace(&mut self.method, true)
                }
                Err(_) => false,
            },
            b":scheme" => !std::mem::replace(&mut self.scheme, true) && !value.is_empty(),
            b":authority" => once(&mut self.request.authority),
            b":path" => !value.is_empty() && once(&mut self.request.path),
            b":protocol" => !value.is_empty() && once(&mut self.request.protocol),
            _ => false,
        }
    }

    fn regular(&mut self, name: &[u8], value: &[u8]) -> bool {
        self.regular = true;
        if !valid(name, value) {
            return false;
        }
        let request = &mut self.request;
        request.fields += 1;
        match name {
            b"host" => request.contradictory |= request.host.replace(value.to_vec()).is_some(),
            b"content-length" => {
                let length = std::str::from_utf8(value)
                    .ok()
                    .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|text| text.parse().ok());
                request.contradictory |= length.is_none() || request.content_length.is_some();
                request.content_length = length;
            }
            // RFC 9113 section 8.2.2: connection-specific fields.
            b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade" => {
                return false;
            }
            b"te" => {
                request.trailers = value.eq_ignore_ascii_case(b"trailers");
                return request.trailers;
            }
            b"expect" => {
                request.expect = if value.eq_ignore_ascii_case(b"100-continue") {
                    Expect::Continue
                } else {
                    Expect::Other
                };
            }
            b"proxy-authorization" | b"http2-settings" => {}
            b"transfer_encoding" | b"content_length" => request.contradictory = true,
            b"cookie" => {
                if !self.cookies.is_empty() {
                    self.cookies.extend_from_slice(b"; ");
                }
                self.cookies.extend_from_slice(value);
            }
            _ => request.headers.append_checked(name, value),
        }
        true
    }
}

impl Sink for RequestFields {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + OVERHEAD;
        self.room = self.room.and_then(|room| room.checked_sub(size));
        if self.room.is_none() || self.malformed {
            return;
        }
        let fine = if name.first() == Some(&b':') {
            self.pseudo(name, value)
        } else {
            self.regular(name, value)
        };
        self.malformed |= !fine;
    }
}

impl Fields for RequestFields {
    fn exceed(&mut self) {
        self.room = None;
    }
}

/// Collects the fields of a trailer section.
#[derive(Debug)]
pub(super) struct TrailerFields {
    headers: Headers,
    malformed: bool,
    room: Option<usize>,
}

impl TrailerFields {
    /// Takes up to `limit` bytes of fields.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            headers: Headers::new(),
            malformed: false,
            room: Some(limit),
        }
    }

    /// The trailers that may be passed on, if there are any.
    pub(super) fn finish(self) -> Result<Option<Box<Headers>>, Flaw> {
        if self.malformed || self.room.is_none() {
            return Err(Flaw::Malformed);
        }
        Ok((!self.headers.is_empty()).then(|| Box::new(self.headers)))
    }
}

impl Sink for TrailerFields {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + OVERHEAD;
        self.room = self.room.and_then(|room| room.checked_sub(size));
        if self.room.is_none() || self.malformed {
            return;
        }
        // RFC 9113 section 8.1: no pseudo-header fields in trailers; `:` is no token byte.
        if !valid(name, value) {
            self.malformed = true;
        } else if std::str::from_utf8(name).is_ok_and(trailer_allowed) {
            self.headers.append_checked(name, value);
        }
    }
}

impl Fields for TrailerFields {
    fn exceed(&mut self) {
        self.room = None;
    }
}

/// Fields that are only decoded, to keep the table in step.
pub(super) struct Ignored;

impl Sink for Ignored {
    fn field(&mut self, _: &[u8], _: &[u8]) {}
}

impl Fields for Ignored {
    fn exceed(&mut self) {}
}

/// RFC 9113 section 8.2.1: a lower-case token, and a value without control characters or blanks around
/// it.
fn valid(name: &[u8], value: &[u8]) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    !name.is_empty()
        && u16::try_from(name.len()).is_ok()
        && name.iter().all(|byte| *byte != 0 && token(*byte) == *byte)
        && value.iter().all(|byte| value_byte(*byte))
        && !blank(value.first())
        && !blank(value.last())
}
