//! The simulator's clock: the machine's, moved forward on demand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, ahead of the machine's clock by what was asked for.
#[derive(Debug, Default)]
pub struct Clock {
    ahead: AtomicU64,
}

impl Clock {
    /// Now.
    pub fn now(&self) -> u64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let real = u64::try_from(real.as_millis()).unwrap_or(u64::MAX);
        real.saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    /// The machine's own time, in seconds since 1970: what callers sign with, however the simulator's clock jumps.
    pub fn machine_s(&self) -> i64 {
        let ahead = i64::try_from(self.ahead.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let now = i64::try_from(self.now()).unwrap_or(i64::MAX);
        now.saturating_sub(ahead) / 1000
    }

    /// How far it was moved.
    pub fn ahead(&self) -> u64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// Lets time jump forward.
    pub fn advance(&self, milliseconds: u64) {
        let _ = self
            .ahead
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |ahead| {
                Some(ahead.saturating_add(milliseconds))
            });
    }
}
