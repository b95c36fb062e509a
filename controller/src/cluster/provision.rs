//! Provisioning: one run at a time for each Gateway, several Gateways at once, the newest wish counts.

use super::admission::Grants;
use super::metrics::Metrics;
use super::traces::{self, TRACES};
use futures_util::StreamExt;
use gatewright_core::status::programming::{AssignedAddress, ProgrammingFault};
use gatewright_model::key::ObjectName;
use gatewright_software::SoftwareProvider;
use gatewright_stream::Scope;
use gatewright_stream::settings::GatewaySettings;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, watch};
use tracing::Instrument;

pub use gatewright_software::Input as Request;

/// Gateways worked on at the same time.
const WORKERS: usize = 8;

/// Pause after a failure whose kind names none.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Metric label.
const CONTROLLER: &str = "gateway";

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

/// What is to be done for a Gateway.
#[derive(Clone, Debug)]
enum Wish {
    Make(Box<Request>),
    Remove,
}

#[derive(Debug, Default)]
struct Queue {
    wishes: BTreeMap<ObjectName, Wish>,
    /// The newest request of every Gateway, for when its objects change.
    known: BTreeMap<ObjectName, Request>,
    due: BTreeSet<(Instant, ObjectName)>,
    busy: BTreeSet<ObjectName>,
    failures: BTreeMap<ObjectName, u32>,
    /// What the wish of a Gateway comes from, until it is granted.
    origins: BTreeMap<ObjectName, traces::Context>,
    /// Gateways of ours without a request, whose objects stay as they are.
    kept: BTreeSet<ObjectName>,
    /// Gateways that were made once: an API server that is away for a while does not make them unreachable.
    made: BTreeSet<ObjectName>,
}

impl Queue {
    fn put(&mut self, gateway: ObjectName, wish: Wish, at: Instant) {
        if let Some(origin) = traces::context() {
            self.origins.insert(gateway.clone(), origin);
        }
        self.wishes.insert(gateway.clone(), wish);
        self.due.retain(|(_, other)| *other != gateway);
        self.due.insert((at, gateway));
    }

    /// The next wish that is due, or when to look again.
    fn next(&mut self, now: Instant) -> Result<(ObjectName, Wish), Option<Instant>> {
        let found = self
            .due
            .iter()
            .find(|(_, gateway)| !self.busy.contains(gateway))
            .cloned();
        match found {
            Some((at, gateway)) if at <= now => {
                self.due.remove(&(at, gateway.clone()));
                self.busy.insert(gateway.clone());
                match self.wishes.remove(&gateway) {
                    Some(wish) => Ok((gateway, wish)),
                    None => Err(Some(now)),
                }
            }
            Some((at, _)) => Err(Some(at)),
            None => Err(None),
        }
    }
}

/// Takes wishes.
#[derive(Clone)]
pub struct Provisioner(Arc<Inner>);

struct Inner {
    provider: SoftwareProvider,
    grants: Grants,
    queue: Mutex<Queue>,
    wake: Notify,
    metrics: Arc<Metrics>,
}

impl Provisioner {
    /// A provisioner; nothing is made before [`Provisioner::run`].
    pub fn new(provider: SoftwareProvider, grants: Grants, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            provider,
            grants,
            queue: Mutex::new(Queue::default()),
            wake: Notify::new(),
            metrics,
        }))
    }

    /// Decides which proxies serve a Gateway, each with what they need to know beside the load balancer, and lets
    /// these, and nobody else, receive its configuration. The first ones are those that count.
    pub fn place(&self, request: &Request) -> Vec<(Scope, Arc<GatewaySettings>)> {
        let places = self.0.provider.place(request).into_iter();
        places
            .map(|place| {
                self.0.grants.grant(place.scope.clone(), place.service_account);
                (place.scope, place.settings)
            })
            .collect()
    }

    /// Waits until everything that exists is known.
    pub async fn synced(&self) {
        self.0.provider.synced().await;
    }

    /// Wants a Gateway's infrastructure as the request says.
    pub fn put(&self, request: Request) {
        let gateway = request.balancer.gateway.clone();
        self.queue(|queue| {
            queue.known.insert(gateway.clone(), request.clone());
            queue.put(gateway, Wish::Make(Box::new(request)), Instant::now());
        });
        self.0.wake.notify_one();
    }

    /// Wants a Gateway's infrastructure left as it is.
    pub fn keep(&self, gateway: &ObjectName) {
        self.queue(|queue| queue.kept.insert(gateway.clone()));
    }

    /// Wants nothing left of a Gateway.
    pub fn remove(&self, gateway: &ObjectName) {
        self.queue(|queue| {
            queue.known.remove(gateway);
            queue.kept.remove(gateway);
            queue.put(gateway.clone(), Wish::Remove, Instant::now());
        });
        self.0.grants.revoke(&Scope::Gateway(gateway.clone()));
        self.0.wake.notify_one();
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
        self.0.provider.synced().await;
        let known: BTreeSet<ObjectName> =
            self.queue(|queue| queue.known.keys().chain(&queue.kept).cloned().collect());
        for gateway in self.0.provider.orphans(&known) {
            tracing::info!(%gateway, "removing what is left of a Gateway that is gone");
            self.remove(&gateway);
        }
        let workers = (0..WORKERS).map(|_| self.clone().work(leads.clone(), out.clone()));
        tokio::join!(self.follow(), futures_util::future::join_all(workers));
    }

    fn queue<T>(&self, with: impl FnOnce(&mut Queue) -> T) -> T {
        with(&mut self.0.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks again at Gateways whose objects changed.
    async fn follow(&self) {
        let mut changes = std::pin::pin!(self.0.provider.changes());
        while let Some(gateway) = changes.next().await {
            self.queue(|queue| {
                if let Some(request) = queue.known.get(&gateway).cloned()
                    && !queue.wishes.contains_key(&gateway)
                {
                    queue.put(gateway, Wish::Make(Box::new(request)), Instant::now());
                }
            });
            self.0.wake.notify_one();
        }
    }

    async fn work(self, mut leads: watch::Receiver<bool>, out: mpsc::Sender<Provisioned>) {
        loop {
            if leads.wait_for(|leads| *leads).await.is_err() {
                return;
            }
            match self.queue(|queue| queue.next(Instant::now())) {
                Ok((gateway, wish)) => {
                    self.0.wake.notify_one();
                    self.grant(gateway, wish, &out).await;
                }
                Err(Some(until)) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(until.into()) => {}
                        () = self.0.wake.notified() => {}
                    }
                }
                Err(None) => self.0.wake.notified().await,
            }
        }
    }

    async fn grant(&self, gateway: ObjectName, wish: Wish, out: &mpsc::Sender<Provisioned>) {
        let begun = Instant::now();
        let provider = &self.0.provider;
        let moved = provider.is_moving(&gateway);
        let origin = self.queue(|queue| queue.origins.remove(&gateway));
        let span = tracing::debug_span!(
            target: TRACES,
            "provision",
            %gateway,
            changes = tracing::field::Empty,
            error = tracing::field::Empty,
        );
        traces::follow(&span, origin);
        let outcome = async {
            match &wish {
                Wish::Make(request) => provider.reconcile(request).await,
                Wish::Remove => provider.remove(&gateway).await,
            }
        };
        let outcome = outcome.instrument(span.clone()).await;
        span.record("changes", outcome.changes.len());
        if let Some(error) = outcome.errors().next() {
            span.record("error", error.to_string());
        }
        let mut told = None;
        // Another attempt, if one is needed, is part of the same trace.
        let within = span.enter();
        let origin = traces::context();
        self.queue(|queue| {
            queue.busy.remove(&gateway);
            let makes = matches!(wish, Wish::Make(_));
            if outcome.is_converged() {
                queue.failures.remove(&gateway);
                self.0.metrics.reconciled(CONTROLLER, "success", begun.elapsed());
                if makes {
                    queue.made.insert(gateway.clone());
                    told = Some((outcome.addresses.assigned, outcome.addresses.fault));
                } else {
                    queue.made.remove(&gateway);
                }
                return;
            }
            let failures = queue.failures.entry(gateway.clone()).or_default();
            *failures += 1;
            let pause = outcome.retry_after(*failures).unwrap_or(LONGEST_PAUSE);
            for error in outcome.errors() {
                let kind = error.treatment().label;
                tracing::warn!(%gateway, %error, kind, failures = *failures, "provisioning failed, trying again");
            }
            self.0.metrics.reconciled(CONTROLLER, "error", begun.elapsed());
            let lasting = outcome.errors().any(|error| !error.kind.retryable());
            if lasting || !queue.made.contains(&gateway) {
                told = Some((outcome.addresses.assigned.clone(), outcome.fault()));
            }
            if !queue.wishes.contains_key(&gateway) {
                queue.put(gateway.clone(), wish.clone(), Instant::now() + pause);
            }
        });
        drop(within);
        self.0.wake.notify_one();
        if let (Some((addresses, fault)), Wish::Make(_)) = (told, &wish) {
            let done = Provisioned {
                moved: moved || provider.is_moving(&gateway),
                origin,
                gateway,
                addresses,
                fault,
            };
            let _ = out.send(done).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ObjectName {
        ObjectName::new("n", text)
    }

    #[test]
    fn a_gateway_is_worked_on_once_at_a_time_and_the_newest_wish_counts() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put(name("a"), Wish::Remove, now);
        queue.put(name("a"), Wish::Remove, now);
        assert!(matches!(queue.next(now), Ok((gateway, Wish::Remove)) if gateway == name("a")));
        queue.put(name("a"), Wish::Remove, now);
        queue.put(name("b"), Wish::Remove, now + Duration::from_secs(1));
        assert_eq!(queue.next(now).unwrap_err(), Some(now + Duration::from_secs(1)));
        queue.busy.clear();
        assert!(queue.next(now).is_ok());
        assert_eq!(queue.due.len(), 1);
    }
}
