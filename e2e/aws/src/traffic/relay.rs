//! Passes a request to a target and its response back.

use super::answer::{Body, BodyError, Refusal};
use super::group::{InFlight, Version};
use super::headers;
use super::idle::Activity;
use super::upstream::SendError;
use bytes::Bytes;
use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::sleep_until;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// A request at its target.
pub(super) struct Exchange {
    pub(super) in_flight: InFlight,
    /// The load balancer's idle timeout.
    pub(super) idle: Duration,
}

/// Gives a request the form that a target of a version takes.
pub(super) fn addressed(
    mut request: Request<Incoming>,
    version: Version,
    host: &str,
    url: PathAndQuery,
) -> Result<Request<Incoming>, Refusal> {
    match version {
        Version::Http1 | Version::Function => {
            *request.version_mut() = http::Version::HTTP_11;
            *request.uri_mut() = Uri::from(url);
            if !host.is_empty() {
                headers::set_host(request.headers_mut(), host);
            }
        }
        Version::Http2 | Version::Grpc => {
            *request.version_mut() = http::Version::HTTP_2;
            let uri = Uri::builder()
                .scheme(Scheme::HTTP)
                .authority(host)
                .path_and_query(url)
                .build();
            *request.uri_mut() = uri.map_err(|_| Refusal::BadRequest)?;
            request.headers_mut().remove(HOST);
        }
    }
    Ok(request)
}

/// Passes a request on.
pub(super) async fn relay(exchange: Exchange, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    let response = send(&exchange, request).await?;
    Ok(respond(exchange, response))
}

/// What the client gets of a target's response.
pub(super) fn respond(exchange: Exchange, response: Response<Incoming>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    headers::hop_by_hop(&mut head.headers);
    let gone = exchange.in_flight.target().gone.clone().cancelled_owned();
    let body = Download {
        inner: body,
        gone: Box::pin(gone),
        _in_flight: exchange.in_flight,
    };
    Response::from_parts(head, body.boxed_unsync())
}

/// Sends a request and waits for the head of its response: not longer than nothing is sent or received for the idle
/// timeout (504, or 408 while it was the client that was silent), and not longer than the target is there (502).
pub(super) async fn send(
    exchange: &Exchange,
    request: Request<Incoming>,
) -> Result<Response<Incoming>, Refusal> {
    let target = exchange.in_flight.target();
    let activity = Activity::new();
    let sent = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let upload = |inner| {
        Upload {
            inner,
            activity: activity.clone(),
            sent: sent.clone(),
        }
        .boxed_unsync()
    };
    let mut sending = std::pin::pin!(target.upstream.send(request.map(upload)));
    loop {
        let deadline = activity.deadline(exchange.idle);
        tokio::select! {
            answered = sending.as_mut() => {
                return answered.map_err(|e| match e {
                    SendError::Timeout => Refusal::GatewayTimeout,
                    SendError::Broken => Refusal::BadGateway,
                });
            }
            () = target.gone.cancelled() => return Err(Refusal::BadGateway),
            () = sleep_until(deadline) => {
                if activity.deadline(exchange.idle) > deadline {
                    continue;
                }
                let silent = if sent.load(Ordering::Relaxed) { Refusal::GatewayTimeout } else { Refusal::RequestTimeout };
                return Err(silent);
            }
        }
    }
}

/// A client's body on its way.
struct Upload {
    inner: Incoming,
    activity: Arc<Activity>,
    /// Whether all of it has been sent.
    sent: Arc<AtomicBool>,
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(frame) = &polled {
            self.activity.touch();
            if frame.is_none() || self.inner.is_end_stream() {
                self.sent.store(true, Ordering::Relaxed);
            }
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A target's body on its way. It breaks off when the target's deregistration is over.
struct Download {
    inner: Incoming,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
    _in_flight: InFlight,
}

impl hyper::body::Body for Download {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        match self.gone.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err("the target's deregistration is over".into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
