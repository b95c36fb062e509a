//! Whole requests to a backend: for external authorization, mirrors and traces.

use super::UpstreamError;
use super::exchange::{Answer, Start, Upstream};
use super::pool::{Fresh, acquire};
use crate::balance::{self, Outcome, PickContext};
use crate::h1::BodyLength;
use crate::http::relay::{Pump, PumpError};
use crate::http::{Fill, Headers, Incoming, RequestHead, ResponseHead, StreamError};
use crate::runtime::{AlpnOffer, BackendRuntime, WorkerContext};
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
    let wire = match acquire(worker, lease.endpoint(), tls.as_ref(), offer, Fresh::Yes).await {
        Ok(wire) => wire,
        Err(error) => {
            lease.report(Outcome::ConnectFailure);
            return Err(error);
        }
    };
    let length = if body.is_empty() {
        BodyLength::None
    } else {
        BodyLength::Known(body.len() as u64)
    };
    let start = Start {
        length,
        expect_continue: false,
        trailers: offer == AlpnOffer::H2,
        upgrade: None,
    };
    let mut upstream = Upstream::start(wire, &head, &start)?;
    let mut whole = Whole(body);
    let mut pump = Pump::default();
    let (head, declared) = poll_fn(|cx| {
        loop {
            if let Poll::Ready(Err(PumpError::Read(error) | PumpError::Write(error))) =
                pump.poll(cx, &mut whole, &mut upstream)
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
    .await?;
    let mut received =
        Vec::with_capacity(declared.map_or(0, |length| (length as usize).min(limits.max_body)));
    poll_fn(|cx| {
        loop {
            match ready!(upstream.poll_fill(cx))? {
                Fill::End => return Poll::Ready(Ok(())),
                Fill::Data => {
                    let data = upstream.data();
                    if received.len() + data.len() > limits.max_body {
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
    lease.report(if head.status.is_server_error() {
        Outcome::ServerError
    } else {
        Outcome::Success
    });
    Ok(Fetched {
        head,
        body: received.into(),
        trailers,
    })
}

/// A body that is all there.
struct Whole(Bytes);

impl Incoming for Whole {
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
