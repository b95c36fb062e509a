//! Serving HTTP/2 connections.

use crate::h1::BodyLength;
use crate::http::pipeline::{self, Arrived, ConnContext};
use crate::http::timer::Timer;
use crate::http::{
    Downstream, Fill, H2Body, Headers, Incoming, Outgoing, RequestHead, ResponseHead, Scheme, StreamError,
    Version, normalise,
};
use crate::observe::{self, RequestRecord, ResponseFlag};
use crate::runtime::{DrainPhase, DrainWatch, ProxyOptions, RouteProtocol};
use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::{Method, Request, Response, StatusCode, header};
use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// Streams that a client may reset before their response, as a share of all: beyond it the client
/// only makes us work (CVE-2023-44487).
const RESETS: u64 = 200;

/// What the streams of a connection tell it.
#[derive(Default)]
struct Streams {
    active: Cell<usize>,
    served: Cell<u64>,
    /// Given up by the client before the response was complete.
    reset: Cell<u64>,
    waker: Cell<Option<Waker>>,
}

/// What a connection waits for.
enum Event {
    Request(Box<(Request<RecvStream>, SendResponse<Bytes>)>),
    Drain,
    Close,
    Idle,
    Abuse,
}

/// Serves a connection until it closes.
pub(crate) async fn serve<IO>(io: IO, cx: ConnContext, drain: DrainWatch)
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let worker = Rc::clone(&cx.worker);
    let options = worker.options();
    let handshake = builder(options).handshake::<_, Bytes>(io);
    let Ok(Ok(mut connection)) = tokio::time::timeout(options.timeouts.head, handshake).await else {
        return;
    };
    let cx = Rc::new(cx);
    let streams = Rc::new(Streams::default());
    let mut ping = connection.ping_pong().map(Liveness::new);
    let mut timer = Timer::default();
    let mut draining = false;
    loop {
        match next(
            &mut connection,
            &cx,
            (&drain, draining),
            &streams,
            (&mut ping, &mut timer),
        )
        .await
        {
            Event::Request(request) => {
                let (request, respond) = *request;
                streams.active.set(streams.active.get() + 1);
                streams.served.set(streams.served.get() + 1);
                if streams.served.get() >= options.limits.requests_per_connection && !draining {
                    draining = true;
                    connection.graceful_shutdown();
                }
                let (cx, streams) = (Rc::clone(&cx), Rc::clone(&streams));
                tokio::task::spawn_local(async move {
                    let gone = stream(request, respond, &cx).await;
                    streams.active.set(streams.active.get() - 1);
                    if gone {
                        streams.reset.set(streams.reset.get() + 1);
                    }
                    if let Some(waker) = streams.waker.take() {
                        waker.wake();
                    }
                });
            }
            Event::Drain | Event::Idle => {
                draining = true;
                connection.graceful_shutdown();
            }
            Event::Abuse => {
                connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                let closed = poll_fn(|task| connection.poll_closed(task));
                let _ = tokio::time::timeout(options.timeouts.head, closed).await;
                return;
            }
            Event::Close => return,
        }
    }
}

fn builder(options: &ProxyOptions) -> Builder {
    let limits = &options.limits;
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(limits.h2_stream_window)
        .initial_connection_window_size(limits.h2_connection_window)
        .max_concurrent_streams(limits.h2_concurrent_streams)
        .max_header_list_size(limits.h2_header_list_bytes)
        .max_send_buffer_size(128 * 1024)
        .max_concurrent_reset_streams(50)
        .max_pending_accept_reset_streams(20)
        .enable_connect_protocol();
    builder
}

async fn next<IO: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<IO, Bytes>,
    cx: &ConnContext,
    (drain, draining): (&DrainWatch, bool),
    streams: &Streams,
    (ping, timer): (&mut Option<Liveness>, &mut Timer),
) -> Event {
    let options = cx.worker.options();
    let quiet_since = Instant::now();
    poll_fn(|task| {
        if streams.reset.get() > RESETS && streams.reset.get() * 2 > streams.served.get() {
            return Poll::Ready(Event::Abuse);
        }
        // With too many requests in progress, among them ones that the client has reset, the
        // connection is driven but nothing new is taken up.
        let full = streams.active.get() >= options.limits.h2_concurrent_streams as usize;
        if full {
            streams.waker.set(Some(task.waker().clone()));
            if connection.poll_closed(task).is_ready() {
                return Poll::Ready(Event::Close);
            }
        } else {
            match connection.poll_accept(task) {
                Poll::Ready(Some(Ok(request))) => return Poll::Ready(Event::Request(Box::new(request))),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Event::Close),
                Poll::Pending => {}
            }
        }
        if drain.poll_reached(task, DrainPhase::Closing).is_ready() {
            return Poll::Ready(Event::Close);
        }
        if !draining && drain.poll_reached(task, DrainPhase::Draining).is_ready() {
            return Poll::Ready(Event::Drain);
        }
        streams.waker.set(Some(task.waker().clone()));
        let idle = streams.active.get() == 0;
        if idle && !draining && timer.poll(task, quiet_since + options.timeouts.idle).is_ready() {
            return Poll::Ready(Event::Idle);
        }
        if let Some(ping) = ping
            && ping.poll(task, options).is_ready()
        {
            return Poll::Ready(Event::Close);
        }
        Poll::Pending
    })
    .await
}

/// Keep-alive pings: a peer that vanished without closing is noticed.
#[derive(Debug)]
struct Liveness {
    ping: PingPong,
    timer: Timer,
    sent: Option<Instant>,
    due: Option<Instant>,
}

impl Liveness {
    fn new(ping: PingPong) -> Self {
        Self {
            ping,
            timer: Timer::default(),
            sent: None,
            due: None,
        }
    }

    /// Ready when a ping was not answered in time.
    fn poll(&mut self, cx: &mut Context<'_>, options: &ProxyOptions) -> Poll<()> {
        loop {
            if let Some(sent) = self.sent {
                if let Poll::Ready(pong) = self.ping.poll_pong(cx) {
                    if pong.is_err() {
                        return Poll::Ready(());
                    }
                    self.sent = None;
                    self.due = None;
                    continue;
                }
                return self.timer.poll(cx, sent + options.timeouts.h2_ping_timeout);
            }
            let due = *self
                .due
                .get_or_insert_with(|| Instant::now() + options.timeouts.h2_ping_interval);
            if self.timer.poll(cx, due).is_pending() {
                return Poll::Pending;
            }
            if self.ping.send_ping(Ping::opaque()).is_err() {
                return Poll::Ready(());
            }
            self.sent = Some(Instant::now());
        }
    }
}

/// Serves one stream; answers whether the client gave it up.
async fn stream(request: Request<RecvStream>, respond: SendResponse<Bytes>, cx: &ConnContext) -> bool {
    let to_head = *request.method() == Method::HEAD;
    let (parts, recv) = request.into_parts();
    let mut exchange = Exchange {
        respond,
        body: H2Body::default(),
        connect: false,
        aborted: false,
        responded: false,
    };
    let mut timer = Timer::default();
    let ended = recv.is_end_stream();
    exchange.body.start_recv(recv);
    match arrived(parts, ended, cx) {
        Ok(arrived) => {
            exchange.connect = arrived.head.upgrade.is_some();
            pipeline::serve(&mut exchange, arrived, cx, &mut timer).await;
        }
        Err(status) => {
            let started = Instant::now();
            let response = observe::error_response(status, RouteProtocol::Http, None);
            let sent = pipeline::respond_local(&mut exchange, response, to_head, cx, &mut timer).await;
            cx.worker.observer.request(&RequestRecord {
                conn: &cx.conn,
                listener: None,
                rule: None,
                backend: None,
                endpoint: None,
                request: None,
                status: status.as_u16(),
                bytes_in: 0,
                bytes_out: sent.unwrap_or_default(),
                duration: started.elapsed(),
                upstream_duration: None,
                attempts: 0,
                flag: Some(ResponseFlag::ClientError),
                span: None,
            });
        }
    }
    exchange.aborted
}

/// Turns an HTTP/2 head into a request, or says with which status it is refused. The codec has
/// refused malformed ones already (RFC 9113 sections 8.1.1 to 8.3).
fn arrived(parts: http::request::Parts, ended: bool, cx: &ConnContext) -> Result<Arrived, StatusCode> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    let upgrade = parts
        .extensions
        .get::<h2::ext::Protocol>()
        .map(|protocol| protocol.as_str().to_ascii_lowercase());
    if parts.method == Method::TRACE || (parts.method == Method::CONNECT && upgrade.is_none()) {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    // RFC 8441 defines one protocol; others would be a tunnel we know nothing about.
    if upgrade.as_deref().is_some_and(|protocol| protocol != "websocket") {
        return Err(StatusCode::NOT_IMPLEMENTED);
    }
    let limits = &cx.worker.options().limits;
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    if target.len() > limits.target_bytes {
        return Err(StatusCode::URI_TOO_LONG);
    }
    if target
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() || byte == b'#')
    {
        return Err(BAD);
    }
    if parts.headers.len() > limits.head_fields {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = hosts
        .next()
        .map(|host| host.to_str().map_err(|_| BAD))
        .transpose()?;
    if hosts.next().is_some() {
        return Err(BAD);
    }
    let authority = match (parts.uri.authority().map(http::uri::Authority::as_str), host) {
        // RFC 9113 section 8.3.1: both present must be equal.
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => return Err(BAD),
        (Some(authority), _) => authority,
        (None, Some(host)) => host,
        (None, None) => return Err(BAD),
    };
    let (authority, host) = normalise::authority(authority.to_owned(), Version::H2)?;
    let target = match target {
        "*" if parts.method == Method::OPTIONS => "*".to_owned(),
        _ if !target.starts_with('/') => return Err(BAD),
        _ => normalise::target(target.to_owned(), cx.worker.options().path)?,
    };
    let mut lengths = parts.headers.get_all(header::CONTENT_LENGTH).iter();
    let declared: Option<u64> = lengths
        .next()
        .map(|length| length.to_str().ok().and_then(|text| text.parse().ok()).ok_or(BAD))
        .transpose()?;
    if lengths.next().is_some() {
        return Err(BAD);
    }
    let length = match (ended, declared) {
        (true, _) => BodyLength::None,
        (false, Some(length)) => BodyLength::Known(length),
        (false, None) => BodyLength::Chunked,
    };
    let mut expect_continue = false;
    let mut trailers = false;
    let mut headers = Headers::with_capacity(parts.headers.len() + 6, 1024);
    let mut cookies: Vec<u8> = Vec::new();
    for (name, value) in &parts.headers {
        match name.as_str() {
            "host" | "content-length" | "proxy-authorization" | "http2-settings" => {}
            "te" => trailers |= value.as_bytes().eq_ignore_ascii_case(b"trailers"),
            "expect" if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => expect_continue = !ended,
            "expect" => return Err(StatusCode::EXPECTATION_FAILED),
            "transfer_encoding" | "content_length" => return Err(BAD),
            // RFC 9113 section 8.2.3: crumbs are put together again.
            "cookie" => {
                if !cookies.is_empty() {
                    cookies.extend_from_slice(b"; ");
                }
                cookies.extend_from_slice(value.as_bytes());
            }
            _ => headers.append(name, value),
        }
    }
    if !cookies.is_empty() {
        headers.append_raw(b"cookie", &cookies).map_err(|_| BAD)?;
    }
    let scheme = if cx.conn.tls.is_some() {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let head = RequestHead {
        method: parts.method,
        version: Version::H2,
        scheme,
        authority,
        target,
        headers,
        upgrade,
    };
    Ok(Arrived {
        head,
        host,
        length,
        expect_continue,
        trailers,
    })
}

/// One stream's request and response.
#[derive(Debug)]
struct Exchange {
    respond: SendResponse<Bytes>,
    body: H2Body,
    /// Whether it is an extended CONNECT (RFC 8441).
    connect: bool,
    responded: bool,
    aborted: bool,
}

impl Exchange {
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
