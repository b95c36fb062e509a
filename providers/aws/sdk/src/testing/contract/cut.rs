//! Connections that break at a chosen write.

use super::client::Client;
use crate::transport::call_of;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use gatewright_aws_simulator::dispatch::Simulator;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;

/// What happens to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The process ends before it is sent.
    KillBefore,
    /// The process ends after it took effect.
    KillAfter,
    /// It is not sent, and there is no answer.
    LostBefore,
    /// It takes effect, and there is no answer.
    LostAfter,
}

impl How {
    pub(super) const ALL: [Self; 4] = [
        Self::KillBefore,
        Self::KillAfter,
        Self::LostBefore,
        Self::LostAfter,
    ];
}

/// A connection that breaks once, or never.
#[derive(Debug, Default)]
pub(super) struct Cut {
    at: Option<(usize, How)>,
    writes: AtomicUsize,
    hit: AtomicBool,
    killed: Notify,
    /// Who asks after each write.
    client: OnceLock<Client>,
}

impl Cut {
    pub(super) fn at(number: usize, how: How) -> Self {
        Self {
            at: Some((number, how)),
            ..Self::default()
        }
    }

    /// A client asks after each write.
    pub(super) fn watch(&self, client: &Client) {
        let _ = self.client.set(client.clone());
    }

    /// Writes so far, attempts counted.
    pub(super) fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    pub(super) fn is_hit(&self) -> bool {
        self.hit.load(Ordering::SeqCst)
    }

    /// The process ended.
    pub(super) async fn killed(&self) {
        self.killed.notified().await;
    }

    /// What happens to a request.
    fn strike(&self, request: &HttpRequest) -> Option<How> {
        if !call_of(request).is_some_and(crate::calls::Call::writes) {
            return None;
        }
        let number = self.writes.fetch_add(1, Ordering::SeqCst);
        let (at, how) = self.at?;
        (at == number).then(|| {
            self.hit.store(true, Ordering::SeqCst);
            how
        })
    }
}

/// AWS's clock, and how many milliseconds of it a call takes.
pub(super) type Clock = (Arc<Simulator>, u64);

/// An HTTP client on such a connection.
#[derive(Debug)]
pub(super) struct Cutting {
    inner: SharedHttpClient,
    cut: Arc<Cut>,
    clock: Clock,
}

impl Cutting {
    pub(super) fn shared(inner: SharedHttpClient, cut: Arc<Cut>, clock: Clock) -> SharedHttpClient {
        SharedHttpClient::new(Self { inner, cut, clock })
    }
}

impl HttpClient for Cutting {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            inner: self.inner.http_connector(settings, components),
            cut: Arc::clone(&self.cut),
            clock: self.clock.clone(),
        })
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    cut: Arc<Cut>,
    clock: Clock,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (simulator, takes) = &self.clock;
        simulator.clock.advance(*takes);
        let how = self.cut.strike(&request);
        let (inner, cut) = (self.inner.clone(), Arc::clone(&self.cut));
        HttpConnectorFuture::new(async move {
            if matches!(how, None | Some(How::KillAfter | How::LostAfter)) {
                let writes = call_of(&request).is_some_and(crate::calls::Call::writes);
                let answer = inner.call(request).await;
                if let Some(client) = cut.client.get().filter(|_| writes) {
                    client.another().await;
                }
                if how.is_none() {
                    return answer;
                }
                answer?;
            }
            match how {
                Some(How::KillBefore | How::KillAfter) => {
                    cut.killed.notify_one();
                    std::future::pending().await
                }
                _ => Err(ConnectorError::timeout("the answer is lost".into())),
            }
        })
    }
}
