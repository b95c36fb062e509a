//! Services that were somebody else's.
//!
//! First what belongs to the service gets our tags, and the service last: whoever stops half-way begins again. From then on all
//! in it is ours. Our rules come behind those of its former owner, which go on to serve while targets of ours are checked: a rule
//! leads to them. When all can serve, the former rules go, the last first, so that each request finds either what it
//! found before or what is wanted. Where a default action leads to others' target groups, rules of ours would come before it: there
//! they wait, and our groups stand in the default action with weight 0 until they can serve. Groups of others stay as they are.

use super::rules::rule_of;
use super::services::listener_of;
use super::warm::{MOST, is_warm};
use super::{Note, Phase, Planner, SERVICE, SERVICE_ASSOCIATION, TAGS, change, resource};
use crate::cloud::Arn;
use crate::lattice::cloud::{self, Kind};
use crate::lattice::observed::{Observed, SeenAccess, SeenListener};
use crate::lattice::step::{Call, Id, Ledger};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::{Access, Action, Listener, Rule, Service, ServiceId, Target};
use gatewright_aws_core::target_group::TargetGroupId;
use gatewright_provider_api::contract::Resource;
use std::collections::{BTreeMap, BTreeSet};

impl Planner<'_> {
    /// A service that its owner offers becomes the Gateway's. Of one that nobody offers nothing is touched, and none is made.
    pub(super) fn take_over(&mut self, id: &ServiceId, wanted: &Service) {
        let Some(adoption) = &wanted.adopt else { return };
        let Some(take) = &adoption.take else { return };
        let of = resource(SERVICE, wanted.name.clone());
        let mut needs = Vec::new();
        for (port, listener) in &take.listeners {
            let marks = self.marks(&format!("listener {port}"));
            needs.push(self.mark(&listener_of(&of, *port), &Arn(listener.clone()), marks));
        }
        for association in &take.associations {
            let what = resource(SERVICE_ASSOCIATION, association.clone());
            let marks = self.marks(&format!("association of service {id}"));
            self.mark(&what, &Arn(association.clone()), marks);
        }
        let mut tags = self.tags_with(&format!("service {id}"), &wanted.tags);
        let more = take.tags.iter();
        tags.extend(more.map(|(key, value)| (key.clone(), value.clone())));
        let set = tags
            .iter()
            .map(|(key, value)| change(key, None::<&Str>, Some(value)))
            .collect();
        let why = "its owner offers it: it is the Gateway's from now on";
        let note = Note::update(resource(TAGS, format!("of {of}")), set, why).needs(needs);
        let call = Call::Tag(Kind::Service, Arn(adoption.arn.clone()), tags);
        self.push(Phase::Build, note, call);
    }

    /// A part of a service gets our tags: a policy may let us change only what has them.
    fn mark(&mut self, what: &Resource, arn: &Arn, marks: Tags) -> Resource {
        let of = resource(TAGS, format!("of {what}"));
        let set = marks
            .iter()
            .map(|(key, value)| change(key, None::<&Str>, Some(value)))
            .collect();
        let note = Note::update(of.clone(), set, "it goes over with its service");
        self.push(Phase::Build, note, Call::Tag(Kind::Service, arn.clone(), marks));
        of
    }

    /// Rules of a former owner go, once ours can serve in their place.
    pub(super) fn end_theirs(&mut self, (wanted, seen): (&Listener, &SeenListener), of: &Resource) {
        if seen.theirs().next().is_none() || !self.can_follow(wanted, seen) {
            return;
        }
        let mut needs: Vec<Resource> = Vec::new();
        for rule in seen.theirs().rev() {
            let what = rule_of(of, &rule.name);
            let marks = self.marks("rule of a former owner");
            needs.push(self.mark(&what, &rule.arn, marks));
            let note = Note::delete(what.clone(), "the Gateway's serve in its place").needs(needs);
            self.push(Phase::Delete, note, Call::DeleteRule(rule.arn.clone()));
            needs = vec![what];
        }
    }

    /// Whether all of a listener is there that is wanted, in its order, and can serve.
    fn can_follow(&self, wanted: &Listener, seen: &SeenListener) -> bool {
        let ours: Vec<&cloud::Rule> = seen.rules.iter().filter(|rule| seen.made(rule)).collect();
        let is_there = |wanted: &Rule, seen: &cloud::Rule| {
            seen.conditions.as_ref() == Some(&wanted.conditions)
                && self.same_action(&wanted.action, &seen.action)
        };
        let mut pairs = wanted.rules.iter().zip(ours.iter().copied());
        ours.len() == wanted.rules.len()
            && pairs.all(|(wanted, seen)| is_there(wanted, seen))
            && self.same_action(&wanted.default, &seen.listener.default)
            && !leads_to_others(&seen.listener.default, self.observed)
            && waits_for(self.target, self.observed, wanted).is_empty()
    }
}

/// Who may call, and what is logged: what is not asked for stays as the former owner had it.
pub(super) fn access(wanted: &Access, seen: &SeenAccess) -> Access {
    Access {
        policy: wanted.policy.clone().or_else(|| seen.policy.clone()),
        logs: wanted.logs.iter().chain(seen.logs.values()).cloned().collect(),
    }
}

/// Whether a listener has something yet that a former owner made.
pub(in crate::lattice) fn is_left(seen: &SeenListener, observed: &Observed) -> bool {
    let default = &seen.listener.default;
    seen.adopted.is_some() && (seen.theirs().next().is_some() || leads_to_others(default, observed))
}

/// Names of target groups that a listener is to send requests to and that cannot serve.
pub(in crate::lattice) fn waits_for<'t>(
    target: &'t Target,
    observed: &Observed,
    listener: &Listener,
) -> BTreeSet<&'t Str> {
    let mut names = BTreeSet::new();
    for groups in forwards(listener) {
        for (id, weight) in groups {
            // One alone gets all requests, whatever its weight.
            if *weight == 0 && groups.len() > 1 {
                continue;
            }
            let Some(wanted) = target.target_groups.get(id) else {
                continue;
            };
            let seen = observed.target_group(&wanted.name);
            if wanted.targets.is_empty() || !is_warm(wanted, seen) {
                names.insert(&wanted.name);
            }
        }
    }
    names
}

/// What is wanted for now: default actions that lead to others' target groups go on to do so until ours can serve, and rules
/// of ours, which come before them, wait. Those that are there stay.
pub(super) fn for_now(mut target: Target, observed: &Observed, ledger: &Ledger) -> Target {
    let adopted = target
        .services
        .iter()
        .filter(|(_, wanted)| wanted.adopt.is_some());
    let adopted: Vec<ServiceId> = adopted.map(|(id, _)| id.clone()).collect();
    for id in adopted {
        let Some(wanted) = target.services.get(&id) else {
            continue;
        };
        let Some(seen) = observed.current(&id, wanted) else {
            continue;
        };
        let mut listeners = wanted.listeners.clone();
        for (port, listener) in &mut listeners {
            let Some(found) = seen.listener(*port, listener) else {
                continue;
            };
            let cold = !waits_for(&target, observed, listener).is_empty();
            if cold
                && found.adopted.is_some()
                && let Some(default) = beside(&found.listener.default, listener, (observed, ledger))
            {
                let ours = found.rules.iter().filter(|rule| found.made(rule));
                let there: Vec<_> = ours.filter_map(|rule| rule.conditions.as_ref()).collect();
                listener.rules.retain(|rule| there.contains(&&rule.conditions));
                listener.default = default;
            }
        }
        if let Some(wanted) = target.services.get_mut(&id) {
            wanted.listeners = listeners;
        }
    }
    target
}

/// An action that leads to others' target groups, with ours beside them that get no requests; none for one that does not.
fn beside(
    seen: &cloud::Action,
    wanted: &Listener,
    (observed, ledger): (&Observed, &Ledger),
) -> Option<Action> {
    if !leads_to_others(seen, observed) {
        return None;
    }
    let cloud::Action::Forward(groups) = seen else {
        return None;
    };
    let mut both: BTreeMap<TargetGroupId, u16> = BTreeMap::new();
    for (arn, weight) in groups {
        if observed.target_groups.contains_key(arn) {
            continue;
        }
        let id = TargetGroupId(arn.0.clone());
        ledger.note(Id::TargetGroup(id.clone()), arn.clone());
        // Alone it gets all requests, whatever its weight.
        let least = u16::from(groups.len() == 1);
        both.insert(id, (*weight).max(least));
    }
    for id in forwards(wanted).flat_map(BTreeMap::keys) {
        if both.len() < MOST {
            both.entry(id.clone()).or_insert(0);
        }
    }
    Some(Action::Forward(both))
}

/// Whether an action leads to target groups that are not ours.
fn leads_to_others(action: &cloud::Action, observed: &Observed) -> bool {
    match action {
        cloud::Action::Forward(groups) => groups.keys().any(|arn| !observed.target_groups.contains_key(arn)),
        cloud::Action::Fixed(_) | cloud::Action::Other => false,
    }
}

/// Target groups and weights of the actions of a listener.
fn forwards(listener: &Listener) -> impl Iterator<Item = &BTreeMap<TargetGroupId, u16>> {
    let rules = listener.rules.iter().map(|rule| &rule.action);
    let actions = rules.chain([&listener.default]);
    actions.filter_map(|action| match action {
        Action::Forward(groups) => Some(groups),
        Action::Fixed(_) => None,
    })
}
