//! Provisioning of Gateways that are served by proxies.

use super::admission::Grants;
use super::metrics::Metrics;
use super::traces;
use super::work::{Again, Done, Line, Provide};
use futures_util::StreamExt;
use gatewright_core::status::programming::{AssignedAddress, ProgrammingFault};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::Outcome;
use gatewright_software::SoftwareProvider;
use gatewright_stream::Scope;
use gatewright_stream::settings::GatewaySettings;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, watch};

pub use gatewright_software::Input as Request;

/// What became of a Gateway's infrastructure.
#[derive(Clone, Debug)]
pub struct Provisioned {
    /// The Gateway.
    pub gateway: ObjectName,
    /// Addresses that lead to it.
    pub addresses: Vec<AssignedAddress>,
    /// Why it cannot be reached.
    pub fault: Option<ProgrammingFault>,
    /// Whether other proxies may serve it from now on: it is to be placed anew.
    pub moved: bool,
    /// What it comes from.
    pub origin: Option<traces::Context>,
}

/// The provider, watched.
struct Proxies {
    provider: SoftwareProvider,
    metrics: Arc<Metrics>,
}

impl Proxies {
    fn count(&self, outcome: Outcome) -> Outcome {
        self.metrics.provided(Provider::Software, &outcome);
        outcome
    }
}

impl Provide for Proxies {
    type Request = Request;
    /// Whether it was changing over to other proxies.
    type Note = bool;
    type Told = Provisioned;

    const CONTROLLER: &'static str = "gateway";

    fn note(&self, gateway: &ObjectName) -> bool {
        self.provider.is_moving(gateway)
    }

    async fn reconcile(&self, request: &Request) -> Outcome {
        self.count(Box::pin(self.provider.reconcile(request)).await)
    }

    async fn remove(&self, gateway: &ObjectName) -> Outcome {
        self.count(self.provider.remove(gateway).await)
    }

    /// It says itself what changed.
    fn again(&self, _: &Outcome) -> Option<Again> {
        None
    }

    fn told(&self, done: Done<Request, bool>) -> Option<Provisioned> {
        if done.request.is_none() || !done.is_news() {
            return None;
        }
        let fault = done.outcome.fault();
        Some(Provisioned {
            moved: done.note || self.provider.is_moving(&done.gateway),
            origin: done.origin,
            gateway: done.gateway,
            addresses: done.outcome.addresses.assigned,
            fault,
        })
    }
}

/// Takes wishes.
#[derive(Clone)]
pub struct Provisioner {
    line: Line<Proxies>,
    grants: Grants,
    /// Gateways of ours without a request, whose objects stay as they are.
    kept: Arc<Mutex<BTreeSet<ObjectName>>>,
}

impl Provisioner {
    /// A provisioner; nothing is made before [`Provisioner::run`].
    pub fn new(provider: SoftwareProvider, grants: Grants, metrics: Arc<Metrics>) -> Self {
        let proxies = Proxies {
            provider,
            metrics: Arc::clone(&metrics),
        };
        Self {
            line: Line::new(proxies, metrics),
            grants,
            kept: Arc::default(),
        }
    }

    /// Decides which proxies serve a Gateway, each with what they need to know beside the load balancer, and lets
    /// these, and nobody else, receive its configuration. The first ones are those that count.
    pub fn place(&self, request: &Request) -> Vec<(Scope, Arc<GatewaySettings>)> {
        let places = self.provider().place(request).into_iter();
        places
            .map(|place| {
                self.grants.grant(place.scope.clone(), place.service_account);
                (place.scope, place.settings)
            })
            .collect()
    }

    /// Waits until everything that exists is known.
    pub async fn synced(&self) {
        self.provider().synced().await;
    }

    /// Wants a Gateway's infrastructure as the request says.
    pub fn put(&self, request: Request) {
        self.line.put(request.balancer.gateway.clone(), request);
    }

    /// Wants a Gateway's infrastructure left as it is.
    pub fn keep(&self, gateway: &ObjectName) {
        self.kept().insert(gateway.clone());
    }

    /// Wants nothing left of a Gateway.
    pub fn remove(&self, gateway: &ObjectName) {
        self.kept().remove(gateway);
        self.line.remove(gateway);
        self.grants.revoke(&Scope::Gateway(gateway.clone()));
    }

    /// Works while `leads` is true, until the returned future is dropped. Begins when `synced` is true: what
    /// belongs to no Gateway any more is removed first.
    pub async fn run(
        self,
        leads: watch::Receiver<bool>,
        mut synced: watch::Receiver<bool>,
        out: mpsc::Sender<Provisioned>,
    ) {
        if synced.wait_for(|synced| *synced).await.is_err() {
            return;
        }
        let provider = self.provider();
        provider.synced().await;
        let mut known = self.line.known();
        known.extend(self.kept().iter().cloned());
        for gateway in provider.orphans(&known) {
            tracing::info!(%gateway, "removing what is left of a Gateway that is gone");
            self.remove(&gateway);
        }
        tokio::join!(self.follow(), self.line.clone().run(leads, out));
    }

    fn provider(&self) -> &SoftwareProvider {
        &self.line.provider().provider
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeSet<ObjectName>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks again at Gateways whose objects changed.
    async fn follow(&self) {
        let mut changes = std::pin::pin!(self.provider().changes());
        while let Some(gateway) = changes.next().await {
            self.line.look(gateway);
        }
    }
}
