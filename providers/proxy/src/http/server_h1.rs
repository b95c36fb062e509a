//! Serving HTTP/1.x connections.

use crate::h1::conn::{H1, HeadRead};
use crate::h1::parse::{self, HeadLimits};
use crate::h1::{BodyLength, HeadError, encode};
use crate::http::pipeline::{self, ConnContext};
use crate::http::timer::Timer;
use crate::http::{
    Downstream, Fill, Headers, Incoming, Outgoing, ResponseHead, StreamError, Version, normalise,
};
use crate::runtime::{DrainPhase, DrainWatch};
use http::{Method, StatusCode};
use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// Request body bytes read and thrown away after an early response, so that the connection can be
/// used again.
const DISCARD: usize = 64 * 1024;
/// How long the client's last bytes are waited for after our last ones: closing at once could make
/// its kernel throw the response away (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// Bytes read and thrown away while lingering.
const LINGER_BYTES: usize = 256 * 1024;

/// Why no request was read.
enum Ended {
    /// Nothing to say to the client.
    Quietly,
    /// The head is refused.
    Refused(StatusCode),
}

/// Serves a connection until it closes.
pub(crate) async fn serve<IO>(h1: H1<IO>, cx: ConnContext, drain: DrainWatch)
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut h1 = h1;
    let mut timer = Timer::default();
    let mut served = 0u64;
    let scheme = cx.conn.scheme();
    loop {
        let end = match read_head(&mut h1, &cx, &drain, &mut timer, served).await {
            Ok(end) => end,
            Err(Ended::Quietly) => break,
            Err(Ended::Refused(status)) => {
                refuse(&mut h1, &cx, status, &mut timer).await;
                break;
            }
        };
        let parsed = parse::request(h1.input().get(..end).unwrap_or_default(), h1.limits());
        h1.consume_input(end);
        served += 1;
        let request = match parsed {
            Ok(request) => request,
            Err(HeadError::Protocol) => {
                linger(&mut h1).await;
                break;
            }
            Err(error) => {
                refuse(&mut h1, &cx, error.status(), &mut timer).await;
                break;
            }
        };
        let mut keep_alive = request.fields.keep_alive
            && served < cx.worker.options().limits.requests_per_connection
            && drain.phase() == DrainPhase::Serving;
        let exchange_facts = (
            request.version,
            request.method == Method::HEAD,
            request.fields.body,
        );
        let arrived = match normalise::from_h1(request, scheme, cx.worker.options().path) {
            Ok(arrived) => arrived,
            Err(status) => {
                refuse(&mut h1, &cx, status, &mut timer).await;
                break;
            }
        };
        // RFC 9931 section 6: what follows a refused upgrade may be meant for the other protocol.
        keep_alive &= arrived.head.upgrade.is_none();
        h1.start_recv(exchange_facts.2);
        let mut exchange = Exchange {
            h1: &mut h1,
            drain: Some(&drain),
            version: exchange_facts.0,
            to_head: exchange_facts.1,
            upgrade: arrived.head.upgrade.clone(),
            waits: arrived.expect_continue,
            keep_alive,
            responded: false,
            aborted: false,
        };
        let serving = pipeline::serve(&mut exchange, arrived, &cx, &mut timer);
        tokio::select! {
            biased;
            () = serving => {}
            () = drain.reached(DrainPhase::Closing) => break,
        }
        let (keep_alive, aborted) = (exchange.keep_alive, exchange.aborted);
        if aborted {
            break;
        }
        if !keep_alive || !discard(&mut h1, &mut timer).await {
            linger(&mut h1).await;
            break;
        }
    }
}

/// Waits for a request head. The idle timeout applies until its first byte, the head timeout from
/// then on.
async fn read_head<IO: AsyncRead + AsyncWrite + Unpin>(
    h1: &mut H1<IO>,
    cx: &ConnContext,
    drain: &DrainWatch,
    timer: &mut Timer,
    served: u64,
) -> Result<usize, Ended> {
    let timeouts = &cx.worker.options().timeouts;
    let mut rest = Rest {
        until: Instant::now() + timeouts.idle,
        unused: served == 0,
        more: timeouts.drain_accept,
        drains: false,
    };
    let mut first_byte: Option<Instant> = None;
    let mut skipped = false;
    poll_fn(|task| {
        if !skipped {
            // One empty line is tolerated in front of a request (RFC 9112 section 2.2).
            loop {
                match parse::leading_line(h1.input()) {
                    Some(0) => break,
                    Some(count) => {
                        h1.consume_input(count);
                        break;
                    }
                    None => match h1.poll_read(task, 16 * 1024) {
                        Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Ended::Quietly)),
                        Poll::Ready(Ok(_)) => {}
                        Poll::Pending => {
                            return waiting(task, h1, drain, timer, &mut rest);
                        }
                    },
                }
            }
            skipped = true;
        }
        match h1.poll_head(task) {
            Poll::Ready(Ok(HeadRead::Head(end))) => Poll::Ready(Ok(end)),
            Poll::Ready(Ok(HeadRead::Refused(error))) => Poll::Ready(Err(Ended::Refused(error.status()))),
            Poll::Ready(Ok(HeadRead::Closed | HeadRead::Cut) | Err(_)) => Poll::Ready(Err(Ended::Quietly)),
            Poll::Pending if h1.input().is_empty() => waiting(task, h1, drain, timer, &mut rest),
            Poll::Pending => {
                let since = *first_byte.get_or_insert_with(Instant::now);
                ready!(timer.poll(task, since + timeouts.head));
                Poll::Ready(Err(Ended::Refused(StatusCode::REQUEST_TIMEOUT)))
            }
        }
    })
    .await
}

/// How long a connection without a request stays open.
struct Rest {
    /// When it is closed.
    until: Instant,
    /// Whether it has never carried a request.
    unused: bool,
    /// How long it may go on once it drains.
    more: Duration,
    /// Whether it drains.
    drains: bool,
}

/// Nothing of a request is there yet.
fn waiting<IO: AsyncRead + AsyncWrite + Unpin>(
    task: &mut Context<'_>,
    h1: &mut H1<IO>,
    drain: &DrainWatch,
    timer: &mut Timer,
    rest: &mut Rest,
) -> Poll<Result<usize, Ended>> {
    h1.rest();
    // A connection that has never carried a request is given the chance to, even while draining: its client
    // may have sent one already. So may that of any other connection, which learns from the answer that it
    // was the last one; closed at once, the request would be lost (RFC 9112 section 9.3.1).
    if !rest.unused && !rest.drains && drain.poll_reached(task, DrainPhase::Draining).is_ready() {
        rest.drains = true;
        rest.until = rest.until.min(Instant::now() + rest.more);
    }
    if drain.poll_reached(task, DrainPhase::Closing).is_ready() || timer.poll(task, rest.until).is_ready() {
        return Poll::Ready(Err(Ended::Quietly));
    }
    Poll::Pending
}

/// Answers a head that is refused, then closes.
async fn refuse<IO: AsyncRead + AsyncWrite + Unpin>(
    h1: &mut H1<IO>,
    cx: &ConnContext,
    status: StatusCode,
    timer: &mut Timer,
) {
    let mut exchange = Exchange {
        h1,
        drain: None,
        version: Version::H11,
        to_head: false,
        upgrade: None,
        waits: false,
        keep_alive: false,
        responded: false,
        aborted: false,
    };
    pipeline::refuse(&mut exchange, status, false, cx, timer).await;
    linger(h1).await;
}

/// Reads what is left of a request body after an early response. `false`: too much, or broken.
async fn discard<IO: AsyncRead + AsyncWrite + Unpin>(h1: &mut H1<IO>, timer: &mut Timer) -> bool {
    if h1.recv_done() {
        return true;
    }
    let deadline = Instant::now() + LINGER;
    let mut left = DISCARD;
    poll_fn(|task| {
        loop {
            match h1.poll_fill(task) {
                Poll::Ready(Ok(Fill::End)) => return Poll::Ready(true),
                Poll::Ready(Ok(Fill::Data)) => {
                    let count = h1.data().len();
                    h1.consume(count);
                    match left.checked_sub(count) {
                        Some(rest) => left = rest,
                        None => return Poll::Ready(false),
                    }
                }
                Poll::Ready(Err(_)) => return Poll::Ready(false),
                Poll::Pending => return timer.poll(task, deadline).map(|()| false),
            }
        }
    })
    .await
}

/// Closes our side and waits a moment for the client's.
async fn linger<IO: AsyncRead + AsyncWrite + Unpin>(h1: &mut H1<IO>) {
    if poll_fn(|task| h1.poll_shutdown(task)).await.is_err() {
        return;
    }
    let mut left = LINGER_BYTES;
    let drained = poll_fn(|task| {
        loop {
            let count = h1.input().len();
            h1.consume_input(count);
            match ready!(h1.poll_read(task, 16 * 1024)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(count) => match left.checked_sub(count) {
                    Some(rest) => left = rest,
                    None => return Poll::Ready(()),
                },
            }
        }
    });
    let _ = tokio::time::timeout(LINGER, drained).await;
}

/// One request of the connection and its response.
#[derive(Debug)]
struct Exchange<'a, IO> {
    h1: &'a mut H1<IO>,
    drain: Option<&'a DrainWatch>,
    version: Version,
    to_head: bool,
    upgrade: Option<String>,
    /// Whether the client waits for `100 Continue`.
    waits: bool,
    keep_alive: bool,
    responded: bool,
    aborted: bool,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Incoming for Exchange<'_, IO> {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill, StreamError>> {
        self.h1.poll_fill(cx)
    }

    fn data(&self) -> &[u8] {
        self.h1.data()
    }

    fn consume(&mut self, count: usize) {
        self.h1.consume(count);
    }

    fn take_trailers(&mut self) -> Option<Box<Headers>> {
        self.h1.take_trailers()
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Outgoing for Exchange<'_, IO> {
    fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, StreamError>> {
        self.h1.poll_send(cx, data)
    }

    fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        trailers: Option<&Headers>,
    ) -> Poll<Result<(), StreamError>> {
        self.h1.poll_end(cx, trailers)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.h1.poll_flush(cx)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Downstream for Exchange<'_, IO> {
    fn interim(&mut self, head: &ResponseHead) {
        // RFC 9110 section 15.2: never to an HTTP/1.0 client.
        if self.version != Version::H10 && !self.responded {
            if head.status == StatusCode::CONTINUE {
                self.waits = false;
            }
            self.h1
                .start_send(BodyLength::None, |out| encode::interim(out, head, None));
        }
    }

    fn respond(
        &mut self,
        head: &ResponseHead,
        length: BodyLength,
        declared: Option<u64>,
    ) -> Result<(), StreamError> {
        let length = match (length, declared) {
            (BodyLength::Chunked | BodyLength::UntilClose, Some(declared)) => BodyLength::Known(declared),
            (BodyLength::Chunked | BodyLength::UntilClose, None) if self.version == Version::H10 => {
                self.keep_alive = false;
                BodyLength::UntilClose
            }
            (BodyLength::UntilClose, None) => BodyLength::Chunked,
            (length, _) => length,
        };
        if self
            .drain
            .is_some_and(|drain| drain.phase() > DrainPhase::Serving)
        {
            self.keep_alive = false;
        }
        // A client that waits for permission will not send its body now; what it sends next cannot
        // be told apart from it (RFC 9110 section 10.1.1).
        if self.waits && !self.h1.recv_done() {
            self.keep_alive = false;
        }
        let framing = encode::ResponseFraming {
            length,
            declared,
            keep_alive: self.keep_alive,
            version: self.version,
            to_head: self.to_head,
        };
        self.responded = true;
        self.h1
            .start_send(length, |out| encode::response(out, head, framing));
        Ok(())
    }

    fn accept_upgrade(&mut self, head: &ResponseHead) -> Result<(), StreamError> {
        let protocol = self.upgrade.clone().ok_or(StreamError::Unwritable)?;
        let mut switching = head.clone();
        switching.status = StatusCode::SWITCHING_PROTOCOLS;
        self.responded = true;
        self.keep_alive = false;
        self.h1.start_send(BodyLength::None, |out| {
            encode::interim(out, &switching, Some(&protocol));
        });
        self.h1.start_tunnel();
        Ok(())
    }

    fn will_close_unless_drained(&mut self) {
        if !self.h1.recv_done() {
            self.keep_alive = false;
        }
    }

    fn abort(&mut self) {
        self.keep_alive = false;
        self.aborted = true;
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A pipelined request waits in the input until its turn; no more is read before.
        if !self.h1.input().is_empty() {
            return Poll::Pending;
        }
        match self.h1.poll_read(cx, 16 * 1024) {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(()),
            Poll::Ready(Ok(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

/// Bounds of a request head.
pub(crate) const fn head_limits(limits: &crate::runtime::Limits) -> HeadLimits {
    HeadLimits {
        bytes: limits.head_bytes,
        fields: limits.head_fields,
        target: limits.target_bytes,
    }
}
