//! How long an answer of the API server is waited for. A server that is gone without a word (its node lost power, a load
//! balancer before it forgot the connection) ends nothing by itself: TCP gives up after many minutes only.
//!
//! [`Deadlines`] bounds every request of a client. What must be over sooner has a bound of its own: the lease
//! (`lease::Terms`), statuses ([`STATUS`]) and Events ([`EVENT`]).

use http::{Request, Response};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tower::{BoxError, Layer, Service};

/// For the head of any answer, and for each further piece of one that is no watch: half of the minute after which an API
/// server gives up a request itself. A watch is silent for as long as nothing changes; kube ends it when it is silent for
/// longer than was agreed.
pub const ANSWER: Duration = Duration::from_secs(30);

/// For all that is asked about what is served, some ten requests: nothing new is watched meanwhile.
pub const DISCOVERY: Duration = ANSWER;

/// For a write of a status: less than the 5 s between a leader's end and the moment at which another may begin
/// (`lease::Terms`), and as long as an attempt to renew the lease. An API server that is slower than that has no leader.
pub const STATUS: Duration = Duration::from_secs(4);

/// For an Event: one that is not written is dropped, and others wait behind it.
pub const EVENT: Duration = Duration::from_secs(4);

/// No answer came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late(pub Duration);

impl fmt::Display for Late {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the API server gave no answer within {:?}", self.0)
    }
}

impl std::error::Error for Late {}

impl Late {
    /// Whether an error comes from this.
    pub fn is_cause(error: &anyhow::Error) -> bool {
        error.chain().any(<dyn std::error::Error>::is::<Self>)
    }
}

/// As an error of a request.
impl From<Late> for kube::Error {
    fn from(late: Late) -> Self {
        Self::Service(Box::new(late))
    }
}

/// What comes of `requests`, unless they take longer.
///
/// # Errors
/// Theirs, or [`Late`].
pub async fn within<T>(most: Duration, requests: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    timeout(most, requests)
        .await
        .unwrap_or_else(|_| Err(Late(most).into()))
}

/// The layer that bounds a client's requests.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines;

impl<S> Layer<S> for Deadlines {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded(inner)
    }
}

/// A client whose requests are bounded.
#[derive(Clone)]
pub struct Bounded<S>(S);

impl<S, B, A> Service<Request<B>> for Bounded<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Answer<A>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let query = request.uri().query().unwrap_or_default();
        let watches = query
            .split('&')
            .any(|pair| matches!(pair, "watch=true" | "watch=1"));
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = timeout(ANSWER, answer).await.map_err(|_| Late(ANSWER))?;
            Ok(answer.map_err(Into::into)?.map(|body| Answer {
                body,
                patience: (!watches).then(|| Box::pin(sleep(ANSWER))),
            }))
        })
    }
}

/// A body that fails when its next piece takes too long.
pub struct Answer<A> {
    body: A,
    /// `None`: it may take as long as it likes.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<A> Body for Answer<A>
where
    A: Body<Data = Bytes> + Unpin,
    A::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if let Some(patience) = &mut self.patience {
                patience.as_mut().reset(Instant::now() + ANSWER);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        match &mut self.patience {
            Some(patience) => patience
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(Late(ANSWER).into()))),
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
