//! Status of a listener of a Gateway or ListenerSet.

use super::programming::{ListenerOutcome, Programming};
use super::{Stamp, Wanted};
use crate::graph::listener::ListenerNode;
use crate::translate::join;
use gatewright_crds::api::{ListenerStatus, RouteGroupKind};
use gatewright_crds::constants::listener::{condition, reason};

/// What a listener's status depends on besides the listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerContext<'a> {
    /// Why the Gateway or ListenerSet as a whole is not programmed, in words.
    pub parent_fault: Option<&'a str>,
    /// Outcome of the data plane; `None` before it had a word.
    pub programming: Option<&'a Programming>,
    /// Routes attached.
    pub attached: usize,
}

/// Whether a listener's `Accepted` is true, the data plane's outcome included.
pub fn is_accepted(node: &ListenerNode, programming: Option<&Programming>) -> bool {
    node.refused.is_none() && port_unavailable(node, programming).is_none()
}

/// Checklist items 12 to 19.
pub fn status(
    existing: &[ListenerStatus],
    node: &ListenerNode,
    context: ListenerContext<'_>,
    stamp: Stamp,
) -> ListenerStatus {
    let before = existing.iter().find(|status| *status.name == *node.key.name);
    let before = before
        .map(|status| status.conditions.as_slice())
        .unwrap_or_default();
    // `ListenerStatus.supportedKinds`: group is left to its default by nobody, so it is always given.
    let kinds = node.kinds.iter().map(|kind| RouteGroupKind {
        group: Some(crate::graph::GROUP.to_owned()),
        kind: kind.as_str().to_owned(),
    });
    ListenerStatus {
        attached_routes: i32::try_from(context.attached).unwrap_or(i32::MAX),
        conditions: stamp.merge(before, conditions(node, context, stamp.at.as_second())),
        name: node.key.name.to_string(),
        supported_kinds: Some(kinds.collect()),
    }
}

fn conditions(node: &ListenerNode, context: ListenerContext<'_>, now: i64) -> Vec<Wanted> {
    let accepted = match (&node.refused, port_unavailable(node, context.programming)) {
        (Some(refused), _) => Wanted::no(condition::ACCEPTED, refused.reason, refused.message.clone()),
        (None, Some(message)) => {
            Wanted::no(condition::ACCEPTED, reason::PORT_UNAVAILABLE, message.to_owned())
        }
        (None, None) => Wanted::yes(condition::ACCEPTED, reason::ACCEPTED, "the listener is accepted"),
    };
    let resolved = match &node.unresolved {
        Some(fault) => Wanted::no(condition::RESOLVED_REFS, fault.reason, fault.message.clone()),
        None => Wanted::yes(
            condition::RESOLVED_REFS,
            reason::RESOLVED_REFS,
            resolved_message(node, now),
        ),
    };
    let mut wanted = vec![accepted, programmed(node, context), resolved];
    if let Some(conflict) = &node.conflict {
        let message = conflict.message.clone();
        wanted.push(Wanted::yes(condition::CONFLICTED, conflict.reason, message));
    }
    if let Some(overlap) = &node.overlap {
        let message = overlap.message.clone();
        wanted.push(Wanted::yes(
            condition::OVERLAPPING_TLS_CONFIG,
            overlap.reason,
            message,
        ));
    }
    wanted
}

fn programmed(node: &ListenerNode, context: ListenerContext<'_>) -> Wanted {
    let no = |reason: &'static str, message: String| Wanted::no(condition::PROGRAMMED, reason, message);
    if let Some(conflict) = &node.conflict {
        return no(conflict.reason, conflict.message.clone());
    }
    if let Some(fault) = context.parent_fault {
        return no(reason::INVALID, fault.to_owned());
    }
    if node.model.is_none() {
        let why = node.refused.as_ref().or(node.unresolved.as_ref());
        return no(
            reason::INVALID,
            why.map(|fault| fault.message.clone()).unwrap_or_default(),
        );
    }
    match context
        .programming
        .and_then(|programming| programming.listeners.get(&node.key))
    {
        Some(ListenerOutcome::Programmed) => Wanted::yes(
            condition::PROGRAMMED,
            reason::PROGRAMMED,
            "the listener accepts traffic",
        ),
        Some(ListenerOutcome::Failed { reason, message }) => {
            Wanted::no(condition::PROGRAMMED, reason.to_string(), message.clone())
        }
        None => Wanted::unknown(
            condition::PROGRAMMED,
            reason::PENDING,
            "waiting for the data plane",
        ),
    }
}

/// `ListenerReasonPortUnavailable` is a reason of `Accepted`, known only once somebody tried.
fn port_unavailable<'a>(node: &ListenerNode, programming: Option<&'a Programming>) -> Option<&'a str> {
    match programming?.listeners.get(&node.key)? {
        ListenerOutcome::Failed { reason, message } if **reason == *reason::PORT_UNAVAILABLE => Some(message),
        _ => None,
    }
}

/// Certificates that work but should be looked at are named while all is well: taking a listener down
/// for them would turn a warning into an outage.
fn resolved_message(node: &ListenerNode, now: i64) -> String {
    let notes: Vec<String> = node
        .certificates
        .iter()
        .flat_map(|checked| {
            let key = &checked.certificate.key;
            checked
                .warnings(now)
                .into_iter()
                .map(move |warning| format!("{key}: {warning}"))
        })
        .collect();
    if notes.is_empty() {
        return "all references are resolved".to_owned();
    }
    let total = notes.len();
    format!(
        "all references are resolved; note: {}",
        join(notes.into_iter(), total)
    )
}
