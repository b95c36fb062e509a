//! Rules of a listener: matched, not replaced, and numbered with gaps.

use super::{Note, Phase, Planner, RULE, RULE_ORDER, change, resource};
use crate::cloud::Arn;
use crate::lattice::cloud;
use crate::lattice::observed::{SeenListener, SeenService};
use crate::lattice::step::{BATCH, Call, Id};
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::{Listener, Rule, ServiceId, names};
use gatewright_provider_api::contract::Resource;
use std::collections::{BTreeMap, BTreeSet};

/// Largest priority (`API_CreateRule`).
pub(in crate::lattice) const LAST: u16 = 2000;
/// Gap between the priorities of new rules.
const GAP: u16 = 20;

impl Planner<'_> {
    /// Rules of a listener that this plan makes.
    pub(super) fn make_rules(&mut self, (id, port): (&ServiceId, u16), wanted: &Listener, of: &Resource) {
        let numbers = number(&vec![None; wanted.rules.len()], &BTreeSet::new());
        let prefix = self.prefix(id);
        let mut taken = BTreeSet::new();
        for (rule, priority) in wanted.rules.iter().zip(numbers) {
            self.make_rule(((id, port), of), rule, priority, (&prefix, &mut taken));
        }
    }

    /// How names of a service's rules begin.
    fn prefix(&self, id: &ServiceId) -> Str {
        let wanted = self.target.services.get(id);
        let seen = wanted.and_then(|wanted| self.observed.current(id, wanted));
        if seen.is_some_and(SeenService::is_adopted) {
            names::adopted(&self.owner.cluster, &self.owner.gateway)
        } else {
            names::PREFIX.into()
        }
    }

    fn make_rule(
        &mut self,
        ((id, port), of): ((&ServiceId, u16), &Resource),
        rule: &Rule,
        priority: u16,
        (prefix, taken): (&str, &mut BTreeSet<Str>),
    ) {
        let name = names::rule(prefix, &rule.conditions, |name| taken.contains(name));
        taken.insert(name.clone());
        let mut needs = self.changes.only_made([of.clone()]);
        needs.extend(self.groups_made(&rule.action));
        let tags = self.marks(&format!("rule of listener {port}"));
        let why = match &rule.origin {
            Some(origin) => format!("rule {} of {} asks for it", origin.rule, origin.route),
            None => "it is wanted".to_owned(),
        };
        let note = Note::create(rule_of(of, &name), &why).needs(needs);
        let call = Call::CreateRule {
            listener: Id::Listener(id.clone(), port),
            name,
            priority,
            rule: rule.clone(),
            tags,
        };
        self.push(Phase::Build, note, call);
    }

    /// Rules of a listener that exists.
    pub(super) fn change_rules(
        &mut self,
        (id, port): (&ServiceId, u16),
        wanted: &Listener,
        seen: &SeenListener,
        of: &Resource,
    ) {
        let mut ours: Vec<&cloud::Rule> = seen.rules.iter().filter(|rule| seen.made(rule)).collect();
        let pairs = self.pairs(&wanted.rules, &mut ours);
        // What is left goes at the end, and keeps its number until then; others' rules keep theirs.
        let left = ours;
        let mut used: BTreeSet<u16> = seen
            .rules
            .iter()
            .filter(|rule| !seen.made(rule))
            .map(|rule| rule.priority)
            .collect();
        used.extend(left.iter().map(|rule| rule.priority));
        // Those of a former owner come first for as long as they are there.
        let last = seen.theirs().map(|rule| rule.priority).max();
        used.extend(1..=last.unwrap_or_default());
        let current: Vec<Option<u16>> = pairs
            .iter()
            .map(|pair| pair.map(|rule: &cloud::Rule| rule.priority))
            .collect();
        let numbers = number(&current, &used);
        let moved: BTreeMap<Arn, u16> = pairs
            .iter()
            .zip(&numbers)
            .filter_map(|(pair, number)| {
                let rule = (*pair)?;
                (rule.priority != *number).then(|| (rule.arn.clone(), *number))
            })
            .collect();
        self.reorder(&moved, seen, of);
        let mut taken: BTreeSet<Str> = seen.rules.iter().map(|rule| rule.name.clone()).collect();
        for ((rule, pair), priority) in wanted.rules.iter().zip(&pairs).zip(numbers) {
            match pair {
                None => self.make_rule(((id, port), of), rule, priority, (seen.prefix(), &mut taken)),
                Some(seen) => self.change_rule(rule, seen, of),
            }
        }
        for rule in left {
            let note = Note::delete(rule_of(of, &rule.name), "no route asks for it any more");
            self.push(Phase::Delete, note, Call::DeleteRule(rule.arn.clone()));
        }
        self.end_theirs((wanted, seen), of);
    }

    fn change_rule(&mut self, wanted: &Rule, seen: &cloud::Rule, of: &Resource) {
        let mut fields = Vec::new();
        if seen.conditions.as_ref() != Some(&wanted.conditions) {
            fields.push(change(
                "match",
                seen.conditions.as_ref(),
                Some(&wanted.conditions),
            ));
        }
        if !self.same_action(&wanted.action, &seen.action) {
            fields.push(change(
                "action",
                Some(&self.action_words(&seen.action)),
                Some(&self.wanted_words(&wanted.action)),
            ));
        }
        if !fields.is_empty() {
            let note = Note::update(rule_of(of, &seen.name), fields, "its route changed")
                .needs(self.groups_made(&wanted.action));
            self.push(
                Phase::Build,
                note,
                Call::UpdateRule(seen.arn.clone(), wanted.clone()),
            );
        }
    }

    /// Which rule that exists becomes which: equal ones first, then those with equal conditions, then any others, so that a
    /// listener never needs room for more than the larger of both.
    fn pairs<'s>(&self, wanted: &[Rule], left: &mut Vec<&'s cloud::Rule>) -> Vec<Option<&'s cloud::Rule>> {
        let mut pairs: Vec<Option<&cloud::Rule>> = vec![None; wanted.len()];
        type Fits<'f> = &'f dyn Fn(&Rule, &cloud::Rule) -> bool;
        let conditions =
            |wanted: &Rule, seen: &cloud::Rule| seen.conditions.as_ref() == Some(&wanted.conditions);
        let equal = |wanted: &Rule, seen: &cloud::Rule| {
            conditions(wanted, seen) && self.same_action(&wanted.action, &seen.action)
        };
        let any = |_: &Rule, _: &cloud::Rule| true;
        let rounds: [Fits<'_>; 3] = [&equal, &conditions, &any];
        for fits in rounds {
            for (rule, pair) in wanted.iter().zip(&mut pairs) {
                if pair.is_none()
                    && let Some(at) = left.iter().position(|seen| fits(rule, seen))
                {
                    *pair = Some(left.remove(at));
                }
            }
        }
        pairs
    }

    /// One call swaps up to ten; more go in an order in which no two have the same number in between.
    fn reorder(&mut self, moved: &BTreeMap<Arn, u16>, seen: &SeenListener, of: &Resource) {
        let mut all: Vec<(&Arn, u16)> = moved.iter().map(|(arn, number)| (arn, *number)).collect();
        let before = |arn: &Arn| {
            let rule = seen.rules.iter().find(|rule| rule.arn == *arn);
            rule.map_or(0, |rule| rule.priority)
        };
        let upwards = all.iter().all(|(arn, number)| *number > before(arn));
        all.sort_by_key(|(_, number)| *number);
        if upwards {
            all.reverse();
        }
        let mut needs: Vec<Resource> = Vec::new();
        for (part, chunk) in all.chunks(BATCH).enumerate() {
            let id = if part == 0 {
                of.id.clone()
            } else {
                format!("{}, part {}", of.id, part + 1).into()
            };
            let what = resource(RULE_ORDER, id);
            let fields = chunk
                .iter()
                .map(|(arn, number)| {
                    let rule = seen.rules.iter().find(|rule| rule.arn == **arn);
                    let name = rule.map_or(&arn.0, |rule| &rule.name);
                    change(&format!("priority of {name}"), Some(&before(arn)), Some(number))
                })
                .collect();
            let note = Note::update(what.clone(), fields, "routes have another precedence").needs(needs);
            let priorities = chunk
                .iter()
                .map(|(arn, number)| ((*arn).clone(), *number))
                .collect();
            let call = Call::SetPriorities(seen.listener.arn.clone(), priorities);
            self.push(Phase::Build, note, call);
            needs = vec![what];
        }
    }
}

pub(super) fn rule_of(listener: &Resource, name: &str) -> Resource {
    resource(RULE, format!("{name} of {}", listener.id))
}

/// A number for each rule, rising: those that are in order already keep theirs.
fn number(current: &[Option<u16>], used: &BTreeSet<u16>) -> Vec<u16> {
    let kept = longest_rising(current);
    place(&kept, used).unwrap_or_else(|| {
        let free: Vec<Option<u16>> = vec![None; current.len()];
        let beyond = current.iter().flatten().max().copied().unwrap_or(0);
        // More than one call moves them: into numbers that none of them has.
        let mut used = used.clone();
        if current.len() > BATCH {
            used.extend(1..=beyond.min(LAST));
        }
        place(&free, &used).unwrap_or_else(|| {
            used.clear();
            place(&free, &used).unwrap_or_else(|| (1..=LAST).take(current.len()).collect())
        })
    })
}

/// Fills the gaps between numbers that stay; none when one has no room.
fn place(kept: &[Option<u16>], used: &BTreeSet<u16>) -> Option<Vec<u16>> {
    let mut placed = Vec::with_capacity(kept.len());
    let mut low = 0u16;
    let mut at = 0;
    while let Some(entry) = kept.get(at) {
        if let Some(number) = entry {
            placed.push(*number);
            low = *number;
            at += 1;
            continue;
        }
        let rest = kept.get(at..).unwrap_or_default();
        let count = rest.iter().take_while(|entry| entry.is_none()).count();
        let high = rest.iter().flatten().next().copied();
        let free = |from: u16, to: u16| -> Vec<u16> {
            (from..=to).filter(|number| !used.contains(number)).collect()
        };
        let room = match high {
            Some(high) => free(low.saturating_add(1), high.saturating_sub(1)),
            None => free(low.saturating_add(1), LAST),
        };
        if room.len() < count {
            return None;
        }
        let step = match high {
            // In the middle of what is free.
            Some(_) => room.len() / (count + 1),
            None => usize::from(GAP).min(room.len() / count.max(1)),
        }
        .max(1);
        let first = match high {
            Some(_) if room.len() > count => step.saturating_sub(1),
            Some(_) => 0,
            None => step - 1,
        };
        for index in 0..count {
            placed.push(*room.get(first + index * step)?);
        }
        low = *placed.last()?;
        at += count;
    }
    Some(placed)
}

/// The longest run of numbers that rise; the others are none.
fn longest_rising(current: &[Option<u16>]) -> Vec<Option<u16>> {
    let mut best: Vec<(usize, Option<usize>)> = vec![(0, None); current.len()];
    let mut end: Option<usize> = None;
    for at in 0..current.len() {
        let Some(Some(number)) = current.get(at) else {
            continue;
        };
        let mut longest = (1, None);
        for before in 0..at {
            let (Some(Some(other)), Some((length, _))) = (current.get(before), best.get(before)) else {
                continue;
            };
            if other < number && length + 1 > longest.0 {
                longest = (length + 1, Some(before));
            }
        }
        if let Some(entry) = best.get_mut(at) {
            *entry = longest;
        }
        let so_far = end.and_then(|end| best.get(end)).map_or(0, |(length, _)| *length);
        if longest.0 > so_far {
            end = Some(at);
        }
    }
    let mut kept = vec![None; current.len()];
    while let Some(at) = end {
        if let (Some(entry), Some(number)) = (kept.get_mut(at), current.get(at)) {
            *entry = *number;
        }
        end = best.get(at).and_then(|(_, before)| *before);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rises(numbers: &[u16]) -> bool {
        numbers.windows(2).all(|pair| pair[0] < pair[1]) && numbers.iter().all(|n| (1..=LAST).contains(n))
    }

    #[test]
    fn new_rules_have_gaps_between_them() {
        assert_eq!(number(&[None, None, None], &BTreeSet::new()), [20, 40, 60]);
        let many = number(&vec![None; 200], &BTreeSet::new());
        assert!(rises(&many) && many.len() == 200);
    }

    #[test]
    fn a_rule_between_two_moves_none() {
        let found = number(&[Some(20), None, Some(40)], &BTreeSet::from([30]));
        assert!(rises(&found));
        assert_eq!((found[0], found[2]), (20, 40));
        assert_ne!(found[1], 30);
        let found = number(&[None, Some(1)], &BTreeSet::new());
        assert!(rises(&found), "{found:?}");
    }

    #[test]
    fn the_longest_run_in_order_stays() {
        let found = number(&[Some(60), Some(20), Some(40)], &BTreeSet::new());
        assert!(rises(&found));
        assert_eq!((found[1], found[2]), (20, 40));
    }

    #[test]
    fn more_than_one_call_moves_into_numbers_that_none_has() {
        // No room in front of 1: all move.
        let current: Vec<Option<u16>> = std::iter::once(None).chain((1..=12).map(Some)).collect();
        let found = number(&current, &BTreeSet::new());
        assert!(
            rises(&found) && found.iter().all(|number| *number > 12),
            "{found:?}"
        );
    }
}
