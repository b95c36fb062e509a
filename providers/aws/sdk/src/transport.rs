//! Between the SDK and the network: pace, bounds, and a look at every attempt.
//!
//! All clients share one HTTP client. [`Paced`] lets an attempt wait for its turn, so that retries and pages of
//! listings count like any other request; [`Track`] names the call of an attempt, tells the limiter when AWS
//! throttles, and tells an [`Observer`] how each attempt went.

use crate::calls::{self, Call};
use crate::error::throttles;
use crate::limiter::Limiter;
use crate::wire::failure;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, Metadata};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use http_body_util::Limited;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// An answer is at most this long, in bytes. A page of AWS has a few hundred entries of less than a kilobyte each.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;

/// How one attempt at a call went.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The call.
    pub call: &'static Call,
    /// How it went.
    pub outcome: AttemptOutcome,
    /// How long it took, with the time that it waited for its turn.
    pub took: Duration,
    /// How long it waited for its turn.
    pub waited: Duration,
}

/// How an attempt went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// AWS did it.
    Done,
    /// AWS had too many requests.
    Throttled,
    /// AWS refused it.
    Refused,
    /// AWS failed.
    Failed,
    /// There was no answer.
    Unanswered,
}

impl AttemptOutcome {
    /// Label of metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unanswered => "unanswered",
        }
    }
}

/// Is told of every attempt: metrics.
pub trait Observer: Send + Sync {
    /// An attempt is over.
    fn attempt(&self, attempt: &Attempt);
}

/// Nobody watches.
impl Observer for () {
    fn attempt(&self, _attempt: &Attempt) {}
}

/// The call of a request.
#[derive(Clone, Debug)]
struct Ticket {
    call: &'static Call,
    waited: Arc<std::sync::OnceLock<Duration>>,
}

#[derive(Debug)]
struct Started {
    ticket: Ticket,
    at: Instant,
}

impl Storable for Started {
    type Storer = StoreReplace<Self>;
}

/// Interceptor of all clients.
#[derive(Clone)]
pub(crate) struct Track {
    limiter: Arc<Limiter>,
    observer: Arc<dyn Observer>,
}

impl fmt::Debug for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Track")
    }
}

impl Track {
    pub(crate) fn new(limiter: Arc<Limiter>, observer: Arc<dyn Observer>) -> Self {
        Self { limiter, observer }
    }
}

impl Intercept for Track {
    fn name(&self) -> &'static str {
        "Track"
    }

    /// Refuses what is not in the list of calls, before it is sent: users grant permissions by that list.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let metadata = cfg.load::<Metadata>().ok_or("a call without a name")?;
        let call = calls::find(metadata.service(), metadata.name())
            .ok_or_else(|| format!("{} is not in the list of calls", metadata.name()))?;
        let ticket = Ticket {
            call,
            waited: Arc::default(),
        };
        context.request_mut().add_extension(ticket.clone());
        cfg.interceptor_state().store_put(Started {
            ticket,
            at: Instant::now(),
        });
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(started) = cfg.load::<Started>() else {
            return Ok(());
        };
        let call = started.ticket.call;
        let outcome = match context.response() {
            _ if matches!(context.output_or_error(), Some(Ok(_))) => AttemptOutcome::Done,
            None => AttemptOutcome::Unanswered,
            Some(response) => {
                let body = response.body().bytes().unwrap_or_default();
                let status = response.status().as_u16();
                let code = failure::read(response.headers(), body);
                if status == 429 || code.code().is_some_and(|code| throttles(call.service, code)) {
                    AttemptOutcome::Throttled
                } else if status >= 500 {
                    AttemptOutcome::Failed
                } else if status >= 400 {
                    AttemptOutcome::Refused
                } else {
                    AttemptOutcome::Unanswered
                }
            }
        };
        if outcome == AttemptOutcome::Throttled {
            self.limiter.throttled(call.bucket);
        }
        self.observer.attempt(&Attempt {
            call,
            outcome,
            took: started.at.elapsed(),
            waited: started.ticket.waited.get().copied().unwrap_or_default(),
        });
        Ok(())
    }
}

/// The call that a request is an attempt at.
pub(crate) fn call_of(request: &HttpRequest) -> Option<&'static Call> {
    request.extension::<Ticket>().map(|ticket| ticket.call)
}

/// An HTTP client whose requests wait for their turn.
#[derive(Debug)]
pub(crate) struct Paced {
    inner: SharedHttpClient,
    limiter: Arc<Limiter>,
}

impl Paced {
    pub(crate) fn shared(inner: SharedHttpClient, limiter: Arc<Limiter>) -> SharedHttpClient {
        SharedHttpClient::new(Self { inner, limiter })
    }
}

impl HttpClient for Paced {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(PacedConnector {
            inner: self.inner.http_connector(settings, components),
            limiter: Arc::clone(&self.limiter),
        })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

#[derive(Debug)]
struct PacedConnector {
    inner: SharedHttpConnector,
    limiter: Arc<Limiter>,
}

impl HttpConnector for PacedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let inner = self.inner.clone();
        let limiter = Arc::clone(&self.limiter);
        HttpConnectorFuture::new(async move {
            if let Some(ticket) = request.extension::<Ticket>() {
                let waited = limiter.acquire(ticket.call.bucket).await;
                // Not sent: not an error of the connection, and trying again at once would not help.
                let waited = waited.map_err(|busy| ConnectorError::user(busy.into()))?;
                let _ = ticket.waited.set(waited);
            }
            let response = inner.call(request).await?;
            Ok(response.map(|body| SdkBody::from_body_1_x(Limited::new(body, LONGEST_ANSWER))))
        })
    }
}
