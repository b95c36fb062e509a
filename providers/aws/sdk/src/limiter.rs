//! How often we call, by account and region.
//!
//! AWS counts requests in token buckets of an account, a region and a category of calls; who exceeds one is answered
//! with an error, and so is everybody else in the account. One [`Limiter`] for each account and region keeps us
//! below: callers of a bucket are served in the order in which they came, none is preferred, and when AWS throttles
//! all the same (others use the account too) the rate is halved and grows back within half a minute.
//!
//! Why not an existing crate: `governor` knows one fixed rate; the SDK's adaptive mode shares one rate over all
//! operations of a client, so that a throttled describe delays the registration of targets.

mod bucket;
mod figures;

pub use figures::{Basis, Bucket, Figures};

use bucket::TokenBucket;
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

#[derive(Debug)]
struct Gate {
    bucket: Mutex<TokenBucket>,
    // Callers take turns in the order of their arrival (tokio's mutex is fair).
    turn: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
}

impl Gate {
    fn bucket(&self) -> MutexGuard<'_, TokenBucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
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
            bucket: Mutex::new(TokenBucket::new(
                raised.get(&bucket).copied().unwrap_or_else(|| bucket.figures()),
                now,
            )),
            turn: tokio::sync::Mutex::new(()),
            waiting: AtomicUsize::new(0),
        };
        Self {
            gates: Bucket::ALL.map(gate),
            longest,
        }
    }

    /// Waits until a call may be made, and counts it. Returns how long it waited. Who gives up waiting has cost
    /// nothing.
    ///
    /// # Errors
    /// [`Busy`] at once when so many wait already that it would take too long.
    pub async fn acquire(&self, bucket: Bucket) -> Result<Duration, Busy> {
        let Some(gate) = self.gates.get(bucket as usize) else {
            return Ok(Duration::ZERO);
        };
        let start = Instant::now();
        let ahead = gate.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&gate.waiting);
        let after = gate.bucket().until(ahead.saturating_add(1), start);
        if after > self.longest {
            return Err(Busy { bucket, after });
        }
        let _turn = gate.turn.lock().await;
        loop {
            let taken = gate.bucket().take(Instant::now());
            match taken {
                Ok(()) => return Ok(start.elapsed()),
                Err(pause) => tokio::time::sleep(pause).await,
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
            .map_or(0, |gate| gate.waiting.load(Ordering::Relaxed))
    }
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
