//! AwsTargetGroupParameters: how the targets of a Service are served on AWS. A direct policy (GEP-713).

use super::{PolicyVerdict, Precedence};
use crate::lookup::Lookup;
use crate::snapshot::{Dep, View, listed};
use crate::translate::{Refusal, join};
use gatewright_crds::own::{AwsTargetGroupParameters, AwsTargetGroupParametersSpec};
use gatewright_model::key::ObjectName;
use std::sync::Arc;

/// The settings of a Service: those of the oldest that targets it.
pub fn effective(view: &View<'_>, service: &ObjectName) -> Option<Arc<AwsTargetGroupParametersSpec>> {
    let winner = winner(view, service)?;
    Some(Arc::new(winner.spec.clone()))
}

/// The Services that settings are for.
pub fn targets(settings: &AwsTargetGroupParameters) -> impl Iterator<Item = ObjectName> + '_ {
    let namespace = settings.metadata.namespace.as_deref().unwrap_or_default();
    let names = settings.spec.target_refs.iter();
    names.map(move |target| ObjectName::new(namespace, &target.name))
}

/// What the conditions say, the same for each ancestor.
pub fn verdict(view: &View<'_>, settings: &AwsTargetGroupParameters) -> PolicyVerdict {
    let mut lost = Vec::new();
    let mut missing = Vec::new();
    for (index, service) in targets(settings).enumerate() {
        match winner(view, &service) {
            Some(winner) if winner.metadata.name != settings.metadata.name => {
                let name = winner.metadata.name.as_deref().unwrap_or_default();
                lost.push(format!(
                    "spec.targetRefs[{index}]: the older AwsTargetGroupParameters {name} has Service {service}"
                ));
            }
            _ => {}
        }
        if view.service(&service).is_none() {
            missing.push(format!(
                "spec.targetRefs[{index}]: Service {service} does not exist"
            ));
        }
    }
    let total = targets(settings).count();
    let all_lost = !lost.is_empty() && lost.len() == total;
    let refused = if all_lost {
        Some(Refusal {
            reason: "Conflicted",
            message: join(lost.iter().cloned(), lost.len()),
        })
    } else if !missing.is_empty() && missing.len() == total {
        Some(Refusal {
            reason: "TargetNotFound",
            message: join(missing.iter().cloned(), missing.len()),
        })
    } else {
        None
    };
    let notes = if refused.is_some() {
        Vec::new()
    } else {
        lost.into_iter().chain(missing).collect()
    };
    PolicyVerdict {
        refused,
        unresolved: None,
        notes,
    }
}

fn winner<'a>(view: &View<'a>, service: &ObjectName) -> Option<&'a AwsTargetGroupParameters> {
    let settings: Vec<&AwsTargetGroupParameters> =
        listed!(view, Dep::TargetGroupsOf(service.clone()), AwsTargetGroup);
    settings
        .into_iter()
        .min_by_key(|settings| Precedence::of(&settings.metadata))
}
