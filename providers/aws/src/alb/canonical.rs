//! Wanted and existing settings in one form, so that what means the same compares as the same.

use crate::cloud::{Action, Arn, Forward, RuleSettings, Seen};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::before::Before;
use gatewright_aws_core::alb::rule::{self as wanted, Conditions, Rule, Values};
use gatewright_aws_core::target_group::TargetGroupId;
use std::collections::{BTreeMap, BTreeSet};

/// ARNs of wanted target groups, as far as they exist.
pub type GroupArns = BTreeMap<TargetGroupId, Arn>;

/// Conditions with hosts and header names in lower case: AWS compares both in any case
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>).
pub fn conditions(from: &Conditions) -> Conditions {
    let mut to = from.clone();
    to.host = from.host.as_ref().map(|values| match values {
        Values::Wildcards(values) => Values::Wildcards(values.iter().map(lower).collect::<BTreeSet<Str>>()),
        // In an expression, case can matter (`\D`).
        Values::Regex(values) => Values::Regex(values.clone()),
    });
    to.headers = from
        .headers
        .iter()
        .cloned()
        .map(|mut header| {
            header.name = lower(&header.name);
            header
        })
        .collect();
    to
}

fn lower(text: &Str) -> Str {
    text.to_ascii_lowercase().into()
}

/// A wanted action by ARNs; `None` when it forwards to a group that does not exist.
pub fn action(wanted: &wanted::Action, arns: &GroupArns) -> Option<Action> {
    Some(match wanted {
        wanted::Action::Forward(forward) => {
            let groups = forward
                .groups
                .iter()
                .map(|(id, weight)| Some((arns.get(id)?.clone(), *weight)));
            Action::Forward(Forward {
                groups: groups.collect::<Option<_>>()?,
                stickiness_s: forward.stickiness_s,
            })
        }
        wanted::Action::Redirect(redirect) => Action::Redirect(redirect.clone()),
        wanted::Action::Fixed(fixed) => Action::Fixed(fixed.clone()),
    })
}

/// Whether an existing action does what another does: the weight of a single group says nothing unless it is 0.
pub fn same_action(one: &Action, other: &Action) -> bool {
    match (one, other) {
        (Action::Forward(one), Action::Forward(other)) => {
            one.stickiness_s == other.stickiness_s && weights(one) == weights(other)
        }
        (one, other) => one == other,
    }
}

fn weights(forward: &Forward) -> BTreeMap<&Arn, u16> {
    let alone = forward.groups.len() == 1;
    let weights = forward.groups.iter().map(|(arn, weight)| {
        let weight = if alone { (*weight).min(1) } else { *weight };
        (arn, weight)
    });
    weights.collect()
}

/// Whether an existing action is the wanted one.
pub fn is_action(seen: &Seen<Action>, wanted: &wanted::Action, arns: &GroupArns) -> bool {
    match (seen, action(wanted, arns)) {
        (Seen::Known(seen), Some(wanted)) => same_action(seen, &wanted),
        _ => false,
    }
}

/// Whether an existing rule has the conditions of the wanted one.
pub fn has_conditions(seen: &Seen<RuleSettings>, wanted: &Rule) -> bool {
    matches!(seen, Seen::Known(seen) if conditions(&seen.conditions) == conditions(&wanted.conditions))
}

/// Whether an existing rule does what the wanted one does, whatever its conditions.
pub fn does(seen: &Seen<RuleSettings>, wanted: &Rule, arns: &GroupArns) -> bool {
    let (Seen::Known(seen), Some(action)) = (seen, action(&wanted.action, arns)) else {
        return false;
    };
    seen.transforms == wanted.transforms && same_before(seen, wanted) && same_action(&seen.action, &action)
}

/// Whether an existing rule asks the same of requests before; secrets are not told and so not compared.
pub fn same_before(seen: &RuleSettings, wanted: &Rule) -> bool {
    seen.before == wanted.before.as_ref().map(Before::told)
}

/// Target groups that an action forwards to.
pub fn forwards_to(action: &Action) -> impl Iterator<Item = &Arn> {
    let groups = match action {
        Action::Forward(forward) => Some(forward.groups.keys()),
        Action::Redirect(_) | Action::Fixed(_) => None,
    };
    groups.into_iter().flatten()
}
