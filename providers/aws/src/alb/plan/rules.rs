//! Rules of listeners.

use super::matching::Matching;
use super::{Note, Phase, Planner, RULE, RULE_ORDER, fields, listeners, priorities, resource, words};
use crate::alb::canonical::{
    GroupArns, action, conditions, forwards_to, has_conditions, same_action, same_before,
};
use crate::alb::observed::{SeenListener, SeenRule};
use crate::alb::step::Call;
use crate::cloud::{Arn, Kind, RuleSettings, Seen};
use crate::owner::{FINGERPRINT, Tags};
use gatewright_aws_core::alb::before::Before;
use gatewright_aws_core::alb::compact::covers;
use gatewright_aws_core::alb::listener::Listener;
use gatewright_aws_core::alb::rule::{Action, Rule};
use gatewright_provider_api::contract::{FieldChange, Resource};
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of the rules of one listener.
pub(super) struct RulePlan<'a> {
    port: u16,
    seen: Option<&'a SeenListener>,
    matching: Matching<'a>,
}

impl<'a> RulePlan<'a> {
    pub(super) fn new(wanted: &'a Listener, seen: Option<&'a SeenListener>, arns: &GroupArns) -> Self {
        let ours = seen
            .into_iter()
            .flat_map(|seen| &seen.rules)
            .filter(|rule| rule.ours);
        Self {
            port: wanted.port,
            seen,
            matching: Matching::new(&wanted.rules, ours.collect(), arns),
        }
    }

    /// Priorities that cannot be given to ours: others' rules, and those that go have them.
    fn taken(&self) -> BTreeSet<u16> {
        let others = self
            .seen
            .into_iter()
            .flat_map(|seen| &seen.rules)
            .filter(|rule| !rule.ours);
        let gone = self.matching.gone();
        others.chain(gone).map(|rule| rule.rule.priority).collect()
    }

    /// Priorities of the wanted rules in order.
    fn priorities(&self) -> Vec<u16> {
        let rules = || self.matching.rules();
        let kept: Vec<Option<u16>> = rules()
            .map(|(_, seen)| {
                seen.filter(|(_, stays)| *stays)
                    .map(|(seen, _)| seen.rule.priority)
            })
            .collect();
        let mut taken = self.taken();
        let spread = priorities::spread(kept.len(), &taken);
        let moving = rules().filter_map(|(_, seen)| seen.filter(|(_, stays)| !stays));
        taken.extend(moving.map(|(seen, _)| seen.rule.priority));
        priorities::fit(&kept, &taken).or(spread).unwrap_or_default()
    }
}

impl Planner<'_> {
    /// `present`: rules that the load balancer has now, anybody's.
    pub(super) fn rules(&mut self, mut plans: Vec<RulePlan<'_>>, present: usize) {
        let room = usize::try_from(self.observed.limits.rules)
            .map_or(usize::MAX, |limit| limit.saturating_sub(present));
        let mut excess = plans
            .iter()
            .map(|plan| plan.matching.creations())
            .sum::<usize>()
            .saturating_sub(room);
        for plan in &mut plans {
            excess -= plan.matching.pair_rest(excess);
        }
        let crowded = self.is_crowded();
        for plan in plans {
            for rule in plan.matching.gone() {
                let phase = if excess > 0 || crowded {
                    Phase::Room
                } else {
                    Phase::DeleteRules
                };
                excess = excess.saturating_sub(1);
                if let Some(seen) = plan.seen {
                    self.end_rule(seen, rule, phase);
                }
            }
            self.listener_rules(&plan);
        }
    }

    /// Whether the load balancer has no room for the wanted target groups beside those that it uses now.
    fn is_crowded(&self) -> bool {
        let balancer = self.observed.balancer(&self.target.balancer.name);
        let listeners = balancer.into_iter().flat_map(|balancer| &balancer.listeners);
        let actions = listeners.flat_map(|listener| {
            let rules = listener
                .rules
                .iter()
                .filter_map(|rule| match &rule.rule.settings {
                    Seen::Known(settings) => Some(&settings.action),
                    Seen::Other(_) => None,
                });
            rules.chain(match &listener.listener.default {
                Seen::Known(action) => Some(action),
                Seen::Other(_) => None,
            })
        });
        let mut used: BTreeSet<&Arn> = actions.flat_map(forwards_to).collect();
        used.extend(self.groups.values());
        let made = self
            .target
            .target_groups
            .keys()
            .filter(|id| !self.groups.contains_key(*id));
        let most = usize::try_from(self.observed.limits.target_groups).unwrap_or(usize::MAX);
        used.len() + made.count() > most
    }

    fn listener_rules(&mut self, plan: &RulePlan<'_>) {
        let order = resource(RULE_ORDER, plan.port.to_string());
        let mut moves: BTreeMap<Arn, u16> = BTreeMap::new();
        let mut fields = Vec::new();
        let priorities = plan.priorities();
        for ((rule, seen), priority) in plan.matching.rules().zip(&priorities) {
            if let Some((seen, _)) = seen
                && seen.rule.priority != *priority
            {
                let field = format!("priority of {}", words::conditions(&rule.conditions));
                fields.push(fields::change(&field, Some(&seen.rule.priority), Some(priority)));
                moves.insert(seen.rule.arn.clone(), *priority);
            }
        }
        let mut needs = Vec::new();
        if !moves.is_empty() {
            needs.push(order.clone());
            let note = Note::update(order, fields, "their order differs");
            self.push(Phase::RuleOrder, note, Call::SetPriorities(moves));
        }
        needs.extend(self.changes.only_made([listeners::of(plan.port)]));
        let mut kept = Vec::new();
        for ((rule, seen), priority) in plan.matching.rules().zip(&priorities) {
            match (seen, plan.seen) {
                (Some((seen, stays)), Some(listener)) => kept.push((rule, (listener, seen), stays)),
                _ => self.make_rule((plan.port, *priority), rule, needs.clone()),
            }
        }
        kept.sort_by_key(|(rule, (_, seen), _)| Turn::of(rule, &seen.rule.settings));
        for (rule, seen, stays) in kept {
            // In a place that is not its own yet it could take others' requests.
            let needs: &[Resource] = if stays { &[] } else { &needs };
            self.change_rule(rule, seen, needs);
        }
    }

    fn make_rule(&mut self, (port, priority): (u16, u16), rule: &Rule, mut needs: Vec<Resource>) {
        needs.extend(self.rule_needs(rule));
        let of = of(port, &words::conditions(&rule.conditions));
        let tags = self.rule_tags(port, rule);
        self.push(
            Phase::Rules,
            Note::create(of, &why(rule)).needs(needs),
            Call::CreateRule {
                port,
                priority,
                rule: rule.clone(),
                tags,
            },
        );
    }

    /// AWS tells no secrets: a tag says which one a rule was last given.
    fn rule_tags(&self, port: u16, rule: &Rule) -> Tags {
        let mut tags = self
            .owner
            .tags(&format!("rule of listener {port}"), &self.target.tags);
        if let Some(fingerprint) = rule.before.as_ref().and_then(Before::fingerprint) {
            tags.insert(FINGERPRINT.into(), fingerprint);
        }
        tags
    }

    fn change_rule(&mut self, rule: &Rule, (listener, seen): (&SeenListener, &SeenRule), needs: &[Resource]) {
        let port = listener.listener.port;
        let of = of(port, &words::conditions(&rule.conditions));
        let changes = self.rule_changes(rule, seen);
        if !changes.is_empty() {
            self.release_rule(seen, &of);
            let note = Note::update(of.clone(), changes, &why(rule))
                .needs(needs.iter().cloned())
                .needs(self.rule_needs(rule));
            let call = Call::ModifyRule(seen.rule.arn.clone(), rule.clone());
            self.push(Phase::Edits, note, call);
        }
        let tags = self.rule_tags(port, rule);
        self.compare_tags((Kind::Rule, &seen.rule.arn), &of, &seen.tags, &tags);
    }

    /// A rule goes.
    pub(super) fn end_rule(&mut self, listener: &SeenListener, seen: &SeenRule, phase: Phase) {
        let of = of(
            listener.listener.port,
            &words::seen_conditions(&seen.rule.settings),
        );
        self.release_rule(seen, &of);
        let why = if phase == Phase::Room {
            "no route has it; it goes first, because a quota has no room for others beside it"
        } else {
            "no route has it"
        };
        self.delete(phase, Note::delete(of, why), (Kind::Rule, &seen.rule.arn));
    }

    fn release_rule(&mut self, seen: &SeenRule, of: &Resource) {
        if let Seen::Known(settings) = &seen.rule.settings {
            for group in forwards_to(&settings.action) {
                self.changes.release(&seen.rule.arn, group, of);
            }
        }
    }

    fn rule_needs(&self, rule: &Rule) -> Vec<Resource> {
        match &rule.action {
            Action::Forward(forward) => self.waits_for(forward.groups.keys()),
            Action::Redirect(_) | Action::Fixed(_) => Vec::new(),
        }
    }

    fn rule_changes(&self, wanted: &Rule, seen: &SeenRule) -> Vec<FieldChange> {
        let settings: &RuleSettings = match &seen.rule.settings {
            Seen::Known(settings) => settings,
            Seen::Other(description) => {
                return vec![fields::change("rule", Some(description), Some(&wanted.action))];
            }
        };
        let mut changes = Vec::new();
        if !has_conditions(&seen.rule.settings, wanted) {
            let (from, to) = (conditions(&settings.conditions), conditions(&wanted.conditions));
            changes.push(fields::change("conditions", Some(&from), Some(&to)));
        }
        if settings.transforms != wanted.transforms {
            changes.push(fields::change(
                "transforms",
                Some(&settings.transforms),
                Some(&wanted.transforms),
            ));
        }
        if !same_before(settings, wanted) {
            let to = wanted.before.as_ref().map(Before::told);
            changes.push(fields::change("before", settings.before.as_ref(), to.as_ref()));
        }
        if let Some(fingerprint) = wanted.before.as_ref().and_then(Before::fingerprint)
            && seen.tags.get(FINGERPRINT) != Some(&fingerprint)
        {
            let from = seen.tags.get(FINGERPRINT);
            changes.push(fields::change(
                "client secret, by its hash",
                from,
                Some(&fingerprint),
            ));
        }
        let same =
            action(&wanted.action, &self.groups).is_some_and(|wanted| same_action(&settings.action, &wanted));
        if !same {
            let from = words::action(&settings.action, &self.names());
            changes.push(fields::change("action", Some(&from), Some(&wanted.action)));
        }
        changes
    }
}

/// When a rule changes: a value that goes from one to another comes there before it goes here, so that its requests have
/// a rule all the time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// It takes what it took, and maybe more.
    Takes,
    /// It takes something and leaves something.
    Both,
    /// It takes less.
    Leaves,
}

impl Turn {
    fn of(wanted: &Rule, seen: &Seen<RuleSettings>) -> Self {
        let Seen::Known(seen) = seen else {
            return Self::Both;
        };
        let (wanted, seen) = (conditions(&wanted.conditions), conditions(&seen.conditions));
        if covers(&wanted, &seen) {
            Self::Takes
        } else if covers(&seen, &wanted) {
            Self::Leaves
        } else {
            Self::Both
        }
    }
}

fn of(port: u16, conditions: &str) -> Resource {
    resource(RULE, format!("{port} {conditions}"))
}

fn why(rule: &Rule) -> String {
    let routes: BTreeSet<String> = rule
        .origins
        .iter()
        .map(|origin| origin.route.to_string())
        .collect();
    match routes.into_iter().collect::<Vec<String>>().as_slice() {
        [] => "it keeps hostnames of listeners apart".to_owned(),
        routes => routes.join(", "),
    }
}
