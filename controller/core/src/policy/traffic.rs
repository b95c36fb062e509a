//! XBackendTrafficPolicy: retry budgets (GEP-3388) and, deprecated, session persistence (GEP-1619).

use super::{PolicyVerdict, Precedence};
use crate::lookup::Lookup;
use crate::translate::{EXPERIMENTAL_GROUP, Refusal, join, milliseconds, session};
use gatewright_crds::api::{PolicyTargetReference as Target, RetryConstraint, XBackendTrafficPolicy};
use gatewright_model::backend::RetryBudget;
use gatewright_model::key::ObjectName;
use gatewright_model::route::SessionPersistence;
use std::sync::Arc;

/// What a policy means for a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrafficSettings {
    /// Limit on retries.
    pub retry_budget: Option<RetryBudget>,
    /// Session persistence of the backend.
    pub session_persistence: Option<Arc<SessionPersistence>>,
}

/// Settings for a backend of a kind (`Service` or `XBackend`): those of the oldest policy that
/// targets it and is valid in itself.
pub fn effective<L: Lookup>(lookup: &L, kind: &str, backend: &ObjectName) -> TrafficSettings {
    let policies = lookup.traffic_policies(kind, backend);
    let winner = policies
        .iter()
        .filter(|policy| selects(policy, kind, backend))
        .min_by_key(|policy| Precedence::of(&policy.metadata));
    winner
        .and_then(|policy| settings(policy).ok())
        .unwrap_or_default()
}

/// What the policy's conditions say, the same for each ancestor.
pub fn verdict<L: Lookup>(lookup: &L, policy: &XBackendTrafficPolicy) -> PolicyVerdict {
    let invalid = settings(policy).err().map(|message| Refusal {
        reason: "Invalid",
        message,
    });
    let refused = conflicts(lookup, policy)
        .or(invalid)
        .or_else(|| missing_targets(lookup, policy));
    let deprecated = policy.spec.session_persistence.is_some();
    let notes = if deprecated {
        vec!["spec.sessionPersistence is deprecated: use sessionPersistence of an XBackend".to_owned()]
    } else {
        Vec::new()
    };
    PolicyVerdict {
        refused,
        unresolved: None,
        notes,
    }
}

/// The backends that a policy targets: kind and name.
pub fn targets(policy: &XBackendTrafficPolicy) -> impl Iterator<Item = (&str, ObjectName)> + '_ {
    let namespace = namespace_of(policy);
    let known = policy.spec.target_refs.iter().filter(|target| is_backend(target));
    known.map(move |target| (target.kind.as_str(), ObjectName::new(namespace, &target.name)))
}

fn is_backend(target: &Target) -> bool {
    matches!(
        (target.group.as_str(), target.kind.as_str()),
        ("", "Service") | (EXPERIMENTAL_GROUP, "XBackend")
    )
}

fn selects(policy: &XBackendTrafficPolicy, kind: &str, backend: &ObjectName) -> bool {
    targets(policy).any(|(found, name)| found == kind && name == *backend)
}

/// `XBackendTrafficPolicy.spec.retryConstraint`; defaults as in the CRD, for objects that were never
/// defaulted: 20 % in 10 s, and at least 10 per second.
fn settings(policy: &XBackendTrafficPolicy) -> Result<TrafficSettings, String> {
    let retry_budget = policy.spec.retry_constraint.as_deref().map(budget).transpose()?;
    let session_persistence = policy
        .spec
        .session_persistence
        .as_deref()
        .map(session)
        .transpose()
        .map_err(|(field, why)| format!("spec.sessionPersistence.{field}: {why}"))?;
    Ok(TrafficSettings {
        retry_budget,
        session_persistence,
    })
}

fn budget(constraint: &RetryConstraint) -> Result<RetryBudget, String> {
    let RetryConstraint {
        budget,
        min_retry_rate,
    } = constraint;
    let budget = budget.clone().unwrap_or_default();
    let rate = min_retry_rate.clone().unwrap_or_default();
    let time = |field: &str, text: Option<&str>, default: &str| {
        let value = milliseconds(text.unwrap_or(default));
        match value {
            Ok(0) => Err(format!("spec.retryConstraint.{field}: must be longer than 0s")),
            Ok(value) => Ok(value),
            Err(error) => Err(format!("spec.retryConstraint.{field}: {error}")),
        }
    };
    let percent = u32::try_from(budget.percent.unwrap_or(20))
        .ok()
        .filter(|percent| *percent <= 100);
    let count = u32::try_from(rate.count.unwrap_or(10)).ok();
    Ok(RetryBudget {
        percent: percent.ok_or("spec.retryConstraint.budget.percent: accepted are 0 to 100")?,
        interval_ms: time("budget.interval", budget.interval.as_deref(), "10s")?,
        min_count: count.ok_or("spec.retryConstraint.minRetryRate.count: accepted are 1 to 1000000")?,
        min_interval_ms: time("minRetryRate.interval", rate.interval.as_deref(), "1s")?,
    })
}

fn conflicts<L: Lookup>(lookup: &L, policy: &XBackendTrafficPolicy) -> Option<Refusal> {
    let own = Precedence::of(&policy.metadata);
    let mut lost = Vec::new();
    for (index, target) in policy
        .spec
        .target_refs
        .iter()
        .enumerate()
        .filter(|(_, target)| is_backend(target))
    {
        let object = ObjectName::new(namespace_of(policy), &target.name);
        let others = lookup.traffic_policies(&target.kind, &object);
        let older = others
            .iter()
            .filter(|other| selects(other, &target.kind, &object) && Precedence::of(&other.metadata) < own)
            .min_by_key(|other| Precedence::of(&other.metadata));
        if let Some(older) = older {
            lost.push(format!(
                "spec.targetRefs[{index}]: {} {object} is already targeted by XBackendTrafficPolicy {}, which is older \
                 or first by name",
                target.kind,
                ObjectName::new(namespace_of(older), older.metadata.name.as_deref().unwrap_or_default())
            ));
        }
    }
    let total = lost.len();
    (total > 0).then(|| Refusal {
        reason: "Conflicted",
        message: join(lost.into_iter(), total),
    })
}

fn missing_targets<L: Lookup>(lookup: &L, policy: &XBackendTrafficPolicy) -> Option<Refusal> {
    let mut missing = Vec::new();
    for (index, target) in policy.spec.target_refs.iter().enumerate() {
        let Target { group, kind, name } = target;
        let object = ObjectName::new(namespace_of(policy), name);
        let exists = match (group.as_str(), kind.as_str()) {
            ("", "Service") => lookup.service(&object).is_some(),
            (EXPERIMENTAL_GROUP, "XBackend") => lookup.xbackend(&object).is_some(),
            _ => {
                missing.push(format!(
                    "spec.targetRefs[{index}]: kind {kind} cannot be targeted; accepted are Service and XBackend"
                ));
                continue;
            }
        };
        if !exists {
            missing.push(format!(
                "spec.targetRefs[{index}]: {kind} {object} does not exist"
            ));
        }
    }
    let total = missing.len();
    (total > 0).then(|| Refusal {
        reason: "TargetNotFound",
        message: join(missing.into_iter(), total),
    })
}

fn namespace_of(policy: &XBackendTrafficPolicy) -> &str {
    policy.metadata.namespace.as_deref().unwrap_or_default()
}
