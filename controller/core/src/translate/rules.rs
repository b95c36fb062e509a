//! What rules of HTTPRoutes and GRPCRoutes have in common while they are read.

use super::extension::{self, At, is_ours};
use super::outcome::{DroppedRule, RefFault, RouteFindings};
use super::reference::{Reference, Resolver};
use crate::lookup::Lookup;
use gatewright_model::Str;
use gatewright_model::backend::{BackendTarget, WeightedBackend};
use gatewright_model::filter::HttpFilter;

/// Reason of a rule that is dropped because a value means nothing.
pub(super) const UNSUPPORTED_VALUE: &str = "UnsupportedValue";
/// Reason of a rule that is dropped because its filters exclude one another.
pub(super) const INCOMPATIBLE_FILTERS: &str = "IncompatibleFilters";

/// Why a rule cannot be served at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RuleFault {
    /// `UnsupportedValue` or `IncompatibleFilters`.
    pub(super) reason: &'static str,
    /// Path of the guilty field, from `spec`.
    pub(super) field: String,
    /// What is wrong with it.
    pub(super) why: String,
}

impl RuleFault {
    pub(super) fn value(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            reason: UNSUPPORTED_VALUE,
            field: field.into(),
            why: why.into(),
        }
    }

    pub(super) fn filters(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            reason: INCOMPATIBLE_FILTERS,
            field: field.into(),
            why: why.into(),
        }
    }
}

/// One rule being read: what it found out counts only if the rule is kept.
pub(super) struct RuleContext<'a, 'r, L> {
    pub(super) resolver: &'a Resolver<'r, L>,
    /// Position in `spec.rules`.
    pub(super) index: u32,
    /// `spec.rules[i]`.
    pub(super) path: String,
    pub(super) findings: RouteFindings,
    /// Backend references that were read.
    pub(super) references: u32,
    /// What makes the whole rule answer 500.
    pub(super) fault: Option<String>,
}

impl<'a, 'r, L: Lookup> RuleContext<'a, 'r, L> {
    pub(super) fn new(resolver: &'a Resolver<'r, L>, index: usize) -> Self {
        Self {
            resolver,
            index: index as u32,
            path: format!("spec.rules[{index}]"),
            findings: RouteFindings::default(),
            references: 0,
            fault: None,
        }
    }

    /// Resolves a reference; a fault is noted for `ResolvedRefs` and becomes an invalid target.
    pub(super) fn target(&mut self, reference: Reference<'_>, field: &str) -> BackendTarget {
        match self.resolver.resolve(reference, field) {
            Ok(key) => {
                self.findings.backends.insert(key.clone());
                BackendTarget::Backend(key)
            }
            Err(fault) => {
                let words = fault.why.clone();
                self.findings.unresolved.push(fault);
                BackendTarget::Invalid(words.into())
            }
        }
    }

    /// A backend reference with its weight, 1 by default (`BackendRef.weight`).
    pub(super) fn weighted(
        &mut self,
        (reference, weight): (Reference<'_>, Option<i32>),
        field: &str,
        filters: Vec<HttpFilter>,
    ) -> WeightedBackend {
        let weight = u32::try_from(weight.unwrap_or(1)).unwrap_or(0);
        let position = self.references;
        self.references += 1;
        WeightedBackend {
            target: if is_ours(&reference) {
                extension::backend(self, reference, (field, position))
            } else {
                self.target(reference, field)
            },
            weight,
            filters,
        }
    }

    /// What makes the whole rule answer 500, also where a provider does not know its extension, and what was found out.
    pub(super) fn finish(self) -> (Option<Str>, RouteFindings) {
        let Self {
            mut findings, fault, ..
        } = self;
        let fault = match fault {
            Some(fault) => {
                findings.extensions.clear();
                Some(fault)
            }
            None => findings
                .extensions
                .iter()
                .find(|extension| extension.at == At::Filter)
                .map(|extension| format!("{}: {}", extension.field, extension.unknown())),
        };
        (fault.map(Into::into), findings)
    }

    /// Notes a reference that is not one to a backend.
    pub(super) fn unresolved(&mut self, reason: &'static str, field: String, why: String) {
        self.findings.unresolved.push(RefFault { reason, field, why });
    }
}

/// Adds what a rule found out to the route's findings, or notes that it was dropped.
pub(super) fn settle<T>(
    findings: &mut RouteFindings,
    (index, name): (usize, Option<&str>),
    rule: Result<(T, RouteFindings), RuleFault>,
) -> Option<T> {
    match rule {
        Ok((rule, found)) => {
            findings.unresolved.extend(found.unresolved);
            findings.backends.extend(found.backends);
            findings.extensions.extend(found.extensions);
            Some(rule)
        }
        Err(fault) => {
            let RuleFault { reason, field, why } = fault;
            findings.dropped.push(DroppedRule {
                index,
                name: name.map(Into::into),
                reason,
                field,
                why,
            });
            None
        }
    }
}
