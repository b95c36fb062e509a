//! Puts configurations to use, one after the other, the newest first.

use super::assemble::Assigned;
use crate::key::PartKey;
use crate::wire;
use gatewright_model::Str;
use gatewright_model::key::{ListenerKey, ObjectName};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Faults that are told to the controller.
const FAULTS: usize = 512;
/// Longest text of a fault, characters.
const TEXT: usize = 1024;

/// Puts configurations to use.
pub trait Sink: Send + 'static {
    /// Serves exactly these Gateways from now on. May block; called for one configuration at a time, and
    /// for the newest only when several came meanwhile.
    fn apply(&mut self, configuration: &[Assigned]) -> Report;
}

/// What became of a configuration: everything that could not be used, by Gateway. What is not named is
/// in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Gateways with faults.
    pub gateways: BTreeMap<ObjectName, GatewayReport>,
    /// Put the same configuration to use again after this time, if no other came: something may succeed
    /// then that did not now.
    pub again: Option<Duration>,
}

/// Faults of one Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayReport {
    /// Listeners that do not serve.
    pub listeners: BTreeMap<ListenerKey, ListenerFailure>,
    /// Objects that could not be used, with the reason.
    pub refused: BTreeMap<Str, Str>,
}

/// Why a listener does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerFailure {
    /// For programs.
    pub reason: Str,
    /// For people.
    pub message: Str,
}

/// A complete configuration.
#[derive(Clone, Debug)]
pub struct Job {
    /// Where it stands.
    pub session: Str,
    /// See `session`.
    pub revision: u64,
    /// The Gateways.
    pub configuration: Arc<Vec<Assigned>>,
    /// Parts that could not even be read.
    pub refused: Arc<Vec<(ObjectName, Str, Str)>>,
}

/// A configuration in use.
#[derive(Clone, Debug)]
pub struct Done {
    /// Which.
    pub job: Job,
    /// What became of it.
    pub report: Arc<Report>,
}

/// Applies what `jobs` holds until its sender is gone; tells through `done`. Ends early when the sink
/// panics.
pub async fn work(
    mut sink: Box<dyn Sink>,
    mut jobs: watch::Receiver<Option<Job>>,
    done: watch::Sender<Option<Done>>,
) {
    let mut again = None;
    loop {
        let open = tokio::select! {
            changed = jobs.changed() => changed.is_ok(),
            () = tokio::time::sleep(again.unwrap_or_default()), if again.is_some() => true,
        };
        if !open {
            return;
        }
        let Some(job) = jobs.borrow_and_update().clone() else {
            continue;
        };
        let configuration = Arc::clone(&job.configuration);
        let applied = tokio::task::spawn_blocking(move || {
            let report = sink.apply(&configuration);
            (sink, report)
        });
        let Ok((back, mut report)) = applied.await else {
            tracing::error!("the data plane failed while it took a configuration");
            return;
        };
        sink = back;
        again = report.again;
        for (gateway, object, message) in &*job.refused {
            let gateway = report.gateways.entry(gateway.clone()).or_default();
            gateway.refused.insert(object.clone(), message.clone());
        }
        done.send_replace(Some(Done {
            job,
            report: Arc::new(report),
        }));
    }
}

impl Done {
    /// As it is told to the controller, bounded.
    pub fn outcome(&self) -> wire::Outcome {
        let mut left = FAULTS;
        let mut take = |of: usize| {
            let now = of.min(left);
            left -= now;
            now
        };
        let faults = self.report.gateways.iter().map(|(gateway, report)| {
            let listeners = report.listeners.iter().take(take(report.listeners.len()));
            let listeners = listeners.map(|(listener, failure)| wire::ListenerFault {
                listener: Some(PartKey::Listener(listener.clone()).to_wire()),
                reason: cut(&failure.reason),
                message: cut(&failure.message),
            });
            let refusals = report.refused.iter().take(take(report.refused.len()));
            let refusals = refusals.map(|(object, message)| wire::Refusal {
                object: cut(object),
                message: cut(message),
            });
            wire::GatewayFaults {
                namespace: gateway.namespace.to_string(),
                name: gateway.name.to_string(),
                listeners: listeners.collect(),
                refusals: refusals.collect(),
            }
        });
        let faults = faults.filter(|faults| !faults.listeners.is_empty() || !faults.refusals.is_empty());
        wire::Outcome {
            revision: self.job.revision,
            faults: faults.collect(),
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT).collect()
}
