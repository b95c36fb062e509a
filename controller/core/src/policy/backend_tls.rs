//! BackendTLSPolicy: TLS from the gateway to Services (GEP-1897).
//!
//! A policy targets Services of its own namespace, whole or one port by its name (`sectionName`).
//! It applies to the backends of HTTPRoutes and GRPCRoutes, to terminated TLSRoutes, and to the
//! backends of filters. Several targetRefs are supported: each is decided on its own.

use super::{PolicyVerdict, Precedence, TlsFindings, validate};
use crate::lookup::{Lookup, Referrer};
use crate::translate::{Refusal, join};
use gatewright_crds::api::{BackendTlsPolicy, PolicyTargetReferenceWithSectionName as Target};
use gatewright_model::key::ObjectName;

/// The policy that decides how a Service port is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectivePolicy {
    /// The policy.
    pub policy: ObjectName,
    /// What it asks for.
    pub findings: TlsFindings,
}

/// Whether any policy applies to a Service port, without evaluating it.
pub fn applies<L: Lookup>(lookup: &L, service: &ObjectName, port_name: &str) -> bool {
    winner(&lookup.backend_tls_policies(service), service, port_name).is_some()
}

/// The policy for a Service port: one that names the port goes before one for the whole Service; of
/// several the oldest, then the first by name, wins.
pub fn effective<L: Lookup>(lookup: &L, service: &ObjectName, port_name: &str) -> Option<EffectivePolicy> {
    let policies = lookup.backend_tls_policies(service);
    let policy = winner(&policies, service, port_name)?;
    Some(EffectivePolicy {
        policy: name_of(policy),
        findings: findings(lookup, policy),
    })
}

/// What the policy's conditions say (checklist item 25: status is per Gateway, and the same for each).
pub fn verdict<L: Lookup>(lookup: &L, policy: &BackendTlsPolicy) -> PolicyVerdict {
    let found = findings(lookup, policy);
    let mut verdict = PolicyVerdict {
        refused: found.refused,
        unresolved: found.unresolved,
        notes: notes(policy),
    };
    if let Some(conflict) = conflicts(lookup, policy) {
        verdict.refused = Some(conflict);
    } else if verdict.refused.is_none() {
        verdict.refused = missing_targets(lookup, policy);
    }
    verdict
}

/// The Services that a policy targets, in the order written.
pub fn targets(policy: &BackendTlsPolicy) -> impl Iterator<Item = ObjectName> + '_ {
    service_targets(policy).map(|(_, target)| ObjectName::new(namespace_of(policy), &target.name))
}

fn findings<L: Lookup>(lookup: &L, policy: &BackendTlsPolicy) -> TlsFindings {
    let referrer = Referrer::gateway_api("BackendTLSPolicy", namespace_of(policy));
    validate(lookup, referrer, &policy.spec.validation, "spec.validation")
}

fn service_targets(policy: &BackendTlsPolicy) -> impl Iterator<Item = (usize, &Target)> {
    let targets = policy.spec.target_refs.iter().enumerate();
    targets.filter(|(_, target)| target.group.is_empty() && target.kind == "Service")
}

fn section(target: &Target) -> &str {
    target.section_name.as_deref().unwrap_or_default()
}

/// Whether a policy has exactly this target.
fn selects(policy: &BackendTlsPolicy, service: &ObjectName, section_name: &str) -> bool {
    namespace_of(policy) == &*service.namespace
        && service_targets(policy)
            .any(|(_, target)| target.name == *service.name && section(target) == section_name)
}

fn winner<'a>(
    policies: &[&'a BackendTlsPolicy],
    service: &ObjectName,
    port_name: &str,
) -> Option<&'a BackendTlsPolicy> {
    let oldest = |section_name: &str| {
        let selecting = policies
            .iter()
            .filter(|policy| selects(policy, service, section_name));
        selecting
            .min_by_key(|policy| Precedence::of(&policy.metadata))
            .copied()
    };
    let by_port = if port_name.is_empty() {
        None
    } else {
        oldest(port_name)
    };
    by_port.or_else(|| oldest(""))
}

/// `Accepted=False/Conflicted` when an older policy has the same target and section.
fn conflicts<L: Lookup>(lookup: &L, policy: &BackendTlsPolicy) -> Option<Refusal> {
    let own = Precedence::of(&policy.metadata);
    let mut lost = Vec::new();
    for (index, target) in service_targets(policy) {
        let service = ObjectName::new(namespace_of(policy), &target.name);
        let others = lookup.backend_tls_policies(&service);
        let older = others
            .iter()
            .filter(|other| selects(other, &service, section(target)))
            .filter(|other| Precedence::of(&other.metadata) < own)
            .min_by_key(|other| Precedence::of(&other.metadata));
        if let Some(older) = older {
            let part = match section(target) {
                "" => String::new(),
                name => format!(" port \"{name}\""),
            };
            lost.push(format!(
                "spec.targetRefs[{index}]: Service {service}{part} is already targeted by BackendTLSPolicy {}, which is \
                 older or first by name",
                name_of(older)
            ));
        }
    }
    let total = lost.len();
    (total > 0).then(|| Refusal {
        reason: "Conflicted",
        message: join(lost.into_iter(), total),
    })
}

/// `Accepted=False/TargetNotFound`: "If a SectionName is specified, but does not exist on the targeted
/// object, the Policy must fail to attach" (`LocalPolicyTargetReferenceWithSectionName`).
fn missing_targets<L: Lookup>(lookup: &L, policy: &BackendTlsPolicy) -> Option<Refusal> {
    let mut missing = Vec::new();
    for (index, target) in policy.spec.target_refs.iter().enumerate() {
        let Target {
            group,
            kind,
            name,
            section_name,
        } = target;
        let object = ObjectName::new(namespace_of(policy), name);
        let field = format!("spec.targetRefs[{index}]");
        if !group.is_empty() || kind != "Service" {
            missing.push(format!(
                "{field}: kind {kind} cannot be targeted; accepted is Service of the core group"
            ));
            continue;
        }
        let Some(service) = lookup.service(&object) else {
            missing.push(format!("{field}: Service {object} does not exist"));
            continue;
        };
        let Some(section_name) = section_name.as_deref().filter(|name| !name.is_empty()) else {
            continue;
        };
        let ports = service
            .spec
            .as_ref()
            .and_then(|spec| spec.ports.as_deref())
            .unwrap_or_default();
        if !ports
            .iter()
            .any(|port| port.name.as_deref() == Some(section_name))
        {
            let names: Vec<&str> = ports.iter().filter_map(|port| port.name.as_deref()).collect();
            let found = if names.is_empty() {
                "none has a name".to_owned()
            } else {
                names.join(", ")
            };
            missing.push(format!(
                "{field}.sectionName: Service {object} has no port named \"{section_name}\" (its ports: {found})"
            ));
        }
    }
    let total = missing.len();
    (total > 0).then(|| Refusal {
        reason: "TargetNotFound",
        message: join(missing.into_iter(), total),
    })
}

fn notes(policy: &BackendTlsPolicy) -> Vec<String> {
    let options = policy.spec.options.iter().flatten();
    options
        .map(|(name, _)| format!("spec.options[\"{name}\"] is not known here and has no effect"))
        .collect()
}

fn namespace_of(policy: &BackendTlsPolicy) -> &str {
    policy.metadata.namespace.as_deref().unwrap_or_default()
}

fn name_of(policy: &BackendTlsPolicy) -> ObjectName {
    ObjectName::new(
        namespace_of(policy),
        policy.metadata.name.as_deref().unwrap_or_default(),
    )
}
