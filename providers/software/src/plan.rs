//! The difference between what is wanted and what exists, as ordered changes. Pure.

use crate::compare::differences;
use crate::kind::{Key, Kind, Objects, text};
use gatewright_provider_api::contract::{Action, Change, FieldChange, Plan, Resource};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Annotation with the hash of what was applied: tells when something that was given must be taken back.
pub const APPLIED: &str = "gatewright.dev/applied";

/// What is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The object is applied; with `uid` set, to that object.
    Apply {
        /// Which.
        key: Key,
        /// As wanted.
        object: Arc<Value>,
        /// `metadata.uid` of what exists.
        uid: Option<String>,
        /// Whether the number of replicas, as it is, is left to others first.
        leave_replicas: bool,
    },
    /// The object is deleted and made anew.
    Replace {
        /// Which.
        key: Key,
        /// As wanted.
        object: Arc<Value>,
        /// `metadata.uid` of what exists.
        uid: String,
    },
    /// The object is deleted.
    Delete {
        /// Which.
        key: Key,
        /// `metadata.uid` of what exists.
        uid: String,
    },
}

impl Step {
    /// The object concerned.
    pub const fn key(&self) -> &Key {
        match self {
            Self::Apply { key, .. } | Self::Replace { key, .. } | Self::Delete { key, .. } => key,
        }
    }
}

/// The changes that make `found` into `wanted`.
pub fn plan(wanted: &Objects, found: &Objects) -> Plan<Step> {
    let mut changes: Vec<Change<Step>> = wanted
        .iter()
        .filter_map(|(key, object)| change(key, &stamped(object), found.get(key)))
        .map(|mut change| {
            change.needs = needs(&change.step, wanted);
            change
        })
        .collect();
    for (key, object) in found.iter().rev().filter(|(key, _)| !wanted.contains_key(key)) {
        if keeps_serving(key, object, wanted, found) || is_going(object) {
            continue;
        }
        changes.push(Change {
            action: Action::Delete,
            resource: key.resource(),
            fields: Vec::new(),
            why: "nothing wants it any more".to_owned(),
            needs: replacements(key, wanted),
            step: Step::Delete {
                key: key.clone(),
                uid: text(object, "/metadata/uid").to_owned(),
            },
        });
    }
    Plan { changes }
}

fn change(key: &Key, object: &Arc<Value>, found: Option<&Arc<Value>>) -> Option<Change<Step>> {
    let base = |action, fields, why: &str, step| Change {
        action,
        resource: key.resource(),
        fields,
        why: why.to_owned(),
        needs: Vec::new(),
        step,
    };
    let Some(found) = found.filter(|found| !is_going(found)) else {
        let step = Step::Apply {
            key: key.clone(),
            object: Arc::clone(object),
            uid: None,
            leave_replicas: false,
        };
        return Some(base(Action::Create, Vec::new(), "it is missing", step));
    };
    let uid = text(found, "/metadata/uid").to_owned();
    let fixed = fixed(key.kind, object, found);
    if !fixed.is_empty() {
        let step = Step::Replace {
            key: key.clone(),
            object: Arc::clone(object),
            uid,
        };
        return Some(base(
            Action::Replace,
            fixed,
            "a field differs that cannot change",
            step,
        ));
    }
    let fields = differences(object, found);
    if fields.is_empty() {
        return None;
    }
    let step = Step::Apply {
        key: key.clone(),
        object: Arc::clone(object),
        uid: Some(uid),
        // An autoscaler decides from now on, or does so already.
        leave_replicas: key.kind == Kind::Deployment && object.pointer("/spec/replicas").is_none(),
    };
    Some(base(
        Action::Update,
        fields,
        "it differs from what is wanted",
        step,
    ))
}

/// Fields that differ and that the API server lets nobody change.
fn fixed(kind: Kind, wanted: &Value, found: &Value) -> Vec<FieldChange> {
    let paths: &[&str] = match kind {
        // ServiceSpec: "Once set, it can not be changed" (loadBalancerClass); clusterIP likewise. An
        // ExternalName has none.
        Kind::Service if text(wanted, "/spec/type") == text(found, "/spec/type") => {
            &["/spec/loadBalancerClass", "/spec/clusterIP"]
        }
        Kind::Service => &["/spec/clusterIP"],
        Kind::Deployment | Kind::DaemonSet => &["/spec/selector"],
        Kind::ServiceAccount
        | Kind::ConfigMap
        | Kind::PodDisruptionBudget
        | Kind::HorizontalPodAutoscaler => &[],
    };
    let differ = paths.iter().filter_map(|path| {
        let wanted = wanted.pointer(path)?;
        let found = found.pointer(path);
        (found != Some(wanted)).then(|| FieldChange {
            field: path.trim_start_matches('/').replace('/', "."),
            from: found.map(ToString::to_string),
            to: Some(wanted.to_string()),
        })
    });
    differ.collect()
}

/// What a pod refers to must be there first; what scales or guards a workload comes after it.
fn needs(step: &Step, wanted: &Objects) -> Vec<Resource> {
    let kinds: &[Kind] = match step.key().kind {
        Kind::Deployment | Kind::DaemonSet => &[Kind::ServiceAccount, Kind::ConfigMap],
        Kind::HorizontalPodAutoscaler => &[Kind::Deployment],
        Kind::ServiceAccount | Kind::ConfigMap | Kind::Service | Kind::PodDisruptionBudget => &[],
    };
    let needed = wanted.keys().filter(|other| kinds.contains(&other.kind));
    needed.map(Key::resource).collect()
}

/// What takes the place of a workload or Service must have been made before that goes.
fn replacements(key: &Key, wanted: &Objects) -> Vec<Resource> {
    let others = wanted
        .keys()
        .filter(|other| is_workload(other.kind) && is_workload(key.kind));
    others.map(Key::resource).collect()
}

/// Whether a kind runs proxies.
pub const fn is_workload(kind: Kind) -> bool {
    matches!(kind, Kind::Deployment | Kind::DaemonSet)
}

/// Whether a workload that nobody wants still carries the traffic: the one in its place has no ready pod yet.
fn keeps_serving(key: &Key, object: &Value, wanted: &Objects, found: &Objects) -> bool {
    let mut successors = wanted.keys().filter(|other| is_workload(other.kind));
    is_workload(key.kind)
        && has_ready(object)
        && successors.any(|successor| !found.get(successor).is_some_and(|object| has_ready(object)))
}

/// Whether a Deployment or DaemonSet has a pod that is ready.
pub fn has_ready(workload: &Value) -> bool {
    let counts = ["/status/readyReplicas", "/status/numberReady"];
    let count = |path: &&str| workload.pointer(path).and_then(Value::as_u64);
    counts.iter().filter_map(count).any(|ready| ready > 0)
}

/// Whether an object is being deleted.
pub fn is_going(object: &Value) -> bool {
    object
        .pointer("/metadata/deletionTimestamp")
        .is_some_and(|time| !time.is_null())
}

/// The object with the hash of itself.
fn stamped(object: &Value) -> Arc<Value> {
    let digest = Sha256::digest(object.to_string().as_bytes());
    let (start, _) = digest.as_chunks::<8>();
    let number = start.first().copied().map(u64::from_be_bytes).unwrap_or_default();
    let hash = format!("{number:016x}");
    let mut object = object.clone();
    let annotations = object
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut);
    if let Some(annotations) = annotations {
        annotations.insert(APPLIED.to_owned(), json!(hash));
    }
    Arc::new(object)
}
