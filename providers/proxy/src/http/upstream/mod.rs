//! Upstream connections: dialling, pools, and one exchange with a backend in either protocol.

mod dial;
mod exchange;
mod fetch;
mod h1;
mod h2;
mod pool;

pub(crate) use exchange::{Answer, Start, Upstream};
pub use fetch::{FetchLimits, Fetched, fetch};
pub use pool::Pools;
pub(crate) use pool::{Fresh, Wire, acquire};

use crate::h1::HeadError;
use crate::http::StreamError;
use std::io;
use thiserror::Error;

/// Why a backend did not answer.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// No endpoint could be chosen.
    #[error("the backend has no usable endpoint")]
    NoEndpoint,
    /// The limit of connections to the endpoint is reached.
    #[error("too many connections to the endpoint")]
    Overload,
    /// The connection could not be made.
    #[error("connecting failed: {0}")]
    Connect(io::Error),
    /// The connection was not made in time.
    #[error("connecting took too long")]
    ConnectTimeout,
    /// The connection failed before the response head was complete.
    #[error("the connection failed before the response: {0}")]
    Stream(#[from] StreamError),
    /// The connection ended before the response head.
    #[error("the connection ended before the response")]
    Closed,
    /// The response head is not acceptable.
    #[error("the response is malformed: {0}")]
    Head(#[from] HeadError),
    /// The response took too long.
    #[error("the response took too long")]
    Timeout,
    /// The response body is larger than the caller accepts.
    #[error("the response is too large")]
    TooLarge,
}

impl UpstreamError {
    /// Whether nothing of the request can have been processed: it may be sent elsewhere whatever
    /// its method.
    pub(crate) fn before_request(&self) -> bool {
        match self {
            Self::NoEndpoint | Self::Overload | Self::Connect(_) | Self::ConnectTimeout => true,
            // RFC 9113 section 8.7: REFUSED_STREAM guarantees that nothing was processed.
            Self::Stream(StreamError::H2(error)) => error.reason() == Some(::h2::Reason::REFUSED_STREAM),
            _ => false,
        }
    }
}
