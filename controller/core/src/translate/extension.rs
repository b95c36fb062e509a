//! Filters of type ExtensionRef: kinds that only some providers serve.

use super::rules::{RuleContext, RuleFault};
use crate::lookup::Lookup;
use gatewright_crds::api::LocalObjectReference;
use gatewright_crds::own::GROUP;
use gatewright_model::key::ObjectName;

/// The one kind that is known.
const AWS_ROUTE: &str = "AwsRouteParameters";

/// Where filters stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// In a rule.
    Rule,
    /// In a backend reference.
    Backend,
}

/// An object of our own that a rule names in a filter of type ExtensionRef, and that is there. Providers that do not
/// know it answer the rule's requests with 500.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Rule, by its position in the route.
    pub rule: u32,
    /// Path of the field.
    pub field: String,
    /// The AwsRouteParameters.
    pub object: ObjectName,
}

impl Extension {
    /// Why a provider that does not know it cannot serve it.
    pub(super) fn unknown(&self) -> String {
        format!(
            "{AWS_ROUTE} {} is for Application Load Balancers of AWS alone",
            self.object
        )
    }
}

/// Notes what a filter refers to. "If a reference to a custom filter type cannot be resolved, the filter MUST NOT be
/// skipped. Instead, requests that would have been processed by that filter MUST receive a HTTP error response"
/// (`HTTPRouteFilter.type`).
pub(super) fn extension<L: Lookup>(
    context: &mut RuleContext<'_, '_, L>,
    reference: &LocalObjectReference,
    field: String,
    holder: Holder,
) -> Result<(), RuleFault> {
    let LocalObjectReference { group, kind, name } = reference;
    let object = ObjectName::new(context.resolver.referrer.namespace, name);
    let (reason, why) = if (group.as_str(), kind.as_str()) != (GROUP, AWS_ROUTE) {
        let why = format!(
            "{kind} \"{name}\" of group {group} is not a kind of filter that is known here; known is {AWS_ROUTE} of \
             {GROUP}"
        );
        ("InvalidKind", why)
    } else if holder == Holder::Backend {
        let why = format!("{AWS_ROUTE} \"{name}\" is for all requests of a rule: only a rule can name it");
        ("InvalidKind", why)
    } else if !context.findings.extensions.is_empty() {
        let why = format!("a rule names one {AWS_ROUTE} at most");
        return Err(RuleFault::filters(field, why));
    } else if context.resolver.lookup.aws_route(&object).is_none() {
        // "has a reference to a resource that does not exist" (`RouteReasonBackendNotFound`).
        ("BackendNotFound", format!("{AWS_ROUTE} {object} does not exist"))
    } else {
        let rule = context.index;
        context
            .findings
            .extensions
            .push(Extension { rule, field, object });
        return Ok(());
    };
    context.fault.get_or_insert_with(|| format!("{field}: {why}"));
    context.unresolved(reason, field, why);
    Ok(())
}
