//! What is to be written: the newest status of each object, each object at most once at a time and not
//! more often than its interval allows.

use crate::cluster::traces;
use gatewright_core::snapshot::ObjectKey;
use gatewright_core::status::Status;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long after its rest an object's pace is remembered.
const FORGET: Duration = Duration::from_secs(2);

/// A status to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The status.
    pub status: Arc<Status>,
    /// Version of the object that it was computed from.
    pub version: String,
    /// What it comes from.
    pub origin: Option<traces::Context>,
    /// Writes of this status that failed.
    pub failures: u32,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Queue {
    wanted: BTreeMap<ObjectKey, Job>,
    /// Order of arrival.
    order: VecDeque<ObjectKey>,
    busy: BTreeSet<ObjectKey>,
    /// After a write, and after a failure.
    rest: BTreeMap<ObjectKey, Rest>,
}

/// Until when an object is left alone.
#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Instant,
    pause: Duration,
}

/// How often an object is written that changes all the time: the first writes soon after one another, so that
/// nobody waits, later ones with pauses that double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// After the first write.
    pub least: Duration,
    /// At most; and after so long without a write the next one counts as the first.
    pub most: Duration,
}

impl Pace {
    /// No pauses.
    pub const NONE: Self = Self {
        least: Duration::ZERO,
        most: Duration::ZERO,
    };

    fn pause(self, now: Instant, before: Option<&Rest>) -> Duration {
        match before {
            Some(rest) if now < rest.until + self.most => (rest.pause * 2).clamp(self.least, self.most),
            _ => self.least,
        }
    }
}

/// What there is to do.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Write this.
    Write(ObjectKey, Job),
    /// Nothing before this time.
    Wait(Instant),
    /// Nothing.
    Idle,
}

impl Queue {
    /// Wants a status written, in place of an older one.
    pub fn put(&mut self, key: ObjectKey, job: Job) {
        if self.wanted.insert(key.clone(), job).is_none() {
            self.order.push_back(key);
        }
    }

    /// Nothing is to be written to an object any more.
    pub fn cancel(&mut self, key: &ObjectKey) {
        if self.wanted.remove(key).is_some() {
            self.order.retain(|waiting| waiting != key);
        }
    }

    /// The next write; [`Queue::done`] must follow it.
    pub fn next(&mut self, now: Instant) -> Next {
        let mut soonest: Option<Instant> = None;
        for at in 0..self.order.len() {
            let Some(key) = self.order.get(at) else { break };
            if self.busy.contains(key) {
                continue;
            }
            match self.rest.get(key) {
                Some(Rest { until, .. }) if *until > now => {
                    soonest = Some(soonest.map_or(*until, |found| found.min(*until)));
                }
                _ => {
                    let key = key.clone();
                    self.order.remove(at);
                    if let Some(job) = self.wanted.remove(&key) {
                        self.busy.insert(key.clone());
                        return Next::Write(key, job);
                    }
                    return self.next(now);
                }
            }
        }
        soonest.map_or(Next::Idle, Next::Wait)
    }

    /// A write is over; the object rests as its pace wants.
    pub fn done(&mut self, key: &ObjectKey, now: Instant, pace: Pace) {
        let pause = pace.pause(now, self.rest.get(key));
        self.put_to_rest(key, now, pause);
    }

    fn put_to_rest(&mut self, key: &ObjectKey, now: Instant, pause: Duration) {
        self.busy.remove(key);
        self.rest.retain(|_, rest| rest.until + FORGET > now);
        if !pause.is_zero() {
            let until = now + pause;
            self.rest.insert(key.clone(), Rest { until, pause });
        }
    }

    /// A write failed: it is tried again after `pause`, unless something newer is wanted by now.
    pub fn again(&mut self, key: ObjectKey, job: Job, (now, pause): (Instant, Duration)) {
        self.put_to_rest(&key, now, pause);
        if !self.wanted.contains_key(&key) {
            self.put(key, job);
        }
    }

    /// Number of objects that wait.
    pub fn len(&self) -> usize {
        self.wanted.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_core::snapshot::Kind;
    use gatewright_crds::api::RouteStatus;
    use gatewright_model::key::ObjectName;

    fn key(name: &str) -> ObjectKey {
        ObjectKey {
            kind: Kind::HttpRoute,
            name: ObjectName::new("n", name),
        }
    }

    fn job(version: &str) -> Job {
        Job {
            status: Arc::new(Status::Route(RouteStatus::default())),
            version: version.to_owned(),
            origin: None,
            failures: 0,
        }
    }

    #[test]
    fn the_newest_status_of_an_object_is_written_once() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put(key("a"), job("1"));
        queue.put(key("b"), job("1"));
        queue.put(key("a"), job("2"));
        assert_eq!(queue.next(now), Next::Write(key("a"), job("2")));
        assert_eq!(queue.next(now), Next::Write(key("b"), job("1")));
        assert_eq!(queue.next(now), Next::Idle);
    }

    #[test]
    fn an_object_is_never_written_twice_at_once_and_not_before_it_has_rested() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put(key("a"), job("1"));
        assert_eq!(queue.next(now), Next::Write(key("a"), job("1")));
        queue.put(key("a"), job("2"));
        assert_eq!(queue.next(now), Next::Idle, "a write is under way");
        let pause = Duration::from_millis(100);
        let pace = Pace {
            least: pause,
            most: pause * 4,
        };
        queue.done(&key("a"), now, pace);
        assert_eq!(queue.next(now), Next::Wait(now + pause));
        assert_eq!(queue.next(now + pause), Next::Write(key("a"), job("2")));
    }

    #[test]
    fn pauses_double_while_an_object_is_written_again_and_again() {
        let (mut queue, mut now) = (Queue::default(), Instant::now());
        let least = Duration::from_millis(50);
        let pace = Pace {
            least,
            most: least * 8,
        };
        for factor in [1, 2, 4, 8, 8] {
            queue.put(key("a"), job("1"));
            assert!(matches!(queue.next(now), Next::Write(..)));
            queue.done(&key("a"), now, pace);
            queue.put(key("a"), job("2"));
            assert_eq!(queue.next(now), Next::Wait(now + least * factor));
            now += least * factor;
        }
        now += pace.most;
        assert!(matches!(queue.next(now), Next::Write(..)));
        queue.done(&key("a"), now, pace);
        queue.put(key("a"), job("3"));
        assert_eq!(queue.next(now), Next::Wait(now + least), "it had a long rest");
    }

    #[test]
    fn a_failed_write_comes_back_unless_a_newer_one_waits() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let pause = Duration::from_millis(100);
        queue.put(key("a"), job("1"));
        queue.next(now);
        queue.again(key("a"), job("1"), (now, pause));
        assert_eq!(queue.next(now + pause), Next::Write(key("a"), job("1")));
        queue.put(key("a"), job("2"));
        queue.again(key("a"), job("1"), (now + pause, pause));
        assert_eq!(queue.next(now + pause * 2), Next::Write(key("a"), job("2")));
        queue.done(&key("a"), now + pause * 2, Pace::NONE);
        queue.put(key("a"), job("3"));
        queue.cancel(&key("a"));
        assert_eq!((queue.next(now + pause * 9), queue.len()), (Next::Idle, 0));
    }
}
