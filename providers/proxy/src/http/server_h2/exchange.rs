//! A stream of an HTTP/2 connection as the pipeline sees it.

use crate::h1::BodyLength;
use crate::http::{Downstream, Fill, Headers, Incoming, Outgoing, ResponseHead, StreamError};
use crate::http2::{Connection, Reason};
use http::StatusCode;
use std::cell::RefCell;
use std::task::{Context, Poll, ready};

/// What is left of the response body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Nothing,
    Known(u64),
    /// Until its end is said.
    Open,
}

impl From<Option<u64>> for Sending {
    fn from(left: Option<u64>) -> Self {
        match left {
            Some(0) => Self::Nothing,
            Some(left) => Self::Known(left),
            None => Self::Open,
        }
    }
}

/// One stream's request and response.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    connection: &'a RefCell<Connection>,
    stream: u32,
    /// Body bytes taken from the connection, and how many of them were used.
    chunk: Vec<u8>,
    used: usize,
    /// Whether it is an extended CONNECT (RFC 8441).
    connect: bool,
    responded: bool,
    sending: Sending,
    /// Whether the client's window is what is being waited for.
    stalled: bool,
}

impl<'a> Exchange<'a> {
    pub(super) const fn new(connection: &'a RefCell<Connection>, stream: u32) -> Self {
        Self {
            connection,
            stream,
            chunk: Vec::new(),
            used: 0,
            connect: false,
            responded: false,
            sending: Sending::Nothing,
            stalled: false,
        }
    }

    /// The request is an extended CONNECT, which may become a tunnel.
    pub(super) const fn allow_connect(&mut self) {
        self.connect = true;
    }

    fn unused(&self) -> &[u8] {
        self.chunk.get(self.used..).unwrap_or_default()
    }

    /// Sends the final head. `length` is that of the body, if it is known.
    fn send(
        &mut self,
        status: StatusCode,
        fields: (&Headers, Option<u64>),
        length: Option<u64>,
    ) -> Result<(), StreamError> {
        self.responded = true;
        let end = length == Some(0);
        self.connection
            .borrow_mut()
            .send_head(self.stream, status, fields, end)?;
        self.sending = length.into();
        Ok(())
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        let unread = self.unused().len();
        self.connection.borrow_mut().finish(self.stream, unread);
    }
}

impl Incoming for Exchange<'_> {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill, StreamError>> {
        if !self.unused().is_empty() {
            return Poll::Ready(Ok(Fill::Data));
        }
        self.used = self.chunk.len();
        let fill = ready!(
            self.connection
                .borrow_mut()
                .poll_body(self.stream, cx, &mut self.chunk)
        )?;
        if fill == Fill::Data {
            self.used = 0;
        }
        Poll::Ready(Ok(fill))
    }

    fn data(&self) -> &[u8] {
        self.unused()
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.unused().len());
        self.used += count;
        self.connection.borrow_mut().consumed(self.stream, count);
    }

    fn take_trailers(&mut self) -> Option<Box<Headers>> {
        self.connection.borrow_mut().take_trailers(self.stream)
    }
}

impl Outgoing for Exchange<'_> {
    fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, StreamError>> {
        let mut connection = self.connection.borrow_mut();
        let room = connection.poll_capacity(self.stream, cx, data.len());
        self.stalled = room.is_pending();
        let count = ready!(room)?;
        let part = data.get(..count).unwrap_or(data);
        // More than was announced would break the message (RFC 9113 section 8.1.1).
        let left: Sending = match self.sending {
            Sending::Nothing => return Poll::Ready(Err(StreamError::Unwritable)),
            Sending::Open => Sending::Open,
            Sending::Known(left) => left
                .checked_sub(part.len() as u64)
                .map(Some)
                .ok_or(StreamError::Unwritable)?
                .into(),
        };
        connection.send_data(self.stream, part, left == Sending::Nothing)?;
        self.sending = left;
        Poll::Ready(Ok(part.len()))
    }

    fn poll_end(&mut self, _: &mut Context<'_>, trailers: Option<&Headers>) -> Poll<Result<(), StreamError>> {
        let mut connection = self.connection.borrow_mut();
        Poll::Ready(match std::mem::replace(&mut self.sending, Sending::Nothing) {
            Sending::Nothing => Ok(()),
            Sending::Known(_) => {
                connection.reset(self.stream, Reason::Internal);
                Err(StreamError::Truncated)
            }
            Sending::Open => match trailers {
                Some(trailers) => connection.send_trailers(self.stream, trailers),
                None => connection.send_data(self.stream, &[], true),
            },
        })
    }

    /// Pending while the client's window is exhausted; `poll_send` has registered the task.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        if self.stalled {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }
}

impl Downstream for Exchange<'_> {
    fn interim(&mut self, head: &ResponseHead) {
        if self.responded || head.status == StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        // An interim response is a courtesy: if it cannot be sent, the final one will tell.
        let _ =
            self.connection
                .borrow_mut()
                .send_head(self.stream, head.status, (&head.headers, None), false);
    }

    fn respond(
        &mut self,
        head: &ResponseHead,
        length: BodyLength,
        declared: Option<u64>,
    ) -> Result<(), StreamError> {
        let (length, announced) = match length {
            BodyLength::None => (Some(0), declared),
            BodyLength::Known(length) => (Some(length), Some(length)),
            BodyLength::Chunked | BodyLength::UntilClose => (None, declared),
        };
        self.send(head.status, (&head.headers, announced), length)
    }

    fn accept_upgrade(&mut self, head: &ResponseHead) -> Result<(), StreamError> {
        if !self.connect {
            return Err(StreamError::Unwritable);
        }
        // RFC 8441 section 5: success is 200; the key and its answer belong to HTTP/1.1.
        let mut headers = head.headers.clone();
        headers.remove("sec-websocket-accept");
        self.send(StatusCode::OK, (&headers, None), None)
    }

    fn abort(&mut self) {
        self.connection.borrow_mut().reset(self.stream, Reason::Internal);
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.connection.borrow_mut().poll_gone(self.stream, cx)
    }
}
