//! How fast a client has to send its request body.

use std::time::Duration;
use tokio::time::Instant;

/// Time that a client has left to send more of its body. Waiting for it spends that time, every byte
/// it sends earns some back, and it never has more than the pause that is allowed: who keeps up the
/// rate may pause that long at any moment, who drips is out of time after about one such pause.
#[derive(Debug)]
pub(super) struct Pace {
    pause: Duration,
    /// Bytes per second; 0: any byte earns the whole pause.
    rate: u32,
    until: Instant,
    received: u64,
    /// Since when somebody else holds things up.
    excused: Option<Instant>,
}

impl Pace {
    /// A client that has its whole pause left.
    pub(super) fn new(pause: Duration, rate: u32, now: Instant) -> Self {
        Self {
            pause,
            rate,
            until: now + pause,
            received: 0,
            excused: None,
        }
    }

    /// The backend is what is being waited for: the client's time stands still.
    pub(super) fn excuse(&mut self, now: Instant) {
        self.excused.get_or_insert(now);
    }

    /// When the client's time is up, after it has sent `received` bytes in all.
    pub(super) fn deadline(&mut self, received: u64, now: Instant) -> Instant {
        if let Some(since) = self.excused.take() {
            self.until += now.saturating_duration_since(since);
        }
        let more = received.saturating_sub(self.received);
        if more > 0 {
            self.received = received;
            let earned = match self.rate {
                0 => self.pause,
                rate => Duration::from_micros(more.saturating_mul(1_000_000) / u64::from(rate)),
            };
            self.until = (self.until + earned.min(self.pause)).min(now + self.pause);
        }
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(60);

    /// Feeds `(seconds since the last, bytes)`; answers after how many seconds in all time was up.
    fn run(rate: u32, steps: impl IntoIterator<Item = (u64, u64)>) -> Option<u64> {
        let start = Instant::now();
        let mut pace = Pace::new(PAUSE, rate, start);
        let (mut seconds, mut received) = (0, 0);
        let mut until = pace.deadline(0, start);
        for (wait, bytes) in steps {
            seconds += wait;
            let now = start + Duration::from_secs(seconds);
            if now >= until {
                return Some((until - start).as_secs());
            }
            received += bytes;
            until = pace.deadline(received, now);
        }
        None
    }

    #[test]
    fn a_drip_is_ended_after_about_one_pause() {
        assert_eq!(run(100, std::iter::repeat_n((1, 1), 1000)), Some(60));
        assert_eq!(run(100, std::iter::repeat_n((59, 100), 1000)), Some(61));
        // Half the rate: twice the time.
        assert_eq!(run(100, std::iter::repeat_n((1, 50), 1000)), Some(119));
        // A fast start earns one pause, not more.
        let start = [(0, 1_000_000_000)];
        assert_eq!(
            run(100, start.into_iter().chain(std::iter::repeat_n((1, 1), 1000))),
            Some(60)
        );
    }

    #[test]
    fn who_keeps_up_the_rate_goes_on() {
        assert_eq!(run(100, std::iter::repeat_n((1, 100), 100_000)), None);
        assert_eq!(run(100, std::iter::repeat_n((59, 5900), 10_000)), None);
        assert_eq!(run(0, std::iter::repeat_n((59, 1), 10_000)), None);
        assert_eq!(run(0, [(60, 1)]), Some(60));
    }

    #[test]
    fn time_that_the_backend_takes_does_not_count() {
        let start = Instant::now();
        let mut pace = Pace::new(PAUSE, 100, start);
        pace.excuse(start + Duration::from_secs(10));
        pace.excuse(start + Duration::from_secs(20));
        let now = start + Duration::from_secs(1000);
        assert_eq!(pace.deadline(0, now) - now, Duration::from_secs(50));
    }
}
