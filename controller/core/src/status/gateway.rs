//! Status of a Gateway.

use super::listener::{self, ListenerContext};
use super::programming::{AssignedAddress, ListenerOutcome, PLAN, Planned, Programming};
use super::shortfall::{APPROXIMATED, Approximated, BY_PROVIDER, UNSUPPORTED};
use super::{Stamp, Truth, Wanted, standing};
use crate::graph::gateway::GatewayNode;
use crate::translate::join;
use gatewright_crds::api::{GatewayStatus, GatewayStatusAddress};
use gatewright_crds::constants::gateway::{condition, reason};
use gatewright_model::balancer::AddressRequest;
use gatewright_model::key::{ListenerKey, ListenerParent};
use std::collections::BTreeMap;

/// What a Gateway's status depends on besides the Gateway.
#[derive(Clone, Copy, Debug)]
pub struct GatewayContext<'a> {
    /// Outcome of the data plane; `None` before it had a word.
    pub programming: Option<&'a Programming>,
    /// Routes attached to each listener.
    pub attached: &'a BTreeMap<ListenerKey, usize>,
    /// Whether what the status said of the data plane stands until then: in a cluster, where it was said by us.
    pub stands: bool,
    /// Whether addresses have a `routability` (GEP-5093): where the CRD does not declare it, the API server
    /// refuses to apply it.
    pub routability: bool,
}

/// Checklist items 6 to 12.
pub fn status(
    existing: Option<&GatewayStatus>,
    node: &GatewayNode,
    context: GatewayContext<'_>,
    stamp: Stamp,
) -> GatewayStatus {
    let parent = ListenerParent::Gateway(node.name.clone());
    let standing = existing.filter(|_| context.stands && context.programming.is_none());
    let standing = standing.and_then(|status| standing::of_gateway(status, &parent, stamp));
    // What is not accepted is not served, whatever it was before.
    let programming = context.programming.or(standing.as_ref());
    let context = GatewayContext {
        programming: programming.filter(|_| node.refused.is_none()),
        ..context
    };
    let addresses = Addresses::of(node, context.programming);
    let before = existing
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let parent_fault = whole_fault(node);
    let listeners_before = existing
        .and_then(|status| status.listeners.as_deref())
        .unwrap_or_default();
    let listeners = node.listeners_of(&parent).map(|listener| {
        let context = ListenerContext {
            parent_fault: parent_fault.as_deref(),
            programming: context.programming,
            attached: context.attached.get(&listener.key).copied().unwrap_or_default(),
        };
        listener::status(listeners_before, listener, context, stamp)
    });
    let sets = node
        .sets
        .iter()
        .filter(|set| super::listener_set::is_accepted(node, set, context.programming));
    GatewayStatus {
        addresses: Some(
            addresses
                .given
                .iter()
                .map(|address| written(address, context.routability))
                .collect(),
        ),
        attached_listener_sets: Some(i32::try_from(sets.count()).unwrap_or(i32::MAX)),
        listeners: Some(listeners.collect()),
        conditions: Some(stamp.merge(before, conditions(node, context, &addresses))),
    }
}

/// Why nothing of a Gateway is programmed, whatever its listeners are.
pub fn whole_fault(node: &GatewayNode) -> Option<String> {
    let refusal = node.refused.as_ref()?;
    Some(format!("the Gateway is not accepted: {}", refusal.message))
}

fn conditions(node: &GatewayNode, context: GatewayContext<'_>, addresses: &Addresses<'_>) -> Vec<Wanted> {
    let accepted = accepted(node, context.programming);
    let programmed = programmed(node, context.programming, addresses);
    let mut wanted = vec![accepted, programmed];
    wanted.extend(resolved(node));
    if node.insecure_frontend {
        wanted.push(Wanted::yes(
            condition::INSECURE_FRONTEND_VALIDATION_MODE,
            reason::CONFIGURATION_CHANGED,
            "spec.tls.frontend: mode AllowInsecureFallback accepts clients without a valid certificate",
        ));
    }
    if context.routability && context.programming.is_some() && node.refused.is_none() {
        wanted.push(addresses.assigned());
    }
    let shortfall = context.programming.map(|programming| &programming.shortfall);
    if let Some(message) = shortfall.and_then(|found| found.gateway(Approximated::No)) {
        wanted.push(Wanted::yes(UNSUPPORTED, BY_PROVIDER, message));
    }
    if let Some(message) = shortfall.and_then(|found| found.gateway(Approximated::Yes)) {
        wanted.push(Wanted::yes(APPROXIMATED, BY_PROVIDER, message));
    }
    wanted.extend(
        context
            .programming
            .and_then(|programming| programming.plan.as_ref())
            .map(planned),
    );
    wanted
}

fn planned(plan: &Planned) -> Wanted {
    Wanted {
        kind: PLAN,
        truth: match plan.done {
            Some(true) => Truth::True,
            Some(false) => Truth::False,
            None => Truth::Unknown,
        },
        reason: plan.reason.to_string().into(),
        message: plan.message.clone().into(),
    }
}

/// References of the Gateway itself, and in sum those of its listeners (`GatewayConditionResolvedRefs`). Absent when
/// there is nothing to say: the Gateway has none, and those of its listeners are resolved.
fn resolved(node: &GatewayNode) -> Option<Wanted> {
    let no = |reason: &'static str, message: String| Wanted::no(condition::RESOLVED_REFS, reason, message);
    if let Some(Err(fault)) = &node.client_certificate {
        return Some(no(fault.reason, fault.message.clone()));
    }
    let parent = ListenerParent::Gateway(node.name.clone());
    let unresolved: Vec<&str> = node
        .listeners_of(&parent)
        .filter(|listener| listener.unresolved.is_some())
        .map(|listener| &*listener.key.name)
        .collect();
    if !unresolved.is_empty() {
        let total = unresolved.len();
        let names = join(unresolved.into_iter().map(str::to_owned), total);
        let message = format!("references of listeners are not resolved, their conditions say why: {names}");
        return Some(no(reason::LISTENERS_NOT_RESOLVED, message));
    }
    node.client_certificate.as_ref().map(|_| {
        Wanted::yes(
            condition::RESOLVED_REFS,
            reason::RESOLVED_REFS,
            "all references of the Gateway itself are resolved",
        )
    })
}

/// Checklist items 7 to 9: a Gateway without valid listener is not accepted; one with some invalid
/// listeners is, but its reason says so (`GatewayReasonListenersNotValid`).
fn accepted(node: &GatewayNode, programming: Option<&Programming>) -> Wanted {
    if let Some(refused) = &node.refused {
        return Wanted::no(condition::ACCEPTED, refused.reason, refused.message.clone());
    }
    let parent = ListenerParent::Gateway(node.name.clone());
    let invalid: Vec<&str> = node
        .listeners_of(&parent)
        .filter(|listener| !listener::is_accepted(listener, programming))
        .map(|listener| &*listener.key.name)
        .collect();
    if invalid.is_empty() {
        return Wanted::yes(condition::ACCEPTED, reason::ACCEPTED, "the Gateway is accepted");
    }
    let total = invalid.len();
    let names = join(invalid.into_iter().map(str::to_owned), total);
    // A ListenerSet's valid listener is as good as the Gateway's own for having something to serve.
    let any_valid = node
        .listeners
        .iter()
        .any(|listener| listener::is_accepted(listener, programming));
    if any_valid {
        let message = format!("some listeners are not valid: {names}; the others are served");
        Wanted::yes(condition::ACCEPTED, reason::LISTENERS_NOT_VALID, message)
    } else {
        Wanted::no(
            condition::ACCEPTED,
            reason::LISTENERS_NOT_VALID,
            format!("no listener is valid: {names}"),
        )
    }
}

fn programmed(node: &GatewayNode, programming: Option<&Programming>, addresses: &Addresses<'_>) -> Wanted {
    let no = |reason: &'static str, message: String| Wanted::no(condition::PROGRAMMED, reason, message);
    if let Some(fault) = whole_fault(node) {
        return no(reason::INVALID, fault);
    }
    if node.listeners.iter().all(|listener| listener.model.is_none()) {
        return no(reason::INVALID, "no listener can be programmed".to_owned());
    }
    let Some(programming) = programming else {
        return Wanted::unknown(
            condition::PROGRAMMED,
            reason::PENDING,
            "waiting for the data plane",
        );
    };
    if let Some(fault) = &programming.fault {
        return Wanted::no(
            condition::PROGRAMMED,
            fault.reason.to_string(),
            fault.message.clone(),
        );
    }
    if let Some(message) = addresses.unusable() {
        return no(reason::ADDRESS_NOT_USABLE, message);
    }
    if addresses.given.is_empty() {
        let message = "no address is assigned to the Gateway".to_owned();
        return no(reason::ADDRESS_NOT_ASSIGNED, message);
    }
    let outcomes = node.listeners.iter().filter(|listener| listener.model.is_some());
    let mut failure = None;
    for outcome in outcomes.filter_map(|listener| programming.listeners.get(&listener.key)) {
        match outcome {
            ListenerOutcome::Programmed => {
                let message = "the Gateway accepts traffic";
                return Wanted::yes(condition::PROGRAMMED, reason::PROGRAMMED, message);
            }
            ListenerOutcome::Failed { message, .. } => failure = Some(message.clone()),
        }
    }
    match failure {
        Some(message) => no(
            reason::INVALID,
            format!("no listener could be programmed: {message}"),
        ),
        None => Wanted::unknown(
            condition::PROGRAMMED,
            reason::PENDING,
            "waiting for the data plane",
        ),
    }
}

/// Requested against assigned addresses.
struct Addresses<'a> {
    /// Addresses for the status: with requests exactly one for each that is satisfied, else all (GEP-5093).
    given: Vec<&'a AssignedAddress>,
    /// Requests without an address: position and request.
    missing: Vec<(usize, &'a AddressRequest)>,
    requested: usize,
}

impl<'a> Addresses<'a> {
    fn of(node: &'a GatewayNode, programming: Option<&'a Programming>) -> Self {
        let assigned = programming
            .map(|programming| programming.addresses.as_slice())
            .unwrap_or_default();
        let requested = node.addresses.len();
        if requested == 0 {
            return Self {
                given: assigned.iter().collect(),
                missing: Vec::new(),
                requested,
            };
        }
        let mut free: Vec<&AssignedAddress> = assigned.iter().collect();
        let mut found = Self {
            given: Vec::new(),
            missing: Vec::new(),
            requested,
        };
        // Requests for a certain value choose first, so that a request for any address does not take it.
        let (fixed, open): (Vec<_>, Vec<_>) = node
            .addresses
            .iter()
            .enumerate()
            .partition(|(_, request)| request.value.is_some());
        for (index, request) in fixed.into_iter().chain(open) {
            match free.iter().position(|address| satisfies(address, request)) {
                Some(at) => found.given.push(free.remove(at)),
                None => found.missing.push((index, request)),
            }
        }
        found
    }

    fn missing_list(&self) -> String {
        let parts = self.missing.iter().map(|(index, request)| {
            let value = request.value.as_deref().unwrap_or("any");
            let scope = match &*request.routability {
                "" => String::new(),
                scope => format!(" with routability {scope}"),
            };
            format!("spec.addresses[{index}]: {} {value}{scope}", request.kind)
        });
        join(parts, self.missing.len())
    }

    /// Checklist item 9: an address that was asked for by value and cannot be used.
    fn unusable(&self) -> Option<String> {
        let fixed = self.missing.iter().any(|(_, request)| request.value.is_some());
        fixed.then(|| format!("cannot be used: {}", self.missing_list()))
    }

    fn assigned(&self) -> Wanted {
        let kind = condition::ADDRESSES_ASSIGNED;
        if self.given.is_empty() {
            let list = if self.missing.is_empty() {
                String::new()
            } else {
                format!(": {}", self.missing_list())
            };
            return Wanted::no(
                kind,
                reason::NOT_ASSIGNED,
                format!("no address is assigned{list}"),
            );
        }
        if self.missing.is_empty() {
            let message = if self.requested == 0 {
                "an address is assigned"
            } else {
                "all requested addresses are assigned"
            };
            return Wanted::yes(kind, reason::ADDRESSES_ASSIGNED, message);
        }
        Wanted::no(
            kind,
            reason::PARTIALLY_ASSIGNED,
            format!("not assigned: {}", self.missing_list()),
        )
    }
}

/// GEP-5093: "a non-empty routability is a requirement: implementations MUST NOT substitute another".
fn satisfies(address: &AssignedAddress, request: &AddressRequest) -> bool {
    address.kind == request.kind
        && request.value.as_ref().is_none_or(|value| *value == address.value)
        && (request.routability.is_empty() || request.routability == address.routability)
}

fn written(address: &AssignedAddress, routability: bool) -> GatewayStatusAddress {
    GatewayStatusAddress {
        routability: routability.then(|| address.routability.to_string()),
        r#type: Some(address.kind.to_string()),
        value: address.value.to_string(),
    }
}
