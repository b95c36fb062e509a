//! Writing statuses: the only place that does.
//!
//! GatewayClasses, Gateways and ListenerSets by server-side apply of what is ours; routes and policies, whose lists are
//! atomic, by a merge patch. Both carry the resource version that they were computed from: if somebody wrote meanwhile,
//! also another process that leads by now, the API server refuses it, the watch brings the newer object, and the status
//! is computed from that.
//!
//! A write under way when this process leads no more is dropped.

mod patch;
mod written;

pub use written::Written;

use super::deadline::{STATUS, within};
use super::leadership::while_leading;
use super::metrics::Metrics;
use super::traces::{self, TRACES};
use super::writes::{Lane, Pace, Turn, Writes};
use gatewright_core::snapshot::{Kind, ObjectKey};
use gatewright_core::status::Status;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::Instrument;

/// Field manager of everything that the controller writes.
pub const FIELD_MANAGER: &str = "gatewright";

/// Writes under way at the same time.
const WORKERS: usize = 8;

/// Of Gateways and ListenerSets, whose counts change with every route.
const GATEWAY_PACE: Pace = Pace {
    least: Duration::from_millis(25),
    most: Duration::from_millis(400),
};

/// The object that a status was computed from.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    /// Its version; empty when it is not known.
    pub version: String,
    /// Its version by now, when it cannot be read any more. What is applied is ours alone and may be written over it; what
    /// is written whole would take away what others wrote since, and waits until it can be read.
    pub unread: Option<String>,
    /// Entries of its status that our types do not say whole.
    pub written: Option<Written>,
}

impl Basis {
    /// The version that a server-side apply names.
    fn newest(&self) -> &str {
        self.unread.as_deref().unwrap_or(&self.version)
    }
}

/// A status to write.
#[derive(Clone, Debug)]
struct Job {
    status: Arc<Status>,
    /// What it was computed from.
    from: Basis,
    /// What it comes from.
    origin: Option<traces::Context>,
    /// Writes of this status that failed.
    failures: u32,
}

/// Takes statuses to write.
#[derive(Clone)]
pub struct Writer(Arc<Inner>);

struct Inner {
    client: Client,
    writes: Writes<Job>,
    kinds: Mutex<BTreeMap<Kind, (ApiResource, bool)>>,
    /// Kinds whose installed CRD lacks fields of the status: see [`undeclared`].
    lacking: Mutex<BTreeSet<Kind>>,
    metrics: Arc<Metrics>,
}

impl Writer {
    /// A writer; nothing is written before [`Writer::run`].
    pub fn new(client: Client, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            client,
            writes: Writes::new(metrics.queue("status", WORKERS)),
            kinds: Mutex::new(BTreeMap::new()),
            lacking: Mutex::new(BTreeSet::new()),
            metrics,
        }))
    }

    /// How kinds are served now.
    pub fn set_kinds(&self, kinds: BTreeMap<Kind, (ApiResource, bool)>) {
        *self.0.kinds.lock().unwrap_or_else(PoisonError::into_inner) = kinds;
        self.lacking().clear();
    }

    /// Wants a status written, in the turn of the lane, with the object it was computed from and what it comes from.
    pub fn put(
        &self,
        (key, lane): (ObjectKey, Lane),
        (status, from): (Arc<Status>, Basis),
        origin: Option<traces::Context>,
    ) {
        let job = Job {
            status,
            from,
            origin,
            failures: 0,
        };
        self.0.writes.put(key, lane, job);
    }

    /// The object has the wanted status, or is gone.
    pub fn cancel(&self, key: &ObjectKey) {
        self.0.writes.cancel(key);
    }

    /// Writes while `leads` is true, until the returned future is dropped.
    pub async fn run(self, leads: watch::Receiver<bool>) {
        let workers = (0..WORKERS).map(|_| self.clone().work(leads.clone()));
        futures_util::future::join_all(workers).await;
    }

    fn lacking(&self) -> MutexGuard<'_, BTreeSet<Kind>> {
        self.0.lacking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(self, mut leads: watch::Receiver<bool>) {
        while let Some(turn) = self.0.writes.next(&mut leads).await {
            self.write(turn, &mut leads).await;
        }
    }

    async fn write(&self, turn: Turn<Job>, leads: &mut watch::Receiver<bool>) {
        let Turn {
            key,
            mut job,
            running: _running,
        } = turn;
        let begun = Instant::now();
        let span = tracing::debug_span!(
            target: TRACES,
            "write status",
            object = %key,
            result = tracing::field::Empty,
            error = tracing::field::Empty,
        );
        traces::follow(&span, job.origin);
        let sent = within(STATUS, self.send(&key, &job));
        let Some(result) = while_leading(leads, sent.instrument(span.clone())).await else {
            tracing::debug!(object = %key, "status not written: this process leads no more");
            span.record("result", "dropped");
            return self.0.writes.back(key, job);
        };
        span.record("result", outcome(&result));
        if let Err(error) = &result {
            span.record("error", error.to_string());
        }
        self.0
            .metrics
            .status_write(key.kind, outcome(&result), begun.elapsed());
        let pace = match key.kind {
            Kind::Gateway | Kind::ListenerSet => GATEWAY_PACE,
            _ => Pace::NONE,
        };
        match result {
            Ok(()) => self.0.writes.done(&key, pace),
            // Gone, or changed meanwhile: the watch tells.
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => {
                tracing::debug!(object = %key, code = status.code, "status not written: the object changed");
                self.0.writes.done(&key, Pace::NONE);
            }
            Err(error) => {
                job.failures = job.failures.saturating_add(1);
                tracing::warn!(object = %key, %error, "status not written, trying again");
                let failures = job.failures;
                self.0.writes.again(key, job, failures);
            }
        }
    }

    async fn send(&self, key: &ObjectKey, job: &Job) -> kube::Result<()> {
        let served = {
            let kinds = self.0.kinds.lock().unwrap_or_else(PoisonError::into_inner);
            kinds.get(&key.kind).cloned()
        };
        // Not served any more: its objects are gone, too.
        let Some((resource, _)) = served else {
            return Ok(());
        };
        let client = self.0.client.clone();
        let api: Api<DynamicObject> = match &*key.name.namespace {
            "" => Api::all_with(client, &resource),
            namespace => Api::namespaced_with(client, namespace, &resource),
        };
        let name = &key.name.name;
        let own = patch::apply(&resource, (name, job.from.newest()), &job.status)
            .filter(|_| !self.lacking().contains(&key.kind));
        if let Some(body) = own {
            let params = PatchParams::apply(FIELD_MANAGER).force();
            match api.patch_status(name, &params, &Patch::Apply(body)).await {
                Err(kube::Error::Api(status)) if undeclared(&status) => {
                    tracing::warn!(kind = %key.kind, message = status.message, "the installed CRD is of another release");
                    self.lacking().insert(key.kind);
                }
                result => return result.map(drop),
            }
        }
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let body = patch::merge(&job.status, &job.from);
        api.patch_status(name, &params, &Patch::Merge(body)).await?;
        Ok(())
    }
}

/// Whether the API server refused a field that the installed CRD does not declare: it does so for
/// server-side apply alone, other patches lose the field and nothing else.
fn undeclared(status: &kube::core::Status) -> bool {
    status.message.contains("field not declared in schema")
}

/// Metric label.
fn outcome(result: &kube::Result<()>) -> &'static str {
    match result {
        Ok(()) => "success",
        Err(kube::Error::Api(status)) if status.code == 409 => "conflict",
        Err(kube::Error::Api(status)) if status.code == 404 => "gone",
        Err(_) => "error",
    }
}

#[cfg(test)]
mod tests;
