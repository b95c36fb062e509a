//! HTTP/2 connections to backends.

use super::UpstreamError;
use super::dial::Net;
use super::exchange::{Answer, Start};
use crate::h1::{BodyLength, HeadError};
use crate::http::{H2Body, Headers, RequestHead, ResponseHead, StreamError, websocket};
use crate::runtime::WorkerContext;
use bytes::Bytes;
use h2::Reason;
use h2::client::{ResponseFuture, SendRequest};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, StatusCode};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A shared connection. Clones are the same connection.
#[derive(Clone, Debug)]
pub(crate) struct H2Connection {
    send: SendRequest<Bytes>,
    state: Rc<State>,
}

#[derive(Debug)]
struct State {
    closed: Cell<bool>,
    streams: Cell<usize>,
    last_used: Cell<Instant>,
    tls: bool,
    /// Whether the backend's settings have arrived.
    settled: Cell<bool>,
    settling: Notify,
}

impl H2Connection {
    /// Starts HTTP/2 on a new connection.
    pub(crate) async fn handshake(net: Net, worker: &Rc<WorkerContext>) -> Result<Self, UpstreamError> {
        let options = worker.options();
        let tls = matches!(net, Net::Tls(_));
        let (send, mut connection) = h2::client::Builder::new()
            .initial_window_size(options.limits.h2_stream_window.max(256 * 1024))
            .initial_connection_window_size(options.limits.h2_connection_window.max(1024 * 1024))
            .max_header_list_size(options.limits.h2_header_list_bytes)
            .max_send_buffer_size(128 * 1024)
            .initial_max_send_streams(100)
            .enable_push(false)
            .handshake(net)
            .await
            .map_err(StreamError::H2)?;
        let state = Rc::new(State {
            closed: Cell::new(false),
            streams: Cell::new(0),
            last_used: Cell::new(Instant::now()),
            tls,
            settled: Cell::new(false),
            settling: Notify::new(),
        });
        let driven = Rc::clone(&state);
        let ping = connection.ping_pong();
        let (interval, timeout) = (
            options.timeouts.h2_ping_interval,
            options.timeouts.h2_ping_timeout,
        );
        tokio::task::spawn_local(async move {
            match ping {
                Some(ping) => {
                    let quiet = keep_alive(ping, Rc::clone(&driven), interval, timeout);
                    tokio::select! {
                        _ = connection => {}
                        () = quiet => {}
                    }
                }
                None => drop(connection.await),
            }
            driven.closed.set(true);
            driven.settling.notify_waiters();
        });
        Ok(Self { send, state })
    }

    /// Waits until the backend's settings are known, or the connection is closed.
    pub(crate) async fn settled(&self) {
        while !self.state.settled.get() && self.is_open() {
            self.state.settling.notified().await;
        }
    }

    /// Whether new streams can be tried on it.
    pub(crate) fn is_open(&self) -> bool {
        !self.state.closed.get()
    }

    /// Whether the backend's limit of concurrent streams leaves room.
    pub(crate) fn has_room(&self) -> bool {
        self.state.streams.get() < self.send.current_max_send_streams()
    }

    /// Whether to keep it: open, and used within `idle`.
    pub(crate) fn keep(&self, now: Instant, idle: Duration) -> bool {
        self.is_open() && (self.state.streams.get() > 0 || now < self.state.last_used.get() + idle)
    }

    /// Opens a stream and sends the request head.
    pub(crate) fn start(
        mut self,
        head: &RequestHead,
        start: &Start<'_>,
    ) -> Result<H2Exchange, UpstreamError> {
        // Errors here mean that the connection takes no more streams: nothing was sent.
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(Err(error)) = self.send.poll_ready(&mut cx) {
            self.state.closed.set(true);
            return Err(UpstreamError::Connect(std::io::Error::other(error)));
        }
        let mut accept = None;
        if let Some(protocol) = start.upgrade {
            // RFC 8441 section 3: only when the backend has said that it understands it.
            if protocol != "websocket" || !self.send.is_extended_connect_protocol_enabled() {
                return Err(StreamError::Unwritable.into());
            }
            accept = head.headers.get("sec-websocket-key").map(websocket::accept);
        }
        let request = self.request(head, start).ok_or(StreamError::Unwritable)?;
        let bodiless =
            matches!(start.length, BodyLength::None | BodyLength::Known(0)) && start.upgrade.is_none();
        let (response, send) = self.send.send_request(request, bodiless).map_err(|error| {
            self.state.closed.set(true);
            UpstreamError::Connect(std::io::Error::other(error))
        })?;
        let mut body = H2Body::default();
        if !bodiless {
            let length = match start.length {
                BodyLength::Known(length) => Some(length),
                _ => None,
            };
            body.start_send(send, length);
        }
        self.state.streams.set(self.state.streams.get() + 1);
        Ok(H2Exchange {
            response: Some(response),
            body,
            interims: true,
            accept,
            upgrade: start.upgrade.is_some() && head.method != Method::CONNECT,
            method: head.method.clone(),
            state: self.state,
        })
    }

    fn request(&self, head: &RequestHead, start: &Start<'_>) -> Option<Request<()>> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if self.state.tls {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        });
        parts.authority = Some(if head.authority.is_empty() {
            Authority::from_static("localhost")
        } else {
            Authority::try_from(head.authority.as_str()).ok()?
        });
        parts.path_and_query = Some(PathAndQuery::try_from(head.target.as_str()).ok()?);
        let mut request = Request::new(());
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = Uri::from_parts(parts).ok()?;
        *request.headers_mut() = head.headers.to_map();
        if let BodyLength::Known(length) = start.length {
            request
                .headers_mut()
                .insert(http::header::CONTENT_LENGTH, length.into());
        }
        if start.trailers {
            // RFC 9113 section 8.2.2: the one value TE may have.
            request
                .headers_mut()
                .insert(http::header::TE, http::HeaderValue::from_static("trailers"));
        }
        if let Some(protocol) = start.upgrade {
            // RFC 8441 section 4.
            *request.method_mut() = Method::CONNECT;
            request.extensions_mut().insert(h2::ext::Protocol::from(protocol));
        }
        Some(request)
    }
}

/// One stream.
#[derive(Debug)]
pub(crate) struct H2Exchange {
    response: Option<ResponseFuture>,
    pub(super) body: H2Body,
    interims: bool,
    /// Whether an HTTP/1.1 client asked for an upgrade, and what answers its key.
    upgrade: bool,
    accept: Option<String>,
    method: Method,
    state: Rc<State>,
}

impl H2Exchange {
    /// Waits for the next response head.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, UpstreamError>> {
        let Some(response) = &mut self.response else {
            return Poll::Ready(Err(UpstreamError::Closed));
        };
        if self.interims {
            match response.poll_informational(cx) {
                Poll::Ready(Some(Ok(interim))) => {
                    let mut head = ResponseHead::new(interim.status());
                    head.headers.extend_from_map(interim.headers());
                    return Poll::Ready(Ok(Answer::Interim(head)));
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(StreamError::H2(error).into())),
                Poll::Ready(None) => self.interims = false,
                Poll::Pending => return Poll::Pending,
            }
        }
        let (parts, recv) = ready!(Pin::new(response).poll(cx))
            .map_err(StreamError::H2)?
            .into_parts();
        self.response = None;
        let declared = parts
            .headers
            .get(http::header::CONTENT_LENGTH)
            .map(|value| {
                value
                    .to_str()
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .ok_or(HeadError::ContentLength)
            })
            .transpose()?;
        let mut headers = Headers::with_capacity(parts.headers.len(), 512);
        for (name, value) in &parts.headers {
            if name != http::header::CONTENT_LENGTH {
                headers.append(name, value);
            }
        }
        let ended = recv.is_end_stream();
        self.body.start_recv(recv);
        let bodiless = self.method == Method::HEAD
            || parts.status == StatusCode::NO_CONTENT
            || parts.status == StatusCode::NOT_MODIFIED;
        let length = match (bodiless, ended) {
            (true, _) => BodyLength::None,
            (false, true) => BodyLength::Known(0),
            (false, false) => BodyLength::Chunked,
        };
        let mut head = ResponseHead {
            status: parts.status,
            headers,
        };
        if self.upgrade && head.status.is_success() {
            if let Some(accept) = &self.accept {
                // Base64 text is a valid value.
                let _ = head.headers.set_raw("sec-websocket-accept", accept.as_bytes());
            }
            return Poll::Ready(Ok(Answer::Switched(head)));
        }
        Poll::Ready(Ok(Answer::Final {
            head,
            length,
            declared,
        }))
    }

    /// Gives the stream up.
    pub(crate) fn cancel(&mut self) {
        self.body.reset(Reason::CANCEL);
    }
}

impl Drop for H2Exchange {
    fn drop(&mut self) {
        self.state.streams.set(self.state.streams.get().saturating_sub(1));
        self.state.last_used.set(Instant::now());
    }
}

/// Finishes when a busy connection does not answer a ping in time.
async fn keep_alive(mut ping: h2::PingPong, state: Rc<State>, interval: Duration, timeout: Duration) {
    // The answer to a first ping comes behind the backend's settings (RFC 9113 section 3.4).
    if !matches!(
        tokio::time::timeout(timeout, ping.ping(h2::Ping::opaque())).await,
        Ok(Ok(_))
    ) {
        return;
    }
    state.settled.set(true);
    state.settling.notify_waiters();
    loop {
        tokio::time::sleep(interval).await;
        if state.streams.get() == 0 {
            continue;
        }
        match tokio::time::timeout(timeout, ping.ping(h2::Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
