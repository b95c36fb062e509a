//! When the loop begins, and what it begins without.
//!
//! Statuses computed from half of the objects would be wrong, and what runs would be torn down: nothing is done before the
//! watches have told everything once. But a kind that is served and cannot be listed (the right is missing, its conversion
//! is broken) must not keep everything else from being served, where nothing that runs can depend on it.

use super::{ARRIVAL, Hub};
use crate::cluster::events::Notice;
use crate::cluster::watch::{Input, Source};
use gatewright_core::snapshot::{Kind, Object, ObjectKey};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// How long kinds are waited for that can be done without, once all others are known: a watch that failed tries again
/// within a minute, so that an API server that was away for a moment has told them by then.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// What is missing while a kind is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// What is served, or how: without it listeners, routes or endpoints would be taken away.
    Always,
    /// What other objects name: nothing, while none of them does.
    Named,
    /// An addition: what runs goes on.
    Never,
}

/// Kinds without which the controller begins are few, and each for a reason: a new kind is waited for.
const fn need(kind: Kind) -> Need {
    match kind {
        Kind::XBackend
        | Kind::ClusterTrustBundle
        | Kind::Parameters
        | Kind::AwsBalancer
        | Kind::AwsLattice
        | Kind::AwsRoute
        | Kind::AwsBackend => Need::Named,
        // Retries and sessions of experimental policies, access logs and traces, meshes (not served, told so), pods that
        // wait for load balancers, pods in target groups of others (these are left as they are).
        Kind::XBackendTrafficPolicy | Kind::XTelemetryPolicy | Kind::XMesh | Kind::Pod | Kind::AwsBinding => {
            Need::Never
        }
        _ => Need::Always,
    }
}

/// What the loop knows of its watches until it begins, and of those that it began without.
#[derive(Default)]
pub(super) struct Beginning {
    /// Watches that have told everything once.
    told: BTreeSet<Source>,
    /// Why the others could not, as they said last.
    failures: BTreeMap<Source, String>,
    /// Until when those are waited for that can be done without.
    pub(super) until: Option<Instant>,
    /// Watches that it began without, and that have not told everything since.
    without: BTreeSet<Source>,
}

impl Hub {
    /// A watch has told everything once.
    pub(super) fn take_synced(&mut self, source: Source) {
        self.beginning.failures.remove(&source);
        if self.beginning.without.remove(&source) {
            tracing::info!(kind = %source.kind, "can be listed now, and is taken in");
            self.tell_metrics();
        }
        self.beginning.told.insert(source);
    }

    /// A watch failed.
    pub(super) fn take_failure(&mut self, source: Source, message: String) {
        if !self.ready && !self.beginning.told.contains(&source) {
            self.beginning.failures.insert(source, message);
        }
    }

    /// Begins when everything is known that must be.
    pub(super) fn begin_when_synced(&mut self) {
        if self.ready {
            return self.forget_unserved();
        }
        let sources = self.catalog.sources(&self.namespaces);
        let missing: BTreeSet<Source> = sources
            .into_iter()
            .filter(|source| !self.beginning.told.contains(source))
            .collect();
        if !missing.is_empty() && !self.may_begin_without(&missing) {
            let why = waits(&missing, &self.beginning.failures);
            self.out.waits.send_replace(why);
            return;
        }
        self.beginning.until = None;
        self.begin();
        for source in &missing {
            let why = self.beginning.failures.get(source);
            let why = why.map_or("no answer", String::as_str);
            tracing::warn!(kind = %source.kind, namespace = source.namespace, why, "cannot be listed: begun without it");
        }
        self.beginning.without = missing;
        self.tell_metrics();
        self.announce_missing();
    }

    /// Whether what is missing can be done without, and was waited for.
    fn may_begin_without(&mut self, missing: &BTreeSet<Source>) -> bool {
        if missing.iter().any(|source| need(source.kind) == Need::Always) {
            self.beginning.until = None;
            return false;
        }
        let now = Instant::now();
        let until = *self.beginning.until.get_or_insert(now + PATIENCE);
        if now < until {
            return false;
        }
        let wanted: BTreeSet<Kind> = missing
            .iter()
            .map(|source| source.kind)
            .filter(|kind| need(*kind) == Need::Named)
            .collect();
        if wanted.is_empty() || !any_names(&self.early, &wanted) {
            return true;
        }
        // Objects come and go: they are looked at again.
        self.beginning.until = Some(now + PATIENCE);
        false
    }

    fn begin(&mut self) {
        self.ready = true;
        self.arrival = self.leading.then(|| std::time::Instant::now() + ARRIVAL);
        let early = std::mem::take(&mut self.early);
        let begun = std::time::Instant::now();
        let objects = early.len();
        self.apply(early);
        self.keep_refused();
        self.out.server.open();
        self.out.waits.send_replace(String::new());
        self.out.synced.send_replace(true);
        tracing::info!(
            objects,
            took_ms = begun.elapsed().as_millis() as u64,
            "all caches are synced"
        );
    }

    /// Tells everybody who leads about kinds that are missing: Events on the classes that are ours.
    pub(super) fn announce_missing(&self) {
        let kinds: BTreeSet<&str> = self
            .beginning
            .without
            .iter()
            .map(|source| source.kind.as_str())
            .collect();
        if kinds.is_empty() {
            return;
        }
        let kinds: Vec<&str> = kinds.into_iter().collect();
        let note = format!(
            "{} cannot be listed, so that objects of this kind have no effect: the controller's log names the reason",
            kinds.join(", ")
        );
        for (name, object) in self.engine.snapshot().all(Kind::GatewayClass) {
            let Object::GatewayClass(class) = &**object else {
                continue;
            };
            let controller = &class.spec.controller_name;
            if *controller != self.controller && !self.out.clouds.serve(controller) {
                continue;
            }
            let key = ObjectKey {
                kind: Kind::GatewayClass,
                name: name.clone(),
            };
            let notice = Notice {
                warning: true,
                reason: "KindNotListed".to_owned(),
                note: note.clone(),
                action: "Watch".to_owned(),
            };
            if let Some(about) = self.about(&key) {
                self.out.events.send(about, notice);
            }
        }
    }

    /// Kinds that are served no more are missing no more.
    fn forget_unserved(&mut self) {
        let served = self.catalog.sources(&self.namespaces);
        let before = self.beginning.without.len();
        self.beginning.without.retain(|source| served.contains(source));
        if self.beginning.without.len() != before {
            self.tell_metrics();
        }
    }

    fn tell_metrics(&self) {
        let kinds = self.beginning.without.iter().map(|source| source.kind);
        self.out.metrics.unlisted(&kinds.collect());
    }
}

/// What `/readyz` says.
fn waits(missing: &BTreeSet<Source>, failures: &BTreeMap<Source, String>) -> String {
    let each = missing.iter().map(|source| {
        let place = source.namespace.as_ref();
        let place = place.map_or(String::new(), |namespace| format!(" in namespace {namespace}"));
        let why = failures.get(source).map_or("not listed yet", String::as_str);
        let need = match need(source.kind) {
            Need::Always => "",
            _ => " (begins without it, unless an object names it)",
        };
        format!("{}{place}: {why}{need}", source.kind)
    });
    each.collect::<Vec<_>>().join("\n")
}

/// Whether an object, as it is after all that was told, names one of these kinds in a reference.
fn any_names(told: &[Input], kinds: &BTreeSet<Kind>) -> bool {
    let mut last: BTreeMap<ObjectKey, &Object> = BTreeMap::new();
    for input in told {
        match input {
            Input::Upsert { object, .. } => {
                last.insert(object.key(), object);
            }
            Input::Delete(key) => {
                last.remove(key);
            }
            // What was known of it stays.
            Input::Unreadable { .. } | Input::Synced(_) | Input::Failed { .. } => {}
        }
    }
    let is = |kind: &str| kinds.iter().any(|known| known.as_str() == kind);
    last.into_iter()
        // Some of the kind itself may have been told.
        .filter(|(key, _)| !kinds.contains(&key.kind))
        .any(|(_, object)| object.to_value().is_ok_and(|object| mentions(&object, &is)))
}

fn mentions(value: &Value, is: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, value)| match value {
            Value::String(text) => name == "kind" && is(text),
            value => mentions(value, is),
        }),
        Value::Array(values) => values.iter().any(|value| mentions(value, is)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
