//! Status of policies and XBackends, for each Gateway they take effect on.

use super::entries::{self, Entry, WantedEntry, Word};
use super::{Stamp, Wanted};
use crate::policy::PolicyVerdict;
use crate::translate::join;
use gatewright_crds::api::ParentReference;
use gatewright_crds::constants::policy::{condition, reason};
use gatewright_model::Str;
use gatewright_model::key::ObjectName;

/// Ancestors a policy may list (`PolicyStatus.ancestors`).
pub const MAX_POLICY_ANCESTORS: usize = 16;

/// Ancestors an XBackend may list (`BackendStatus.ancestors`).
pub const MAX_BACKEND_ANCESTORS: usize = 32;

/// A Gateway that a policy or XBackend takes effect on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// The Gateway.
    pub gateway: ObjectName,
    /// Controller name of its class.
    pub controller: Str,
    /// What the conditions say for it.
    pub verdict: PolicyVerdict,
}

/// Which conditions a kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `Accepted` alone.
    Accepted,
    /// `Accepted` and `ResolvedRefs`.
    WithReferences,
}

/// Checklist item 25, and the same for the other policies (GEP-713): conditions per Gateway.
pub fn ancestors<E: Entry>(
    existing: &[E],
    wanted: &[Ancestor],
    (shape, limit): (Shape, usize),
    (ours, stamp): (&[Str], Stamp),
) -> Vec<E> {
    let entries = wanted.iter().map(|ancestor| WantedEntry {
        reference: reference(&ancestor.gateway),
        controller: ancestor.controller.clone(),
        conditions: Word::Now(conditions(&ancestor.verdict, shape)),
    });
    entries::merge(existing, entries.collect(), ours, (limit, stamp))
}

fn conditions(verdict: &PolicyVerdict, shape: Shape) -> Vec<Wanted> {
    let accepted = match &verdict.refused {
        Some(refused) => Wanted::no(condition::ACCEPTED, refused.reason, refused.message.clone()),
        None => Wanted::yes(
            condition::ACCEPTED,
            reason::ACCEPTED,
            accepted_message(&verdict.notes),
        ),
    };
    let mut wanted = vec![accepted];
    if shape == Shape::WithReferences {
        wanted.push(Wanted::unless(
            condition::RESOLVED_REFS,
            verdict.unresolved.as_ref(),
            (reason::RESOLVED_REFS, "all references are resolved"),
        ));
    }
    wanted
}

fn accepted_message(notes: &[String]) -> String {
    if notes.is_empty() {
        return "accepted".to_owned();
    }
    format!("accepted; note: {}", join(notes.iter().cloned(), notes.len()))
}

/// A Gateway as an ancestor; the suite compares group, kind, namespace and name.
fn reference(gateway: &ObjectName) -> ParentReference {
    ParentReference {
        group: Some(crate::graph::GROUP.to_owned()),
        kind: Some("Gateway".to_owned()),
        name: gateway.name.to_string(),
        namespace: Some(gateway.namespace.to_string()),
        port: None,
        section_name: None,
    }
}
