//! Target groups that take the place of others in the same service.
//!
//! A target gets requests once it has passed its first checks, and is checked while a rule leads to its group
//! (<https://docs.aws.amazon.com/vpc-lattice/latest/ug/target-group-health-checks.html>). So the new group first stands in the
//! rules with weight 0, beside the one before, which gets all requests until the new one's targets are well.

use crate::cloud::Arn;
use crate::lattice::cloud::{self, TargetStatus};
use crate::lattice::observed::{Observed, SeenGroup};
use crate::owner::{RESOURCE, value};
use gatewright_aws_core::lattice::{Action, Health, Target, TargetGroup};
use gatewright_aws_core::target_group::TargetGroupId;
use std::collections::BTreeMap;

/// Most groups of an action (`API_ForwardAction`).
pub(super) const MOST: usize = 10;

/// Wanted groups that cannot serve yet, each with the one that serves in its place.
pub(super) fn warming(target: &Target, observed: &Observed) -> BTreeMap<TargetGroupId, Arn> {
    let pairs = target.target_groups.iter().filter_map(|(id, wanted)| {
        let former = observed.target_groups.values().find(|seen| {
            seen.group.name != wanted.name
                && seen.tags.get(RESOURCE) == Some(&value(&id.0))
                && seen.is_healthy()
                && gets_requests((target, observed), &seen.group.arn)
        })?;
        let cold = !is_warm(wanted, observed.target_group(&wanted.name));
        cold.then(|| (id.clone(), former.group.arn.clone()))
    });
    pairs.collect()
}

/// All its targets have been checked, and one is well. Without checks they serve once they are registered.
pub(super) fn is_warm(wanted: &TargetGroup, seen: Option<&SeenGroup>) -> bool {
    if wanted.targets.is_empty() {
        return true;
    }
    let Some(seen) = seen else {
        return false;
    };
    let mut statuses = wanted.targets.iter().map(|target| seen.targets.get(target));
    match wanted.health {
        Health::Off => statuses.all(|status| status.is_some()),
        Health::On(..) => {
            let checked = |status: &TargetStatus| *status != TargetStatus::Initial;
            seen.is_healthy() && statuses.all(|status| status.is_some_and(checked))
        }
    }
}

/// Of a service that stays: a group is of one service, and one that another takes the place of keeps its own.
fn gets_requests((target, observed): (&Target, &Observed), group: &Arn) -> bool {
    let wanted = target.services.iter();
    let services = wanted.filter_map(|(id, wanted)| observed.current(id, wanted));
    let listeners = services.flat_map(|seen| &seen.listeners);
    let mut actions = listeners.flat_map(|seen| {
        let rules = seen.rules.iter().map(|rule| &rule.action);
        rules.chain([&seen.listener.default])
    });
    actions.any(|action| match action {
        cloud::Action::Forward(groups) => {
            let weight = groups.get(group).copied();
            // One alone gets all requests, whatever its weight.
            weight.is_some_and(|weight| weight > 0 || groups.len() == 1)
        }
        cloud::Action::Fixed(_) | cloud::Action::Other => false,
    })
}

/// What a group that serves for another is called meanwhile.
pub(super) fn place(id: &TargetGroupId) -> TargetGroupId {
    TargetGroupId(format!("{id} before").into())
}

/// What is wanted for now: the former groups get the weights. An action without room for them leads to the new ones at once.
pub(super) fn for_now(target: &Target, warming: &BTreeMap<TargetGroupId, Arn>) -> Target {
    let mut target = target.clone();
    if warming.is_empty() {
        return target;
    }
    for listener in target
        .services
        .values_mut()
        .flat_map(|service| service.listeners.values_mut())
    {
        let rules = listener.rules.iter_mut().map(|rule| &mut rule.action);
        for action in rules.chain([&mut listener.default]) {
            let Action::Forward(groups) = action else { continue };
            let former: BTreeMap<TargetGroupId, u16> = groups
                .iter()
                .filter(|(id, _)| warming.contains_key(*id))
                .map(|(id, weight)| (place(id), *weight))
                .collect();
            if groups.len() + former.len() > MOST {
                continue;
            }
            for (id, weight) in groups.iter_mut() {
                if warming.contains_key(id) {
                    *weight = 0;
                }
            }
            groups.extend(former);
        }
    }
    target
}
