//! Who asked what: the dependencies of every computation.

use super::unit::Unit;
use crate::snapshot::Dep;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::hash::Hash;

/// Questions and the units that asked them. Both are numbered, because a question about a Gateway is
/// asked by each of its routes.
#[derive(Debug, Default)]
pub struct Tracker {
    deps: Interner<Dep>,
    units: Interner<Unit>,
    /// Units by question, sorted.
    users: FxHashMap<u32, Vec<u32>>,
    /// Questions by unit, sorted.
    reads: FxHashMap<u32, Box<[u32]>>,
}

impl Tracker {
    /// Replaces the questions of a unit.
    pub fn set(&mut self, unit: &Unit, asked: BTreeSet<Dep>) {
        let id = self.units.intern(unit);
        let mut now: Vec<u32> = asked.iter().map(|dep| self.deps.intern(dep)).collect();
        now.sort_unstable();
        let before = self
            .reads
            .insert(id, now.clone().into_boxed_slice())
            .unwrap_or_default();
        for dep in now.iter().filter(|dep| before.binary_search(dep).is_err()) {
            let users = self.users.entry(*dep).or_default();
            if let Err(at) = users.binary_search(&id) {
                users.insert(at, id);
            }
        }
        for dep in before.iter().filter(|dep| now.binary_search(dep).is_err()) {
            self.unuse(*dep, id);
        }
    }

    /// Forgets a unit.
    pub fn forget(&mut self, unit: &Unit) {
        let Some(id) = self.units.get(unit) else { return };
        for dep in self.reads.remove(&id).unwrap_or_default() {
            self.unuse(dep, id);
        }
        self.units.release(id);
    }

    /// The units that asked a question.
    pub fn users(&self, dep: &Dep) -> impl Iterator<Item = &Unit> {
        let users = self.deps.get(dep).and_then(|id| self.users.get(&id));
        users.into_iter().flatten().filter_map(|id| self.units.key(*id))
    }

    fn unuse(&mut self, dep: u32, unit: u32) {
        let Some(users) = self.users.get_mut(&dep) else {
            return;
        };
        if let Ok(at) = users.binary_search(&unit) {
            users.remove(at);
        }
        if users.is_empty() {
            self.users.remove(&dep);
            self.deps.release(dep);
        }
    }
}

/// Numbers for keys; numbers of released keys are used again.
#[derive(Debug)]
struct Interner<K> {
    ids: FxHashMap<K, u32>,
    keys: Vec<Option<K>>,
    free: Vec<u32>,
}

impl<K> Default for Interner<K> {
    fn default() -> Self {
        Self {
            ids: FxHashMap::default(),
            keys: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<K: Clone + Eq + Hash> Interner<K> {
    fn get(&self, key: &K) -> Option<u32> {
        self.ids.get(key).copied()
    }

    fn key(&self, id: u32) -> Option<&K> {
        self.keys.get(id as usize)?.as_ref()
    }

    fn intern(&mut self, key: &K) -> u32 {
        if let Some(id) = self.get(key) {
            return id;
        }
        let reused = self
            .free
            .pop()
            .and_then(|id| Some((id, self.keys.get_mut(id as usize)?)));
        let id = if let Some((id, slot)) = reused {
            *slot = Some(key.clone());
            id
        } else {
            self.keys.push(Some(key.clone()));
            (self.keys.len() - 1) as u32
        };
        self.ids.insert(key.clone(), id);
        id
    }

    fn release(&mut self, id: u32) {
        if let Some(key) = self.keys.get_mut(id as usize).and_then(Option::take) {
            self.ids.remove(&key);
            self.free.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_model::key::ObjectName;

    fn unit(name: &str) -> Unit {
        Unit::Gateway(ObjectName::new("a", name))
    }

    fn dep(name: &str) -> Dep {
        Dep::Facts(ObjectName::new("a", name))
    }

    fn users(tracker: &Tracker, name: &str) -> Vec<Unit> {
        tracker.users(&dep(name)).cloned().collect()
    }

    #[test]
    fn replaced_and_forgotten_questions_lead_nowhere() {
        let mut tracker = Tracker::default();
        tracker.set(&unit("x"), BTreeSet::from([dep("1"), dep("2")]));
        tracker.set(&unit("y"), BTreeSet::from([dep("2")]));
        assert_eq!(users(&tracker, "2").len(), 2);
        tracker.set(&unit("x"), BTreeSet::from([dep("3")]));
        assert_eq!(users(&tracker, "1"), []);
        assert_eq!(users(&tracker, "2"), [unit("y")]);
        assert_eq!(users(&tracker, "3"), [unit("x")]);
        tracker.forget(&unit("x"));
        tracker.forget(&unit("y"));
        assert!(tracker.deps.ids.is_empty() && tracker.units.ids.is_empty() && tracker.users.is_empty());
    }

    #[test]
    fn numbers_are_used_again_without_mixing_up() {
        let mut tracker = Tracker::default();
        for round in 0..100 {
            let name = round.to_string();
            tracker.set(&unit(&name), BTreeSet::from([dep(&name)]));
            assert_eq!(users(&tracker, &name), [unit(&name)]);
            tracker.forget(&unit(&name));
        }
        assert_eq!(tracker.deps.keys.len(), 1);
    }
}
