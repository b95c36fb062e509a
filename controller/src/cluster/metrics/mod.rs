//! Metrics of the controller, under the names that dashboards of controller-runtime's users know
//! (`controller-runtime`, `pkg/internal/controller/metrics` and `pkg/metrics`), and our own.
//!
//! Labels are kinds, results and names of queues and calls, never names of objects.

mod process;
mod queues;
mod requests;
#[cfg(test)]
mod tests;

pub use queues::{Running, WorkQueue};
pub use requests::RequestLayer;

use gatewright_core::snapshot::Kind;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{Call, Calls, Outcome};
use gatewright_proxy::observe::trace::OwnTraces;
use process::OfProcess;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use queues::{Queues, gauge};
use requests::Requests;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Name of the lease and of the label `name` of leader election.
pub const LEASE: &str = "gatewright-controller";

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
struct OfController {
    controller: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Changed {
    controller: String,
    action: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    provider: &'static str,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    provider: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Planned {
    provider: &'static str,
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

/// All metrics.
pub struct Metrics {
    registry: Registry,
    reconciled: Family<Reconciled, Counter>,
    failed: Family<Controller, Counter>,
    terminal: Family<Controller, Counter>,
    reconcile_time: Family<Controller, Histogram, fn() -> Histogram>,
    queues: Queues,
    requests: Requests,
    leader: Family<Named, Gauge>,
    writes: Family<Write, Counter>,
    write_time: Histogram,
    watch_events: Family<OfKind, Counter>,
    unreadable: Family<OfKind, Counter>,
    unlisted: Family<OfKind, Gauge>,
    gateways: Gauge,
    proxies: Gauge,
    call_time: Family<Called, Histogram, fn() -> Histogram>,
    provider_errors: Family<Failed, Counter>,
    planned: Family<Planned, Counter>,
    changes: Family<Changed, Counter>,
    shortfalls: Family<OfKind, Gauge>,
    sweep_calls: Family<OfController, Gauge>,
    sweep_time: Family<OfController, Gauge<f64, AtomicU64>>,
    spans_lost: Counter<u64, AtomicU64>,
    traces: Option<Arc<OwnTraces>>,
}

/// What controller-runtime has, 5 ms to 60 s, and below that what the engine takes.
fn reconcile_histogram() -> Histogram {
    Histogram::new([
        0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    ])
}

/// 5 ms to the longest call with all its attempts.
fn call_histogram() -> Histogram {
    Histogram::new([
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 150.0,
    ])
}

/// Registers a family of metrics, empty.
fn register<M: Metric + Default + Clone>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// All metrics at zero; `traces` counts its spans itself.
    pub fn new(traces: Option<Arc<OwnTraces>>) -> Self {
        let mut registry = Registry::default();
        let all = &mut registry;
        let reconcile_time = Family::new_with_constructor(reconcile_histogram as fn() -> Histogram);
        all.register(
            "controller_runtime_reconcile_time_seconds",
            "Time of one reconciliation",
            reconcile_time.clone(),
        );
        let write_time = reconcile_histogram();
        all.register(
            "gatewright_status_write_duration_seconds",
            "Time of one status write",
            write_time.clone(),
        );
        let call_time = Family::new_with_constructor(call_histogram as fn() -> Histogram);
        all.register(
            "gatewright_provider_call_duration_seconds",
            "Time of one call to the API of a provider",
            call_time.clone(),
        );
        let build: Family<Build, Gauge> = register(all, "gatewright_build_info", "Version of the program");
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&Build { version }).set(1);
        all.register_collector(Box::new(OfProcess::new()));
        let metrics = Self {
            reconciled: register(
                all,
                "controller_runtime_reconcile",
                "Reconciliations by controller and result",
            ),
            failed: register(
                all,
                "controller_runtime_reconcile_errors",
                "Reconciliations that failed",
            ),
            terminal: register(
                all,
                "controller_runtime_terminal_reconcile_errors",
                "Reconciliations with a failure that only a person can end",
            ),
            reconcile_time,
            queues: Queues::new(all),
            requests: Requests::new(all),
            leader: register(
                all,
                "leader_election_master_status",
                "Whether this process leads: 1 or 0",
            ),
            writes: register(
                all,
                "gatewright_status_writes",
                "Status writes by kind and result",
            ),
            write_time,
            watch_events: register(all, "gatewright_watch_events", "Objects told by watches, by kind"),
            unreadable: register(
                all,
                "gatewright_unreadable_objects",
                "Objects told by watches that do not have the shape of their kind",
            ),
            unlisted: register(
                all,
                "gatewright_unlisted_kinds",
                "Kinds that are served and could not be listed: the controller began without them",
            ),
            gateways: register(all, "gatewright_gateways", "Gateways served"),
            proxies: register(all, "gatewright_proxies_ready", "Proxies that are ready"),
            call_time,
            provider_errors: register(
                all,
                "gatewright_provider_errors",
                "Failures of the work of providers, by kind",
            ),
            planned: register(
                all,
                "gatewright_plan_changes",
                "Changes that plans of providers had, by action",
            ),
            changes: register(
                all,
                "gatewright_cloud_changes",
                "Changes made in clouds, by controller name, action and result",
            ),
            shortfalls: register(
                all,
                "gatewright_unsupported",
                "What clouds cannot express of the Gateways that they serve: missing, or approximated",
            ),
            sweep_calls: register(
                all,
                "gatewright_cloud_sweep_calls",
                "Calls that the last sweep of a cloud took",
            ),
            sweep_time: register(
                all,
                "gatewright_cloud_sweep_seconds",
                "Time that the last sweep of a cloud took: what others change is found no faster",
            ),
            spans_lost: register(
                all,
                "gatewright_trace_spans_dropped",
                "Spans of the controller's own work that no collector got",
            ),
            traces,
            registry,
        };
        metrics.leads(false);
        metrics
    }

    /// Prometheus text.
    pub fn render(&self) -> String {
        if let Some(traces) = &self.traces {
            self.spans_lost.inner().store(traces.lost(), Ordering::Relaxed);
        }
        self.queues.look(Instant::now());
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }

    /// The queue of a name, which so many workers serve.
    pub fn queue(&self, name: &'static str, workers: usize) -> WorkQueue {
        self.queues.of(name, workers)
    }

    /// The layer that counts a client's requests to the API server with this address.
    pub fn requests(&self, server: &http::Uri) -> RequestLayer {
        self.requests.layer(server)
    }

    /// One run of the engine or of a provider.
    pub fn reconciled(&self, controller: &'static str, result: &'static str, took: Duration) {
        self.reconciled
            .get_or_create(&Reconciled { controller, result })
            .inc();
        let controller = Controller { controller };
        // It is there from the first run on, so that a rate of failures is known to be zero.
        self.failed
            .get_or_create(&controller)
            .inc_by(u64::from(result == "error"));
        self.reconcile_time
            .get_or_create(&controller)
            .observe(took.as_secs_f64());
    }

    /// Whether a run of a provider had a failure that only a person can end. Told of each run, so that a rate of them is
    /// known to be zero.
    pub fn terminal(&self, controller: &'static str, is_terminal: bool) {
        self.terminal
            .get_or_create(&Controller { controller })
            .inc_by(u64::from(is_terminal));
    }

    /// What became of one run of a provider.
    pub fn provided(&self, provider: Provider, outcome: &Outcome) {
        let provider = provider.label();
        for error in outcome.errors() {
            let kind = error.treatment().label;
            self.provider_errors
                .get_or_create(&Failed { provider, kind })
                .inc();
        }
        for change in &outcome.changes {
            let action = change.action.label();
            self.planned.get_or_create(&Planned { provider, action }).inc();
        }
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

    /// Kinds that the controller began without and does not know yet.
    pub fn unlisted(&self, kinds: &BTreeSet<Kind>) {
        self.unlisted.clear();
        for kind in kinds {
            self.unlisted
                .get_or_create(&OfKind { kind: kind.as_str() })
                .set(1);
        }
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
            self.shortfalls.get_or_create(&OfKind { kind }).set(gauge(count));
        }
    }

    /// A sweep of a cloud is over.
    pub fn swept(&self, controller: &str, calls: u64, took: Duration) {
        let label = OfController {
            controller: controller.to_owned(),
        };
        let calls = usize::try_from(calls).unwrap_or(usize::MAX);
        self.sweep_calls.get_or_create(&label).set(gauge(calls));
        self.sweep_time.get_or_create(&label).set(took.as_secs_f64());
    }

    /// What is served.
    pub fn served(&self, gateways: usize, proxies: usize) {
        self.gateways.set(gauge(gateways));
        self.proxies.set(gauge(proxies));
    }
}

impl Calls for Metrics {
    fn called(&self, call: Call) {
        let labels = Called {
            provider: call.provider.label(),
            operation: call.operation,
            outcome: call.outcome,
        };
        self.call_time
            .get_or_create(&labels)
            .observe(call.took.as_secs_f64());
    }
}
