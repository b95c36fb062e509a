//! One HTTP/1 connection to a backend.

use super::dial::Net;
use super::exchange::{Answer, Start};
use super::{UpstreamError, dial};
use crate::h1::conn::{H1, HeadRead};
use crate::h1::parse::{self, HeadLimits};
use crate::h1::{BodyLength, HeadError, encode};
use crate::http::{RequestHead, ResponseHead, StreamError, websocket};
use http::{Method, StatusCode};
use std::task::{Context, Poll, Waker, ready};

/// A connection and what the exchange in progress needs to be understood.
#[derive(Debug)]
pub(crate) struct H1Upstream {
    pub(super) h1: H1<Net>,
    method: Method,
    /// Whether an upgrade was asked for.
    upgrade: bool,
    /// The `Sec-WebSocket-Accept` that answers a key of ours.
    accept: Option<String>,
    /// Whether the backend lets us use the connection again.
    keep_alive: bool,
    /// Interim responses so far: bounded, so that a backend cannot keep us busy for ever.
    interims: u8,
}

/// Interim responses accepted before a final one.
const INTERIMS: u8 = 16;

impl H1Upstream {
    pub(crate) fn new(net: dial::Net, limits: HeadLimits) -> Self {
        Self {
            h1: H1::new(net, limits),
            method: Method::GET,
            upgrade: false,
            accept: None,
            keep_alive: true,
            interims: 0,
        }
    }

    /// Whether an idle connection is still open and silent. A backend that sends anything without
    /// being asked has nothing to say that could be trusted.
    pub(crate) fn is_alive(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.h1.input().is_empty() && self.h1.poll_read(&mut cx, 1024).is_pending()
    }

    /// Frees what an idle connection does not need.
    pub(crate) fn rest(&mut self) {
        self.h1.rest();
    }

    /// Writes the request head into the output.
    pub(crate) fn start(&mut self, head: &RequestHead, start: &Start<'_>) {
        self.method = head.method.clone();
        self.upgrade = start.upgrade.is_some();
        self.accept = None;
        self.keep_alive = true;
        self.interims = 0;
        let length = if self.upgrade {
            BodyLength::None
        } else {
            start.length
        };
        let framing = encode::RequestFraming {
            length,
            expect_continue: start.expect_continue,
            trailers: start.trailers,
            upgrade: start.upgrade,
        };
        if head.method == Method::CONNECT {
            // An extended CONNECT becomes the handshake of HTTP/1.1 (RFC 8441 section 5).
            let key = websocket::key();
            self.accept = Some(websocket::accept(key.as_bytes()));
            self.method = Method::GET;
            let mut get = head.clone();
            get.method = Method::GET;
            for (name, value) in [
                ("sec-websocket-key", key.as_str()),
                ("sec-websocket-version", "13"),
            ] {
                // Both are valid by construction.
                let _ = get.headers.set_raw(name, value.as_bytes());
            }
            self.h1
                .start_send(length, |out| encode::request(out, &get, framing));
            return;
        }
        self.h1
            .start_send(length, |out| encode::request(out, head, framing));
    }

    /// Waits for the next response head.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, UpstreamError>> {
        let end = match ready!(self.h1.poll_head(cx)).map_err(StreamError::Io)? {
            HeadRead::Head(end) => end,
            HeadRead::Closed => return Poll::Ready(Err(UpstreamError::Closed)),
            HeadRead::Cut => return Poll::Ready(Err(StreamError::Truncated.into())),
            HeadRead::Refused(error) => return Poll::Ready(Err(error.into())),
        };
        let head = self.h1.input().get(..end).unwrap_or_default();
        let response = parse::response(head, self.h1.limits(), &self.method)?;
        self.h1.consume_input(end);
        let head = ResponseHead {
            status: response.status,
            headers: response.headers,
        };
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            // RFC 9110 section 15.2.2: only in answer to Upgrade.
            if !self.upgrade || response.fields.upgrade.is_none() {
                return Poll::Ready(Err(HeadError::StatusLine.into()));
            }
            if self
                .accept
                .as_deref()
                .is_some_and(|accept| head.headers.get_str("sec-websocket-accept") != Some(accept))
            {
                // RFC 6455 section 4.1: a wrong answer fails the connection.
                return Poll::Ready(Err(HeadError::FieldValue.into()));
            }
            self.keep_alive = false;
            self.h1.start_tunnel();
            return Poll::Ready(Ok(Answer::Switched(head)));
        }
        if response.status.is_informational() {
            self.interims += 1;
            if self.interims > INTERIMS {
                return Poll::Ready(Err(HeadError::TooLarge.into()));
            }
            return Poll::Ready(Ok(Answer::Interim(head)));
        }
        self.keep_alive = response.fields.keep_alive;
        self.h1.start_recv(response.fields.body);
        Poll::Ready(Ok(Answer::Final {
            head,
            length: response.fields.body,
            declared: response.fields.content_length,
        }))
    }

    /// Whether the exchange is over and the connection in a state to serve another one.
    pub(crate) fn is_reusable(&self) -> bool {
        self.keep_alive
            && self.h1.recv_done()
            && self.h1.send_done()
            && self.h1.input().is_empty()
            && !self.h1.ended()
    }
}
