//! Target groups that take the place of others under the same load balancer.
//!
//! Targets of a group are checked only once a rule leads to it. So the new one first stands in the rules with weight
//! 0, beside the one before, which gets all requests until the new one's targets are well.

use super::Planner;
use crate::alb::observed::{Observed, SeenGroup};
use crate::alb::step::Id;
use crate::cloud::{Arn, Health};
use crate::owner::{RESOURCE, value};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::Listener;
use gatewright_aws_core::alb::rule::{Action, Forward};
use gatewright_aws_core::target_group::{TargetGroup, TargetGroupId};
use std::collections::BTreeMap;

/// Wanted groups that do not serve yet, each with the one that serves in its place.
pub fn warming(target: &Target, observed: &Observed) -> BTreeMap<TargetGroupId, Arn> {
    let Some(balancer) = observed.balancer(&target.balancer.name) else {
        return BTreeMap::new();
    };
    let pairs = target.target_groups.iter().filter_map(|(id, wanted)| {
        let former = observed.target_groups.values().find(|seen| {
            seen.group.name != wanted.name
                && seen.tags.get(RESOURCE) == Some(&value(&id.0))
                && seen.group.balancers.contains(&balancer.balancer.arn)
                && seen.is_healthy()
        })?;
        let cold = !wanted.targets.is_empty() && !is_warm(wanted, observed.target_group(&wanted.name));
        cold.then(|| (id.clone(), former.group.arn.clone()))
    });
    pairs.collect()
}

/// None of its targets is still to be checked for the first time, and one is well. Those in zones that are not
/// enabled are never checked.
fn is_warm(wanted: &TargetGroup, seen: Option<&SeenGroup>) -> bool {
    seen.is_some_and(|seen| {
        let checked = |health: &Health| *health != Health::Initial;
        seen.is_healthy()
            && wanted
                .targets
                .iter()
                .all(|target| seen.targets.get(target).is_some_and(checked))
    })
}

impl Planner<'_> {
    /// Listeners as they are to be for now.
    pub(super) fn for_now(&mut self) -> BTreeMap<u16, Listener> {
        let mut listeners = self.target.listeners.clone();
        let mut places = BTreeMap::new();
        for (id, former) in warming(self.target, self.observed) {
            let place = TargetGroupId(format!("{id} before").into());
            self.exists(Id::TargetGroup(place.clone()), &former);
            self.groups.insert(place.clone(), former.clone());
            self.warming.insert(former);
            places.insert(id, place);
        }
        if places.is_empty() {
            return listeners;
        }
        let most = usize::try_from(self.observed.limits.target_groups_per_action).unwrap_or(usize::MAX);
        for listener in listeners.values_mut() {
            let rules = listener.rules.iter_mut().map(|rule| &mut rule.action);
            for action in rules.chain([&mut listener.default]) {
                if let Action::Forward(forward) = action {
                    stand_in(forward, &places, most);
                }
            }
        }
        listeners
    }
}

/// The former groups get the weights. An action without room for them leads to the new ones at once.
fn stand_in(forward: &mut Forward, places: &BTreeMap<TargetGroupId, TargetGroupId>, most: usize) {
    let former: BTreeMap<TargetGroupId, u16> = forward
        .groups
        .iter()
        .filter_map(|(id, weight)| Some((places.get(id)?.clone(), *weight)))
        .collect();
    if forward.groups.len() + former.len() > most {
        return;
    }
    for (id, weight) in &mut forward.groups {
        if places.contains_key(id) {
            *weight = 0;
        }
    }
    forward.groups.extend(former);
}
