//! A stream of an HTTP/2 connection as the pipeline sees it.

use crate::h1::BodyLength;
use crate::http::{Downstream, Fill, H2Body, Headers, Incoming, Outgoing, ResponseHead, StreamError};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Response, StatusCode, header};
use std::task::{Context, Poll};

/// One stream's request and response.
#[derive(Debug)]
pub(super) struct Exchange {
    respond: SendResponse<Bytes>,
    body: H2Body,
    /// Whether it is an extended CONNECT (RFC 8441).
    connect: bool,
    responded: bool,
    aborted: bool,
}

impl Exchange {
    pub(super) fn new(recv: RecvStream, respond: SendResponse<Bytes>) -> Self {
        let mut body = H2Body::default();
        body.start_recv(recv);
        Self {
            respond,
            body,
            connect: false,
            responded: false,
            aborted: false,
        }
    }

    /// The request is an extended CONNECT, which may become a tunnel.
    pub(super) const fn allow_connect(&mut self) {
        self.connect = true;
    }

    /// Whether the exchange was given up.
    pub(super) const fn aborted(&self) -> bool {
        self.aborted
    }

    fn send(&mut self, response: Response<()>, length: Option<u64>) -> Result<(), StreamError> {
        self.responded = true;
        let end = length == Some(0);
        let send = self.respond.send_response(response, end)?;
        if !end {
            self.body.start_send(send, length);
        }
        Ok(())
    }
}

impl Incoming for Exchange {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill, StreamError>> {
        self.body.poll_fill(cx)
    }

    fn data(&self) -> &[u8] {
        self.body.data()
    }

    fn consume(&mut self, count: usize) {
        self.body.consume(count);
    }

    fn take_trailers(&mut self) -> Option<Box<Headers>> {
        self.body.take_trailers()
    }

    fn take_bytes(&mut self, count: usize) -> Bytes {
        self.body.take_bytes(count)
    }
}

impl Outgoing for Exchange {
    fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, StreamError>> {
        self.body.poll_send(cx, data)
    }

    fn wants_bytes(&self) -> bool {
        true
    }

    fn poll_capacity(&mut self, cx: &mut Context<'_>, want: usize) -> Poll<Result<usize, StreamError>> {
        self.body.poll_capacity(cx, want)
    }

    fn send_bytes(&mut self, data: Bytes) -> Result<(), StreamError> {
        self.body.send_bytes(data)
    }

    fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        trailers: Option<&Headers>,
    ) -> Poll<Result<(), StreamError>> {
        self.body.poll_end(cx, trailers)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.body.poll_flush(cx)
    }
}

impl Downstream for Exchange {
    fn interim(&mut self, head: &ResponseHead) {
        if self.responded || head.status == StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        let mut response = Response::new(());
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers.to_map();
        // An interim response is a courtesy: if it cannot be sent, the final one will tell.
        let _ = self.respond.send_informational(response);
    }

    fn respond(
        &mut self,
        head: &ResponseHead,
        length: BodyLength,
        declared: Option<u64>,
    ) -> Result<(), StreamError> {
        let mut response = Response::new(());
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers.to_map();
        let (length, announced) = match length {
            BodyLength::None => (Some(0), declared),
            BodyLength::Known(length) => (Some(length), Some(length)),
            BodyLength::Chunked | BodyLength::UntilClose => (None, declared),
        };
        if let Some(announced) = announced {
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, announced.into());
        }
        self.send(response, length)
    }

    fn accept_upgrade(&mut self, head: &ResponseHead) -> Result<(), StreamError> {
        if !self.connect {
            return Err(StreamError::Unwritable);
        }
        // RFC 8441 section 5: success is 200; the key and its answer belong to HTTP/1.1.
        let mut response = Response::new(());
        *response.headers_mut() = head.headers.to_map();
        response.headers_mut().remove("sec-websocket-accept");
        self.send(response, None)
    }

    fn abort(&mut self) {
        self.aborted = true;
        if self.responded {
            self.body.reset(Reason::INTERNAL_ERROR);
        } else {
            self.respond.send_reset(Reason::INTERNAL_ERROR);
        }
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.responded {
            self.body.poll_gone(cx)
        } else {
            self.respond.poll_reset(cx).map(drop)
        }
    }
}
