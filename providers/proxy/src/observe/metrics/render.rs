//! The series of all workers as Prometheus text.

use super::{BUCKETS_US, BackendSeries, CLASSES, Counter, Histogram, ListenerSeries, STREAM_KINDS, Shard};
use super::{StreamSeries, lock};
use crate::observe::ResponseFlag;
use gatewright_model::Str;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

/// All shards' series as Prometheus text (exposition format 0.0.4).
pub(crate) fn render(shards: &[Arc<Shard>], out: &mut String) {
    let sum = |read: &dyn Fn(&Shard) -> u64| shards.iter().map(|shard| read(shard)).sum::<u64>();
    let opened = sum(&|shard| shard.opened.get());
    family(
        out,
        "connections_total",
        "counter",
        "Client connections accepted.",
    );
    sample(out, "connections_total", &[], opened);
    family(out, "connections_active", "gauge", "Client connections open now.");
    let closed = sum(&|shard| shard.closed.get());
    sample(out, "connections_active", &[], opened.saturating_sub(closed));
    for (name, help, read) in [
        (
            "connections_refused_total",
            "Client connections closed because a limit was reached.",
            (|shard| shard.refused.get()) as fn(&Shard) -> u64,
        ),
        (
            "tls_handshake_failures_total",
            "TLS handshakes that failed or were refused.",
            |shard| shard.handshake_failures.get(),
        ),
        (
            "access_log_dropped_total",
            "Access log entries dropped because the log was too slow.",
            |shard| shard.log_dropped.get(),
        ),
        (
            "trace_spans_dropped_total",
            "Spans dropped because the collector was too slow.",
            |shard| shard.spans_dropped.get(),
        ),
    ] {
        family(out, name, "counter", help);
        sample(out, name, &[], sum(&read));
    }
    render_listeners(shards, out);
    family(
        out,
        "route_requests_total",
        "counter",
        "Requests by route and status class.",
    );
    for (route, series) in merged(shards, |shard| &shard.routes) {
        classes(
            out,
            "route_requests_total",
            &[("route", &route)],
            &series,
            |one| &one.classes,
        );
    }
    render_backends(shards, out);
    family(
        out,
        "responses_by_reason_total",
        "counter",
        "Responses that the proxy made or cut itself, by reason.",
    );
    for (position, flag) in ResponseFlag::ALL.iter().enumerate() {
        let count = sum(&|shard| shard.flags.get(position).map_or(0, Counter::get));
        sample(
            out,
            "responses_by_reason_total",
            &[("reason", flag.as_str())],
            count,
        );
    }
    render_streams(shards, out);
}

fn render_listeners(shards: &[Arc<Shard>], out: &mut String) {
    let all = merged(shards, |shard| &shard.listeners);
    family(
        out,
        "requests_total",
        "counter",
        "Requests by listener and status class.",
    );
    for (listener, series) in &all {
        classes(out, "requests_total", &[("listener", listener)], series, |one| {
            &one.classes
        });
    }
    for (name, help, read) in [
        (
            "request_bytes_total",
            "Bytes of request bodies.",
            (|one| one.bytes_in.get()) as fn(&ListenerSeries) -> u64,
        ),
        ("response_bytes_total", "Bytes of response bodies.", |one| {
            one.bytes_out.get()
        }),
    ] {
        family(out, name, "counter", help);
        for (listener, series) in &all {
            let total: u64 = series.iter().map(|one| read(one)).sum();
            sample(out, name, &[("listener", listener)], total);
        }
    }
    let name = "request_duration_seconds";
    family(
        out,
        name,
        "histogram",
        "Time from the first byte of a request to the last of its response.",
    );
    for (listener, series) in &all {
        let histograms: Vec<&Histogram> = series.iter().map(|one| &one.duration).collect();
        histogram(out, name, ("listener", listener), &histograms);
    }
}

fn render_backends(shards: &[Arc<Shard>], out: &mut String) {
    let all = merged(shards, |shard| &shard.backends);
    family(
        out,
        "backend_requests_total",
        "counter",
        "Requests sent to a backend, by status class of the answer.",
    );
    for (backend, series) in &all {
        classes(
            out,
            "backend_requests_total",
            &[("backend", backend)],
            series,
            |one| &one.classes,
        );
    }
    for (name, help, read) in [
        (
            "backend_retries_total",
            "Tries after the first.",
            (|one| one.retries.get()) as fn(&BackendSeries) -> u64,
        ),
        (
            "backend_connect_failures_total",
            "Requests that failed because no endpoint could be connected to.",
            |one| one.connect_failures.get(),
        ),
        (
            "backend_timeouts_total",
            "Requests that a backend did not answer in time.",
            |one| one.timeouts.get(),
        ),
    ] {
        family(out, name, "counter", help);
        for (backend, series) in &all {
            let total: u64 = series.iter().map(|one| read(one)).sum();
            sample(out, name, &[("backend", backend)], total);
        }
    }
    let name = "backend_response_seconds";
    family(out, name, "histogram", "Time until a backend's response head.");
    for (backend, series) in &all {
        let histograms: Vec<&Histogram> = series.iter().map(|one| &one.duration).collect();
        histogram(out, name, ("backend", backend), &histograms);
    }
}

fn render_streams(shards: &[Arc<Shard>], out: &mut String) {
    for (name, kind, help, read) in [
        (
            "stream_sessions_total",
            "counter",
            "TCP and TLS connections and UDP sessions taken.",
            (|one| one.opened.get()) as fn(&StreamSeries) -> u64,
        ),
        (
            "stream_sessions_active",
            "gauge",
            "TCP and TLS connections and UDP sessions open now.",
            |one| one.opened.get().saturating_sub(one.closed.get()),
        ),
        (
            "stream_received_bytes_total",
            "counter",
            "Bytes from clients, of ended streams.",
            |one| one.received.get(),
        ),
        (
            "stream_sent_bytes_total",
            "counter",
            "Bytes to clients, of ended streams.",
            |one| one.sent.get(),
        ),
    ] {
        family(out, name, kind, help);
        for (position, protocol) in STREAM_KINDS.iter().enumerate() {
            let total: u64 = shards
                .iter()
                .filter_map(|shard| shard.streams.get(position))
                .map(read)
                .sum();
            sample(out, name, &[("protocol", protocol)], total);
        }
    }
}

/// Series of one kind by name, each with one entry per worker that has it.
fn merged<S>(
    shards: &[Arc<Shard>],
    map: impl Fn(&Shard) -> &Mutex<FxHashMap<Str, Arc<S>>>,
) -> BTreeMap<Str, Vec<Arc<S>>> {
    let mut merged: BTreeMap<Str, Vec<Arc<S>>> = BTreeMap::new();
    for shard in shards {
        for (name, series) in lock(map(shard)).iter() {
            merged
                .entry(Arc::clone(name))
                .or_default()
                .push(Arc::clone(series));
        }
    }
    merged
}

fn classes<S>(
    out: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    series: &[Arc<S>],
    of: impl Fn(&S) -> &[Counter; CLASSES.len()],
) {
    for (position, class) in CLASSES.iter().enumerate() {
        let total: u64 = series
            .iter()
            .filter_map(|one| of(one).get(position))
            .map(Counter::get)
            .sum();
        if total > 0 {
            let mut labels = labels.to_vec();
            labels.push(("code", class));
            sample(out, name, &labels, total);
        }
    }
}

fn histogram(out: &mut String, name: &str, label: (&str, &str), series: &[&Histogram]) {
    let mut cumulative = 0;
    for position in 0..=BUCKETS_US.len() {
        cumulative += series
            .iter()
            .filter_map(|one| one.buckets.get(position))
            .map(Counter::get)
            .sum::<u64>();
        let bound = BUCKETS_US
            .get(position)
            .map_or_else(|| "+Inf".to_owned(), |micros| (*micros as f64 / 1e6).to_string());
        sample(
            out,
            &format!("{name}_bucket"),
            &[label, ("le", &bound)],
            cumulative,
        );
    }
    let sum = series.iter().map(|one| one.sum_us.get()).sum::<u64>() as f64 / 1e6;
    sample(out, &format!("{name}_sum"), &[label], sum);
    sample(out, &format!("{name}_count"), &[label], cumulative);
}

/// Writes the head of a family.
pub(crate) fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(
        out,
        "# HELP gatewright_{name} {help}\n# TYPE gatewright_{name} {kind}"
    );
}

/// Writes one sample, with label values escaped.
pub(crate) fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    let _ = write!(out, "gatewright_{name}");
    for (position, (label, value)) in labels.iter().enumerate() {
        out.push(if position == 0 { '{' } else { ',' });
        let _ = write!(out, "{label}=\"");
        for character in value.chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    if !labels.is_empty() {
        out.push('}');
    }
    let _ = writeln!(out, " {value}");
}
