use super::{Observer, WorkerObserver};
use crate::observe::{RequestRecord, ResponseFlag, StreamKind};
use crate::policy::chain::tests::connection;
use crate::runtime::{BackendRuntime, BackendSettings, ConnInfo, EndpointSet};
use gatewright_model::backend::BackendProtocol;
use gatewright_model::key::{BackendKey, BackendKind, ObjectName};
use std::sync::Arc;
use std::time::Duration;

fn backend(name: &str) -> BackendRuntime {
    BackendRuntime::new(
        BackendKey {
            kind: BackendKind::Service,
            object: ObjectName::new("ns", name),
            port: 80,
        },
        BackendSettings {
            protocol: BackendProtocol::Auto,
            tls: None,
            retry_budget: None,
            fault: None,
        },
        EndpointSet::default(),
    )
}

fn record<'a>(conn: &'a ConnInfo, backend: Option<&'a BackendRuntime>, status: u16) -> RequestRecord<'a> {
    RequestRecord {
        conn,
        listener: None,
        rule: None,
        backend,
        endpoint: None,
        request: None,
        status,
        bytes_in: 10,
        bytes_out: 20,
        duration: Duration::from_millis(3),
        upstream_duration: Some(Duration::from_millis(2)),
        attempts: 2,
        flag: (status == 504).then_some(ResponseFlag::UpstreamTimeout),
        span: None,
    }
}

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .map(|value| value.parse().unwrap())
}

#[test]
fn workers_count_alone_and_are_added_up() {
    let observer = Arc::new(Observer::default());
    let (one, two) = (backend("one"), backend("two"));
    let workers: Vec<_> = (0..2)
        .map(|index| WorkerObserver::new(&observer, index))
        .collect();
    let conn = connection("192.0.2.1:1");
    for worker in &workers {
        worker.connection_opened(&conn);
        for _ in 0..5 {
            worker.request(&record(&conn, Some(&one), 200));
        }
        worker.request(&record(&conn, Some(&two), 504));
        worker.stream_opened(StreamKind::Udp);
    }
    workers[0].connection_closed(&conn);
    workers[0].stream_closed(StreamKind::Udp, 7, 9);
    let text = observer.metrics_text();
    for (series, expected) in [
        ("gatewright_connections_total", 2.0),
        ("gatewright_connections_active", 1.0),
        ("gatewright_requests_total{listener=\"other\",code=\"2xx\"}", 10.0),
        ("gatewright_requests_total{listener=\"other\",code=\"5xx\"}", 2.0),
        ("gatewright_request_bytes_total{listener=\"other\"}", 120.0),
        (
            "gatewright_backend_requests_total{backend=\"Service/ns/one:80\",code=\"2xx\"}",
            10.0,
        ),
        (
            "gatewright_backend_retries_total{backend=\"Service/ns/two:80\"}",
            2.0,
        ),
        (
            "gatewright_backend_timeouts_total{backend=\"Service/ns/two:80\"}",
            2.0,
        ),
        (
            "gatewright_responses_by_reason_total{reason=\"upstream_timeout\"}",
            2.0,
        ),
        (
            "gatewright_request_duration_seconds_bucket{listener=\"other\",le=\"0.0025\"}",
            0.0,
        ),
        (
            "gatewright_request_duration_seconds_bucket{listener=\"other\",le=\"0.005\"}",
            12.0,
        ),
        (
            "gatewright_request_duration_seconds_bucket{listener=\"other\",le=\"+Inf\"}",
            12.0,
        ),
        (
            "gatewright_request_duration_seconds_count{listener=\"other\"}",
            12.0,
        ),
        (
            "gatewright_request_duration_seconds_sum{listener=\"other\"}",
            0.036,
        ),
        ("gatewright_stream_sessions_total{protocol=\"udp\"}", 2.0),
        ("gatewright_stream_sessions_active{protocol=\"udp\"}", 1.0),
        ("gatewright_stream_sent_bytes_total{protocol=\"udp\"}", 9.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series} in\n{text}");
    }
}

/// Exposition format 0.0.4: every family has one HELP and TYPE line, before its samples.
#[test]
fn the_text_is_well_formed() {
    let observer = Arc::new(Observer::default());
    let worker = WorkerObserver::new(&observer, 0);
    let conn = connection("192.0.2.1:1");
    worker.request(&record(&conn, Some(&backend("one")), 200));
    let mut seen = std::collections::BTreeSet::new();
    let mut family = String::new();
    for line in observer.metrics_text().lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(seen.insert(family.clone()), "{family} twice");
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&family), "{line} under {family}");
            let (_, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}

#[test]
fn series_of_removed_objects_go_and_come_back_from_zero() {
    let observer = Arc::new(Observer::default());
    let worker = WorkerObserver::new(&observer, 0);
    let conn = connection("192.0.2.1:1");
    let (one, two) = (backend("one"), backend("two"));
    worker.request(&record(&conn, Some(&one), 200));
    worker.request(&record(&conn, Some(&two), 200));
    observer.retain(&|name| name == "Service/ns/two:80");
    let series = |name: &str| format!("gatewright_backend_requests_total{{backend=\"{name}\",code=\"2xx\"}}");
    let text = observer.metrics_text();
    assert_eq!(value(&text, &series("Service/ns/one:80")), None);
    assert_eq!(value(&text, &series("Service/ns/two:80")), Some(1.0));
    worker.request(&record(&conn, Some(&one), 200));
    worker.request(&record(&conn, Some(&two), 200));
    let text = observer.metrics_text();
    assert_eq!(value(&text, &series("Service/ns/one:80")), Some(1.0));
    assert_eq!(value(&text, &series("Service/ns/two:80")), Some(2.0));
}
