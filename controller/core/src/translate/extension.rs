//! Kinds of our own that routes refer to and only some providers serve: in filters of type ExtensionRef, and as backends.

use super::reference::Reference;
use super::rules::{RuleContext, RuleFault};
use crate::lookup::Lookup;
use gatewright_crds::api::LocalObjectReference;
use gatewright_crds::own::GROUP;
use gatewright_model::backend::BackendTarget;
use gatewright_model::key::ObjectName;

/// The one kind of filter that is known.
const AWS_ROUTE: &str = "AwsRouteParameters";
/// The one kind of backend of our own.
const AWS_BACKEND: &str = "AwsBackend";

/// Where filters stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// In a rule.
    Rule,
    /// In a backend reference.
    Backend,
}

/// An object of our own that a rule names, and that is there. A provider that does not know it answers the rule's
/// requests, or the backend's share of them, with 500.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Rule, by its position in the route.
    pub rule: u32,
    /// What of the rule names it.
    pub at: At,
    /// Path of the field.
    pub field: String,
    /// The object.
    pub object: ObjectName,
}

/// What of a rule names an object of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A filter: an AwsRouteParameters.
    Filter,
    /// The backend reference of this position: an AwsBackend.
    Backend(u32),
}

impl Extension {
    /// Why a provider that does not know it cannot serve it.
    pub(super) fn unknown(&self) -> String {
        let kind = match self.at {
            At::Filter => AWS_ROUTE,
            At::Backend(_) => AWS_BACKEND,
        };
        format!(
            "{kind} {} is for Application Load Balancers of AWS alone",
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
    let mut known = context.findings.extensions.iter();
    let (reason, why) = if (group.as_str(), kind.as_str()) != (GROUP, AWS_ROUTE) {
        let why = format!(
            "{kind} \"{name}\" of group {group} is not a kind of filter that is known here; known is {AWS_ROUTE} of \
             {GROUP}"
        );
        ("InvalidKind", why)
    } else if holder == Holder::Backend {
        let why = format!("{AWS_ROUTE} \"{name}\" is for all requests of a rule: only a rule can name it");
        ("InvalidKind", why)
    } else if known.any(|known| known.at == At::Filter) {
        let why = format!("a rule names one {AWS_ROUTE} at most");
        return Err(RuleFault::filters(field, why));
    } else if context.resolver.lookup.aws_route(&object).is_none() {
        // "has a reference to a resource that does not exist" (`RouteReasonBackendNotFound`).
        ("BackendNotFound", format!("{AWS_ROUTE} {object} does not exist"))
    } else {
        context.findings.extensions.push(Extension {
            rule: context.index,
            at: At::Filter,
            field,
            object,
        });
        return Ok(());
    };
    context.fault.get_or_insert_with(|| format!("{field}: {why}"));
    context.unresolved(reason, field, why);
    Ok(())
}

/// Whether a backend reference is one to a kind of our own.
pub(super) fn is_ours(reference: &Reference<'_>) -> bool {
    (reference.group, reference.kind) == (GROUP, AWS_BACKEND)
}

/// Notes what a backend reference refers to. The model has no word for it: for whoever does not know it, it is invalid.
pub(super) fn backend<L: Lookup>(
    context: &mut RuleContext<'_, '_, L>,
    reference: Reference<'_>,
    (field, position): (&str, u32),
) -> BackendTarget {
    let referrer = context.resolver.referrer;
    let object = ObjectName::new(reference.namespace.unwrap_or(referrer.namespace), reference.name);
    let lookup = context.resolver.lookup;
    let found = if let Some(port) = reference.port {
        let why = format!("port {port} is given, but an {AWS_BACKEND} has none");
        Err(("InvalidKind", why))
    } else if let Err(why) = referrer.may_refer(lookup, (GROUP, AWS_BACKEND), &object) {
        Err(("RefNotPermitted", why))
    } else if lookup.aws_backend(&object).is_none() {
        Err((
            "BackendNotFound",
            format!("{AWS_BACKEND} {object} does not exist"),
        ))
    } else {
        Ok(Extension {
            rule: context.index,
            at: At::Backend(position),
            field: field.to_owned(),
            object,
        })
    };
    match found {
        Ok(extension) => {
            let words = extension.unknown();
            context.findings.extensions.push(extension);
            BackendTarget::Invalid(words.into())
        }
        Err((reason, why)) => {
            context.unresolved(reason, field.to_owned(), why.clone());
            BackendTarget::Invalid(why.into())
        }
    }
}
