//! Status of a ListenerSet (GEP-1713).

use super::gateway::{GatewayContext, whole_fault};
use super::listener::{self, ListenerContext};
use super::programming::{ListenerOutcome, Programming};
use super::{Stamp, Wanted, standing};
use crate::graph::gateway::GatewayNode;
use crate::graph::listener::ListenerNode;
use crate::graph::listener_set::SetNode;
use crate::translate::join;
use gatewright_crds::api::ListenerSetStatus;
use gatewright_crds::constants::listener_set::{condition, reason};
use gatewright_model::key::{ListenerParent, ObjectName};

/// Whether a set counts as attached to its Gateway (`GatewayStatus.attachedListenerSets`).
pub fn is_accepted(gateway: &GatewayNode, set: &SetNode, programming: Option<&Programming>) -> bool {
    let parent = ListenerParent::ListenerSet(set.name.clone());
    set.refused.is_none()
        && gateway
            .listeners_of(&parent)
            .any(|listener| is_valid(listener, programming))
}

/// Whether a set can count on a listener: unlike that of a Gateway, a set's listener whose references do not
/// resolve is not valid (conformance test ListenerSetReferenceGrant).
fn is_valid(listener: &ListenerNode, programming: Option<&Programming>) -> bool {
    listener.model.is_some() && listener::is_accepted(listener, programming)
}

/// Checklist item 20.
pub fn status(
    existing: Option<&ListenerSetStatus>,
    (gateway, set): (&GatewayNode, &SetNode),
    context: GatewayContext<'_>,
    stamp: Stamp,
) -> ListenerSetStatus {
    let parent = ListenerParent::ListenerSet(set.name.clone());
    let before = existing
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let listeners_before = existing
        .and_then(|status| status.listeners.as_deref())
        .unwrap_or_default();
    let stands = context.stands && context.programming.is_none() && gateway.refused.is_none();
    let standing = stands.then(|| Programming {
        listeners: standing::listeners(listeners_before, &parent, stamp),
        ..Programming::default()
    });
    let context = GatewayContext {
        programming: context.programming.or(standing.as_ref()),
        ..context
    };
    let parent_fault = whole_fault(gateway);
    let listeners = gateway.listeners_of(&parent).map(|listener| {
        let context = ListenerContext {
            parent_fault: parent_fault.as_deref(),
            programming: context.programming,
            attached: context.attached.get(&listener.key).copied().unwrap_or_default(),
        };
        listener::status(listeners_before, listener, context, stamp)
    });
    ListenerSetStatus {
        listeners: Some(listeners.collect()),
        conditions: Some(stamp.merge(before, conditions(gateway, set, context.programming))),
    }
}

/// Status of a set whose Gateway is gone: nothing of it is served any more.
pub fn orphaned(
    existing: Option<&ListenerSetStatus>,
    gateway: &ObjectName,
    stamp: Stamp,
) -> ListenerSetStatus {
    let before = existing
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let message = format!("spec.parentRef: Gateway {gateway} does not exist");
    let wanted = vec![
        Wanted::no(condition::ACCEPTED, reason::PARENT_NOT_ACCEPTED, message.clone()),
        Wanted::no(condition::PROGRAMMED, reason::PARENT_NOT_ACCEPTED, message),
    ];
    ListenerSetStatus {
        listeners: Some(Vec::new()),
        conditions: Some(stamp.merge(before, wanted)),
    }
}

fn conditions(gateway: &GatewayNode, set: &SetNode, programming: Option<&Programming>) -> Vec<Wanted> {
    let both_false = |reason: &'static str, message: String| {
        vec![
            Wanted::no(condition::ACCEPTED, reason, message.clone()),
            Wanted::no(condition::PROGRAMMED, reason, message),
        ]
    };
    if let Some(refused) = &set.refused {
        return both_false(refused.reason, refused.message.clone());
    }
    let parent = ListenerParent::ListenerSet(set.name.clone());
    let invalid: Vec<&str> = gateway
        .listeners_of(&parent)
        .filter(|listener| !is_valid(listener, programming))
        .map(|listener| &*listener.key.name)
        .collect();
    let total = invalid.len();
    let names = join(invalid.into_iter().map(str::to_owned), total);
    if !is_accepted(gateway, set, programming) {
        return both_false(
            reason::LISTENERS_NOT_VALID,
            format!("no listener is valid: {names}"),
        );
    }
    let message = if total == 0 {
        "the ListenerSet is accepted".to_owned()
    } else {
        format!("the ListenerSet is accepted; not valid are the listeners {names}")
    };
    vec![
        Wanted::yes(condition::ACCEPTED, reason::ACCEPTED, message),
        programmed(gateway, set, programming),
    ]
}

fn programmed(gateway: &GatewayNode, set: &SetNode, programming: Option<&Programming>) -> Wanted {
    let parent = ListenerParent::ListenerSet(set.name.clone());
    let mut failure = None;
    for listener in gateway.listeners_of(&parent) {
        match programming.and_then(|programming| programming.listeners.get(&listener.key)) {
            Some(ListenerOutcome::Programmed) => {
                let message = "the ListenerSet accepts traffic";
                return Wanted::yes(condition::PROGRAMMED, reason::PROGRAMMED, message);
            }
            Some(ListenerOutcome::Failed { message, .. }) => failure = Some(message.clone()),
            None => {}
        }
    }
    match failure {
        Some(message) => Wanted::no(condition::PROGRAMMED, reason::INVALID, message),
        None => Wanted::unknown(
            condition::PROGRAMMED,
            reason::PENDING,
            "waiting for the data plane",
        ),
    }
}
