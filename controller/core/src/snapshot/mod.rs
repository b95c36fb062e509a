//! All input objects, plain values, and the indexes that answer what refers to what.
//!
//! A [`Snapshot`] changes one object at a time and says which questions ([`Dep`]) have another answer
//! afterwards. Whoever computes something from it reads through a [`View`], which records the questions
//! asked; so a change recomputes what depended on it and nothing else.

mod index;
mod object;
mod view;

pub use index::Dep;
pub use object::{Kind, Object, ObjectKey, UnreadableObject, name_of};
pub use view::View;
pub(crate) use view::listed;

use gatewright_model::key::ObjectName;
use index::Index;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A change of one input object.
#[derive(Clone, Debug)]
pub enum Change {
    /// The object is new or different.
    Upsert(Arc<Object>),
    /// The object is gone.
    Delete(ObjectKey),
}

/// All input objects.
#[derive(Debug, Default)]
pub struct Snapshot {
    objects: BTreeMap<Kind, BTreeMap<ObjectName, Arc<Object>>>,
    index: Index,
    /// Whether the cluster has ClusterTrustBundles at all; without them references have another reason.
    pub(crate) trust_bundles: bool,
}

impl Snapshot {
    /// An empty snapshot. `trust_bundles` says whether the ClusterTrustBundle API is there (GEP-5075).
    pub fn new(trust_bundles: bool) -> Self {
        Self {
            trust_bundles,
            ..Self::default()
        }
    }

    /// Applies a change and returns the questions with another answer; none when the object is equal.
    pub fn apply(&mut self, change: Change) -> Vec<Dep> {
        let (key, new) = match change {
            Change::Upsert(object) => (object.key(), Some(object)),
            Change::Delete(key) => (key, None),
        };
        let kind = self.objects.entry(key.kind).or_default();
        let old = match &new {
            Some(object) => {
                if kind
                    .get(&key.name)
                    .is_some_and(|old| Arc::ptr_eq(old, object) || **old == **object)
                {
                    return Vec::new();
                }
                kind.insert(key.name.clone(), Arc::clone(object))
            }
            None => kind.remove(&key.name),
        };
        let mut changed = self.index.replace(&key, old.as_deref(), new.as_deref());
        if old.is_some() || new.is_some() {
            changed.push(Dep::Object(key));
        }
        changed
    }

    /// Gives back room that is reserved for more objects.
    pub(crate) fn compact(&mut self) {
        self.index.compact();
        for objects in self.objects.values_mut() {
            *objects = std::mem::take(objects).into_iter().collect();
        }
    }

    /// An object.
    pub fn get(&self, kind: Kind, name: &ObjectName) -> Option<&Arc<Object>> {
        self.objects.get(&kind)?.get(name)
    }

    /// All objects of a kind, by name.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = (&ObjectName, &Arc<Object>)> {
        self.objects.get(&kind).into_iter().flatten()
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }
}
