//! What is to be written: the newest wish of each object, each object at most once at a time and not more often than
//! its interval allows. Lanes take turns, so that nobody's many objects stand before another's one.

use gatewright_core::snapshot::ObjectKey;
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How long after its rest an object's pace is remembered.
const FORGET: Duration = Duration::from_secs(2);

/// In whose turn an object is written: the Gateway it belongs to; `None` for what belongs to none.
pub type Lane = Option<ObjectName>;

/// What waits.
#[derive(Debug)]
struct Wish<J> {
    job: J,
    lane: Lane,
    since: Instant,
}

/// The queue.
#[derive(Debug)]
pub struct Queue<J> {
    wanted: BTreeMap<ObjectKey, Wish<J>>,
    /// What waits in each lane, in order of arrival; never empty.
    lanes: BTreeMap<Lane, VecDeque<ObjectKey>>,
    /// Lanes in which something waits; the first has its turn.
    turns: VecDeque<Lane>,
    busy: BTreeMap<ObjectKey, Lane>,
    /// After a write, and after a failure.
    rest: BTreeMap<ObjectKey, Rest>,
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        Self {
            wanted: BTreeMap::new(),
            lanes: BTreeMap::new(),
            turns: VecDeque::new(),
            busy: BTreeMap::new(),
            rest: BTreeMap::new(),
        }
    }
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
pub enum Next<J> {
    /// Write this, which has waited for so long.
    Write(ObjectKey, J, Duration),
    /// Nothing before this time.
    Wait(Instant),
    /// Nothing.
    Idle,
}

impl<J> Queue<J> {
    /// Wants something written, in place of an older wish, which it then takes the place of. Answers whether there was
    /// none.
    pub fn put(&mut self, key: ObjectKey, lane: Lane, job: J, now: Instant) -> bool {
        if let Some(wish) = self.wanted.get_mut(&key) {
            wish.job = job;
            return false;
        }
        let waiting = self.lanes.entry(lane.clone()).or_default();
        if waiting.is_empty() {
            self.turns.push_back(lane.clone());
        }
        waiting.push_back(key.clone());
        let since = now;
        self.wanted.insert(key, Wish { job, lane, since });
        true
    }

    /// Nothing is to be written to an object any more.
    pub fn cancel(&mut self, key: &ObjectKey) {
        if let Some(wish) = self.wanted.remove(key) {
            self.leave(&wish.lane, key);
        }
    }

    /// What waits to be written to an object.
    pub fn waiting(&self, key: &ObjectKey) -> Option<&J> {
        self.wanted.get(key).map(|wish| &wish.job)
    }

    /// The next write; [`Queue::done`] must follow it. Its lane has its next turn after all others.
    pub fn next(&mut self, now: Instant) -> Next<J> {
        let mut soonest: Option<Instant> = None;
        let mut found = None;
        'turns: for (turn, lane) in self.turns.iter().enumerate() {
            for key in self.lanes.get(lane).into_iter().flatten() {
                if self.busy.contains_key(key) {
                    continue;
                }
                match self.rest.get(key) {
                    Some(Rest { until, .. }) if *until > now => {
                        soonest = Some(soonest.map_or(*until, |found| found.min(*until)));
                    }
                    rest => {
                        found = Some((turn, key.clone(), rest.map(|rest| rest.until)));
                        break 'turns;
                    }
                }
            }
        }
        let idle = soonest.map_or(Next::Idle, Next::Wait);
        let Some((turn, key, rested)) = found else {
            return idle;
        };
        let Some(wish) = self.wanted.remove(&key) else {
            return idle;
        };
        if let Some(lane) = self.turns.remove(turn) {
            self.turns.push_back(lane);
        }
        self.leave(&wish.lane, &key);
        self.busy.insert(key.clone(), wish.lane);
        let since = rested.map_or(wish.since, |rested| rested.max(wish.since));
        Next::Write(key, wish.job, now.saturating_duration_since(since))
    }

    /// An object waits no more.
    fn leave(&mut self, lane: &Lane, key: &ObjectKey) {
        let Some(waiting) = self.lanes.get_mut(lane) else {
            return;
        };
        if let Some(at) = waiting.iter().position(|found| found == key) {
            waiting.remove(at);
        }
        if waiting.is_empty() {
            self.lanes.remove(lane);
            self.turns.retain(|turn| turn != lane);
        }
    }

    /// A write is over; the object rests as its pace wants.
    pub fn done(&mut self, key: &ObjectKey, now: Instant, pace: Pace) {
        let pause = pace.pause(now, self.rest.get(key));
        self.put_to_rest(key, now, pause);
    }

    /// Answers the lane it was written in.
    fn put_to_rest(&mut self, key: &ObjectKey, now: Instant, pause: Duration) -> Lane {
        self.rest.retain(|_, rest| rest.until + FORGET > now);
        if !pause.is_zero() {
            let until = now + pause;
            self.rest.insert(key.clone(), Rest { until, pause });
        }
        self.busy.remove(key).flatten()
    }

    /// A write failed: it is tried again after `pause`, unless something newer is wanted by now.
    pub fn again(&mut self, key: ObjectKey, job: J, (now, pause): (Instant, Duration)) {
        let lane = self.put_to_rest(&key, now, pause);
        if !self.wanted.contains_key(&key) {
            self.put(key, lane, job, now);
        }
    }

    /// Number of objects that wait.
    pub fn len(&self) -> usize {
        self.wanted.len()
    }
}

#[cfg(test)]
mod tests;
