//! Passive health: endpoints that keep failing are left out for a while.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Failures in a row that eject an endpoint.
const FAILURES: u32 = 5;
/// Failed connections in a row that eject it: nobody listens there.
const CONNECT_FAILURES: u32 = 3;
/// First ejection; the n-th in a row is n times as long.
const EJECTION: Duration = Duration::from_secs(10);
/// Longest ejection.
const EJECTION_MAX: Duration = Duration::from_mins(5);

/// How a request to an endpoint ended, as far as the endpoint's health is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, with whatever status but those of [`Outcome::ServerError`].
    Success,
    /// It answered 502, 503 or 504: it cannot do its work. A 500 is the work of an application.
    ServerError,
    /// No connection.
    ConnectFailure,
    /// No answer in time.
    Timeout,
    /// The connection broke before the answer was complete.
    Reset,
}

/// Passive health of an endpoint, shared by all routes and workers.
#[derive(Debug, Default)]
pub struct Health {
    failures: AtomicU32,
    connect_failures: AtomicU32,
    /// Ejections in a row: reset by a success.
    ejections: AtomicU32,
    /// Milliseconds on the process clock; 0 for never.
    ejected_until: AtomicU64,
}

impl Health {
    /// Whether the endpoint is left out at that time.
    pub fn is_ejected(&self, now: Instant) -> bool {
        let until = self.ejected_until.load(Ordering::Relaxed);
        until != 0 && millis(now) < until
    }

    /// Records how a request ended.
    pub fn report(&self, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Success => {
                // Loads before stores: the common case writes to no shared cache line.
                for counter in [&self.failures, &self.connect_failures, &self.ejections] {
                    if counter.load(Ordering::Relaxed) != 0 {
                        counter.store(0, Ordering::Relaxed);
                    }
                }
                if self.ejected_until.load(Ordering::Relaxed) != 0 {
                    self.ejected_until.store(0, Ordering::Relaxed);
                }
            }
            Outcome::ConnectFailure => {
                let connect = self.connect_failures.fetch_add(1, Ordering::Relaxed) + 1;
                self.fail(connect >= CONNECT_FAILURES, now);
            }
            Outcome::ServerError | Outcome::Timeout | Outcome::Reset => self.fail(false, now),
        }
    }

    fn fail(&self, enough: bool, now: Instant) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if (enough || failures >= FAILURES) && !self.is_ejected(now) {
            self.failures.store(0, Ordering::Relaxed);
            self.connect_failures.store(0, Ordering::Relaxed);
            let number = self.ejections.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            let time = EJECTION.saturating_mul(number).min(EJECTION_MAX);
            self.ejected_until.store(
                millis(now).saturating_add(time.as_millis() as u64),
                Ordering::Relaxed,
            );
        }
    }
}

/// Milliseconds since a fixed point before every time that is asked for; never 0.
fn millis(now: Instant) -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(|| {
        let now = Instant::now();
        now.checked_sub(Duration::from_secs(1)).unwrap_or(now)
    });
    now.saturating_duration_since(*start).as_millis() as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::{EJECTION, EJECTION_MAX, Health, Outcome};
    use std::time::{Duration, Instant};

    fn fail(health: &Health, outcome: Outcome, times: u32, now: Instant) {
        for _ in 0..times {
            health.report(outcome, now);
        }
    }

    #[test]
    fn failures_in_a_row_eject_and_a_success_between_does_not_count_on() {
        let now = Instant::now();
        for outcome in [Outcome::ServerError, Outcome::Timeout, Outcome::Reset] {
            let health = Health::default();
            fail(&health, outcome, 4, now);
            health.report(Outcome::Success, now);
            fail(&health, outcome, 4, now);
            assert!(!health.is_ejected(now), "{outcome:?}");
            health.report(outcome, now);
            assert!(health.is_ejected(now), "{outcome:?}");
        }
        let health = Health::default();
        fail(&health, Outcome::ConnectFailure, 2, now);
        assert!(!health.is_ejected(now));
        health.report(Outcome::ConnectFailure, now);
        assert!(health.is_ejected(now));
    }

    #[test]
    fn ejections_end_grow_and_are_bounded() {
        let mut now = Instant::now();
        let health = Health::default();
        for number in 1..=40u32 {
            fail(&health, Outcome::ServerError, 5, now);
            let expected = (EJECTION * number).min(EJECTION_MAX);
            assert!(
                health.is_ejected(now + expected.saturating_sub(Duration::from_millis(1))),
                "{number}"
            );
            now += expected;
            assert!(!health.is_ejected(now), "{number}");
        }
        health.report(Outcome::Success, now);
        fail(&health, Outcome::ServerError, 5, now);
        assert!(!health.is_ejected(now + EJECTION));
    }

    #[test]
    fn failures_of_requests_still_in_flight_do_not_prolong_an_ejection() {
        let now = Instant::now();
        let health = Health::default();
        fail(&health, Outcome::Reset, 50, now);
        assert!(health.is_ejected(now));
        assert!(!health.is_ejected(now + EJECTION));
    }
}
