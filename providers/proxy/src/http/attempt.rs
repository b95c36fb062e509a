//! One try of a request at one endpoint, and the relay of its response.

use crate::http::pace::Pace;
use crate::http::pipeline::{Arrived, ConnContext};
use crate::http::relay::{Pump, PumpError, Replay};
use crate::http::timer::Timer;
use crate::http::upstream::{Answer, Fresh, Start, Upstream, UpstreamError, Wire, acquire};
use crate::http::{Downstream, Outgoing, RequestHead, ResponseHead, StreamError};
use crate::runtime::{AlpnOffer, BackendRuntime, CompiledRule, EndpointRuntime, ProxyOptions, RouteProtocol};
use gatewright_model::backend::BackendProtocol;
use http::StatusCode;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// Times that bound a request.
#[derive(Debug)]
pub(crate) struct Deadlines {
    /// End of the whole request.
    pub(crate) request: Option<Instant>,
    /// Length of one try.
    attempt: Option<Duration>,
    /// Silence of the backend.
    upstream: Duration,
    /// Silence of the client.
    client: Duration,
    /// Slowest request body, in bytes per second.
    client_rate: u32,
}

impl Deadlines {
    /// Those of a rule, for a request that began at `started`.
    pub(crate) fn new(
        rule: &CompiledRule,
        head: &RequestHead,
        options: &ProxyOptions,
        started: Instant,
    ) -> Self {
        // A gRPC stream says something when there is something to say.
        let (client, client_rate) = if rule.protocol == RouteProtocol::Grpc || head.is_grpc() {
            let pause = options.timeouts.body.max(options.timeouts.upstream_read);
            (pause, 0)
        } else {
            (options.timeouts.body, options.limits.body_rate)
        };
        Self {
            request: rule.request_timeout.map(|limit| started + limit),
            attempt: rule.backend_request_timeout,
            upstream: options.timeouts.upstream_read,
            client,
            client_rate,
        }
    }
}

/// Where a try goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Try<'a> {
    pub(crate) rule: &'a CompiledRule,
    pub(crate) backend: &'a BackendRuntime,
    pub(crate) endpoint: &'a EndpointRuntime,
    /// Whether a pooled connection has just failed.
    pub(crate) fresh: bool,
    pub(crate) begun: Instant,
}

/// What became of a try.
#[derive(Debug)]
pub(crate) enum Attempted {
    /// The backend answered.
    Answered(Upstream, Answer),
    /// The client's body is at fault.
    Client(StreamError),
    /// The client went away.
    ClientGone,
    /// The client sent nothing for too long.
    ClientTimeout,
    /// The time of the whole request is over.
    RequestTimeout,
    /// The backend failed.
    Failed {
        /// How.
        error: UpstreamError,
        /// Whether on a connection that had served before.
        reused: bool,
    },
}

/// Which protocols a connection for this request may speak.
fn offer(protocol: BackendProtocol, tls: bool, route: RouteProtocol, upgrade: bool) -> AlpnOffer {
    match (protocol, route) {
        (BackendProtocol::Http2, _) => AlpnOffer::H2,
        (BackendProtocol::Auto, RouteProtocol::Grpc) => AlpnOffer::H2,
        (BackendProtocol::Auto, RouteProtocol::Http) if tls && !upgrade => AlpnOffer::Any,
        _ => AlpnOffer::H1,
    }
}

/// Sends the request and waits for the head of the final response.
pub(crate) async fn run<D: Downstream>(
    client: &mut D,
    arrived: &mut Arrived,
    (replay, request): (&mut Replay, &mut Pump),
    attempt: Try<'_>,
    (cx, deadlines, timer): (&ConnContext, &Deadlines, &mut Timer),
) -> Attempted {
    let mut upstream = match connect(client, arrived, attempt, cx, deadlines).await {
        Ok(upstream) => upstream,
        Err(attempted) => return attempted,
    };
    let limit = deadlines.attempt.map(|limit| attempt.begun + limit);
    // RFC 9931: until the backend accepts the upgrade nothing behind the head is its business.
    let upgrading = arrived.head.upgrade.is_some();
    let mut write_failed: Option<StreamError> = None;
    let mut moved = request.moved;
    let mut silent_since = attempt.begun;
    let mut pace: Option<Pace> = None;
    // The client sends its body when the backend asks for it (RFC 9110 section 10.1.1).
    let mut unasked = arrived.expect_continue;
    let outcome = poll_fn(|task| {
        if upgrading {
            if let Poll::Ready(Err(error)) = upstream.poll_flush(task) {
                write_failed = Some(error);
            }
        } else if write_failed.is_none() && !request.done {
            match request.poll(task, &mut replay.body(client), &mut upstream) {
                Poll::Ready(Err(PumpError::Read(error))) => {
                    return Poll::Ready(Err(Attempted::Client(error)));
                }
                // The backend may have answered before it stopped reading.
                Poll::Ready(Err(PumpError::Write(error))) => write_failed = Some(error),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        loop {
            match upstream.poll_answer(task) {
                Poll::Ready(Ok(Answer::Interim(head))) => {
                    unasked &= head.status != StatusCode::CONTINUE;
                    client.interim(&head);
                    silent_since = Instant::now();
                }
                Poll::Ready(Ok(answer)) => return Poll::Ready(Ok(answer)),
                Poll::Ready(Err(error)) => {
                    let error = match (write_failed.take(), error) {
                        (Some(write), UpstreamError::Closed) => UpstreamError::Stream(write),
                        (_, error) => error,
                    };
                    let reused = upstream.reused();
                    return Poll::Ready(Err(Attempted::Failed { error, reused }));
                }
                Poll::Pending => break,
            }
        }
        // An interim response is on its way, or nothing.
        let _ = client.poll_flush(task);
        if request.done && !upgrading && client.poll_gone(task).is_ready() {
            return Poll::Ready(Err(Attempted::ClientGone));
        }
        if moved != request.moved {
            moved = request.moved;
            silent_since = Instant::now();
        }
        // Who is being waited for: the backend, or the client for the rest of its request.
        let sending = !request.done && !upgrading && write_failed.is_none();
        let waiting = !sending || request.blocked || (unasked && replay.received() == 0);
        let silence = if sending {
            let now = Instant::now();
            let pace = pace.get_or_insert_with(|| Pace::new(deadlines.client, deadlines.client_rate, now));
            if waiting {
                pace.excuse(now);
                silent_since + deadlines.upstream
            } else {
                pace.deadline(replay.received(), now)
            }
        } else {
            silent_since + deadlines.upstream
        };
        let next = [limit, deadlines.request]
            .into_iter()
            .flatten()
            .fold(silence, Instant::min);
        if timer.poll(task, next).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Err(if deadlines.request == Some(next) {
            Attempted::RequestTimeout
        } else if limit == Some(next) || waiting {
            Attempted::Failed {
                error: UpstreamError::Timeout,
                reused: false,
            }
        } else {
            Attempted::ClientTimeout
        }))
    })
    .await;
    match outcome {
        Ok(answer) => Attempted::Answered(upstream, answer),
        Err(attempted) => attempted,
    }
}

async fn connect<D: Downstream>(
    client: &mut D,
    arrived: &mut Arrived,
    attempt: Try<'_>,
    cx: &ConnContext,
    deadlines: &Deadlines,
) -> Result<Upstream, Attempted> {
    let failed = |error| Attempted::Failed { error, reused: false };
    let (tls, offer) = {
        let settings = attempt.backend.settings();
        let upgrade = arrived.head.upgrade.is_some();
        (
            settings.tls.clone(),
            offer(
                settings.protocol,
                settings.tls.is_some(),
                attempt.rule.protocol,
                upgrade,
            ),
        )
    };
    let fresh = if attempt.fresh { Fresh::Yes } else { Fresh::No };
    let acquiring = acquire(&cx.worker, attempt.endpoint, tls.as_ref(), offer, fresh);
    let limit = [
        deadlines.attempt.map(|limit| attempt.begun + limit),
        deadlines.request,
    ];
    let wire = match limit.into_iter().flatten().min() {
        None => acquiring.await.map_err(failed)?,
        Some(limit) => match tokio::time::timeout_at(limit, acquiring).await {
            Ok(wire) => wire.map_err(failed)?,
            Err(_) if deadlines.request == Some(limit) => return Err(Attempted::RequestTimeout),
            Err(_) => return Err(failed(UpstreamError::ConnectTimeout)),
        },
    };
    if arrived.expect_continue && matches!(wire, Wire::H2(_)) {
        // HTTP/2 backends take the body as it comes: the client need not wait.
        arrived.expect_continue = false;
        client.interim(&ResponseHead::new(StatusCode::CONTINUE));
    }
    if let Wire::H2(connection) = &wire
        && arrived.head.upgrade.is_some()
    {
        let _ = tokio::time::timeout(cx.worker.options().timeouts.connect, connection.settled()).await;
    }
    let start = Start {
        length: arrived.length,
        expect_continue: arrived.expect_continue,
        trailers: arrived.trailers || attempt.rule.protocol == RouteProtocol::Grpc,
        upgrade: arrived.head.upgrade.as_deref(),
    };
    Upstream::start(wire, &arrived.head, &start).map_err(failed)
}

/// How a relay is bounded.
#[derive(Debug)]
pub(crate) struct Relay<'a> {
    pub(crate) deadlines: &'a Deadlines,
    /// Whether both directions are a tunnel, which ends when both have.
    pub(crate) tunnel: bool,
    /// Bytes sent to the client.
    pub(crate) sent: &'a mut u64,
}

/// Why a relay failed.
#[derive(Debug)]
pub(crate) enum RelayError {
    /// One side failed.
    Pump(PumpError),
    /// The backend was silent for too long.
    Upstream,
    /// The client took nothing for too long.
    Client,
}

/// Sends the response body to the client and what is left of the request to the backend. Done when
/// the response is complete; a tunnel when both directions are.
pub(crate) async fn relay<D: Downstream>(
    client: &mut D,
    upstream: &mut Upstream,
    (replay, request): (&mut Replay, &mut Pump),
    relay: Relay<'_>,
    timer: &mut Timer,
) -> Result<(), RelayError> {
    let mut response = Pump::default();
    let mut request_failed = false;
    let mut moved = 0;
    let mut silent_since: Option<Instant> = None;
    let result = poll_fn(|task| {
        if !response.done {
            match response.poll(task, upstream, client) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(RelayError::Pump(error))),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        if response.done && (!relay.tunnel || request.done || request_failed) {
            return Poll::Ready(Ok(()));
        }
        if !request.done && !request_failed {
            match request.poll(task, &mut replay.body(client), upstream) {
                // A backend may answer without reading everything; a client that fails is noticed
                // when the response is written.
                Poll::Ready(Err(_)) => request_failed = true,
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            if relay.tunnel && request_failed {
                return Poll::Ready(Ok(()));
            }
        }
        // A client that goes away while the backend is silent must not keep it busy.
        let listening = !relay.tunnel && (request.done || request_failed);
        if listening && client.poll_gone(task).is_ready() {
            let gone = StreamError::Io(std::io::ErrorKind::ConnectionReset.into());
            return Poll::Ready(Err(RelayError::Pump(PumpError::Write(gone))));
        }
        if silent_since.is_none() || moved != response.moved + request.moved {
            moved = response.moved + request.moved;
            silent_since = Some(Instant::now());
        }
        let since = silent_since.unwrap_or_else(Instant::now);
        // Whoever is being waited for: a client that does not take what is there, or the backend.
        let client_slow = !relay.tunnel && client.poll_flush(task).is_pending();
        let limit = if client_slow {
            relay.deadlines.client
        } else {
            relay.deadlines.upstream
        };
        let silence = since + limit;
        let next = match relay.deadlines.request {
            Some(request) if !relay.tunnel => request.min(silence),
            _ => silence,
        };
        match timer.poll(task, next) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) if client_slow => Poll::Ready(Err(RelayError::Client)),
            Poll::Ready(()) => Poll::Ready(Err(RelayError::Upstream)),
        }
    })
    .await;
    *relay.sent += response.moved;
    result
}
