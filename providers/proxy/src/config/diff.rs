//! What differs between two maps of shared values.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One difference.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change<'a, K, V> {
    /// Only in the new map.
    Added(&'a K, &'a Arc<V>),
    /// In both, with different values.
    Changed(&'a K, &'a Arc<V>),
    /// Only in the old map.
    Removed(&'a K, &'a Arc<V>),
}

/// Differences in key order. Equal pointers are equal entries, which costs two comparisons of pointers;
/// other values are compared. A value never stands under two keys.
pub(super) fn changes<'a, K: Ord, V: PartialEq>(
    old: Option<&'a BTreeMap<K, Arc<V>>>,
    new: &'a BTreeMap<K, Arc<V>>,
) -> impl Iterator<Item = Change<'a, K, V>> {
    let mut old = old.into_iter().flatten().peekable();
    let mut new = new.iter().peekable();
    std::iter::from_fn(move || {
        loop {
            if let (Some((_, before)), Some((_, after))) = (old.peek(), new.peek())
                && Arc::ptr_eq(before, after)
            {
                old.next();
                new.next();
                continue;
            }
            let order = match (old.peek(), new.peek()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((before, _)), Some((after, _))) => before.cmp(after),
            };
            match order {
                Ordering::Less => return old.next().map(|(key, value)| Change::Removed(key, value)),
                Ordering::Greater => return new.next().map(|(key, value)| Change::Added(key, value)),
                Ordering::Equal => {
                    let ((_, before), (key, after)) = (old.next()?, new.next()?);
                    if before != after {
                        return Some(Change::Changed(key, after));
                    }
                }
            }
        }
    })
}

/// Makes a map anew that grew a lot: one that grew entry by entry is half empty.
pub(super) fn compact<K: Ord, V>(known: usize, map: &mut BTreeMap<K, V>) {
    if map.len() >= known + MANY {
        *map = std::mem::take(map).into_iter().collect();
    }
}

/// New entries of one update from which on it is worth the time.
const MANY: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_once() {
        let shared = Arc::new("shared");
        let old = BTreeMap::from([
            (1, Arc::new("gone")),
            (2, Arc::clone(&shared)),
            (3, Arc::new("old")),
            (4, Arc::new("equal")),
        ]);
        let new = BTreeMap::from([
            (2, Arc::clone(&shared)),
            (3, Arc::new("new")),
            (4, Arc::new("equal")),
            (5, Arc::new("come")),
        ]);
        let found: Vec<_> = changes(Some(&old), &new).collect();
        assert_eq!(
            found,
            [
                Change::Removed(&1, &Arc::new("gone")),
                Change::Changed(&3, &Arc::new("new")),
                Change::Added(&5, &Arc::new("come")),
            ]
        );
        assert_eq!(changes(None, &new).count(), 4);
        assert_eq!(changes(Some(&new), &new).count(), 0);
    }
}
