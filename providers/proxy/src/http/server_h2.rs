//! Serving HTTP/2 connections.

mod exchange;

use crate::http::normalise;
use crate::http::pipeline::{self, ConnContext};
use crate::http::timer::Timer;
use crate::runtime::{DrainPhase, DrainWatch, ProxyOptions};
use bytes::Bytes;
use exchange::Exchange;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::{Method, Request};
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
    let ended = recv.is_end_stream();
    let mut exchange = Exchange::new(recv, respond);
    let mut timer = Timer::default();
    match normalise::from_h2(parts, ended, (cx.conn.scheme(), cx.worker.options())) {
        Ok(arrived) => {
            if arrived.head.upgrade.is_some() {
                exchange.allow_connect();
            }
            pipeline::serve(&mut exchange, arrived, cx, &mut timer).await;
        }
        Err(status) => {
            pipeline::refuse(&mut exchange, status, to_head, cx, &mut timer).await;
        }
    }
    exchange.aborted()
}
