//! A token bucket whose rate gives way.

use super::Figures;
use std::time::Duration;
use tokio::time::Instant;

/// The rate never falls below this part of the full one.
const FLOOR: f64 = 0.1;

/// A rate that was cut to nothing would be full again after this time, in seconds.
const RECOVERY: f64 = 30.0;

/// Calls that are under way together are throttled together: that is one reason to slow down, not many.
const ONE_CUT: Duration = Duration::from_secs(1);

/// What is left of a bucket.
#[derive(Debug)]
pub(super) struct TokenBucket {
    burst: f64,
    reserve: usize,
    full_rate: f64,
    rate: f64,
    tokens: f64,
    at: Instant,
    cut: Option<Instant>,
}

impl TokenBucket {
    pub(super) fn new(figures: Figures, now: Instant) -> Self {
        // A bucket that never fills would keep callers for ever.
        let full_rate = figures.per_second.max(0.01);
        let burst = f64::from(figures.burst).max(1.0);
        Self {
            burst,
            reserve: usize::try_from(figures.burst / 2).unwrap_or_default(),
            full_rate,
            rate: full_rate,
            tokens: burst,
            at: now,
            cut: None,
        }
    }

    /// Takes a token if so many are left then, or says when to ask again. A bucket that holds fewer must be full.
    pub(super) fn take(&mut self, left: usize, now: Instant) -> Result<(), Duration> {
        self.advance(now);
        let needed = (1.0 + left as f64).min(self.burst);
        // Floating point may leave a full token a hair short.
        if self.tokens >= needed - 1e-9 {
            self.tokens = (self.tokens - 1.0).max(0.0);
            return Ok(());
        }
        let pause = Duration::try_from_secs_f64((needed - self.tokens) / self.rate).unwrap_or(Duration::MAX);
        Err(pause.max(Duration::from_millis(1)))
    }

    /// Tokens that looks leave to changes.
    pub(super) const fn reserve(&self) -> usize {
        self.reserve
    }

    /// When so many tokens will have come.
    pub(super) fn until(&mut self, tokens: usize, now: Instant) -> Duration {
        self.advance(now);
        let missing = tokens as f64 - self.tokens;
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(missing / self.rate).unwrap_or(Duration::MAX)
    }

    /// Halves the rate, and leaves no token.
    pub(super) fn throttled(&mut self, now: Instant) {
        self.advance(now);
        if self
            .cut
            .is_some_and(|cut| now.saturating_duration_since(cut) < ONE_CUT)
        {
            return;
        }
        self.rate = (self.rate / 2.0).max(self.full_rate * FLOOR);
        self.tokens = 0.0;
        self.cut = Some(now);
    }

    pub(super) fn rate(&mut self, now: Instant) -> f64 {
        self.advance(now);
        self.rate
    }

    fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = self.rate.mul_add(passed, self.tokens).min(self.burst);
        self.rate = (self.full_rate / RECOVERY)
            .mul_add(passed, self.rate)
            .min(self.full_rate);
        self.at = self.at.max(now);
    }
}
