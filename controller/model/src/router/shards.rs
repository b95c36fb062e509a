//! A map that copies little when it changes.

use smallvec::SmallVec;
use std::sync::Arc;

/// Entries per shard above which the number of shards doubles, and below which it halves.
const GROW_ABOVE: usize = 8;
const SHRINK_BELOW: usize = 2;
/// Hashes kept beside the shard's head, where finding one costs no further cache miss.
const INLINE: usize = 12;

/// What a [`ShardMap`] stores: values that know their key.
pub(crate) trait Keyed: Clone {
    /// Key type.
    type Key: ?Sized + Eq;

    /// The key of this value.
    fn key(&self) -> &Self::Key;

    /// Hash of the key, equal for equal keys.
    fn hash(key: &Self::Key) -> u64;
}

/// A hash map in shards of a few entries behind [`Arc`]s; one with only a few entries is a list.
///
/// Most maps are small (a host has a path or two), and most memory of many routes would be that of small maps
/// with room for more. Cloning copies one pointer per shard; changing an entry copies its shard unless nobody
/// shares it. Inside a shard the entries are sorted by hash, so that keys chosen to fall into one shard cost a
/// binary search more, not a scan.
#[derive(Clone, Debug)]
pub(crate) struct ShardMap<V>(Form<V>);

#[derive(Clone, Debug)]
enum Form<V> {
    /// At most [`GROW_ABOVE`] entries, sorted by hash.
    Few(Box<[(u64, V)]>),
    /// The lower bits of the hash choose the shard.
    Many {
        /// As many as a power of two, at least two.
        shards: Box<[Arc<Shard<V>>]>,
        len: usize,
    },
}

#[derive(Clone, Debug)]
struct Shard<V> {
    hashes: SmallVec<[u64; INLINE]>,
    values: Vec<V>,
}

impl<V> Shard<V> {
    fn with_capacity(count: usize) -> Self {
        Self {
            hashes: SmallVec::with_capacity(count),
            values: Vec::with_capacity(count),
        }
    }
}

impl<V> Default for ShardMap<V> {
    fn default() -> Self {
        Self(Form::Few(Box::default()))
    }
}

impl<V: Keyed> Shard<V> {
    /// Where the key is, or where it belongs.
    fn position(&self, hash: u64, key: &V::Key) -> Result<usize, usize> {
        let first = self.hashes.partition_point(|h| *h < hash);
        let same = self.hashes.iter().zip(&self.values).skip(first);
        for (offset, (_, value)) in same.take_while(|(h, _)| **h == hash).enumerate() {
            if value.key() == key {
                return Ok(first + offset);
            }
        }
        Err(first)
    }
}

/// As [`Shard::position`].
fn position_in<V: Keyed>(few: &[(u64, V)], hash: u64, key: &V::Key) -> Result<usize, usize> {
    let mut first = few.len();
    for (at, (h, value)) in few.iter().enumerate() {
        if *h == hash && value.key() == key {
            return Ok(at);
        }
        if *h >= hash {
            first = first.min(at);
            if *h > hash {
                break;
            }
        }
    }
    Err(first)
}

impl<V: Keyed> ShardMap<V> {
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Form::Few(few) => few.len(),
            Form::Many { len, .. } => *len,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key whose hash the caller has.
    pub(crate) fn get_hashed(&self, hash: u64, key: &V::Key) -> Option<&V> {
        match &self.0 {
            Form::Few(few) => few
                .iter()
                .find(|(h, value)| *h == hash && value.key() == key)
                .map(|(_, value)| value),
            Form::Many { shards, .. } => {
                let shard = shards.get(shard_of(hash, shards.len()))?;
                shard.position(hash, key).ok().and_then(|at| shard.values.get(at))
            }
        }
    }

    pub(crate) fn get(&self, key: &V::Key) -> Option<&V> {
        self.get_hashed(V::hash(key), key)
    }

    /// Changes the value of a key, which is made first when there is none.
    pub(crate) fn change(&mut self, key: &V::Key, make: impl FnOnce() -> V, change: impl FnOnce(&mut V)) {
        let hash = V::hash(key);
        match &mut self.0 {
            Form::Few(few) => match position_in(few, hash, key) {
                Ok(at) => {
                    if let Some((_, value)) = few.get_mut(at) {
                        change(value);
                    }
                    return;
                }
                Err(at) => {
                    let mut value = make();
                    change(&mut value);
                    let mut all = std::mem::take(few).into_vec();
                    all.reserve_exact(1);
                    all.insert(at, (hash, value));
                    *few = all.into_boxed_slice();
                }
            },
            Form::Many { shards, len } => {
                let Some(shard) = shards.get_mut(shard_of(hash, shards.len())) else {
                    return;
                };
                let shard = Arc::make_mut(shard);
                match shard.position(hash, key) {
                    Ok(at) => {
                        if let Some(value) = shard.values.get_mut(at) {
                            change(value);
                        }
                        return;
                    }
                    Err(at) => {
                        let mut value = make();
                        change(&mut value);
                        // Room for more would be a good part of all memory.
                        shard.values.reserve_exact(1);
                        shard.hashes.insert(at, hash);
                        shard.values.insert(at, value);
                        *len += 1;
                    }
                }
            }
        }
        self.resize();
    }

    /// Changes the value of a key, if there is one, and removes it when `change` says so.
    pub(crate) fn change_existing(&mut self, key: &V::Key, change: impl FnOnce(&mut V) -> Keep) {
        let hash = V::hash(key);
        match &mut self.0 {
            Form::Few(few) => {
                let Ok(at) = position_in(few, hash, key) else {
                    return;
                };
                if few.get_mut(at).map_or(Keep::Yes, |(_, value)| change(value)) == Keep::No {
                    let mut all = std::mem::take(few).into_vec();
                    all.remove(at);
                    *few = all.into_boxed_slice();
                }
            }
            Form::Many { shards, len } => {
                let Some(shard) = shards.get_mut(shard_of(hash, shards.len())) else {
                    return;
                };
                let Ok(at) = shard.position(hash, key) else {
                    return;
                };
                let shard = Arc::make_mut(shard);
                if shard.values.get_mut(at).map_or(Keep::Yes, change) == Keep::No {
                    shard.hashes.remove(at);
                    shard.values.remove(at);
                    *len -= 1;
                    self.resize();
                }
            }
        }
    }

    fn resize(&mut self) {
        let (now, len) = match &self.0 {
            Form::Few(few) => (1, few.len()),
            Form::Many { shards, len } => (shards.len(), *len),
        };
        let wanted = if len > now * GROW_ABOVE {
            now * 2
        } else if now > 1 && len < now * SHRINK_BELOW {
            now / 2
        } else {
            return;
        };
        let mut entries: Vec<(u64, V)> = Vec::with_capacity(len);
        match std::mem::take(self).0 {
            Form::Few(few) => entries.extend(few),
            Form::Many { shards, .. } => {
                for shard in shards {
                    let shard = Arc::unwrap_or_clone(shard);
                    entries.extend(shard.hashes.into_iter().zip(shard.values));
                }
            }
        }
        entries.sort_by_key(|(hash, _)| *hash);
        if wanted == 1 {
            self.0 = Form::Few(entries.into());
            return;
        }
        let mut counts = vec![0usize; wanted];
        for (hash, _) in &entries {
            if let Some(count) = counts.get_mut(shard_of(*hash, wanted)) {
                *count += 1;
            }
        }
        let mut shards: Vec<Shard<V>> = counts.into_iter().map(Shard::with_capacity).collect();
        for (hash, value) in entries {
            if let Some(shard) = shards.get_mut(shard_of(hash, wanted)) {
                shard.hashes.push(hash);
                shard.values.push(value);
            }
        }
        self.0 = Form::Many {
            shards: shards.into_iter().map(Arc::new).collect(),
            len,
        };
    }

    /// All values, in no order that means anything.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        let (few, many) = match &self.0 {
            Form::Few(few) => (Some(few), None),
            Form::Many { shards, .. } => (None, Some(shards)),
        };
        let few = few.into_iter().flatten().map(|(_, value)| value);
        let many = many.into_iter().flatten();
        few.chain(many.flat_map(|shard| shard.values.iter()))
    }
}

/// The shard of a hash among so many, a power of two.
fn shard_of(hash: u64, shards: usize) -> usize {
    hash as usize & shards.saturating_sub(1)
}

/// Whether an entry stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::{Keep, Keyed, ShardMap};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug, PartialEq)]
    struct Item(u16, u32);

    impl Keyed for Item {
        type Key = u16;
        fn key(&self) -> &u16 {
            &self.0
        }
        /// Many collisions, so that ties of the hash are exercised.
        fn hash(key: &u16) -> u64 {
            u64::from(key % 97).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7
        }
    }

    proptest! {
        /// Same as a map of the standard library after every step, and older versions stay as they
        /// were.
        #[test]
        fn agrees_with_a_plain_map(steps in prop::collection::vec((0..400u16, any::<bool>()), 0..600)) {
            let mut map = ShardMap::default();
            let mut model: BTreeMap<u16, u32> = BTreeMap::new();
            let mut versions = Vec::new();
            for (step, (key, keep)) in (1u32..).zip(steps) {
                if keep {
                    map.change(&key, || Item(key, 0), |item| item.1 += step);
                    *model.entry(key).or_default() += step;
                } else {
                    map.change_existing(&key, |item| if item.1 % 2 == 0 { Keep::No } else { Keep::Yes });
                    model.extract_if(key..=key, |_, value| *value % 2 == 0).count();
                }
                prop_assert_eq!(map.len(), model.len());
                if step % 50 == 0 {
                    versions.push((map.clone(), model.clone()));
                }
            }
            versions.push((map, model));
            for (map, model) in versions {
                for key in 0..400u16 {
                    prop_assert_eq!(map.get(&key).map(|item| item.1), model.get(&key).copied());
                }
                prop_assert_eq!(map.values().count(), model.len());
            }
        }
    }
}
