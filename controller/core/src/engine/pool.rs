//! Equal values in one allocation.

use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::sync::{Arc, Weak};

/// Values in use, by their hash. Thousands of routes of one Gateway have equal parents and equal statuses.
///
/// Only a means to save memory: of two different values with one hash the older one is just not found again.
#[derive(Debug)]
pub struct Pool<T> {
    known: FxHashMap<u64, Weak<T>>,
    /// Size at which values that nobody uses any more are looked for.
    limit: usize,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self {
            known: FxHashMap::default(),
            limit: 64,
        }
    }
}

impl<T: PartialEq> Pool<T> {
    /// The value, shared with an equal one that is in use. `hash` is equal for equal values.
    pub fn share(&mut self, hash: u64, value: T) -> Arc<T> {
        if let Some(known) = self.known.get(&hash).and_then(Weak::upgrade)
            && *known == value
        {
            return known;
        }
        let value = Arc::new(value);
        self.known.insert(hash, Arc::downgrade(&value));
        if self.known.len() > self.limit {
            self.known.retain(|_, value| value.strong_count() > 0);
            self.limit = (self.known.len() * 2).max(64);
        }
        value
    }
}

/// Hash of a value.
pub fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Hash of the JSON of a value, for types without a hash of their own.
pub fn hash_of_json(value: &impl serde::Serialize) -> u64 {
    let mut sink = HashSink(FxHasher::default());
    // Writing to a hasher cannot fail, and a value that cannot be written is only not shared.
    let _ = serde_json::to_writer(&mut sink, value);
    sink.0.finish()
}

struct HashSink(FxHasher);

impl Write for HashSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_and_unused_ones_go() {
        let mut pool = Pool::default();
        let first = pool.share(1, "a".to_owned());
        assert!(Arc::ptr_eq(&first, &pool.share(1, "a".to_owned())));
        let other = pool.share(1, "b".to_owned());
        assert_eq!(
            (&**first, &**other),
            ("a", "b"),
            "a hash that two values share mixes nothing up"
        );
        for number in 0..10_000u64 {
            pool.share(number + 2, number.to_string());
        }
        assert!(pool.known.len() <= 65, "{}", pool.known.len());
    }
}
