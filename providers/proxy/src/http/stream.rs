//! The two directions of an exchange, whatever the protocol: the seam between the codecs and the
//! pipeline. A body moves from an [`Incoming`] to an [`Outgoing`] without being copied or
//! buffered in between.

use crate::h1::BodyError;
use crate::h1::BodyLength;
use crate::http::{Headers, ResponseHead};
use bytes::Bytes;
use std::io;
use std::task::{Context, Poll};
use thiserror::Error;

/// What [`Incoming::poll_fill`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// [`Incoming::data`] is not empty.
    Data,
    /// The body is complete; trailers, if any, can be taken.
    End,
}

/// A body that failed.
#[derive(Debug, Error)]
pub enum StreamError {
    /// The connection failed.
    #[error("connection failed: {0}")]
    Io(#[from] io::Error),
    /// The connection ended before the body did.
    #[error("the message ended too early")]
    Truncated,
    /// The framing is broken.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The HTTP/2 stream or connection failed.
    #[error(transparent)]
    H2(#[from] h2::Error),
    /// The body is larger than allowed.
    #[error("the body is larger than allowed")]
    TooLarge,
    /// A field could not be written.
    #[error("the message cannot be written in this protocol")]
    Unwritable,
}

/// A body being received.
pub(crate) trait Incoming {
    /// Waits for data or the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill, StreamError>>;
    /// What has arrived and was not consumed; the same bytes stay in front until they are.
    fn data(&self) -> &[u8];
    /// Drops bytes from the front of [`Incoming::data`].
    fn consume(&mut self, count: usize);
    /// Trailer fields, after the end.
    fn take_trailers(&mut self) -> Option<Box<Headers>>;
    /// The next `count` bytes of [`Incoming::data`], consumed, as shared bytes.
    fn take_bytes(&mut self, count: usize) -> Bytes {
        let data = self.data();
        let bytes = Bytes::copy_from_slice(data.get(..count).unwrap_or(data));
        self.consume(bytes.len());
        bytes
    }
}

/// A body being sent.
pub(crate) trait Outgoing {
    /// Sends a part of `data`; answers how much was taken. What was not is offered again, in front,
    /// next time.
    fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, StreamError>>;
    /// Whether [`Outgoing::poll_send_bytes`] saves a copy.
    fn wants_bytes(&self) -> bool {
        false
    }
    /// How many bytes would be taken now, at most `want`.
    fn poll_capacity(&mut self, cx: &mut Context<'_>, want: usize) -> Poll<Result<usize, StreamError>> {
        let _ = cx;
        Poll::Ready(Ok(want))
    }
    /// Sends bytes within the capacity that was answered.
    fn send_bytes(&mut self, data: Bytes) -> Result<(), StreamError> {
        let _ = data;
        Err(StreamError::Unwritable)
    }
    /// Ends the body, once, and waits until everything is written.
    fn poll_end(&mut self, cx: &mut Context<'_>, trailers: Option<&Headers>)
    -> Poll<Result<(), StreamError>>;
    /// Waits until everything is written.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>>;
}

/// The client's side of an exchange.
pub(crate) trait Downstream: Incoming + Outgoing {
    /// Sends an interim response (1xx), where the protocol and version have them.
    fn interim(&mut self, head: &ResponseHead);
    /// Starts the response. `length` is that of the body that follows; `declared` the
    /// `Content-Length` to announce where there is no body (HEAD, 304).
    fn respond(
        &mut self,
        head: &ResponseHead,
        length: BodyLength,
        declared: Option<u64>,
    ) -> Result<(), StreamError>;
    /// Accepts the upgrade: from here on both directions carry bytes without framing.
    fn accept_upgrade(&mut self, head: &ResponseHead) -> Result<(), StreamError>;
    /// Says that the connection is closed after the response if the request body is not complete.
    fn will_close_unless_drained(&mut self) {}
    /// Gives the exchange up after the response has started, so that the client can tell.
    fn abort(&mut self);
    /// Ready when the client went away; only asked while nothing else is awaited from it.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}
