//! How often we call, by account and region.
//!
//! AWS counts requests in token buckets of an account, a region and a category of calls; who exceeds one is answered
//! with an error, and so is everybody else in the account. One [`Limiter`] for each account and region keeps us
//! below. Changes are served in the order in which they came. Looks ([`Urgency`]) come behind them and leave half of
//! what AWS answers at once, so that a change begins at once however much is looked at; when changes never end, every
//! fifth call is still a look. When AWS throttles all the same (others use the account too) the rate is halved and grows
//! back within half a minute.
//!
//! Why not an existing crate: `governor` knows one fixed rate; the SDK's adaptive mode shares one rate over all
//! operations of a client, so that a throttled describe delays the registration of targets.

mod bucket;
mod figures;

pub use figures::{Basis, Bucket, Figures};

use bucket::TokenBucket;
use gatewright_aws::cloud::Urgency;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::time::Instant;

/// A call would wait longer than anybody should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{bucket:?} calls are used up: the next is free in {after:?}")]
pub struct Busy {
    /// Which calls.
    pub bucket: Bucket,
    /// When it would be its turn.
    pub after: Duration,
}

/// The buckets of one account and region.
#[derive(Debug)]
pub struct Limiter {
    gates: [Gate; Bucket::ALL.len()],
    longest: Duration,
}

/// Changes that go before a look that waits.
const BEFORE_A_LOOK: usize = 4;

/// Who waits asks again after this time: its turn may have come earlier than it was told.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

#[derive(Debug)]
struct Gate {
    bucket: Mutex<TokenBucket>,
    changes: Line,
    looks: Line,
    /// Changes that went since a look did.
    passed: AtomicUsize,
}

/// Those who wait with equal urgency.
#[derive(Debug, Default)]
struct Line {
    // They take turns in the order of their arrival (tokio's mutex is fair).
    turn: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
}

impl Line {
    fn len(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Gate {
    fn bucket(&self) -> MutexGuard<'_, TokenBucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    const fn line(&self, urgency: Urgency) -> &Line {
        match urgency {
            Urgency::Change => &self.changes,
            Urgency::Look => &self.looks,
        }
    }

    /// How long one who comes now would wait, behind so many of its line.
    fn wait(&self, urgency: Urgency, ahead: usize, now: Instant) -> Duration {
        let mut bucket = self.bucket();
        let tokens = match urgency {
            Urgency::Change => ahead,
            Urgency::Look => ahead
                .saturating_add(self.changes.len())
                .saturating_add(bucket.reserve()),
        };
        bucket.until(tokens.saturating_add(1), now)
    }

    /// Takes a token for the first of a line, or says when to ask again.
    fn take(&self, urgency: Urgency) -> Result<(), Duration> {
        let looks = self.looks.len() > 0;
        let overdue = looks && self.passed.load(Ordering::Relaxed) >= BEFORE_A_LOOK;
        let mut bucket = self.bucket();
        let left = match urgency {
            Urgency::Change => usize::from(overdue),
            Urgency::Look if overdue => 0,
            Urgency::Look => bucket.reserve(),
        };
        bucket.take(left, Instant::now())?;
        match urgency {
            Urgency::Change if looks => self.passed.fetch_add(1, Ordering::Relaxed),
            Urgency::Change | Urgency::Look => self.passed.swap(0, Ordering::Relaxed),
        };
        Ok(())
    }
}

/// One who waits, also when it is dropped while waiting.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limiter {
    /// A limiter whose buckets are full.
    ///
    /// `raised` replaces the figures of buckets, for accounts with other quotas. `longest` bounds the waiting
    /// time of a call.
    pub fn new(raised: &BTreeMap<Bucket, Figures>, longest: Duration) -> Self {
        let now = Instant::now();
        let gate = |bucket: Bucket| Gate {
            bucket: Mutex::new(TokenBucket::new(figures(raised, bucket), now)),
            changes: Line::default(),
            looks: Line::default(),
            passed: AtomicUsize::new(0),
        };
        Self {
            gates: Bucket::ALL.map(gate),
            longest,
        }
    }

    /// Waits until a call of the present urgency may be made, and counts it. Returns how long it waited. Who gives up
    /// waiting has cost nothing.
    ///
    /// # Errors
    /// [`Busy`] at once when so many wait already that it would take too long.
    pub async fn acquire(&self, bucket: Bucket) -> Result<Duration, Busy> {
        let urgency = Urgency::current();
        let Some(gate) = self.gates.get(bucket as usize) else {
            return Ok(Duration::ZERO);
        };
        let start = Instant::now();
        let line = gate.line(urgency);
        let ahead = line.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&line.waiting);
        let after = gate.wait(urgency, ahead, start);
        if after > self.longest {
            return Err(Busy { bucket, after });
        }
        let _turn = line.turn.lock().await;
        loop {
            match gate.take(urgency) {
                Ok(()) => return Ok(start.elapsed()),
                Err(pause) => tokio::time::sleep(pause.min(LONGEST_PAUSE)).await,
            }
        }
    }

    /// AWS throttled a call of this bucket.
    pub fn throttled(&self, bucket: Bucket) {
        if let Some(gate) = self.gates.get(bucket as usize) {
            gate.bucket().throttled(Instant::now());
        }
    }

    /// The present rate of a bucket, in calls a second.
    pub fn rate(&self, bucket: Bucket) -> f64 {
        let gate = self.gates.get(bucket as usize);
        gate.map_or(f64::INFINITY, |gate| gate.bucket().rate(Instant::now()))
    }

    /// How many calls of a bucket wait.
    pub fn waiting(&self, bucket: Bucket) -> usize {
        self.gates
            .get(bucket as usize)
            .map_or(0, |gate| gate.changes.len() + gate.looks.len())
    }
}

/// Size and refill of a bucket, in an account of these quotas.
pub fn figures(raised: &BTreeMap<Bucket, Figures>, bucket: Bucket) -> Figures {
    raised.get(&bucket).copied().unwrap_or_else(|| bucket.figures())
}

/// The limiters of all accounts and regions.
#[derive(Debug)]
pub struct Limiters {
    raised: BTreeMap<Bucket, Figures>,
    longest: Duration,
    by_place: Mutex<BTreeMap<(String, String), Arc<Limiter>>>,
}

impl Limiters {
    /// None yet; each is made as [`Limiter::new`] does.
    pub const fn new(raised: BTreeMap<Bucket, Figures>, longest: Duration) -> Self {
        Self {
            raised,
            longest,
            by_place: Mutex::new(BTreeMap::new()),
        }
    }

    /// The one of an account and region.
    pub fn of(&self, account: &str, region: &str) -> Arc<Limiter> {
        let mut by_place = self.by_place.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (account.to_owned(), region.to_owned());
        let made = || Arc::new(Limiter::new(&self.raised, self.longest));
        Arc::clone(by_place.entry(place).or_insert_with(made))
    }
}

#[cfg(test)]
mod tests;
