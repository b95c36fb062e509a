//! Queues and their workers, as controller-runtime shows them (`pkg/metrics/workqueue.go`,
//! `pkg/internal/controller/metrics`).

use super::{Controller, register};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

type Seconds = Gauge<f64, AtomicU64>;

/// A queue, and who works on it: each of ours is named after its one controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    name: &'static str,
    controller: &'static str,
}

/// All queues.
pub struct Queues {
    depth: Family<Queue, Gauge>,
    added: Family<Queue, Counter>,
    retried: Family<Queue, Counter>,
    waited: Family<Queue, Histogram, fn() -> Histogram>,
    worked: Family<Queue, Histogram, fn() -> Histogram>,
    unfinished: Family<Queue, Seconds>,
    longest: Family<Queue, Seconds>,
    active: Family<Controller, Gauge>,
    most: Family<Controller, Gauge>,
    known: Mutex<BTreeMap<&'static str, WorkQueue>>,
}

/// Ten nanoseconds to 1,000 seconds.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(1e-8, 10.0, 12))
}

impl Queues {
    /// No queue yet.
    pub fn new(registry: &mut Registry) -> Self {
        Self {
            depth: register(registry, "workqueue_depth", "Objects that wait in a queue"),
            added: register(registry, "workqueue_adds", "Objects that came into a queue"),
            retried: register(
                registry,
                "workqueue_retries",
                "Objects that came back after a failure",
            ),
            waited: with_histogram(registry, "workqueue_queue_duration_seconds", "Time in a queue"),
            worked: with_histogram(
                registry,
                "workqueue_work_duration_seconds",
                "Time of the work on an object",
            ),
            unfinished: register(
                registry,
                "workqueue_unfinished_work_seconds",
                "Time that the work under way has taken so far, all together",
            ),
            longest: register(
                registry,
                "workqueue_longest_running_processor_seconds",
                "Time that the oldest work under way has taken so far",
            ),
            active: register(
                registry,
                "controller_runtime_active_workers",
                "Workers that work on an object",
            ),
            most: register(
                registry,
                "controller_runtime_max_concurrent_reconciles",
                "Objects that can be worked on at the same time",
            ),
            known: Mutex::default(),
        }
    }

    /// The queue of a name, which so many workers serve; the same one each time.
    pub fn of(&self, name: &'static str, workers: usize) -> WorkQueue {
        let named = Queue {
            name,
            controller: name,
        };
        let controller = Controller { controller: name };
        self.most.get_or_create(&controller).set(gauge(workers));
        let queue = || {
            WorkQueue(Arc::new(Watched {
                depth: self.depth.get_or_create_owned(&named),
                added: self.added.get_or_create_owned(&named),
                retried: self.retried.get_or_create_owned(&named),
                waited: self.waited.get_or_create_owned(&named),
                worked: self.worked.get_or_create_owned(&named),
                active: self.active.get_or_create_owned(&controller),
                running: Mutex::default(),
            }))
        };
        self.known().entry(name).or_insert_with(queue).clone()
    }

    /// Brings up to date what depends on the time: `now`.
    pub fn look(&self, now: Instant) {
        for (name, queue) in &*self.known() {
            let running = queue.0.running();
            let ages = running
                .begun
                .values()
                .map(|begun| now.saturating_duration_since(*begun));
            let named = Queue {
                name,
                controller: name,
            };
            let longest = ages.clone().max().unwrap_or_default();
            self.longest.get_or_create(&named).set(longest.as_secs_f64());
            let unfinished: Duration = ages.sum();
            self.unfinished
                .get_or_create(&named)
                .set(unfinished.as_secs_f64());
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<&'static str, WorkQueue>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_histogram(
    registry: &mut Registry,
    name: &str,
    help: &str,
) -> Family<Queue, Histogram, fn() -> Histogram> {
    let family = Family::new_with_constructor(histogram as fn() -> Histogram);
    registry.register(name, help, family.clone());
    family
}

/// A number as a gauge shows it.
pub fn gauge(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// One queue. A clone is the same one.
#[derive(Clone)]
pub struct WorkQueue(Arc<Watched>);

struct Watched {
    depth: Gauge,
    added: Counter,
    retried: Counter,
    waited: Histogram,
    worked: Histogram,
    active: Gauge,
    running: Mutex<Under>,
}

/// Work under way.
#[derive(Default)]
struct Under {
    next: u64,
    begun: BTreeMap<u64, Instant>,
}

impl Watched {
    fn running(&self) -> MutexGuard<'_, Under> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkQueue {
    /// So many objects wait.
    pub fn depth(&self, depth: usize) {
        self.0.depth.set(gauge(depth));
    }

    /// An object came into the queue.
    pub fn added(&self) {
        self.0.added.inc();
    }

    /// An object comes back after a failure.
    pub fn retried(&self) {
        self.0.retried.inc();
        self.0.added.inc();
    }

    /// An object leaves the queue after so long, and is worked on for as long as the answer lives.
    pub fn taken(&self, waited: Duration) -> Running {
        self.0.waited.observe(waited.as_secs_f64());
        let begun = Instant::now();
        let number = {
            let mut running = self.0.running();
            running.next += 1;
            let number = running.next;
            running.begun.insert(number, begun);
            number
        };
        self.0.active.inc();
        Running {
            queue: self.clone(),
            number,
            begun,
        }
    }
}

/// Work under way, until it is dropped.
pub struct Running {
    queue: WorkQueue,
    number: u64,
    begun: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        let queue = &self.queue.0;
        queue.running().begun.remove(&self.number);
        queue.active.dec();
        queue.worked.observe(self.begun.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text::encode;

    #[test]
    fn work_under_way_is_counted_and_its_age_shown() {
        let mut registry = Registry::default();
        let queues = Queues::new(&mut registry);
        let queue = queues.of("gateway", 8);
        queue.added();
        queue.depth(3);
        let first = queue.taken(Duration::from_millis(2));
        let second = queue.taken(Duration::from_secs(20));
        let shown = |ahead: u64| {
            queues.look(Instant::now() + Duration::from_secs(ahead));
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            text
        };
        let value = |text: &str, name: &str| -> f64 {
            let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")));
            let line = line.unwrap_or_else(|| panic!("{name} is not in\n{text}"));
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        let is = |text: &str, name: &str, wanted: f64| {
            let found = value(text, name);
            assert!((found - wanted).abs() < 1e-9, "{name} is {found}, not {wanted}");
        };
        let text = shown(100);
        is(&text, "workqueue_depth", 3.0);
        is(&text, "controller_runtime_active_workers", 2.0);
        is(&text, "controller_runtime_max_concurrent_reconciles", 8.0);
        let longest = value(&text, "workqueue_longest_running_processor_seconds");
        assert!((100.0..110.0).contains(&longest), "{longest}");
        let unfinished = value(&text, "workqueue_unfinished_work_seconds");
        assert!((200.0..220.0).contains(&unfinished), "{unfinished}");
        drop(first);
        queue.retried();
        drop(second);
        let text = shown(0);
        is(&text, "workqueue_adds_total", 2.0);
        is(&text, "workqueue_retries_total", 1.0);
        is(&text, "controller_runtime_active_workers", 0.0);
        is(&text, "workqueue_longest_running_processor_seconds", 0.0);
        is(&text, "workqueue_work_duration_seconds_count", 2.0);
        assert!(
            text.contains(
                r#"workqueue_queue_duration_seconds_bucket{le="0.01",name="gateway",controller="gateway"} 1"#
            ),
            "{text}"
        );
    }
}
