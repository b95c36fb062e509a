//! What translating a route found out, for its conditions.

use super::extension::Extension;
use crate::small_set::SmallSet;
use gatewright_model::Str;
use gatewright_model::key::BackendKey;
use std::fmt::Write as _;

/// Faults named in one message; the rest is counted. A message may have 32768 characters
/// (meta/v1 Condition), and nobody reads further than this.
const NAMED: usize = 8;

/// A reference that does not resolve.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefFault {
    /// Reason of `ResolvedRefs=False`: `InvalidKind`, `RefNotPermitted`, `BackendNotFound` or
    /// `UnsupportedProtocol` (`RouteConditionResolvedRefs`).
    pub reason: &'static str,
    /// Path of the field, for example `spec.rules[0].backendRefs[1]`.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

/// A rule that is not served because its meaning is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedRule {
    /// Position in `spec.rules`, from 0.
    pub index: usize,
    /// `rules[].name`.
    pub name: Option<Str>,
    /// Reason of `Accepted=False` when no rule is left: `UnsupportedValue` or `IncompatibleFilters`.
    pub reason: &'static str,
    /// Path of the guilty field inside the rule.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

/// What a route's translation means for its conditions. The same for all of its parents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteFindings {
    /// Rules the object has.
    pub rules: usize,
    /// Rules that are not served.
    pub dropped: Vec<DroppedRule>,
    /// References that do not resolve, in the order written.
    pub unresolved: Vec<RefFault>,
    /// Backends that the served rules refer to, filters included.
    pub backends: SmallSet<BackendKey>,
    /// What rules ask for that only some providers know.
    pub extensions: Vec<Extension>,
}

/// Whether a provider knows our own kinds of filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extensions {
    /// It serves them, or says itself why not.
    Served,
    /// It does not.
    Unknown,
}

/// `status: False` of a condition: reason and message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Reason.
    pub reason: &'static str,
    /// Message.
    pub message: String,
}

impl RouteFindings {
    /// `Accepted=False` when every rule is invalid ("If all Route Rules in a Route are invalid, the
    /// entire Route would be considered invalid", `HTTPRouteRule.filters`).
    pub fn refused(&self) -> Option<Refusal> {
        let first = self.dropped.first()?;
        if self.dropped.len() < self.rules {
            return None;
        }
        let parts = self
            .dropped
            .iter()
            .map(|rule| format!("{}: {}", rule.field, rule.why));
        Some(Refusal {
            reason: first.reason,
            message: join(parts, self.dropped.len()),
        })
    }

    /// Message of `PartiallyInvalid=True`, which must start with "Dropped Rule"
    /// (`RouteConditionPartiallyInvalid`). `None` when the route is fully valid or fully invalid. `more` are rules
    /// that the provider does not serve.
    pub fn partially_invalid(&self, more: &[String]) -> Option<String> {
        let partially = !self.dropped.is_empty() && self.dropped.len() < self.rules;
        let own = self.dropped.iter().filter(|_| partially).map(DroppedRule::text);
        let parts: Vec<String> = own.chain(more.iter().cloned()).collect();
        let total = parts.len();
        (total > 0).then(|| format!("Dropped Rule {}", join(parts.into_iter(), total)))
    }

    /// `ResolvedRefs=False` with the reason of the first fault, in the order written, on a parent whose provider knows
    /// our own kinds of filters, or not.
    pub fn unresolved_refs(&self, extensions: Extensions) -> Option<Refusal> {
        let unknown = self
            .extensions
            .iter()
            .filter(|_| extensions == Extensions::Unknown)
            .map(|extension| {
                (
                    "InvalidKind",
                    format!("{}: {}", extension.field, extension.unknown()),
                )
            });
        let faults: Vec<(&'static str, String)> = self
            .unresolved
            .iter()
            .map(|fault| (fault.reason, format!("{}: {}", fault.field, fault.why)))
            .chain(unknown)
            .collect();
        let (reason, _) = faults.first()?;
        Some(Refusal {
            reason,
            message: join(faults.iter().map(|(_, text)| text.clone()), faults.len()),
        })
    }
}

impl DroppedRule {
    fn text(&self) -> String {
        let name = self.name.as_ref();
        let name = name.map(|name| format!(" \"{name}\"")).unwrap_or_default();
        format!("{}{name}: {}: {}", self.index, self.field, self.why)
    }
}

/// Joins parts with `; ` and counts those that are left out.
pub(crate) fn join(parts: impl Iterator<Item = String>, total: usize) -> String {
    let mut text = parts.take(NAMED).collect::<Vec<_>>().join("; ");
    if total > NAMED {
        let _ = write!(text, "; and {} more", total - NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(index: usize, reason: &'static str) -> DroppedRule {
        DroppedRule {
            index,
            name: None,
            reason,
            field: format!("spec.rules[{index}].matches[0]"),
            why: "bad".into(),
        }
    }

    #[test]
    fn a_route_with_some_invalid_rules_is_accepted_and_partially_invalid() {
        let findings = RouteFindings {
            rules: 2,
            dropped: vec![dropped(1, "UnsupportedValue")],
            ..RouteFindings::default()
        };
        assert_eq!(findings.refused(), None);
        assert_eq!(
            findings.partially_invalid(&[]).unwrap(),
            "Dropped Rule 1: spec.rules[1].matches[0]: bad"
        );
    }

    #[test]
    fn a_route_without_valid_rule_is_refused_and_not_partially_invalid() {
        let findings = RouteFindings {
            rules: 1,
            dropped: vec![dropped(0, "IncompatibleFilters")],
            ..RouteFindings::default()
        };
        assert_eq!(findings.refused().unwrap().reason, "IncompatibleFilters");
        assert_eq!(findings.partially_invalid(&[]), None);
        assert_eq!(RouteFindings::default().refused(), None);
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let fault = |index| RefFault {
            reason: "InvalidKind",
            field: format!("f{index}"),
            why: "x".into(),
        };
        let findings = RouteFindings {
            unresolved: (0..10).map(fault).collect(),
            ..RouteFindings::default()
        };
        let message = findings.unresolved_refs(Extensions::Served).unwrap().message;
        assert!(message.ends_with("f7: x; and 2 more"), "{message}");
    }
}
