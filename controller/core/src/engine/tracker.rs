//! Who asked what: the dependencies of every computation.

use super::pool::hash_of;
use super::unit::Unit;
use crate::snapshot::Dep;
use hashbrown::HashTable;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::hash::Hash;

/// Numbers, sorted. Most questions are asked by few units, and most units ask few questions.
type Ids = SmallVec<[u32; 4]>;

/// Questions and the units that asked them. Both are numbered, because a question about a Gateway is
/// asked by each of its routes.
#[derive(Debug, Default)]
pub struct Tracker {
    /// Questions, with the units that asked them.
    deps: Interner<Dep>,
    /// Units, with the questions they asked.
    units: Interner<Unit>,
}

impl Tracker {
    /// Replaces the questions of a unit.
    pub fn set(&mut self, unit: &Unit, asked: BTreeSet<Dep>) {
        let id = self.units.intern(unit);
        let mut now: Ids = asked.into_iter().map(|dep| self.deps.intern(&dep)).collect();
        now.sort_unstable();
        let Some(reads) = self.units.linked_mut(id) else {
            return;
        };
        let before = std::mem::replace(reads, now.clone());
        for dep in now.iter().filter(|dep| before.binary_search(dep).is_err()) {
            if let Some(users) = self.deps.linked_mut(*dep)
                && let Err(at) = users.binary_search(&id)
            {
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
        let reads = self.units.linked_mut(id).map(std::mem::take);
        for dep in reads.unwrap_or_default() {
            self.unuse(dep, id);
        }
        self.units.release(id);
    }

    /// The units that asked a question.
    pub fn users(&self, dep: &Dep) -> impl Iterator<Item = &Unit> {
        let users = self.deps.get(dep).and_then(|id| self.deps.linked(id));
        users.into_iter().flatten().filter_map(|id| self.units.key(*id))
    }

    /// Gives back room that is reserved for more.
    pub fn compact(&mut self) {
        self.deps.compact();
        self.units.compact();
    }

    fn unuse(&mut self, dep: u32, unit: u32) {
        let Some(users) = self.deps.linked_mut(dep) else {
            return;
        };
        if let Ok(at) = users.binary_search(&unit) {
            users.remove(at);
        }
        if users.is_empty() {
            self.deps.release(dep);
        }
    }
}

/// Numbers for keys, and what each is linked to; numbers of released keys are used again. A key is kept
/// once: the table holds numbers alone.
#[derive(Debug)]
struct Interner<K> {
    ids: HashTable<u32>,
    slots: Vec<Option<Slot<K>>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<K> {
    key: K,
    linked: Ids,
}

impl<K> Default for Interner<K> {
    fn default() -> Self {
        Self {
            ids: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

fn slot_of<K>(slots: &[Option<Slot<K>>], id: u32) -> Option<&Slot<K>> {
    slots.get(id as usize)?.as_ref()
}

/// Hash of the key with a number.
fn hash_in<K: Hash>(slots: &[Option<Slot<K>>], id: u32) -> u64 {
    slot_of(slots, id).map_or(0, |slot| hash_of(&slot.key))
}

impl<K: Clone + Eq + Hash> Interner<K> {
    fn get(&self, key: &K) -> Option<u32> {
        let same = |id: &u32| slot_of(&self.slots, *id).is_some_and(|slot| slot.key == *key);
        self.ids.find(hash_of(key), same).copied()
    }

    fn key(&self, id: u32) -> Option<&K> {
        slot_of(&self.slots, id).map(|slot| &slot.key)
    }

    fn linked(&self, id: u32) -> Option<&Ids> {
        slot_of(&self.slots, id).map(|slot| &slot.linked)
    }

    fn linked_mut(&mut self, id: u32) -> Option<&mut Ids> {
        let slot = self.slots.get_mut(id as usize)?.as_mut()?;
        Some(&mut slot.linked)
    }

    fn intern(&mut self, key: &K) -> u32 {
        if let Some(id) = self.get(key) {
            return id;
        }
        let new = Some(Slot {
            key: key.clone(),
            linked: Ids::new(),
        });
        let reused = self
            .free
            .pop()
            .and_then(|id| Some((id, self.slots.get_mut(id as usize)?)));
        let id = if let Some((id, slot)) = reused {
            *slot = new;
            id
        } else {
            self.slots.push(new);
            (self.slots.len() - 1) as u32
        };
        let slots = &self.slots;
        self.ids.insert_unique(hash_of(key), id, |id| hash_in(slots, *id));
        id
    }

    fn compact(&mut self) {
        self.slots.shrink_to_fit();
        self.free.shrink_to_fit();
        let slots = &self.slots;
        self.ids.shrink_to_fit(|id| hash_in(slots, *id));
    }

    fn release(&mut self, id: u32) {
        let Some(Slot { key, .. }) = self.slots.get_mut(id as usize).and_then(Option::take) else {
            return;
        };
        if let Ok(entry) = self.ids.find_entry(hash_of(&key), |known| *known == id) {
            entry.remove();
        }
        self.free.push(id);
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
        assert!(tracker.deps.ids.is_empty() && tracker.units.ids.is_empty());
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
        assert_eq!(tracker.deps.slots.len(), 1);
    }
}
