//! Sets that mostly have few elements.
//!
//! A `BTreeSet` with one element reserves room for eleven, which for the keys that every route and backend
//! remembers is most of its memory. But some of the sets have thousands: a vector would be moved for each.

use std::collections::BTreeSet;
use std::iter::{Chain, Flatten};
use std::{option, slice, vec};

/// Elements up to which a sorted vector serves.
const FEW: usize = 32;

/// A set in order: a sorted vector that grows from one element, a tree from [`FEW`] on.
#[derive(Clone, Debug)]
pub struct SmallSet<T> {
    few: Vec<T>,
    /// When there, it has all the elements. Behind a pointer, because most sets never have it.
    #[allow(clippy::box_collection)]
    many: Option<Box<BTreeSet<T>>>,
}

impl<T> Default for SmallSet<T> {
    fn default() -> Self {
        Self {
            few: Vec::new(),
            many: None,
        }
    }
}

impl<T: Ord> PartialEq for SmallSet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Ord> Eq for SmallSet<T> {}

impl<T: Ord> SmallSet<T> {
    /// Adds an element; says whether it was not there.
    pub fn insert(&mut self, element: T) -> bool {
        if let Some(many) = &mut self.many {
            return many.insert(element);
        }
        let Err(at) = self.few.binary_search(&element) else {
            return false;
        };
        if self.few.len() >= FEW {
            let mut many: BTreeSet<T> = std::mem::take(&mut self.few).into_iter().collect();
            many.insert(element);
            self.many = Some(Box::new(many));
            return true;
        }
        if self.few.len() == self.few.capacity() {
            self.few.reserve_exact(self.few.len().max(1));
        }
        self.few.insert(at, element);
        true
    }

    /// Takes an element out; says whether it was there.
    pub fn remove(&mut self, element: &T) -> bool {
        if let Some(many) = &mut self.many {
            let found = many.remove(element);
            if many.is_empty() {
                self.many = None;
            }
            return found;
        }
        match self.few.binary_search(element) {
            Ok(at) => {
                self.few.remove(at);
                true
            }
            Err(_) => false,
        }
    }

    /// Whether an element is there.
    pub fn contains(&self, element: &T) -> bool {
        match &self.many {
            Some(many) => many.contains(element),
            None => self.few.binary_search(element).is_ok(),
        }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.many.as_ref().map_or(self.few.len(), |many| many.len())
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, in order.
    pub fn iter(&self) -> Iter<'_, T> {
        self.few.iter().chain(self.many.as_deref().into_iter().flatten())
    }

    /// The first element.
    pub fn first(&self) -> Option<&T> {
        self.iter().next()
    }

    /// The last element.
    pub fn last(&self) -> Option<&T> {
        match &self.many {
            Some(many) => many.last(),
            None => self.few.last(),
        }
    }

    /// Elements that the other set does not have, in order.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> {
        self.iter().filter(|element| !other.contains(element))
    }

    /// Elements of either set, in order, each once.
    pub fn union<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> {
        let (mut left, mut right) = (self.iter().peekable(), other.iter().peekable());
        std::iter::from_fn(move || match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if a == b => {
                right.next();
                left.next()
            }
            (Some(a), Some(b)) if b < a => right.next(),
            (None, _) => right.next(),
            _ => left.next(),
        })
    }

    /// Gives back room that is reserved for more elements.
    pub(crate) fn compact(&mut self) {
        self.few.shrink_to_fit();
        if let Some(many) = &mut self.many {
            **many = std::mem::take(&mut **many).into_iter().collect();
        }
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
        let mut set = Self::default();
        set.extend(elements);
        set
    }
}

/// The elements of a borrowed set.
pub type Iter<'a, T> = Chain<slice::Iter<'a, T>, Flatten<option::IntoIter<&'a BTreeSet<T>>>>;

impl<T> IntoIterator for SmallSet<T> {
    type Item = T;
    type IntoIter = Chain<vec::IntoIter<T>, Flatten<option::IntoIter<BTreeSet<T>>>>;

    fn into_iter(self) -> Self::IntoIter {
        let many = self.many.map(|many| *many);
        self.few.into_iter().chain(many.into_iter().flatten())
    }
}

impl<'a, T: Ord> IntoIterator for &'a SmallSet<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn steps() -> impl Strategy<Value = Vec<(bool, u8)>> {
        prop::collection::vec((prop::bool::weighted(0.7), 0..80u8), 0..150)
    }

    /// The same steps taken by both kinds of set.
    fn both(steps: &[(bool, u8)]) -> (SmallSet<u8>, BTreeSet<u8>) {
        let (mut small, mut tree) = (SmallSet::default(), BTreeSet::new());
        for (insert, element) in steps {
            if *insert {
                assert_eq!(small.insert(*element), tree.insert(*element));
            } else {
                assert_eq!(small.remove(element), tree.remove(element));
            }
        }
        (small, tree)
    }

    proptest! {
        #[test]
        fn behaves_like_a_tree(left in steps(), right in steps()) {
            let (mut a, tree_a) = both(&left);
            let (b, tree_b) = both(&right);
            prop_assert!(a.iter().eq(tree_a.iter()));
            prop_assert!(a.union(&b).eq(tree_a.union(&tree_b)));
            prop_assert!(a.difference(&b).eq(tree_a.difference(&tree_b)));
            prop_assert_eq!((a.len(), a.is_empty()), (tree_a.len(), tree_a.is_empty()));
            prop_assert_eq!((a.first(), a.last()), (tree_a.first(), tree_a.last()));
            prop_assert_eq!(a == b, tree_a == tree_b);
            // However it came to be, a set equals the one made of its elements.
            prop_assert_eq!(&a, &tree_a.iter().copied().collect::<SmallSet<u8>>());
            a.compact();
            prop_assert!(a.into_iter().eq(tree_a));
        }
    }
}
