//! The work of clouds.

use crate::clouds::{Cloud, Registry};
use crate::cluster::metrics::Metrics;
use crate::cluster::traces;
use crate::cluster::work::{Done, Provide};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Outcome, Request, Verdict};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks at a Gateway that is not reachable yet although nothing failed.
const UNREACHABLE: Duration = Duration::from_secs(15);

/// A Gateway to provision, as it was at some point.
#[derive(Clone, Debug)]
pub struct Revised {
    /// What is known of it.
    pub request: Request,
    /// Which state of it that is.
    pub revision: u64,
}

/// What became of a Gateway in its cloud.
#[derive(Debug)]
pub struct Told {
    /// The Gateway.
    pub gateway: ObjectName,
    /// Which state of it; `None`: it was to go.
    pub revision: Option<u64>,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether its statuses should say so: a failure that passes changes nothing for what was made before.
    pub news: bool,
    /// What it comes from.
    pub origin: Option<traces::Context>,
}

/// The work of all clouds.
pub struct CloudWork {
    registry: Registry,
    resync: Duration,
    metrics: Arc<Metrics>,
}

impl CloudWork {
    /// Of these providers; a Gateway is looked at again after `resync` at the latest.
    pub const fn new(registry: Registry, resync: Duration, metrics: Arc<Metrics>) -> Self {
        Self {
            registry,
            resync,
            metrics,
        }
    }

    /// The providers.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Time between two looks at a Gateway of which nothing is known to have changed.
    pub const fn resync(&self) -> Duration {
        self.resync
    }

    fn count(&self, controller: &str, cloud: &Cloud, outcome: &Outcome) {
        self.metrics.provided(cloud.provider(), outcome);
        for change in &outcome.changes {
            let result = match &change.verdict {
                Verdict::Done => "success",
                Verdict::Failed(error) => error.treatment().label,
                Verdict::Skipped(_) => "skipped",
            };
            self.metrics.changed(controller, change.action.label(), result);
        }
    }
}

impl Provide for CloudWork {
    type Request = Revised;
    type Note = ();
    type Told = Told;

    const CONTROLLER: &'static str = "cloud";

    fn note(&self, _: &ObjectName) {}

    async fn reconcile(&self, request: &Revised) -> Outcome {
        let controller = &request.request.balancer.controller;
        let Some(cloud) = self.registry.get(controller) else {
            return Outcome::default();
        };
        let outcome = cloud.reconcile(&request.request).await;
        self.count(controller, cloud, &outcome);
        outcome
    }

    /// From every cloud: which one made it is known to none but them.
    async fn remove(&self, gateway: &ObjectName) -> Outcome {
        let mut all = Outcome::default();
        for (controller, cloud) in self.registry.all() {
            let outcome = cloud.remove(gateway).await;
            self.count(controller, cloud, &outcome);
            all.changes.extend(outcome.changes);
            all.unread = all.unread.or(outcome.unread);
        }
        all
    }

    fn again(&self, outcome: &Outcome) -> Option<Duration> {
        let unreachable = outcome.addresses.fault.as_ref().map(|_| UNREACHABLE);
        // Spread, so that what was made together is not looked at together for ever.
        let regular = || self.resync.mul_f64(0.9 + 0.2 * fastrand::f64());
        Some(outcome.again.or(unreachable).unwrap_or_else(regular))
    }

    fn told(&self, done: Done<Revised, ()>) -> Option<Told> {
        Some(Told {
            news: done.is_news(),
            revision: done.request.as_ref().map(|request| request.revision),
            gateway: done.gateway,
            outcome: done.outcome,
            origin: done.origin,
        })
    }
}
