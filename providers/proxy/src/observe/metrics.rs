//! Counters and histograms of one worker, and their sum over all as Prometheus text.
//!
//! Cardinality is bounded by the configuration: series are labelled with listeners, routes and
//! backends, never with anything a client sends. Beyond [`MAX_SERIES`] names of one kind further
//! ones share the label `other`.

mod render;

pub(crate) use render::{family, render, sample};

use crate::observe::{RequestRecord, ResponseFlag};
use gatewright_model::Str;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Names of one kind (route, backend, listener) that get series of their own.
const MAX_SERIES: usize = 50_000;
/// Label of the rest, and of what has no name.
const OTHER: &str = "other";
/// Entries of a worker's shortcut from a request's parts to its series.
const MAX_SHORTCUTS: usize = 65_536;

/// Upper bounds of the duration buckets, in microseconds.
const BUCKETS_US: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// A counter with one writer.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds, from the one thread that writes.
    fn add(&self, count: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(count),
            Ordering::Relaxed,
        );
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A histogram with one writer.
#[derive(Debug, Default)]
struct Histogram {
    buckets: [Counter; BUCKETS_US.len() + 1],
    sum_us: Counter,
}

impl Histogram {
    fn observe(&self, duration: Duration) {
        let micros = duration.as_micros() as u64;
        let position = BUCKETS_US.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(position) {
            bucket.add(1);
        }
        self.sum_us.add(micros);
    }
}

#[derive(Debug, Default)]
struct ListenerSeries {
    classes: [Counter; CLASSES.len()],
    bytes_in: Counter,
    bytes_out: Counter,
    duration: Histogram,
}

#[derive(Debug, Default)]
struct RouteSeries {
    classes: [Counter; CLASSES.len()],
}

#[derive(Debug, Default)]
struct BackendSeries {
    classes: [Counter; CLASSES.len()],
    retries: Counter,
    connect_failures: Counter,
    timeouts: Counter,
    duration: Histogram,
}

/// What kind of stream a connection or session was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// TCP.
    Tcp,
    /// TLS, terminated or passed through.
    Tls,
    /// UDP.
    Udp,
}

const STREAM_KINDS: [&str; 3] = ["tcp", "tls", "udp"];

#[derive(Debug, Default)]
struct StreamSeries {
    opened: Counter,
    closed: Counter,
    received: Counter,
    sent: Counter,
}

/// The series of one worker. The worker writes; anybody may read.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    listeners: Mutex<FxHashMap<Str, Arc<ListenerSeries>>>,
    routes: Mutex<FxHashMap<Str, Arc<RouteSeries>>>,
    backends: Mutex<FxHashMap<Str, Arc<BackendSeries>>>,
    flags: [Counter; ResponseFlag::ALL.len()],
    opened: Counter,
    closed: Counter,
    handshake_failures: Counter,
    refused: Counter,
    log_dropped: Counter,
    spans_dropped: Counter,
    streams: [StreamSeries; STREAM_KINDS.len()],
}

/// A worker's handle on its shard: finds the series of a request without a lock.
#[derive(Debug)]
pub(crate) struct Recorder {
    shard: Arc<Shard>,
    shortcuts: RefCell<FxHashMap<[usize; 3], Shortcut>>,
    generation: Cell<u64>,
}

#[derive(Debug)]
struct Shortcut {
    /// The names are kept, so that no other name can come to lie at the same address.
    _names: [Option<Str>; 3],
    listener: Arc<ListenerSeries>,
    route: Arc<RouteSeries>,
    backend: Option<Arc<BackendSeries>>,
}

impl Recorder {
    pub(crate) fn new(shard: Arc<Shard>) -> Self {
        Self {
            shard,
            shortcuts: RefCell::default(),
            generation: Cell::new(0),
        }
    }

    /// Counts a request. `generation` changes when series were dropped.
    pub(crate) fn request(&self, record: &RequestRecord<'_>, generation: u64) {
        let mut shortcuts = self.shortcuts.borrow_mut();
        if self.generation.replace(generation) != generation || shortcuts.len() > MAX_SHORTCUTS {
            shortcuts.clear();
        }
        let names = [
            record.listener.map(|listener| &listener.name),
            record.rule.map(|rule| &rule.route_name),
            record.backend.map(|backend| &backend.name),
        ];
        let key = names.map(|name| name.map_or(0, |name| name.as_ptr().addr()));
        let series = shortcuts.entry(key).or_insert_with(|| Shortcut {
            _names: names.map(Option::<&Str>::cloned),
            listener: find(&self.shard.listeners, names[0]),
            route: find(&self.shard.routes, names[1]),
            backend: names[2].map(|name| find(&self.shard.backends, Some(name))),
        });
        let class = usize::from(record.status / 100).saturating_sub(1);
        for classes in [&series.listener.classes, &series.route.classes] {
            if let Some(counter) = classes.get(class) {
                counter.add(1);
            }
        }
        series.listener.bytes_in.add(record.bytes_in);
        series.listener.bytes_out.add(record.bytes_out);
        series.listener.duration.observe(record.duration);
        if let Some(backend) = &series.backend
            && record.attempts > 0
        {
            if let Some(counter) = backend.classes.get(class) {
                counter.add(1);
            }
            if record.attempts > 1 {
                backend.retries.add(u64::from(record.attempts - 1));
            }
            if let Some(duration) = record.upstream_duration {
                backend.duration.observe(duration);
            }
            match record.flag {
                Some(ResponseFlag::ConnectFailure) => backend.connect_failures.add(1),
                Some(ResponseFlag::UpstreamTimeout) => backend.timeouts.add(1),
                _ => {}
            }
        }
        if let Some(counter) = record.flag.and_then(|flag| {
            let position = ResponseFlag::ALL.iter().position(|other| *other == flag)?;
            self.shard.flags.get(position)
        }) {
            counter.add(1);
        }
    }

    pub(crate) fn opened(&self) {
        self.shard.opened.add(1);
    }

    pub(crate) fn closed(&self) {
        self.shard.closed.add(1);
    }

    pub(crate) fn handshake_failed(&self) {
        self.shard.handshake_failures.add(1);
    }

    pub(crate) fn refused(&self) {
        self.shard.refused.add(1);
    }

    pub(crate) fn stream_opened(&self, kind: StreamKind) {
        if let Some(series) = self.shard.streams.get(kind as usize) {
            series.opened.add(1);
        }
    }

    pub(crate) fn stream_closed(&self, kind: StreamKind, (received, sent): (u64, u64)) {
        if let Some(series) = self.shard.streams.get(kind as usize) {
            series.closed.add(1);
            series.received.add(received);
            series.sent.add(sent);
        }
    }

    pub(crate) fn span_dropped(&self) {
        self.shard.spans_dropped.add(1);
    }

    pub(crate) fn log_dropped(&self) {
        self.shard.log_dropped.add(1);
    }
}

/// The series of a name, made when it is new.
fn find<S: Default>(map: &Mutex<FxHashMap<Str, Arc<S>>>, name: Option<&Str>) -> Arc<S> {
    let mut map = lock(map);
    let name = name.map_or(OTHER, |name| name);
    if let Some(series) = map.get(name) {
        return Arc::clone(series);
    }
    let name = if map.len() < MAX_SERIES { name } else { OTHER };
    Arc::clone(map.entry(name.into()).or_default())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// Drops the series of these names.
    pub(crate) fn forget(&self, names: &[Str]) {
        fn drop_from<S>(map: &Mutex<FxHashMap<Str, Arc<S>>>, names: &[Str]) {
            let mut map = lock(map);
            for name in names {
                map.remove(name);
            }
        }
        drop_from(&self.listeners, names);
        drop_from(&self.routes, names);
        drop_from(&self.backends, names);
    }

    /// Drops the series of names that are not kept.
    pub(crate) fn retain(&self, keep: &dyn Fn(&str) -> bool) {
        let keep = |name: &Str| &**name == OTHER || keep(name);
        lock(&self.listeners).retain(|name, _| keep(name));
        lock(&self.routes).retain(|name, _| keep(name));
        lock(&self.backends).retain(|name, _| keep(name));
    }
}
