//! One exchange with a backend, in either protocol.

use super::h2::H2Exchange;
use super::pool::{H1Lease, Wire};
use super::{UpstreamError, h1::H1Upstream};
use crate::h1::BodyLength;
use crate::http::{Fill, Headers, Incoming, Outgoing, RequestHead, ResponseHead, StreamError};
use bytes::Bytes;
use std::io;
use std::task::{Context, Poll};

/// What a request says beyond its head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    /// Extent of the body.
    pub length: BodyLength,
    /// Whether the client waits for `100 Continue`.
    pub expect_continue: bool,
    /// Whether the client takes trailers.
    pub trailers: bool,
    /// Protocol to upgrade to, or `:protocol` of an extended CONNECT.
    pub upgrade: Option<&'a str>,
}

/// A response head.
#[derive(Debug)]
pub(crate) enum Answer {
    /// An interim one (1xx); another follows.
    Interim(ResponseHead),
    /// The final one. `length` is that of the body that follows, `declared` the `Content-Length`.
    Final {
        /// Head.
        head: ResponseHead,
        /// Extent of the body; `Chunked` where only its end tells.
        length: BodyLength,
        /// `Content-Length` as sent.
        declared: Option<u64>,
    },
    /// The backend switched to the protocol asked for: both directions are a tunnel now.
    Switched(ResponseHead),
}

/// An exchange in progress. Dropped before its end, the connection or stream is closed.
#[derive(Debug)]
pub(crate) enum Upstream {
    /// Over HTTP/1.
    H1(H1Lease),
    /// Over HTTP/2.
    H2(Box<H2Exchange>),
}

impl Upstream {
    /// Starts an exchange: the head is written or about to be.
    pub(crate) fn start(wire: Wire, head: &RequestHead, start: &Start<'_>) -> Result<Self, UpstreamError> {
        match wire {
            Wire::H1(mut lease) => {
                lease
                    .connection()
                    .ok_or(UpstreamError::Closed)?
                    .start(head, start);
                Ok(Self::H1(lease))
            }
            Wire::H2(connection) => Ok(Self::H2(Box::new(connection.start(head, start)?))),
        }
    }

    /// Whether the connection had served requests before.
    pub(crate) const fn reused(&self) -> bool {
        match self {
            Self::H1(lease) => lease.reused,
            Self::H2(_) => true,
        }
    }

    /// Waits for the next response head.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, UpstreamError>> {
        match self {
            Self::H1(lease) => match lease.connection() {
                Some(connection) => connection.poll_answer(cx),
                None => Poll::Ready(Err(UpstreamError::Closed)),
            },
            Self::H2(stream) => stream.poll_answer(cx),
        }
    }

    /// Ends the exchange: the connection goes back to the pool if it can be used again.
    pub(crate) fn finish(self) {
        match self {
            Self::H1(lease) => {
                if lease.peek().is_some_and(H1Upstream::is_reusable) {
                    lease.give_back();
                }
            }
            Self::H2(mut stream) => {
                if !stream.body.recv_done() || !stream.body.send_done() {
                    stream.cancel();
                }
            }
        }
    }
}

fn gone() -> StreamError {
    StreamError::Io(io::ErrorKind::NotConnected.into())
}

impl Incoming for Upstream {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill, StreamError>> {
        match self {
            Self::H1(lease) => match lease.connection() {
                Some(connection) => connection.h1.poll_fill(cx),
                None => Poll::Ready(Err(gone())),
            },
            Self::H2(stream) => stream.body.poll_fill(cx),
        }
    }

    fn data(&self) -> &[u8] {
        match self {
            Self::H1(lease) => lease
                .peek()
                .map(|connection| connection.h1.data())
                .unwrap_or_default(),
            Self::H2(stream) => stream.body.data(),
        }
    }

    fn consume(&mut self, count: usize) {
        match self {
            Self::H1(lease) => {
                if let Some(connection) = lease.connection() {
                    connection.h1.consume(count);
                }
            }
            Self::H2(stream) => stream.body.consume(count),
        }
    }

    fn take_trailers(&mut self) -> Option<Box<Headers>> {
        match self {
            Self::H1(lease) => lease
                .connection()
                .and_then(|connection| connection.h1.take_trailers()),
            Self::H2(stream) => stream.body.take_trailers(),
        }
    }

    fn take_bytes(&mut self, count: usize) -> Bytes {
        match self {
            Self::H1(lease) => lease
                .connection()
                .map(|connection| connection.h1.take_bytes(count))
                .unwrap_or_default(),
            Self::H2(stream) => stream.body.take_bytes(count),
        }
    }
}

impl Outgoing for Upstream {
    fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, StreamError>> {
        match self {
            Self::H1(lease) => match lease.connection() {
                Some(connection) => connection.h1.poll_send(cx, data),
                None => Poll::Ready(Err(gone())),
            },
            Self::H2(stream) => stream.body.poll_send(cx, data),
        }
    }

    fn wants_bytes(&self) -> bool {
        matches!(self, Self::H2(_))
    }

    fn poll_capacity(&mut self, cx: &mut Context<'_>, want: usize) -> Poll<Result<usize, StreamError>> {
        match self {
            Self::H1(_) => Poll::Ready(Ok(want)),
            Self::H2(stream) => stream.body.poll_capacity(cx, want),
        }
    }

    fn send_bytes(&mut self, data: Bytes) -> Result<(), StreamError> {
        match self {
            Self::H1(_) => Err(StreamError::Unwritable),
            Self::H2(stream) => stream.body.send_bytes(data),
        }
    }

    fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        trailers: Option<&Headers>,
    ) -> Poll<Result<(), StreamError>> {
        match self {
            Self::H1(lease) => match lease.connection() {
                Some(connection) => connection.h1.poll_end(cx, trailers),
                None => Poll::Ready(Err(gone())),
            },
            Self::H2(stream) => stream.body.poll_end(cx, trailers),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        match self {
            Self::H1(lease) => match lease.connection() {
                Some(connection) => connection.h1.poll_flush(cx),
                None => Poll::Ready(Err(gone())),
            },
            Self::H2(stream) => stream.body.poll_flush(cx),
        }
    }
}
