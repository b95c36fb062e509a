//! Metrics of the controller, under the names that dashboards of controller-runtime's users know
//! (`controller-runtime`, `pkg/internal/controller/metrics`), and our own.
//!
//! Labels are kinds, results and names of queues, never names of objects.

use gatewright_core::snapshot::Kind;
use gatewright_proxy::observe::trace::OwnTraces;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Name of the lease and of the label `name` of leader election.
pub const LEASE: &str = "gatewright-controller";

const QUEUE: &str = "status";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Controller {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconciled {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    name: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Write {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Changed {
    controller: String,
    action: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

/// All metrics.
pub struct Metrics {
    registry: Mutex<Registry>,
    reconciled: Family<Reconciled, Counter>,
    reconcile_time: Family<Controller, Histogram, fn() -> Histogram>,
    depth: Family<Named, Gauge>,
    leader: Family<Named, Gauge>,
    writes: Family<Write, Counter>,
    write_time: Histogram,
    watch_events: Family<OfKind, Counter>,
    unreadable: Family<OfKind, Counter>,
    gateways: Gauge,
    proxies: Gauge,
    changes: Family<Changed, Counter>,
    shortfalls: Family<OfKind, Gauge>,
    spans_lost: Counter<u64, AtomicU64>,
    traces: Option<Arc<OwnTraces>>,
}

/// controller-runtime's buckets: 5 ms to 60 s.
fn reconcile_histogram() -> Histogram {
    Histogram::new([
        0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    ])
}

impl Metrics {
    /// All metrics at zero; `traces` counts its spans itself.
    pub fn new(traces: Option<Arc<OwnTraces>>) -> Self {
        let mut registry = Registry::default();
        let metrics = Self {
            reconciled: Family::default(),
            reconcile_time: Family::new_with_constructor(reconcile_histogram),
            depth: Family::default(),
            leader: Family::default(),
            writes: Family::default(),
            write_time: reconcile_histogram(),
            watch_events: Family::default(),
            unreadable: Family::default(),
            gateways: Gauge::default(),
            proxies: Gauge::default(),
            changes: Family::default(),
            shortfalls: Family::default(),
            spans_lost: Counter::default(),
            traces,
            registry: Mutex::new(Registry::default()),
        };
        registry.register(
            "controller_runtime_reconcile",
            "Reconciliations by controller and result",
            metrics.reconciled.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_time_seconds",
            "Time of one reconciliation",
            metrics.reconcile_time.clone(),
        );
        registry.register(
            "workqueue_depth",
            "Objects that wait in a queue",
            metrics.depth.clone(),
        );
        registry.register(
            "leader_election_master_status",
            "Whether this process leads: 1 or 0",
            metrics.leader.clone(),
        );
        registry.register(
            "gatewright_status_writes",
            "Status writes by kind and result",
            metrics.writes.clone(),
        );
        registry.register(
            "gatewright_status_write_duration_seconds",
            "Time of one status write",
            metrics.write_time.clone(),
        );
        registry.register(
            "gatewright_watch_events",
            "Objects told by watches, by kind",
            metrics.watch_events.clone(),
        );
        registry.register(
            "gatewright_unreadable_objects",
            "Objects told by watches that do not have the shape of their kind",
            metrics.unreadable.clone(),
        );
        registry.register("gatewright_gateways", "Gateways served", metrics.gateways.clone());
        registry.register(
            "gatewright_proxies_ready",
            "Proxies that are ready",
            metrics.proxies.clone(),
        );
        registry.register(
            "gatewright_cloud_changes",
            "Changes made in clouds, by controller name, action and result",
            metrics.changes.clone(),
        );
        registry.register(
            "gatewright_unsupported",
            "What clouds cannot express of the Gateways that they serve: missing, or approximated",
            metrics.shortfalls.clone(),
        );
        registry.register(
            "gatewright_trace_spans_dropped",
            "Spans of the controller's own work that no collector got",
            metrics.spans_lost.clone(),
        );
        let build: Family<Build, Gauge> = Family::default();
        build
            .get_or_create(&Build {
                version: env!("CARGO_PKG_VERSION"),
            })
            .set(1);
        registry.register("gatewright_build_info", "Version of the program", build);
        metrics.leads(false);
        *metrics.registry.lock().unwrap_or_else(PoisonError::into_inner) = registry;
        metrics
    }

    /// Prometheus text.
    pub fn render(&self) -> String {
        if let Some(traces) = &self.traces {
            self.spans_lost.inner().store(traces.lost(), Ordering::Relaxed);
        }
        let mut out = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string cannot fail.
        let _ = text::encode(&mut out, &registry);
        out
    }

    /// One run of the engine or of a provider.
    pub fn reconciled(&self, controller: &'static str, result: &'static str, took: Duration) {
        self.reconciled
            .get_or_create(&Reconciled { controller, result })
            .inc();
        self.reconcile_time
            .get_or_create(&Controller { controller })
            .observe(took.as_secs_f64());
    }

    /// Statuses that wait to be written.
    pub fn status_depth(&self, depth: usize) {
        self.depth
            .get_or_create(&Named { name: QUEUE })
            .set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    /// One status write.
    pub fn status_write(&self, kind: Kind, result: &'static str, took: Duration) {
        let kind = kind.as_str();
        self.writes.get_or_create(&Write { kind, result }).inc();
        self.write_time.observe(took.as_secs_f64());
    }

    /// Whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.leader
            .get_or_create(&Named { name: LEASE })
            .set(i64::from(leads));
    }

    /// A watch told of an object.
    pub fn watched(&self, kind: Kind) {
        self.watch_events
            .get_or_create(&OfKind { kind: kind.as_str() })
            .inc();
    }

    /// A watch told of an object that cannot be read.
    pub fn unreadable(&self, kind: Kind) {
        self.unreadable
            .get_or_create(&OfKind { kind: kind.as_str() })
            .inc();
    }

    /// A change was tried in a cloud.
    pub fn changed(&self, controller: &str, action: &'static str, result: &'static str) {
        let labels = Changed {
            controller: controller.to_owned(),
            action,
            result,
        };
        self.changes.get_or_create(&labels).inc();
    }

    /// What clouds cannot express.
    pub fn shortfalls(&self, missing: usize, approximated: usize) {
        for (kind, count) in [("missing", missing), ("approximated", approximated)] {
            self.shortfalls
                .get_or_create(&OfKind { kind })
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// What is served.
    pub fn served(&self, gateways: usize, proxies: usize) {
        self.gateways.set(i64::try_from(gateways).unwrap_or(i64::MAX));
        self.proxies.set(i64::try_from(proxies).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_dashboards_know() {
        let metrics = Metrics::new(None);
        metrics.reconciled("engine", "success", Duration::from_millis(3));
        metrics.status_write(Kind::Gateway, "success", Duration::from_millis(3));
        metrics.status_depth(2);
        let text = metrics.render();
        for line in [
            r#"controller_runtime_reconcile_total{controller="engine",result="success"} 1"#,
            r#"controller_runtime_reconcile_time_seconds_bucket{le="0.005",controller="engine"} 1"#,
            r#"leader_election_master_status{name="gatewright-controller"} 0"#,
            r#"workqueue_depth{name="status"} 2"#,
            r#"gatewright_status_writes_total{kind="Gateway",result="success"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
