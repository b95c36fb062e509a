//! Why a message is refused, and with which status.

use http::StatusCode;
use thiserror::Error;

/// A request or response head that is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeadError {
    /// RFC 9112 section 2.2: a line ends with CRLF; a bare LF is not taken for one.
    #[error("a line does not end with CRLF")]
    LineEnd,
    /// RFC 9112 section 3.
    #[error("the request line is malformed")]
    RequestLine,
    /// RFC 9112 section 3: a method longer than any known.
    #[error("the method is too long")]
    Method,
    /// RFC 9112 section 3.2: the target is in none of the forms allowed for its method.
    #[error("the request target is malformed")]
    Target,
    /// RFC 9112 section 3: target longer than the limit.
    #[error("the request target is too long")]
    TargetTooLong,
    /// RFC 9112 section 2.3: the version does not begin with `HTTP/`, so this is another protocol,
    /// whose speaker would take an HTTP answer for one of its own messages.
    #[error("the protocol is not HTTP")]
    Protocol,
    /// RFC 9110 section 15.6.6.
    #[error("the HTTP version is not supported")]
    Version,
    /// RFC 9112 section 4.
    #[error("the status line is malformed")]
    StatusLine,
    /// RFC 9112 sections 5 and 5.1.
    #[error("a field name is malformed")]
    FieldName,
    /// RFC 9110 section 5.5.
    #[error("a field value has a control character")]
    FieldValue,
    /// RFC 9112 section 5.2.
    #[error("a field value is folded over lines")]
    Folded,
    /// RFC 6585 section 5.
    #[error("the head is too large or has too many fields")]
    TooLarge,
    /// RFC 9112 section 3.2: missing, repeated or invalid Host.
    #[error("the Host field is missing, repeated or invalid")]
    Host,
    /// RFC 9112 section 6.3 and RFC 9110 section 8.6.
    #[error("the Content-Length is invalid or repeated")]
    ContentLength,
    /// RFC 9112 section 6.1 and 6.3.
    #[error("the Transfer-Encoding is invalid or comes with a Content-Length")]
    TransferEncoding,
    /// RFC 9112 section 6.1: a coding other than chunked.
    #[error("the transfer coding is not supported")]
    TransferCoding,
    /// A name that some servers read as a framing field (`Transfer_Encoding`).
    #[error("a field name imitates a framing field")]
    Imitation,
    /// RFC 9110 section 10.1.1: an expectation other than 100-continue.
    #[error("the expectation cannot be met")]
    Expectation,
}

impl HeadError {
    /// The status that answers a request with this fault.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Method | Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// A body that is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// RFC 9112 section 7.1.
    #[error("a chunk size is malformed or too large")]
    ChunkSize,
    /// RFC 9112 section 7.1.1: extensions beyond the limit or malformed.
    #[error("a chunk extension is malformed or too long")]
    ChunkExtension,
    /// RFC 9112 section 7.1: chunk data is followed by CRLF.
    #[error("chunk data does not end with CRLF")]
    ChunkEnd,
    /// RFC 9112 section 7.1.2.
    #[error("the trailer section is malformed or too large")]
    Trailers,
}
