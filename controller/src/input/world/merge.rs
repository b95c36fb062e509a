//! One set of objects from many files, kept up to date by what the changed files hold.

use super::{FileState, Held, Problem};
use gatewright_core::snapshot::{Change, Object, ObjectKey};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Objects of one update from which on the tree is made anew: one that grew entry by entry is half empty.
const MANY: usize = 1000;

type Files = BTreeMap<Arc<Path>, FileState>;

/// Which file defines an object, and where in the order of the file. The least one counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    file: Arc<Path>,
    index: usize,
}

impl Place {
    fn held<'a>(&self, files: &'a Files) -> Option<(&'a FileState, &'a Held)> {
        let file = files.get(&self.file)?;
        Some((file, file.objects.get(self.index)?))
    }

    /// As `file:line`.
    fn shown(&self, files: &Files) -> Option<String> {
        self.held(files).map(|(file, held)| file.place(held))
    }
}

/// The definition of an object that counts.
struct First {
    object: Arc<Object>,
    place: Place,
}

/// The objects that count.
#[derive(Default)]
pub(super) struct Merged {
    objects: BTreeMap<ObjectKey, First>,
    /// Further definitions, of the few objects that have any.
    others: BTreeMap<ObjectKey, BTreeSet<Place>>,
}

impl Merged {
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.keys()
    }

    /// Where the definition that counts is, as `file:line`.
    pub(super) fn place(&self, key: &ObjectKey, files: &Files) -> Option<String> {
        self.objects.get(key)?.place.shown(files)
    }

    /// Definitions that do not count.
    pub(super) fn duplicates(&self, files: &Files) -> impl Iterator<Item = Problem> {
        self.others.iter().flat_map(move |(key, others)| {
            let kept = self.place(key, files);
            others.iter().filter_map(move |other| {
                Some(Problem::Duplicate {
                    object: key.clone(),
                    kept: kept.clone()?,
                    ignored: other.shown(files)?,
                })
            })
        })
    }

    /// Takes in the files of `touched`, which held the objects named there before; what changed.
    pub(super) fn update(
        &mut self,
        files: &Files,
        touched: &BTreeMap<Arc<Path>, Vec<ObjectKey>>,
    ) -> Vec<Change> {
        let mut affected: BTreeMap<&ObjectKey, Vec<Place>> = BTreeMap::new();
        for (path, before) in touched {
            for key in before {
                affected.entry(key).or_default();
            }
            let held = files.get(path).map_or(&[][..], |file| &file.objects);
            for (index, held) in held.iter().enumerate() {
                affected.entry(&held.key).or_default().push(Place {
                    file: Arc::clone(path),
                    index,
                });
            }
        }
        let many = affected.len() >= MANY;
        let mut changes = Vec::new();
        let mut gone = Vec::new();
        for (key, mut places) in affected {
            let known = self.objects.remove(key);
            let others = self.others.remove(key).unwrap_or_default();
            let elsewhere = known.iter().map(|known| known.place.clone()).chain(others);
            places.extend(elsewhere.filter(|place| !touched.contains_key(&place.file)));
            places.sort_unstable();
            let mut places = places.into_iter();
            let first = places
                .next()
                .and_then(|place| Some((Arc::clone(&place.held(files)?.1.object), place)));
            let Some((object, place)) = first else {
                gone.extend(known.map(|_| Change::Delete(key.clone())));
                continue;
            };
            let same =
                known.is_some_and(|known| Arc::ptr_eq(&known.object, &object) || known.object == object);
            if !same {
                changes.push(Change::Upsert(Arc::clone(&object)));
            }
            self.objects.insert(key.clone(), First { object, place });
            let others: BTreeSet<Place> = places.collect();
            if !others.is_empty() {
                self.others.insert(key.clone(), others);
            }
        }
        changes.extend(gone);
        if many {
            self.objects = std::mem::take(&mut self.objects).into_iter().collect();
        }
        changes
    }
}
