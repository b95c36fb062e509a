//! Sets of a few elements.
//!
//! A `BTreeSet` with one element reserves room for eleven, which for the keys that every route remembers is
//! most of its memory.

use std::cmp::Ordering;

/// A sorted vector without duplicates that grows from one element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SmallSet<T>(Vec<T>);

impl<T> Default for SmallSet<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> SmallSet<T> {
    /// Adds an element; says whether it was not there.
    pub fn insert(&mut self, element: T) -> bool {
        let Err(at) = self.0.binary_search(&element) else {
            return false;
        };
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(self.0.len().max(1));
        }
        self.0.insert(at, element);
        true
    }

    /// Whether an element is there.
    pub fn contains(&self, element: &T) -> bool {
        self.0.binary_search(element).is_ok()
    }

    /// The elements, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Elements that the other set does not have, in order.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> {
        self.0.iter().filter(|element| !other.contains(element))
    }

    /// Elements of either set, in order, each once.
    pub fn union<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        std::iter::from_fn(move || {
            let order = match (left.peek(), right.peek()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.cmp(b),
            };
            match order {
                Ordering::Less => left.next(),
                Ordering::Greater => right.next(),
                Ordering::Equal => {
                    right.next();
                    left.next()
                }
            }
        })
    }
}

impl<T: Ord> Extend<T> for SmallSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        for element in elements {
            self.insert(element);
        }
    }
}

impl<T: Ord> FromIterator<T> for SmallSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut sorted: Vec<T> = elements.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.shrink_to_fit();
        Self(sorted)
    }
}

impl<T> IntoIterator for SmallSet<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a SmallSet<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_like_a_tree(left in prop::collection::vec(0..20u8, 0..12), right in prop::collection::vec(0..20u8, 0..12)) {
            let tree = |list: &[u8]| list.iter().copied().collect::<BTreeSet<u8>>();
            let mut grown = SmallSet::default();
            for element in &left {
                let new = !grown.contains(element);
                prop_assert_eq!(grown.insert(*element), new);
            }
            let set: SmallSet<u8> = right.iter().copied().collect();
            let (a, b) = (tree(&left), tree(&right));
            prop_assert_eq!(grown.iter().copied().collect::<Vec<_>>(), a.iter().copied().collect::<Vec<_>>());
            prop_assert!(grown.union(&set).eq(a.union(&b)));
            prop_assert!(grown.difference(&set).eq(a.difference(&b)));
            prop_assert_eq!(grown.is_empty(), a.is_empty());
        }
    }
}
