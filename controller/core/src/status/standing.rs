//! What a status says of the data plane, before the data plane had a word in this process.
//!
//! A controller that starts, or takes over from another one, finds proxies that serve. Until they are heard,
//! what was said of them stands: addresses that come and go in the status take DNS records along
//! (external-dns reads `status.addresses`).

use super::Stamp;
use super::programming::{AssignedAddress, ListenerOutcome, PLAN, Planned, Programming};
use gatewright_crds::api::{GatewayStatus, ListenerStatus};
use gatewright_crds::constants::listener::{condition, reason};
use gatewright_model::key::{ListenerKey, ListenerParent};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use std::collections::BTreeMap;

/// Whether `Programmed` is true.
pub fn is_programmed(conditions: &[Condition]) -> bool {
    programmed(conditions).is_some()
}

/// The outcome that a Gateway's status tells of; `None` when it is not programmed.
pub fn of_gateway(status: &GatewayStatus, parent: &ListenerParent, stamp: Stamp) -> Option<Programming> {
    programmed(status.conditions.as_deref().unwrap_or_default())?;
    let addresses = status.addresses.iter().flatten().map(|address| AssignedAddress {
        kind: address.r#type.as_deref().unwrap_or("IPAddress").into(),
        value: address.value.as_str().into(),
        routability: address.routability.as_deref().unwrap_or_default().into(),
    });
    Some(Programming {
        listeners: listeners(status.listeners.as_deref().unwrap_or_default(), parent, stamp),
        addresses: addresses.collect(),
        plan: planned(status.conditions.as_deref().unwrap_or_default(), stamp),
        ..Programming::default()
    })
}

/// What was said of the plan for this generation.
fn planned(conditions: &[Condition], stamp: Stamp) -> Option<Planned> {
    let found = conditions
        .iter()
        .find(|found| found.type_ == PLAN && found.observed_generation == stamp.generation)?;
    Some(Planned {
        done: match found.status.as_str() {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        },
        reason: found.reason.as_str().into(),
        message: found.message.clone(),
    })
}

/// The outcome that the statuses of listeners tell of. One that was programmed for another generation is not
/// known to be for this one.
pub fn listeners(
    statuses: &[ListenerStatus],
    parent: &ListenerParent,
    stamp: Stamp,
) -> BTreeMap<ListenerKey, ListenerOutcome> {
    let standing = statuses.iter().filter(|status| {
        programmed(&status.conditions)
            .is_some_and(|condition| condition.observed_generation == stamp.generation)
    });
    standing
        .map(|status| {
            let key = ListenerKey {
                parent: parent.clone(),
                name: status.name.as_str().into(),
            };
            (key, ListenerOutcome::Programmed)
        })
        .collect()
}

fn programmed(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|found| {
        found.type_ == condition::PROGRAMMED && found.status == "True" && found.reason == reason::PROGRAMMED
    })
}
