//! Kubernetes Events on the guilty object: what a condition says, where `kubectl describe` shows it.

mod recorder;

use super::deadline::{EVENT, within};
use super::leadership::while_leading;
use super::vital;
use gatewright_core::snapshot::{Kind, ObjectKey};
use gatewright_core::status::Status;
use gatewright_core::status::programming::PLAN;
use gatewright_core::status::shortfall::{APPROXIMATED, UNSUPPORTED};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use kube::core::ApiResource;
use recorder::Recorder;
use std::collections::BTreeMap;
use tokio::sync::{mpsc, watch};

/// Events that wait to be sent; more are dropped, the conditions say the same.
const QUEUE: usize = 1024;

/// What an Event says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// `Warning` instead of `Normal`.
    pub warning: bool,
    /// Reason of the condition.
    pub reason: String,
    /// Type and message of the condition.
    pub note: String,
    /// Type of the condition.
    pub action: String,
}

/// Where an Event belongs.
#[derive(Clone, Debug)]
pub struct About {
    /// The object.
    pub key: ObjectKey,
    /// Its `metadata.uid`.
    pub uid: Option<String>,
    /// How its kind is served.
    pub resource: ApiResource,
}

/// Sends Events in the background.
#[derive(Clone)]
pub struct Events(mpsc::Sender<(About, Notice)>);

impl Events {
    /// Starts the task that sends; what waits when this process leads no more is another one's to tell.
    pub fn start(client: Client, instance: String, mut leads: watch::Receiver<bool>) -> Self {
        let (sender, mut receiver) = mpsc::channel::<(About, Notice)>(QUEUE);
        let mut recorder = Recorder::new(client, instance);
        vital::spawn("events", async move {
            while let Some((about, notice)) = receiver.recv().await {
                if !*leads.borrow() {
                    continue;
                }
                let publish = within(EVENT, recorder.publish(reference(&about), notice));
                if let Some(Err(error)) = while_leading(&mut leads, publish).await {
                    tracing::debug!(object = %about.key, %error, "Event not written");
                }
            }
        });
        Self(sender)
    }

    /// Sends one, unless too many wait.
    pub fn send(&self, about: About, notice: Notice) {
        let _ = self.0.try_send((about, notice));
    }
}

fn reference(about: &About) -> ObjectReference {
    let namespace = &about.key.name.namespace;
    ObjectReference {
        api_version: Some(about.resource.api_version.clone()),
        kind: Some(about.resource.kind.clone()),
        name: Some(about.key.name.name.to_string()),
        namespace: (!namespace.is_empty()).then(|| namespace.to_string()),
        uid: about.uid.clone(),
        ..ObjectReference::default()
    }
}

/// What is worth an Event: conditions that turned false with a message of their own, and a Gateway that
/// became programmed.
pub fn notices(kind: Kind, before: Option<&Status>, after: &Status) -> Vec<Notice> {
    let known = before.map(conditions).unwrap_or_default();
    let mut found = BTreeMap::new();
    for (place, condition) in conditions(after) {
        let same = known.iter().any(|(at, old)| {
            *at == place
                && (&old.type_, &old.status, &old.reason, &old.message)
                    == (
                        &condition.type_,
                        &condition.status,
                        &condition.reason,
                        &condition.message,
                    )
        });
        if same {
            continue;
        }
        // What failed is in `Programmed`, what is planned was asked for.
        if condition.type_ == PLAN {
            continue;
        }
        let programmed = kind == Kind::Gateway && place.is_empty() && condition.type_ == "Programmed";
        let negative = matches!(
            condition.type_.as_str(),
            "Conflicted" | "PartiallyInvalid" | "OverlappingTLSConfig" | APPROXIMATED | UNSUPPORTED
        );
        let warning = condition.status == if negative { "True" } else { "False" };
        let normal = programmed && condition.status == "True";
        if warning || normal {
            let place = if place.is_empty() {
                String::new()
            } else {
                format!("{place}: ")
            };
            found.insert(
                (condition.reason.clone(), condition.message.clone()),
                Notice {
                    warning,
                    reason: condition.reason.clone(),
                    note: shorten(format!("{place}{}", condition.message)),
                    action: condition.type_.clone(),
                },
            );
        }
    }
    // Conditions that say the same of several listeners or parents make one Event.
    found.into_values().collect()
}

/// The API server refuses notes of 1024 bytes and more (`events.k8s.io/v1`, `note`).
pub fn shorten(mut note: String) -> String {
    const MOST: usize = 1000;
    if note.len() > MOST {
        let end = (0..=MOST)
            .rev()
            .find(|at| note.is_char_boundary(*at))
            .unwrap_or_default();
        note.truncate(end);
    }
    note
}

/// All conditions of a status, with the listener or parent that they belong to.
fn conditions(status: &Status) -> Vec<(String, &Condition)> {
    match status {
        Status::Class(status) => whole(status.conditions.as_deref()).collect(),
        Status::Mesh(status) => whole(status.conditions.as_deref()).collect(),
        Status::Gateway(status) => whole(status.conditions.as_deref())
            .chain(listeners(status.listeners.as_deref()))
            .collect(),
        Status::ListenerSet(status) => whole(status.conditions.as_deref())
            .chain(listeners(status.listeners.as_deref()))
            .collect(),
        Status::Route(status) => status
            .parents
            .iter()
            .flat_map(|parent| {
                let place = format!("parent {}", parent.parent_ref.name);
                parent.conditions.iter().map(move |found| (place.clone(), found))
            })
            .collect(),
        Status::Policy(status) => status
            .ancestors
            .iter()
            .flat_map(|ancestor| {
                let place = format!("ancestor {}", ancestor.ancestor_ref.name);
                ancestor
                    .conditions
                    .iter()
                    .map(move |found| (place.clone(), found))
            })
            .collect(),
        Status::Backend(_) => Vec::new(),
    }
}

fn whole(conditions: Option<&[Condition]>) -> impl Iterator<Item = (String, &Condition)> {
    conditions
        .into_iter()
        .flatten()
        .map(|found| (String::new(), found))
}

fn listeners(
    listeners: Option<&[gatewright_crds::api::ListenerStatus]>,
) -> impl Iterator<Item = (String, &Condition)> {
    listeners.into_iter().flatten().flat_map(|listener| {
        let place = format!("listener {}", listener.name);
        listener
            .conditions
            .iter()
            .map(move |found| (place.clone(), found))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_crds::api::GatewayStatus;
    use serde_json::json;

    fn gateway(programmed: &str, message: &str) -> Status {
        let status: GatewayStatus = serde_json::from_value(json!({"conditions": [{
            "type": "Programmed", "status": programmed, "reason": "Because", "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]}))
        .unwrap();
        Status::Gateway(status)
    }

    #[test]
    fn a_fault_is_a_warning_once_and_success_is_told_of_the_gateway() {
        let bad = gateway("False", "no address");
        let warnings = notices(Kind::Gateway, None, &bad);
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].warning && warnings[0].note == "no address");
        assert_eq!(notices(Kind::Gateway, Some(&bad), &bad), []);
        let good = notices(Kind::Gateway, Some(&bad), &gateway("True", "it accepts traffic"));
        assert!(!good[0].warning);
    }

    #[test]
    fn a_note_stays_below_the_bound_of_the_api() {
        assert!(shorten("ä".repeat(2000)).len() < 1024);
    }
}
