//! Writes that wait for their turn, and come back when they fail: what the writers of statuses and of finalizers share.

mod queue;

pub use queue::{Lane, Pace};

use super::metrics::{Running, WorkQueue};
use gatewright_core::snapshot::ObjectKey;
use queue::{Next, Queue};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

/// Bounds of the pause after failures.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// Writes that are wanted, each with what is to be written.
pub struct Writes<J> {
    queue: Mutex<Queue<J>>,
    wake: Notify,
    watched: WorkQueue,
}

/// A write whose turn has come; [`Writes::done`], [`Writes::again`] or [`Writes::back`] must follow.
pub struct Turn<J> {
    /// The object.
    pub key: ObjectKey,
    /// What is to be written.
    pub job: J,
    /// It counts as under way for as long as this lives.
    pub running: Running,
}

impl<J> Writes<J> {
    /// Nothing is wanted yet; `watched` is told how it goes.
    pub fn new(watched: WorkQueue) -> Self {
        Self {
            queue: Mutex::new(Queue::default()),
            wake: Notify::new(),
            watched,
        }
    }

    /// Wants something written, in place of an older wish.
    pub fn put(&self, key: ObjectKey, lane: Lane, job: J) {
        if self.queue(|queue| queue.put(key, lane, job, Instant::now())) {
            self.watched.added();
        }
        self.wake.notify_one();
    }

    /// The object is as it should be, or gone.
    pub fn cancel(&self, key: &ObjectKey) {
        self.queue(|queue| queue.cancel(key));
    }

    /// Whether exactly this waits to be written.
    pub fn waits(&self, key: &ObjectKey, is: impl FnOnce(&J) -> bool) -> bool {
        self.queue(|queue| queue.waiting(key).is_some_and(is))
    }

    /// Waits for the next write, and for this process to lead; `None` when nobody can say any more whether it does.
    pub async fn next(&self, leads: &mut watch::Receiver<bool>) -> Option<Turn<J>> {
        loop {
            leads.wait_for(|leads| *leads).await.ok()?;
            match self.queue(|queue| queue.next(Instant::now())) {
                Next::Write(key, job, waited) => {
                    // More may be waiting: another worker looks.
                    self.wake.notify_one();
                    let running = self.watched.taken(waited);
                    return Some(Turn { key, job, running });
                }
                Next::Wait(until) => {
                    tokio::select! {
                        () = sleep_until(until) => {}
                        () = self.wake.notified() => {}
                    }
                }
                Next::Idle => self.wake.notified().await,
            }
        }
    }

    /// A write is over; the object rests as its pace wants.
    pub fn done(&self, key: &ObjectKey, pace: Pace) {
        self.queue(|queue| queue.done(key, Instant::now(), pace));
        self.wake.notify_one();
    }

    /// A write failed, the `failures`th time in a row: it is tried again after a pause, unless something newer is wanted
    /// by now.
    pub fn again(&self, key: ObjectKey, job: J, failures: u32) {
        self.watched.retried();
        self.queue(|queue| queue.again(key, job, (Instant::now(), pause(failures))));
        self.wake.notify_one();
    }

    /// A write was cut short by somebody else's doing: it is for this process again when its time comes, unless something
    /// newer is wanted by then.
    pub fn back(&self, key: ObjectKey, job: J) {
        self.queue(|queue| queue.again(key, job, (Instant::now(), Duration::ZERO)));
        self.wake.notify_one();
    }

    fn queue<T>(&self, with: impl FnOnce(&mut Queue<J>) -> T) -> T {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let result = with(&mut queue);
        self.watched.depth(queue.len());
        result
    }
}

fn pause(failures: u32) -> Duration {
    (BACKOFF.0 * (1_u32 << failures.min(8))).min(BACKOFF.1)
}

#[cfg(test)]
mod tests {
    use super::pause;
    use std::time::Duration;

    #[test]
    fn pauses_after_failures_double_up_to_half_a_minute() {
        let pauses: Vec<u64> = (1..=9)
            .map(|failures| pause(failures).as_millis() as u64)
            .collect();
        assert_eq!(
            pauses,
            [400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]
        );
        assert_eq!(pause(u32::MAX), Duration::from_secs(30));
    }
}
