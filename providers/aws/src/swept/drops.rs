//! What became out of date while it was read.

use crate::cloud::Arn;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long the mark of a dropped entry is kept at least: no read takes longer.
const READS_TAKE: Duration = Duration::from_secs(300);

/// When a read began, so that what was dropped since is not put back.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    number: u64,
    at: Instant,
}

impl Ticket {
    /// When the read began.
    pub const fn at(self) -> Instant {
        self.at
    }
}

/// What was dropped, in order with the beginnings of reads.
#[derive(Debug, Default)]
pub struct Drops {
    /// How many there were.
    number: u64,
    /// Number of the last one of everything.
    all: u64,
    /// The last one of each resource, and when.
    of: BTreeMap<Arn, (u64, Instant)>,
}

impl Drops {
    /// A read begins.
    pub fn ticket(&self) -> Ticket {
        Ticket {
            number: self.number,
            at: Instant::now(),
        }
    }

    /// What is being read of a resource is out of date.
    pub fn mark(&mut self, arn: &Arn) {
        self.number += 1;
        self.of.insert(arn.clone(), (self.number, Instant::now()));
    }

    /// What is being read of anything is out of date.
    pub fn mark_all(&mut self) {
        self.number += 1;
        self.all = self.number;
        self.of.clear();
    }

    /// Whether nothing of a resource was dropped since the read began.
    pub fn is_current(&self, arn: &Arn, ticket: Ticket) -> bool {
        let last = self.of.get(arn).map_or(self.all, |(number, _)| *number);
        last <= ticket.number
    }

    /// Forgets what no read can be older than.
    pub fn prune(&mut self) {
        self.of.retain(|_, (_, at)| at.elapsed() < READS_TAKE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_since_a_read_began_is_not_current() {
        let (one, other) = (Arn("one".into()), Arn("other".into()));
        let mut drops = Drops::default();
        let before = drops.ticket();
        assert!(drops.is_current(&one, before));
        drops.mark(&one);
        assert!(!drops.is_current(&one, before) && drops.is_current(&other, before));
        let between = drops.ticket();
        assert!(drops.is_current(&one, between));
        drops.mark_all();
        assert!(!drops.is_current(&one, between) && !drops.is_current(&other, between));
        let after = drops.ticket();
        assert!(drops.is_current(&one, after) && drops.is_current(&other, after));
        drops.mark(&other);
        assert!(drops.is_current(&one, after) && !drops.is_current(&other, after));
    }
}
