//! Whole requests to a backend: for external authorization, mirrors and traces.

use super::UpstreamError;
use super::exchange::{Answer, Start, Upstream};
use super::pool::{Fresh, acquire};
use crate::balance::{self, Lease, Outcome, PickContext};
use crate::h1::BodyLength;
use crate::http::relay::{Pump, PumpError};
use crate::http::{Fill, Headers, Incoming, RequestHead, ResponseHead, StreamError};
use crate::runtime::{AlpnOffer, BackendRuntime, UpstreamTls, WorkerContext};
use bytes::Bytes;
use gatewright_model::backend::BackendProtocol;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Bounds of a [`fetch`].
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// Time for everything.
    pub timeout: Duration,
    /// Bytes of the response body.
    pub max_body: usize,
    /// Protocols to offer; `None` follows the backend's settings.
    pub offer: Option<AlpnOffer>,
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Head.
    pub head: ResponseHead,
    /// Body.
    pub body: Bytes,
    /// Trailers.
    pub trailers: Headers,
}

/// Sends one request with its whole body to an endpoint of `backend` and reads the whole response.
/// The head's fields are sent as they are; framing is added.
///
/// # Errors
/// When no endpoint can be used, or the exchange fails or exceeds `limits`.
pub async fn fetch(
    worker: &Rc<WorkerContext>,
    backend: &Arc<BackendRuntime>,
    head: RequestHead,
    body: Bytes,
    limits: FetchLimits,
) -> Result<Fetched, UpstreamError> {
    let exchange = Box::pin(exchange(worker, backend, head, body, limits));
    tokio::time::timeout(limits.timeout, exchange)
        .await
        .unwrap_or(Err(UpstreamError::Timeout))
}

async fn exchange(
    worker: &Rc<WorkerContext>,
    backend: &Arc<BackendRuntime>,
    head: RequestHead,
    body: Bytes,
    limits: FetchLimits,
) -> Result<Fetched, UpstreamError> {
    let options = worker.options();
    let context = PickContext {
        session: None,
        exclude: &[],
        zone: options.zone.as_deref(),
        node: options.node.as_deref(),
        now: std::time::Instant::now(),
    };
    let lease = balance::pick(&backend.endpoints(), &context).ok_or(UpstreamError::NoEndpoint)?;
    let (tls, offer) = {
        let settings = backend.settings();
        let offer = limits
            .offer
            .unwrap_or(match (settings.protocol, settings.tls.is_some()) {
                (BackendProtocol::Http2, _) => AlpnOffer::H2,
                (BackendProtocol::Auto, true) => AlpnOffer::Any,
                _ => AlpnOffer::H1,
            });
        (settings.tls.clone(), offer)
    };
    let request = Whole { head, body, offer };
    let mut fetched = once(
        worker,
        &lease,
        tls.as_ref(),
        &request,
        (Fresh::No, limits.max_body),
    )
    .await;
    // A pooled connection that the backend closed meanwhile: once more, on a new one.
    if let Err((_, true)) = fetched {
        fetched = once(
            worker,
            &lease,
            tls.as_ref(),
            &request,
            (Fresh::Yes, limits.max_body),
        )
        .await;
    }
    match fetched {
        Ok(fetched) => {
            lease.report(match fetched.head.status.as_u16() {
                502..=504 => Outcome::ServerError,
                _ => Outcome::Success,
            });
            Ok(fetched)
        }
        Err((error, _)) => {
            lease.report(if error.before_request() {
                Outcome::ConnectFailure
            } else {
                Outcome::Reset
            });
            Err(error)
        }
    }
}

/// A whole request.
struct Whole {
    head: RequestHead,
    body: Bytes,
    offer: AlpnOffer,
}

/// One try; an error says whether it may be the pooled connection's fault alone.
async fn once(
    worker: &Rc<WorkerContext>,
    lease: &Lease,
    tls: Option<&Arc<UpstreamTls>>,
    request: &Whole,
    (fresh, max_body): (Fresh, usize),
) -> Result<Fetched, (UpstreamError, bool)> {
    let wire = acquire(worker, lease.endpoint(), tls, request.offer, fresh)
        .await
        .map_err(|error| (error, false))?;
    let length = match request.body.len() as u64 {
        0 => BodyLength::None,
        length => BodyLength::Known(length),
    };
    let trailers = request.offer == AlpnOffer::H2;
    let start = Start {
        length,
        expect_continue: false,
        trailers,
        upgrade: None,
    };
    let mut upstream = Upstream::start(wire, &request.head, &start).map_err(|error| (error, false))?;
    let reused = upstream.reused();
    let (head, declared) = answer(&mut upstream, request.body.clone())
        .await
        .map_err(|error| {
            let stale = reused
                && matches!(
                    error,
                    UpstreamError::Closed | UpstreamError::Stream(StreamError::Io(_))
                );
            (error, stale)
        })?;
    rest(upstream, head, declared, max_body)
        .await
        .map_err(|error| (error, false))
}

/// Sends the body and waits for the head of the response.
async fn answer(upstream: &mut Upstream, body: Bytes) -> Result<(ResponseHead, Option<u64>), UpstreamError> {
    let mut body = Body(body);
    let mut pump = Pump::default();
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(Err(PumpError::Read(error) | PumpError::Write(error))) =
                pump.poll(cx, &mut body, upstream)
            {
                return Poll::Ready(Err(UpstreamError::Stream(error)));
            }
            match ready!(upstream.poll_answer(cx))? {
                Answer::Interim(_) => {}
                Answer::Final { head, declared, .. } => return Poll::Ready(Ok((head, declared))),
                Answer::Switched(..) => return Poll::Ready(Err(UpstreamError::Closed)),
            }
        }
    })
    .await
}

/// Reads the body of the response.
async fn rest(
    mut upstream: Upstream,
    head: ResponseHead,
    declared: Option<u64>,
    max_body: usize,
) -> Result<Fetched, UpstreamError> {
    let mut received = Vec::with_capacity(declared.map_or(0, |length| (length as usize).min(max_body)));
    poll_fn(|cx| {
        loop {
            match ready!(upstream.poll_fill(cx))? {
                Fill::End => return Poll::Ready(Ok::<_, UpstreamError>(())),
                Fill::Data => {
                    let data = upstream.data();
                    if received.len() + data.len() > max_body {
                        return Poll::Ready(Err(UpstreamError::TooLarge));
                    }
                    received.extend_from_slice(data);
                    let count = data.len();
                    upstream.consume(count);
                }
            }
        }
    })
    .await?;
    let trailers = upstream
        .take_trailers()
        .map(|trailers| *trailers)
        .unwrap_or_default();
    upstream.finish();
    Ok(Fetched {
        head,
        body: received.into(),
        trailers,
    })
}

/// A body that is all there.
struct Body(Bytes);

impl Incoming for Body {
    fn poll_fill(&mut self, _: &mut Context<'_>) -> Poll<Result<Fill, StreamError>> {
        Poll::Ready(Ok(if self.0.is_empty() { Fill::End } else { Fill::Data }))
    }

    fn data(&self) -> &[u8] {
        &self.0
    }

    fn consume(&mut self, count: usize) {
        drop(self.take_bytes(count));
    }

    fn take_trailers(&mut self) -> Option<Box<Headers>> {
        None
    }

    fn take_bytes(&mut self, count: usize) -> Bytes {
        self.0.split_to(count.min(self.0.len()))
    }
}
