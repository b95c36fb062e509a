//! What the suite found.

use std::fmt;

/// Most failures that are kept in words.
const MOST: usize = 50;

/// What the suite found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Checks made.
    pub checks: usize,
    /// Checks failed.
    pub failed: usize,
    /// The first of them, in words.
    pub failures: Vec<String>,
}

impl Report {
    /// Takes note of a check.
    pub fn check(&mut self, holds: bool, words: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.failed += 1;
            if self.failures.len() < MOST {
                self.failures.push(words());
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} checks failed", self.failed, self.checks)?;
        for failure in &self.failures {
            write!(f, "\n  {failure}")?;
        }
        Ok(())
    }
}
