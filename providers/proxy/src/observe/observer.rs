//! Metrics, access log and traces of the process, and each worker's part of them.

use crate::http::RequestHead;
use crate::observe::log::{AccessLog, LogError, LogHandle};
use crate::observe::metrics::{self, Recorder, Shard, StreamKind};
use crate::observe::trace::export::Exporter;
use crate::observe::{RequestRecord, Span, process};
use crate::runtime::{ConnInfo, ForwardingOptions, HttpPort, ProxyOptions};
use gatewright_model::Str;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

/// Metrics, access log and traces of the process.
#[derive(Debug)]
pub struct Observer {
    shards: Mutex<Vec<Arc<Shard>>>,
    /// Changes when series were dropped: workers then forget their shortcuts.
    generation: AtomicU64,
    log: Option<AccessLog>,
    /// Started with the first sampled span; none when that failed.
    exporter: OnceLock<Option<Exporter>>,
    forwarding: ForwardingOptions,
    started: SystemTime,
}

impl Default for Observer {
    /// Metrics only.
    fn default() -> Self {
        Self {
            shards: Mutex::default(),
            generation: AtomicU64::new(0),
            log: None,
            exporter: OnceLock::new(),
            forwarding: ForwardingOptions::default(),
            started: SystemTime::now(),
        }
    }
}

impl Observer {
    /// Opens what the options ask for.
    ///
    /// # Errors
    /// When the access log names an unknown field or cannot be opened.
    pub fn new(options: &ProxyOptions) -> Result<Self, LogError> {
        Ok(Self {
            log: options.access_log.as_ref().map(AccessLog::start).transpose()?,
            forwarding: options.forwarding.clone(),
            ..Self::default()
        })
    }

    /// All metrics as Prometheus text (exposition format 0.0.4), for
    /// `text/plain; version=0.0.4; charset=utf-8`.
    pub fn metrics_text(&self) -> String {
        let shards = self.shards().clone();
        let mut out = String::with_capacity(16 * 1024);
        metrics::family(&mut out, "build_info", "gauge", "Version of the program.");
        let labels = [("version", env!("CARGO_PKG_VERSION"))];
        metrics::sample(&mut out, "build_info", &labels, 1);
        metrics::render(&shards, &mut out);
        let name = "access_log_write_failures_total";
        metrics::family(&mut out, name, "counter", "Writes to the access log that failed.");
        metrics::sample(
            &mut out,
            name,
            &[],
            self.log.as_ref().map_or(0, AccessLog::failures),
        );
        let name = "trace_spans_failed_total";
        metrics::family(&mut out, name, "counter", "Spans that no collector took.");
        let failed = self.exporter.get().and_then(Option::as_ref);
        metrics::sample(&mut out, name, &[], failed.map_or(0, Exporter::failed));
        process::render(self.started, &mut out);
        out
    }

    /// Drops the series of listeners, routes and backends with these names. Call it when configuration
    /// was removed. A request that is still in progress then may bring one back: see
    /// [`Observer::retain`].
    pub fn forget(&self, names: &[Str]) {
        for shard in self.shards().iter() {
            shard.forget(names);
        }
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Drops the series of listeners, routes and backends for which `keep(name)` does not hold. Call
    /// it now and then when configuration is removed, so that the number of series stays bounded by it.
    pub fn retain(&self, keep: &dyn Fn(&str) -> bool) {
        for shard in self.shards().iter() {
            shard.retain(keep);
        }
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Opens the access log's file anew (SIGHUP after it was moved away).
    pub fn reopen_log(&self) {
        if let Some(log) = &self.log {
            log.reopen();
        }
    }

    fn exporter(&self) -> Option<&Exporter> {
        self.exporter
            .get_or_init(|| match Exporter::start() {
                Ok(exporter) => Some(exporter),
                Err(error) => {
                    tracing::error!(%error, "traces are not exported");
                    None
                }
            })
            .as_ref()
    }

    fn shards(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Shard>>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One worker's part of the [`Observer`].
#[derive(Debug)]
pub struct WorkerObserver {
    observer: Arc<Observer>,
    recorder: Recorder,
    log: Option<LogHandle>,
}

impl WorkerObserver {
    /// The part of a worker; `index` is its number.
    pub fn new(observer: &Arc<Observer>, index: usize) -> Self {
        let _ = index;
        let shard = Arc::new(Shard::default());
        observer.shards().push(Arc::clone(&shard));
        Self {
            observer: Arc::clone(observer),
            recorder: Recorder::new(shard),
            log: observer.log.as_ref().map(AccessLog::handle),
        }
    }

    /// A connection was accepted.
    pub fn connection_opened(&self, _: &ConnInfo) {
        self.recorder.opened();
    }

    /// A connection that was opened is closed.
    pub fn connection_closed(&self, _: &ConnInfo) {
        self.recorder.closed();
    }

    /// A connection was closed at once because a limit was reached.
    pub fn connection_refused(&self) {
        self.recorder.refused();
    }

    /// A client's TLS handshake failed or was refused.
    pub fn handshake_failed(&self) {
        self.recorder.handshake_failed();
    }

    /// A TCP or TLS connection or a UDP session was taken.
    pub fn stream_opened(&self, kind: StreamKind) {
        self.recorder.stream_opened(kind);
    }

    /// It ended, after `received` bytes from the client and `sent` bytes to it.
    pub fn stream_closed(&self, kind: StreamKind, received: u64, sent: u64) {
        self.recorder.stream_closed(kind, (received, sent));
    }

    /// Begins the span of a request, when its port has tracing.
    pub fn start_span(&self, port: &HttpPort, head: &mut RequestHead) -> Option<Span> {
        port.tracing.as_ref().map(|policy| policy.start(head))
    }

    /// A request is over.
    pub fn request(&self, record: &RequestRecord<'_>) {
        self.recorder
            .request(record, self.observer.generation.load(Ordering::Acquire));
        if let Some(log) = &self.log
            && !log.log(record, &self.observer.forwarding)
        {
            self.recorder.log_dropped();
        }
        if let Some(span) = record.span.filter(|span| span.is_sampled()) {
            let data = span.finish(record, &self.observer.forwarding);
            let taken = self
                .observer
                .exporter()
                .is_some_and(|exporter| exporter.export(span.policy(), data));
            if !taken {
                self.recorder.span_dropped();
            }
        }
    }
}

#[cfg(test)]
mod tests;
