//! What a binding's status says. Pure.

use super::work::targets;
use gatewright_crds::own::aws::AwsTargetGroupBindingStatus;
use gatewright_provider_api::contract::{Bound, ProviderError, Verdict};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The status, after a run on an object of this generation; of conditions that stay as they are the time stays, too.
pub fn status(
    bound: &Bound,
    known: &AwsTargetGroupBindingStatus,
    (generation, now): (i64, Timestamp),
) -> AwsTargetGroupBindingStatus {
    let (accepted, programmed) = words(bound);
    let condition = |name: &str, (status, reason, message): Words| {
        let before = known.conditions.iter().find(|condition| condition.type_ == name);
        let same = before.filter(|before| before.status == status);
        Condition {
            type_: name.to_owned(),
            status: status.to_owned(),
            reason,
            message,
            observed_generation: Some(generation),
            last_transition_time: same.map_or(Time(now), |before| before.last_transition_time.clone()),
        }
    };
    let mut conditions: Vec<Condition> = match accepted {
        Some(accepted) => vec![condition("Accepted", accepted)],
        // Who cannot be asked takes no word back.
        None => known
            .conditions
            .iter()
            .filter(|condition| condition.type_ == "Accepted")
            .cloned()
            .collect(),
    };
    conditions.push(condition("Programmed", programmed));
    AwsTargetGroupBindingStatus {
        conditions,
        target_group_arn: bound
            .group
            .as_deref()
            .map(ToOwned::to_owned)
            .or_else(|| known.target_group_arn.clone()),
        targets: targets(&bound.members),
    }
}

/// Status, reason and message.
type Words = (&'static str, String, String);

fn words(bound: &Bound) -> (Option<Words>, Words) {
    if let Some((reason, message)) = &bound.refused {
        let refused = ("False", (*reason).to_owned(), message.clone());
        return (Some(refused), ("False", "Invalid".to_owned(), message.clone()));
    }
    let accepted = || {
        (
            "True",
            "Accepted".to_owned(),
            "the binding can be served".to_owned(),
        )
    };
    if let Some(error) = &bound.unread {
        return (None, fault(error));
    }
    let failure = bound.changes.iter().find_map(|change| match &change.verdict {
        Verdict::Failed(error) => Some(error),
        Verdict::Done | Verdict::Skipped(_) => None,
    });
    let programmed = match failure {
        Some(error) => fault(error),
        None => (
            "True",
            "Programmed".to_owned(),
            format!("{} targets of the Service are registered", bound.members.len()),
        ),
    };
    (Some(accepted()), programmed)
}

fn fault(error: &ProviderError) -> Words {
    ("False", error.treatment().reason.to_owned(), error.to_string())
}
