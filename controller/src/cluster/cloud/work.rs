//! The work of clouds.

use super::past::Known;
use super::plans::{DRY_RUN, Mode, Plans};
use crate::clouds::{Cloud, Registry};
use crate::cluster::metrics::Metrics;
use crate::cluster::traces;
use crate::cluster::work::{Again, Done, Provide};
use gatewright_core::status::ProgrammingFault;
use gatewright_core::status::programming::PLAN;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Outcome, Preview, Request, Verdict};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
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
    /// Whether changes were made.
    pub mode: Mode,
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
    plans: Plans,
    known: Known,
    /// Gateways of which a plan alone is wanted.
    dry: Mutex<BTreeSet<ObjectName>>,
}

impl CloudWork {
    /// Of these providers; a Gateway is looked at again after `resync` at the latest.
    pub fn new(registry: Registry, resync: Duration, metrics: Arc<Metrics>) -> Self {
        Self {
            registry,
            resync,
            metrics,
            plans: Plans::default(),
            known: Known::default(),
            dry: Mutex::default(),
        }
    }

    /// The last plan of each Gateway.
    pub const fn plans(&self) -> &Plans {
        &self.plans
    }

    /// Gateways of which this process saw all that was made.
    pub const fn known(&self) -> &Known {
        &self.known
    }

    /// Whether changes of a Gateway are made or told from now on; answers whether that is new.
    pub fn set_mode(&self, gateway: &ObjectName, mode: Mode) -> bool {
        let mut dry = self.dry.lock().unwrap_or_else(PoisonError::into_inner);
        match mode {
            Mode::DryRun => dry.insert(gateway.clone()),
            Mode::Make => dry.remove(gateway),
        }
    }

    /// Whether changes of a Gateway are made or told.
    pub fn mode(&self, gateway: &ObjectName) -> Mode {
        let dry = self.dry.lock().unwrap_or_else(PoisonError::into_inner);
        if dry.contains(gateway) {
            Mode::DryRun
        } else {
            Mode::Make
        }
    }

    /// How long a sweep took, and what it cost.
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
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

impl CloudWork {
    /// What removal of a Gateway would do. It stays as long as there is anything to remove.
    async fn plan_removal(&self, gateway: &ObjectName) -> Outcome {
        let mut all = Preview::default();
        for (_, cloud) in self.registry.all() {
            let preview = cloud.preview_removal(gateway).await;
            all.changes.extend(preview.changes);
            all.unread = all.unread.or(preview.unread);
        }
        self.plans.previewed(gateway, None, &all);
        told_alone(all)
    }
}

/// What a plan tells that nobody carries out.
fn told_alone(preview: Preview) -> Outcome {
    let Preview {
        unsupported,
        changes,
        mut addresses,
        unread,
        ..
    } = preview;
    if !changes.is_empty() {
        let message = format!(
            "dry run ({DRY_RUN}): {} not made, see condition {PLAN}",
            crate::output::count(changes.len(), "change")
        );
        addresses.fault = Some(ProgrammingFault {
            reason: "Pending".into(),
            message,
        });
    }
    Outcome {
        unsupported,
        planned: changes,
        addresses,
        unread,
        ..Outcome::default()
    }
}

impl Provide for CloudWork {
    type Request = Revised;
    type Note = Mode;
    type Told = Told;

    const CONTROLLER: &'static str = "cloud";

    fn note(&self, gateway: &ObjectName) -> Mode {
        self.mode(gateway)
    }

    async fn reconcile(&self, request: &Revised) -> Outcome {
        let controller = &request.request.balancer.controller;
        let Some(cloud) = self.registry.get(controller) else {
            return Outcome::default();
        };
        let gateway = &request.request.balancer.gateway;
        if self.mode(gateway) == Mode::DryRun {
            let preview = cloud.preview(&request.request).await;
            self.plans.previewed(gateway, Some(controller), &preview);
            return told_alone(preview);
        }
        let mut outcome = cloud.reconcile(&request.request).await;
        self.known.note(gateway, &mut outcome);
        self.plans.made(gateway, Some(controller), &outcome);
        self.count(controller, cloud, &outcome);
        outcome
    }

    /// From every cloud: which one made it is known to none but them.
    async fn remove(&self, gateway: &ObjectName) -> Outcome {
        if self.mode(gateway) == Mode::DryRun {
            return self.plan_removal(gateway).await;
        }
        let mut all = Outcome::default();
        for (controller, cloud) in self.registry.all() {
            let outcome = cloud.remove(gateway).await;
            self.count(controller, cloud, &outcome);
            all.changes.extend(outcome.changes);
            all.unread = all.unread.or(outcome.unread);
        }
        self.known.note(gateway, &mut all);
        self.plans.made(gateway, None, &all);
        all
    }

    fn again(&self, outcome: &Outcome) -> Option<Again> {
        // What is planned alone changes when somebody changes it.
        let waits = outcome.planned.is_empty();
        let unreachable = outcome
            .addresses
            .fault
            .as_ref()
            .filter(|_| waits)
            .map(|_| UNREACHABLE);
        // Spread, so that what was made together is not looked at together for ever.
        let regular = || Again::Regularly(self.resync.mul_f64(0.9 + 0.2 * fastrand::f64()));
        let unfinished = outcome.again.or(unreachable);
        Some(unfinished.map_or_else(regular, Again::Unfinished))
    }

    fn told(&self, done: Done<Revised, Mode>) -> Option<Told> {
        Some(Told {
            news: done.is_news(),
            mode: done.note,
            revision: done.request.as_ref().map(|request| request.revision),
            gateway: done.gateway,
            outcome: done.outcome,
            origin: done.origin,
        })
    }
}
