//! ListenerSets: which ones a Gateway takes in (GEP-1713).

use super::allowed::NamespaceRule;
use crate::policy::Precedence;
use crate::snapshot::{Dep, View, listed};
use crate::translate::Refusal;
use gatewright_crds::api::{AllowedListeners, ListenerNamespacesFrom, ListenerSet};
use gatewright_crds::constants::listener_set::reason;
use gatewright_model::key::ObjectName;

/// A ListenerSet that names a Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetNode {
    /// Namespace and name.
    pub name: ObjectName,
    /// Why the Gateway does not take it in.
    pub refused: Option<Refusal>,
}

/// The ListenerSets of a Gateway in order of precedence: the oldest, then by name.
pub fn of_gateway<'a>(view: &View<'a>, gateway: &ObjectName) -> Vec<&'a ListenerSet> {
    let mut sets: Vec<&ListenerSet> = listed!(view, Dep::ListenerSetsOf(gateway.clone()), ListenerSet);
    sets.sort_by(|one, other| Precedence::of(&one.metadata).cmp(&Precedence::of(&other.metadata)));
    sets
}

/// The rule of `spec.allowedListeners`; by default no ListenerSet may attach.
pub fn rule(allowed: Option<&AllowedListeners>, own: &str) -> NamespaceRule {
    let namespaces = allowed.and_then(|allowed| allowed.namespaces.as_ref());
    match namespaces
        .and_then(|namespaces| namespaces.from)
        .unwrap_or(ListenerNamespacesFrom::None)
    {
        ListenerNamespacesFrom::None => NamespaceRule::None,
        ListenerNamespacesFrom::All => NamespaceRule::All,
        ListenerNamespacesFrom::Same => NamespaceRule::Same(own.into()),
        ListenerNamespacesFrom::Selector => {
            NamespaceRule::Selector(namespaces.and_then(|namespaces| namespaces.selector.as_deref().cloned()))
        }
    }
}

/// Whether a Gateway takes a set in. Checklist: `NotAllowed` before `ParentNotAccepted`.
pub fn evaluate(
    view: &View<'_>,
    set: &ListenerSet,
    rule: &NamespaceRule,
    gateway_refused: Option<&Refusal>,
) -> SetNode {
    let name = crate::snapshot::name_of(&set.metadata);
    let parent = &set.spec.parent_ref;
    let not_allowed = || Refusal {
        reason: reason::NOT_ALLOWED,
        message: format!(
            "Gateway {} takes in ListenerSets {} (its spec.allowedListeners.namespaces)",
            parent.name,
            rule.describe()
        ),
    };
    let not_accepted = |refusal: &Refusal| Refusal {
        reason: reason::PARENT_NOT_ACCEPTED,
        message: format!("Gateway {} is not accepted: {}", parent.name, refusal.message),
    };
    let refused = if rule.allows(view, &name.namespace) {
        gateway_refused.map(not_accepted)
    } else {
        Some(not_allowed())
    };
    SetNode { name, refused }
}
