//! What differs between what is wanted and what exists: whole at the admin endpoint, in a few words in a condition.

use crate::cluster::events;
use gatewright_core::status::Planned;
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use gatewright_provider_api::contract::{Action, Change, Outcome, Preview, Quota, Reads, Resource, Verdict};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Annotation of Gateways: with the value `true` changes are found and told, and none is made.
pub const DRY_RUN: &str = "gatewright.dev/dry-run";

/// Changes that the condition names; the rest is counted.
const NAMED: usize = 3;

/// Longest words for one change, in characters.
const LONGEST: usize = 250;

/// The last plan of each Gateway. A clone is the same.
#[derive(Clone, Default)]
pub struct Plans(Arc<Mutex<BTreeMap<ObjectName, Arc<Plan>>>>);

/// The last plan of a Gateway, without secrets: neither changes nor findings hold any.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// The Gateway.
    #[serde(serialize_with = "as_text")]
    pub gateway: ObjectName,
    /// Controller name of its class; absent when it was to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<Str>,
    /// Whether nothing is made.
    pub dry_run: bool,
    /// Changes that were found in a dry run, in the order that they would be made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<Change<()>>,
    /// Changes that were tried in the last run, and what became of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// Quotas that what is wanted is measured against; in a dry run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<Quota>,
    /// What a look at all of it takes; in a dry run.
    #[serde(skip_serializing_if = "is_none")]
    pub reads: Reads,
    /// What cannot be expressed, or only roughly.
    pub unsupported: Vec<Unsupported>,
    /// Why nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A change that was tried.
#[derive(Debug, Serialize)]
pub struct Tried {
    /// What was to happen.
    pub action: Action,
    /// To which resource.
    pub resource: Resource,
    /// The change in words, with the reason and the fields that differed.
    pub summary: String,
    /// `done`, `failed` or `skipped`.
    pub result: &'static str,
    /// Why it failed, or what it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

fn is_none(reads: &Reads) -> bool {
    reads.calls == 0
}

fn as_text<S: Serializer>(name: &ObjectName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

impl Plans {
    /// Notes what was found in a dry run.
    pub fn previewed(&self, gateway: &ObjectName, controller: Option<&Str>, preview: &Preview) {
        self.put(Plan {
            gateway: gateway.clone(),
            controller: controller.cloned(),
            dry_run: true,
            planned: preview.changes.clone(),
            tried: Vec::new(),
            quotas: preview.quotas.clone(),
            reads: preview.reads,
            unsupported: preview.unsupported.clone(),
            error: preview.unread.as_ref().map(ToString::to_string),
        });
    }

    /// Notes what a run did.
    pub fn made(&self, gateway: &ObjectName, controller: Option<&Str>, outcome: &Outcome) {
        let tried = outcome.changes.iter().map(|change| {
            let (result, why) = match &change.verdict {
                Verdict::Done => ("done", None),
                Verdict::Failed(error) => ("failed", Some(error.to_string())),
                Verdict::Skipped(needed) => ("skipped", Some(format!("it needs {needed}"))),
            };
            Tried {
                action: change.action,
                resource: change.resource.clone(),
                summary: change.summary.clone(),
                result,
                why,
            }
        });
        self.put(Plan {
            gateway: gateway.clone(),
            controller: controller.cloned(),
            dry_run: false,
            planned: Vec::new(),
            tried: tried.collect(),
            quotas: Vec::new(),
            reads: Reads::default(),
            unsupported: outcome.unsupported.clone(),
            error: outcome.unread.as_ref().map(ToString::to_string),
        });
    }

    /// The Gateway is gone.
    pub fn forget(&self, gateway: &ObjectName) {
        self.plans().remove(gateway);
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Plan>> {
        self.plans().values().cloned().collect()
    }

    /// That of one Gateway.
    pub fn get(&self, gateway: &ObjectName) -> Option<Arc<Plan>> {
        self.plans().get(gateway).cloned()
    }

    fn put(&self, plan: Plan) {
        self.plans().insert(plan.gateway.clone(), Arc::new(plan));
    }

    fn plans(&self) -> std::sync::MutexGuard<'_, BTreeMap<ObjectName, Arc<Plan>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nothing is made for Gateways, for now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Changes are made.
    #[default]
    Make,
    /// They are told.
    DryRun,
}

/// What the condition says of a run.
pub fn words(outcome: &Outcome, mode: Mode) -> Planned {
    if let Some(error) = &outcome.unread {
        return Planned {
            done: None,
            reason: "Unread".into(),
            message: events::shorten(format!("what exists is not known: {error}")),
        };
    }
    let (left, reason): (Vec<(Action, String)>, &str) = match mode {
        Mode::DryRun => {
            let planned = outcome.planned.iter();
            (
                planned
                    .map(|change| (change.action, change.to_string()))
                    .collect(),
                "DryRun",
            )
        }
        Mode::Make => {
            let left = outcome
                .changes
                .iter()
                .filter(|change| change.verdict != Verdict::Done);
            (
                left.map(|change| (change.action, change.summary.clone()))
                    .collect(),
                "ChangesFailed",
            )
        }
    };
    if left.is_empty() {
        return Planned {
            done: Some(true),
            reason: "UpToDate".into(),
            message: "nothing is left to change".to_owned(),
        };
    }
    Planned {
        done: Some(false),
        reason: reason.into(),
        message: events::shorten(summary(&left)),
    }
}

/// Counts and the first changes.
fn summary(left: &[(Action, String)]) -> String {
    let counts = [Action::Create, Action::Update, Action::Replace, Action::Delete].map(|action| {
        let count = left.iter().filter(|(found, _)| *found == action).count();
        (count > 0).then(|| format!("{count} to {}", action.label()))
    });
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let named = left.iter().take(NAMED).map(|(_, words)| {
        if words.chars().count() > LONGEST {
            words.chars().take(LONGEST).chain("...".chars()).collect()
        } else {
            words.clone()
        }
    });
    let mut text = format!("{}: {}", counts.join(", "), named.collect::<Vec<_>>().join("; "));
    if left.len() > NAMED {
        text = format!("{text}; and {} more", left.len() - NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: usize, why: &str) -> Change<()> {
        Change {
            action: if number == 0 {
                Action::Delete
            } else {
                Action::Create
            },
            resource: Resource {
                kind: "rule",
                id: format!("{number}").into(),
            },
            fields: Vec::new(),
            why: why.to_owned(),
            needs: Vec::new(),
            step: (),
        }
    }

    #[test]
    fn the_condition_counts_names_the_first_and_stays_short() {
        let outcome = |count: usize, why: &str| Outcome {
            planned: (0..count).map(|number| change(number, why)).collect(),
            ..Outcome::default()
        };
        let found = words(&outcome(5, "it is missing"), Mode::DryRun);
        assert_eq!((found.done, &*found.reason), (Some(false), "DryRun"));
        assert_eq!(
            found.message,
            "4 to create, 1 to delete: delete rule 0: it is missing; create rule 1: it is missing; \
             create rule 2: it is missing; and 2 more"
        );
        let found = words(&outcome(100, &"why ".repeat(10_000)), Mode::DryRun);
        assert!(
            found.message.len() <= 1000 && found.message.contains("and 97 more"),
            "{}",
            found.message
        );
        let found = words(&outcome(0, ""), Mode::DryRun);
        assert_eq!((found.done, &*found.reason), (Some(true), "UpToDate"));
    }
}
