//! Status of a route of any kind.

use super::entries::{self, WantedEntry, Word};
use super::programming::{NAMES, RESOURCES};
use super::shortfall::{APPROXIMATED, BY_PROVIDER, RouteShortfall};
use super::{BACKENDS_WITHOUT_ENDPOINTS, Stamp, Wanted};
use crate::backend::BackendNotice;
use crate::graph::route::ParentNode;
use crate::translate::{Extensions, Refusal, RouteFindings, join};
use gatewright_crds::api::{RouteParentStatus, RouteStatus};
use gatewright_crds::constants::route::{condition, reason};
use gatewright_model::Str;

/// Reason of [`NAMES`] and [`RESOURCES`].
const ASSIGNED: &str = "Assigned";

/// Parents a route may list (`RouteStatus.parents`).
const MAX_PARENTS: usize = 32;

/// A parent with the final word about it.
#[derive(Clone, Copy, Debug)]
pub struct ParentOutcome<'a> {
    /// The parentRef.
    pub parent: &'a ParentNode,
    /// `Accepted=False`.
    pub refused: Option<&'a Refusal>,
    /// What the parent's provider cannot express.
    pub shortfall: &'a RouteShortfall,
    /// Hostnames of the route and the names that each is reached by at this parent.
    pub names: &'a [(Str, Str)],
    /// The same with what serves each, `*` for what names no host.
    pub resources: &'a [(Str, Str)],
    /// Whether the parent's provider has yet to say that: what was said of this generation of the route stands.
    pub pending: bool,
    /// Whether the parent's provider knows our own kinds of filters.
    pub extensions: Extensions,
}

/// What is the same for all parents of a route.
#[derive(Clone, Copy, Debug)]
pub struct RouteContext<'a> {
    /// What translating the rules found.
    pub findings: &'a RouteFindings,
    /// What the owner should know about the backends.
    pub notices: &'a [&'a BackendNotice],
    /// Controller names that are ours.
    pub ours: &'a [Str],
}

/// Checklist items 2, 3 and 21 to 24.
pub fn status(
    existing: Option<&RouteStatus>,
    parents: &[ParentOutcome<'_>],
    context: RouteContext<'_>,
    stamp: Stamp,
) -> RouteStatus {
    let before = existing
        .map(|status| status.parents.as_slice())
        .unwrap_or_default();
    let wanted = parents.iter().map(|outcome| WantedEntry {
        reference: outcome.parent.reference.clone(),
        controller: outcome.parent.controller.clone(),
        conditions: if outcome.pending && has_word(before, outcome.parent, stamp) {
            Word::Stands
        } else {
            Word::Now(conditions(outcome, context))
        },
    });
    RouteStatus {
        parents: entries::merge(before, wanted.collect(), context.ours, (MAX_PARENTS, stamp)),
    }
}

/// Whether something was said of this generation for a parent.
fn has_word(before: &[RouteParentStatus], parent: &ParentNode, stamp: Stamp) -> bool {
    before
        .iter()
        .filter(|entry| entry.parent_ref == parent.reference && *entry.controller_name == *parent.controller)
        .any(|entry| {
            let mut conditions = entry.conditions.iter();
            conditions.any(|found| {
                found.type_ == condition::ACCEPTED && found.observed_generation == stamp.generation
            })
        })
}

fn conditions(outcome: &ParentOutcome<'_>, context: RouteContext<'_>) -> Vec<Wanted> {
    let unresolved = context.findings.unresolved_refs(outcome.extensions);
    let refused = outcome.refused.or(outcome.shortfall.refused.as_ref());
    let mut wanted = vec![
        Wanted::unless(
            condition::ACCEPTED,
            refused,
            (reason::ACCEPTED, "the route is accepted"),
        ),
        Wanted::unless(
            condition::RESOLVED_REFS,
            unresolved.as_ref(),
            (reason::RESOLVED_REFS, "all references are resolved"),
        ),
    ];
    // `RouteConditionPartiallyInvalid`: only while accepted, only when true.
    if refused.is_none()
        && let Some(message) = context.findings.partially_invalid(&outcome.shortfall.dropped)
    {
        wanted.push(Wanted::yes(
            condition::PARTIALLY_INVALID,
            reason::UNSUPPORTED_VALUE,
            message,
        ));
    }
    let rough = &outcome.shortfall.approximated;
    if refused.is_none() && !rough.is_empty() {
        let message = join(rough.iter().cloned(), rough.len());
        wanted.push(Wanted::yes(APPROXIMATED, BY_PROVIDER, message));
    }
    for (kind, told) in [(NAMES, outcome.names), (RESOURCES, outcome.resources)] {
        if refused.is_none() && !told.is_empty() {
            let told = told.iter().map(|(host, name)| format!("{host}: {name}"));
            let message = told.collect::<Vec<_>>().join("; ");
            wanted.push(Wanted::yes(kind, ASSIGNED, message));
        }
    }
    if let Some(first) = context.notices.first() {
        let total = context.notices.len();
        let message = join(context.notices.iter().map(ToString::to_string), total);
        wanted.push(Wanted::yes(BACKENDS_WITHOUT_ENDPOINTS, first.reason(), message));
    }
    wanted
}
