//! Retry budgets (Gateway API v1.7.0, `RetryConstraint`, GEP-3388).

use gatewright_model::backend::RetryBudget;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Buckets of a window: the oldest tenth drops out at a time.
const BUCKETS: u64 = 10;

/// Requests and retries of one backend in the recent past, counted over all workers without a lock.
///
/// Counting costs nothing for backends without a budget.
#[derive(Debug)]
pub struct BudgetState {
    start: Instant,
    requests: Window,
    retries: Window,
    floor: Window,
}

impl Default for BudgetState {
    fn default() -> Self {
        Self::new(Instant::now())
    }
}

impl BudgetState {
    /// Nothing counted. Times given later are not before `start`.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            requests: Window::default(),
            retries: Window::default(),
            floor: Window::default(),
        }
    }

    /// Counts a request that goes to the backend for the first time.
    pub fn request(&self, budget: Option<&RetryBudget>, now: Instant) {
        if let Some(budget) = budget {
            self.requests.add(self.epoch(now, budget.interval_ms));
        }
    }

    /// Whether one more retry is within the budget, and counts it if so: at most `percent` of the
    /// requests of the interval are retries, and `min_count` retries per `min_interval_ms` are
    /// always allowed. When it is refused the client gets 503.
    pub fn allow_retry(&self, budget: Option<&RetryBudget>, now: Instant) -> bool {
        let Some(budget) = budget else {
            return true;
        };
        let epoch = self.epoch(now, budget.interval_ms);
        let floor_epoch = self.epoch(now, budget.min_interval_ms);
        // Counted first and taken back when refused: two workers at once never both get the last one.
        let retries = self.retries.add(epoch);
        let floor = self.floor.add(floor_epoch);
        let requests = self.requests.sum(epoch);
        // A retry is itself a request to the backend, but not one that earns further retries.
        let within = retries.saturating_mul(100) <= requests.saturating_mul(u64::from(budget.percent));
        if within || floor <= u64::from(budget.min_count) {
            return true;
        }
        self.retries.take_back(epoch);
        self.floor.take_back(floor_epoch);
        false
    }

    fn epoch(&self, now: Instant, interval_ms: u64) -> u64 {
        let elapsed = now.saturating_duration_since(self.start).as_millis() as u64;
        // From BUCKETS on, so that an empty bucket (epoch 0) is never recent.
        elapsed / (interval_ms / BUCKETS).max(1) + BUCKETS
    }
}

/// Counts of the last [`BUCKETS`] epochs: the upper half of a word is the epoch, the lower the count.
#[derive(Debug, Default)]
struct Window([AtomicU64; BUCKETS as usize]);

impl Window {
    /// Adds one and answers the sum.
    fn add(&self, epoch: u64) -> u64 {
        self.change(epoch, |count| count.saturating_add(1));
        self.sum(epoch)
    }

    fn take_back(&self, epoch: u64) {
        self.change(epoch, |count| count.saturating_sub(1));
    }

    fn change(&self, epoch: u64, change: impl Fn(u32) -> u32) {
        let Some(bucket) = self.0.get((epoch % BUCKETS) as usize) else {
            return;
        };
        let tag = u64::from(epoch as u32) << 32;
        let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let count = if word & !0xffff_ffff == tag {
                word as u32
            } else {
                0
            };
            Some(tag | u64::from(change(count)))
        });
    }

    fn sum(&self, epoch: u64) -> u64 {
        self.0
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed))
            .filter(|word| u64::from((epoch as u32).wrapping_sub((word >> 32) as u32)) < BUCKETS)
            .map(|word| word & 0xffff_ffff)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::BudgetState;
    use gatewright_model::backend::RetryBudget;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    const BUDGET: RetryBudget = RetryBudget {
        percent: 20,
        interval_ms: 10_000,
        min_count: 0,
        min_interval_ms: 1_000,
    };

    fn allowed(state: &BudgetState, budget: &RetryBudget, now: Instant, tries: u32) -> u32 {
        (0..tries)
            .filter(|_| state.allow_retry(Some(budget), now))
            .count() as u32
    }

    /// The example of `RetryConstraint`: 1000 requests in 10 s and 20 %: 200 retries.
    #[test]
    fn a_percentage_of_the_requests_may_be_retries() {
        let start = Instant::now();
        let state = BudgetState::new(start);
        for millisecond in 0..1000 {
            state.request(Some(&BUDGET), start + Duration::from_millis(millisecond * 9));
        }
        let now = start + Duration::from_secs(9);
        assert_eq!(allowed(&state, &BUDGET, now, 500), 200);
    }

    #[test]
    fn old_requests_and_retries_are_forgotten() {
        let start = Instant::now();
        let state = BudgetState::new(start);
        for _ in 0..100 {
            state.request(Some(&BUDGET), start);
        }
        assert_eq!(allowed(&state, &BUDGET, start, 100), 20);
        let later = start + Duration::from_millis(10_001);
        assert_eq!(allowed(&state, &BUDGET, later, 100), 0);
        for _ in 0..10 {
            state.request(Some(&BUDGET), later);
        }
        assert_eq!(allowed(&state, &BUDGET, later, 100), 2);
    }

    #[test]
    fn a_minimum_rate_is_always_allowed() {
        let budget = RetryBudget {
            min_count: 3,
            ..BUDGET
        };
        let start = Instant::now();
        let state = BudgetState::new(start);
        assert_eq!(allowed(&state, &budget, start, 50), 3);
        assert_eq!(
            allowed(&state, &budget, start + Duration::from_millis(1_100), 50),
            3
        );
    }

    #[test]
    fn no_budget_allows_everything_and_counts_nothing() {
        let state = BudgetState::default();
        state.request(None, Instant::now());
        assert!((0..1000).all(|_| state.allow_retry(None, Instant::now())));
    }

    #[test]
    fn workers_together_never_exceed_the_budget() {
        let start = Instant::now();
        let state = Arc::new(BudgetState::new(start));
        for _ in 0..1000 {
            state.request(Some(&BUDGET), start);
        }
        let total = Arc::new(AtomicU32::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (state, total) = (Arc::clone(&state), Arc::clone(&total));
                std::thread::spawn(move || {
                    total.fetch_add(allowed(&state, &BUDGET, start, 400), Ordering::Relaxed);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        // Two at once may both be refused the last one; none is granted beyond the budget.
        let total = total.load(Ordering::Relaxed);
        assert!((190..=200).contains(&total), "{total}");
    }
}
