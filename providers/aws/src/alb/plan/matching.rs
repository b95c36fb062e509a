//! Which existing rule becomes which wanted one.

use crate::alb::canonical::{GroupArns, does, has_conditions};
use crate::alb::observed::SeenRule;
use gatewright_aws_core::alb::rule::{Action, Rule};
use std::collections::BTreeSet;

/// Wanted and existing rules of one listener, side by side.
pub struct Matching<'a> {
    wanted: &'a [Rule],
    /// Ours, by priority.
    seen: Vec<&'a SeenRule>,
    /// For each wanted rule the existing one that becomes it.
    pairs: Vec<Option<usize>>,
    /// Wanted rules whose existing ones are in order: they keep their priorities.
    stay: BTreeSet<usize>,
}

impl<'a> Matching<'a> {
    /// Pairs them: first what is equal, then what has the same conditions; then, between two that keep their
    /// places, what does the same under other conditions, and at last what else is there. The rest is new or goes.
    pub fn new(wanted: &'a [Rule], seen: Vec<&'a SeenRule>, arns: &GroupArns) -> Self {
        let mut matching = Self {
            wanted,
            pairs: vec![None; wanted.len()],
            seen,
            stay: BTreeSet::new(),
        };
        matching.pair(|wanted, seen| {
            has_conditions(&seen.rule.settings, wanted) && does(&seen.rule.settings, wanted, arns)
        });
        matching.pair(|wanted, seen| has_conditions(&seen.rule.settings, wanted));
        matching.stay = matching.longest_in_order();
        matching.fill(|wanted, seen| does(&seen.rule.settings, wanted, arns));
        // A rule whose groups are still to be made may fail: then it must not keep an old one alive.
        matching.fill(|wanted, _| exists(wanted, arns));
        matching
    }

    /// Pairs what is left, wherever it is: at most this many. How many that were.
    pub fn pair_rest(&mut self, most: usize) -> usize {
        let unused: Vec<usize> = self.unused().collect();
        let new: Vec<usize> = self.new_ones().collect();
        let mut made = 0;
        for (wanted, seen) in new.into_iter().zip(unused).take(most) {
            if let Some(pair) = self.pairs.get_mut(wanted) {
                *pair = Some(seen);
                made += 1;
            }
        }
        made
    }

    /// The wanted rules in order: the existing one of each, and whether that keeps its priority.
    pub fn rules(&self) -> impl Iterator<Item = (&'a Rule, Option<(&'a SeenRule, bool)>)> {
        self.wanted.iter().enumerate().map(|(index, wanted)| {
            let seen = self.pairs.get(index).copied().flatten();
            let seen = seen.and_then(|seen| Some((*self.seen.get(seen)?, self.stay.contains(&index))));
            (wanted, seen)
        })
    }

    /// Existing rules that become none of the wanted ones.
    pub fn gone(&self) -> Vec<&'a SeenRule> {
        self.unused()
            .filter_map(|seen| self.seen.get(seen).copied())
            .collect()
    }

    /// How many are to be made.
    pub fn creations(&self) -> usize {
        self.new_ones().count()
    }

    fn new_ones(&self) -> impl Iterator<Item = usize> {
        let pairs = self.pairs.iter().enumerate();
        pairs.filter(|(_, pair)| pair.is_none()).map(|(index, _)| index)
    }

    fn unused(&self) -> impl Iterator<Item = usize> {
        let used: BTreeSet<usize> = self.pairs.iter().copied().flatten().collect();
        (0..self.seen.len()).filter(move |seen| !used.contains(seen))
    }

    fn pair(&mut self, matches: impl Fn(&Rule, &SeenRule) -> bool) {
        let mut free: BTreeSet<usize> = self.unused().collect();
        for (pair, wanted) in self
            .pairs
            .iter_mut()
            .zip(self.wanted)
            .filter(|(pair, _)| pair.is_none())
        {
            let found = free
                .iter()
                .copied()
                .find(|seen| self.seen.get(*seen).is_some_and(|seen| matches(wanted, seen)));
            if let Some(found) = found {
                free.remove(&found);
                *pair = Some(found);
            }
        }
    }

    /// The most wanted rules whose existing ones are in the wanted order already.
    fn longest_in_order(&self) -> BTreeSet<usize> {
        // Smallest last element of an ordered sequence of each length, as (existing, wanted), and what came before.
        let mut ends: Vec<(usize, usize)> = Vec::new();
        let mut before: Vec<Option<usize>> = vec![None; self.wanted.len()];
        for (wanted, seen) in self.pairs.iter().enumerate() {
            let Some(seen) = *seen else { continue };
            let length = ends.partition_point(|(end, _)| *end < seen);
            if let Some(before) = before.get_mut(wanted) {
                *before = length
                    .checked_sub(1)
                    .and_then(|last| ends.get(last))
                    .map(|(_, wanted)| *wanted);
            }
            match ends.get_mut(length) {
                Some(end) => *end = (seen, wanted),
                None => ends.push((seen, wanted)),
            }
        }
        let mut next = ends.last().map(|(_, wanted)| *wanted);
        let mut stay = BTreeSet::new();
        while let Some(wanted) = next {
            stay.insert(wanted);
            next = before.get(wanted).copied().flatten();
        }
        stay
    }

    /// Pairs, in order, what lies between the same two neighbours.
    fn fill(&mut self, matches: impl Fn(&Rule, &SeenRule) -> bool) {
        let anchors: Vec<(usize, usize)> = self
            .stay
            .iter()
            .filter_map(|wanted| Some((*wanted, self.pairs.get(*wanted).copied().flatten()?)))
            .chain([(self.wanted.len(), self.seen.len())])
            .collect();
        let unused: BTreeSet<usize> = self.unused().collect();
        let new: BTreeSet<usize> = self.new_ones().collect();
        let mut from = (0, 0);
        for to in anchors {
            let mut cursor = from.0;
            for seen in unused.range(from.1..to.1) {
                let Some(rule) = self.seen.get(*seen) else {
                    continue;
                };
                let mut between = new.range(cursor..to.0);
                let found = between.find(|wanted| {
                    self.wanted
                        .get(**wanted)
                        .is_some_and(|wanted| matches(wanted, rule))
                });
                if let Some(wanted) = found {
                    if let Some(pair) = self.pairs.get_mut(*wanted) {
                        *pair = Some(*seen);
                    }
                    self.stay.insert(*wanted);
                    cursor = wanted + 1;
                }
            }
            from = (to.0 + 1, to.1 + 1);
        }
    }
}

fn exists(wanted: &Rule, arns: &GroupArns) -> bool {
    match &wanted.action {
        Action::Forward(forward) => forward.groups.keys().all(|id| arns.contains_key(id)),
        Action::Redirect(_) | Action::Fixed(_) => true,
    }
}
