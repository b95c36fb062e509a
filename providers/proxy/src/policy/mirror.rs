//! `RequestMirror` (Gateway API v1.7.0, `HTTPRequestMirrorFilter`).

use crate::runtime::BackendRuntime;
use std::sync::Arc;

/// A mirror: where the copy goes and how often.
#[derive(Debug)]
pub struct CompiledMirror {
    /// Where copies go; `None`: the reference is invalid and copies go nowhere.
    pub backend: Option<Arc<BackendRuntime>>,
    numerator: u32,
    denominator: u32,
}

impl CompiledMirror {
    /// A mirror of `numerator` in `denominator` requests. A denominator of 0 mirrors nothing.
    pub fn new(backend: Option<Arc<BackendRuntime>>, numerator: u32, denominator: u32) -> Self {
        Self {
            backend,
            numerator,
            denominator,
        }
    }

    /// Whether this request is copied.
    pub fn sample(&self) -> bool {
        self.numerator >= self.denominator.max(1)
            || (self.numerator > 0 && self.decide(fastrand::u32(0..self.denominator.max(1))))
    }

    /// The decision for a number drawn evenly from `0..denominator`.
    pub fn decide(&self, drawn: u32) -> bool {
        self.denominator > 0 && drawn < self.numerator
    }
}

#[cfg(test)]
mod tests {
    use super::CompiledMirror;

    #[test]
    fn exactly_the_asked_share_is_copied() {
        for (numerator, denominator) in [(0, 100), (1, 100), (35, 100), (100, 100), (3, 1000), (1, 3)] {
            let mirror = CompiledMirror::new(None, numerator, denominator);
            let copied = (0..denominator).filter(|drawn| mirror.decide(*drawn)).count();
            assert_eq!(copied as u32, numerator);
        }
    }

    #[test]
    fn all_none_and_a_denominator_of_zero() {
        assert!((0..100).all(|_| CompiledMirror::new(None, 100, 100).sample()));
        assert!((0..100).all(|_| !CompiledMirror::new(None, 0, 100).sample()));
        assert!(!CompiledMirror::new(None, 0, 0).sample());
    }
}
