//! Which parts of rules stand together.

use super::apart::within;
use super::does_the_same;
use super::merge::merge;
use crate::Str;
use crate::alb::rule::{Conditions, Rule, Values};
use crate::limits::AlbLimits;
use std::collections::{BTreeMap, BTreeSet};

/// Parts that become one rule.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The existing rule that they are from, by its position.
    pub home: Option<usize>,
    /// Positions of the parts.
    pub members: Vec<usize>,
    /// Conditions of all of them.
    conditions: Conditions,
}

/// The groups of a listener's parts.
pub(super) struct Groups<'a> {
    parts: &'a [Rule],
    limits: &'a AlbLimits,
    all: Vec<Group>,
}

impl<'a> Groups<'a> {
    /// Each part goes where it is now. One that is nowhere goes to parts that do the same and have room; if it can, to
    /// those of a rule that changes anyway, or it takes the place of a rule that would go.
    pub fn new(parts: &'a [Rule], existing: &[Conditions], limits: &'a AlbLimits) -> Self {
        let mut groups = Self {
            parts,
            limits,
            all: Vec::new(),
        };
        let homes = Homes::new(existing);
        let mut homeless = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            match homes.of(&part.conditions, existing) {
                Some(home) if groups.stays(at, home) => {}
                _ => homeless.push(at),
            }
        }
        let changing: Vec<bool> = groups
            .all
            .iter()
            .map(|group| group.home.and_then(|home| existing.get(home)) != Some(&group.conditions))
            .collect();
        let used: BTreeSet<usize> = groups.all.iter().filter_map(|group| group.home).collect();
        let mut free = (0..existing.len()).filter(|home| !used.contains(home));
        for at in homeless {
            let changes = |group: usize| changing.get(group).copied().unwrap_or(true);
            if groups.joins(at, changes) {
                continue;
            }
            let home = free.next();
            if home.is_some() || !groups.joins(at, |group| !changes(group)) {
                groups.founds(at, home);
            }
        }
        groups
    }

    /// How many rules they take.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Leaves groups that others have room for to those, the smallest first: no part moves from a rule that stays, so
    /// that none is without a rule while the change is made.
    pub fn close_up(&mut self) {
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        order.sort_by_key(|at| self.all.get(*at).map_or(0, |group| group.members.len()));
        let mut takers = BTreeSet::new();
        for at in order {
            if takers.contains(&at) {
                continue;
            }
            let Some(moves) = self.moves(at) else {
                continue;
            };
            for (member, group, conditions) in moves {
                takers.insert(group);
                self.add(member, group, conditions);
            }
            if let Some(left) = self.all.get_mut(at) {
                left.members.clear();
            }
        }
        self.all.retain(|group| !group.members.is_empty());
        for group in &mut self.all {
            group.members.sort_unstable();
        }
    }

    /// Where all parts of a group can go, one after the other, and the conditions of each group then.
    fn moves(&self, from: usize) -> Option<Vec<(usize, usize, Conditions)>> {
        let mut grown: BTreeMap<usize, Conditions> = BTreeMap::new();
        let members = &self.all.get(from)?.members;
        let moves = members.iter().map(|member| {
            let part = self.parts.get(*member)?;
            let mut others = self.all.iter().enumerate();
            let (to, conditions) = others.find_map(|(to, group)| {
                let taken = to != from && self.does_the_same(group, part);
                let conditions = grown.get(&to).unwrap_or(&group.conditions);
                let conditions = taken.then(|| merge(conditions, &part.conditions, self.limits))??;
                Some((to, conditions))
            })?;
            grown.insert(to, conditions.clone());
            Some((*member, to, conditions))
        });
        moves.collect()
    }

    /// The group of each part.
    pub fn of_parts(&self) -> BTreeMap<usize, usize> {
        let groups = self.all.iter().enumerate();
        groups
            .flat_map(|(at, group)| group.members.iter().map(move |member| (*member, at)))
            .collect()
    }

    /// The existing rule of a group.
    pub fn home(&self, group: usize) -> Option<usize> {
        self.all.get(group)?.home
    }

    fn does_the_same(&self, group: &Group, part: &Rule) -> bool {
        let first = group.members.first().and_then(|first| self.parts.get(*first));
        first.is_some_and(|first| does_the_same(first, part))
    }

    /// Whether a part can be with those of an existing rule.
    fn stays(&mut self, at: usize, home: usize) -> bool {
        let Some(part) = self.parts.get(at) else {
            return false;
        };
        let found = self
            .all
            .iter()
            .position(|group| group.home == Some(home) && self.does_the_same(group, part));
        match found {
            None => {
                self.founds(at, Some(home));
                true
            }
            Some(group) => self.takes(group, part).is_some_and(|conditions| {
                self.add(at, group, conditions);
                true
            }),
        }
    }

    /// Whether one of these groups has room for a part, which is there then.
    fn joins(&mut self, at: usize, which: impl Fn(usize) -> bool) -> bool {
        let Some(part) = self.parts.get(at) else {
            return false;
        };
        let mut groups = self.all.iter().enumerate();
        let found = groups.find_map(|(index, group)| {
            let alike = which(index) && self.does_the_same(group, part);
            let conditions = alike.then(|| self.takes(index, part))??;
            Some((index, conditions))
        });
        found.is_some_and(|(group, conditions)| {
            self.add(at, group, conditions);
            true
        })
    }

    /// The conditions of a group and a part.
    fn takes(&self, group: usize, part: &Rule) -> Option<Conditions> {
        merge(&self.all.get(group)?.conditions, &part.conditions, self.limits)
    }

    fn add(&mut self, at: usize, group: usize, conditions: Conditions) {
        if let Some(group) = self.all.get_mut(group) {
            group.members.push(at);
            group.conditions = conditions;
        }
    }

    fn founds(&mut self, at: usize, home: Option<usize>) {
        if let Some(part) = self.parts.get(at) {
            self.all.push(Group {
                home,
                members: vec![at],
                conditions: part.conditions.clone(),
            });
        }
    }
}

/// Existing rules by one host and one path of theirs.
struct Homes(BTreeMap<Key, Vec<usize>>);

type Key = (Option<Str>, Option<Str>);

impl Homes {
    fn new(existing: &[Conditions]) -> Self {
        let mut homes: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        for (at, conditions) in existing.iter().enumerate() {
            for host in texts(conditions.host.as_ref()) {
                for path in texts(conditions.path.as_ref()) {
                    homes.entry((host.clone(), path)).or_default().push(at);
                }
            }
        }
        Self(homes)
    }

    /// The first existing rule that a part is literally in.
    fn of(&self, part: &Conditions, existing: &[Conditions]) -> Option<usize> {
        let first = |values: Option<&Values>| texts(values).into_iter().next().flatten();
        let near = self
            .0
            .get(&(first(part.host.as_ref()), first(part.path.as_ref())))?;
        let mut near = near.iter().copied();
        near.find(|home| existing.get(*home).is_some_and(|existing| within(part, existing)))
    }
}

/// Each value; `None` where there is no condition.
fn texts(values: Option<&Values>) -> Vec<Option<Str>> {
    match values {
        None => vec![None],
        Some(Values::Wildcards(values) | Values::Regex(values)) => values.iter().cloned().map(Some).collect(),
    }
}
