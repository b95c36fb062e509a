use super::export::Exporter;
use super::otlp::{Any, ExportTraceServiceRequest, SpanData};
use super::{Collector, TracePolicy, draws, plain};
use crate::observe::{RequestRecord, ResponseFlag};
use crate::policy::chain::tests::{connection, request};
use crate::runtime::{ConnInfo, ForwardingOptions};
use gatewright_model::telemetry::{AttributeSource, Tracing};
use prost::Message;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

fn tracing(sampling: (u32, u32), parent_based: bool) -> Tracing {
    Tracing {
        enabled: true,
        collector: None,
        headers: vec![("authorization".into(), "Bearer collector".into())],
        sampling,
        parent_based,
        parent_sampling: (100, 100),
        service_name: Some("edge".into()),
        span_name: None,
        attributes: vec![
            ("team".into(), AttributeSource::Header("X-Team".into())),
            ("env".into(), AttributeSource::Literal("test".into())),
            (
                "code".into(),
                AttributeSource::Attribute("http.response.status_code".into()),
            ),
            ("absent".into(), AttributeSource::Header("x-absent".into())),
        ],
    }
}

fn policy(sampling: (u32, u32), parent_based: bool) -> Arc<TracePolicy> {
    let tracing = tracing(sampling, parent_based);
    Arc::new(TracePolicy::compile(&tracing, None, Some("http://127.0.0.1:4318")).unwrap())
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";

#[test]
fn a_trace_is_continued_with_the_proxys_span_as_parent() {
    for (flag, parent_based, share, sampled) in [
        ("1", true, 0, true),
        ("0", true, 100, false),
        ("1", false, 0, false),
        ("0", false, 100, true),
    ] {
        let mut head = request("GET", "a", "/");
        head.headers
            .append_raw(b"traceparent", format!("{PARENT}{flag}").as_bytes())
            .unwrap();
        head.headers.append_raw(b"tracestate", b"a=b").unwrap();
        let span = policy((share, 100), parent_based).start_with(&mut head, 5, 0x1234);
        assert_eq!(span.is_sampled(), sampled, "{flag} {parent_based} {share}");
        assert_eq!(
            head.headers.get_str("traceparent").unwrap(),
            format!(
                "00-0af7651916cd43dd8448eb211c80319c-0000000000001234-0{}",
                u8::from(sampled)
            )
        );
        assert_eq!(head.headers.get_str("tracestate"), Some("a=b"));
        assert_eq!(span.parent_id, Some(0xb7ad_6b71_6920_3331));
    }
}

/// `ParentBasedSampling.samplingRate`: a second filter on traces that callers sampled.
#[test]
fn sampled_parents_can_be_thinned_out() {
    let settings = Tracing {
        parent_sampling: (1, 2),
        ..tracing((1, 1), true)
    };
    let policy = Arc::new(TracePolicy::compile(&settings, None, Some("http://127.0.0.1:4318")).unwrap());
    for (random, sampled) in [(0, true), (1u128 << 64, false)] {
        let mut head = request("GET", "a", "/");
        head.headers
            .append_raw(b"traceparent", format!("{PARENT}1").as_bytes())
            .unwrap();
        assert_eq!(policy.start_with(&mut head, random, 1).is_sampled(), sampled);
    }
}

/// W3C Trace Context section 4.3: a malformed parent starts a new trace, without its state.
#[test]
fn a_new_trace_begins_without_a_usable_parent() {
    let mut head = request("GET", "a", "/");
    head.headers.append_raw(b"traceparent", b"00-x").unwrap();
    head.headers.append_raw(b"tracestate", b"a=b").unwrap();
    let span = policy((1, 1), true).start_with(&mut head, 0xabc, 7);
    assert!(span.is_sampled());
    assert_eq!(
        head.headers.get_str("traceparent"),
        Some("00-00000000000000000000000000000abc-0000000000000007-01")
    );
    assert!(!head.headers.contains("tracestate"));
}

#[test]
fn exactly_the_asked_share_of_new_traces_is_sampled() {
    let policy = policy((3, 50), true);
    let sampled = (0..50u128)
        .filter(|number| draws(policy.sampling, number << 64))
        .count();
    assert_eq!(sampled, 3);
}

#[test]
fn policies_without_a_destination_trace_nothing() {
    let on = tracing((1, 1), true);
    assert!(TracePolicy::compile(&on, None, None).is_none());
    let off = Tracing {
        enabled: false,
        ..on.clone()
    };
    assert!(TracePolicy::compile(&off, None, Some("http://127.0.0.1:4318")).is_none());
    let missing = Tracing {
        collector: Some(gatewright_model::backend::BackendTarget::Invalid("no".into())),
        ..on
    };
    assert!(TracePolicy::compile(&missing, None, Some("http://127.0.0.1:4318")).is_none());
    for (url, expected) in [
        ("http://c:4318", Some(Some("/v1/traces"))),
        ("http://c:4317", Some(None)),
        ("http://c:4317/own", Some(Some("/own"))),
        ("https://c:4318", None),
        ("http://c", None),
        ("c:4318", None),
    ] {
        let found = plain(url).map(|collector| match collector {
            Collector::Plain { path, .. } => path,
            Collector::Backend(_) => panic!("backend"),
        });
        assert_eq!(found.as_ref().map(Option::as_deref), expected, "{url}");
    }
}

fn record<'a>(conn: &'a ConnInfo, head: &'a crate::http::RequestHead) -> RequestRecord<'a> {
    RequestRecord {
        conn,
        listener: None,
        rule: None,
        backend: None,
        endpoint: None,
        request: Some(head),
        status: 503,
        bytes_in: 0,
        bytes_out: 9,
        duration: Duration::from_millis(5),
        upstream_duration: None,
        attempts: 0,
        flag: Some(ResponseFlag::NoEndpoint),
        span: None,
    }
}

fn attribute(span: &SpanData, key: &str) -> Option<Any> {
    let mut found = span.attributes.iter().filter(|attribute| attribute.key == key);
    let value = found.next()?.value.clone()?.value;
    assert!(found.next().is_none(), "{key} twice");
    value
}

#[test]
fn spans_describe_the_request() {
    let mut head = request("BREW", "a.example", "/p?secret=1");
    head.headers.append_raw(b"x-team", b"blue").unwrap();
    let span = policy((1, 1), true).start_with(&mut head, 1, 2);
    let conn = connection("192.0.2.1:99");
    let data = span.finish(&record(&conn, &head), &ForwardingOptions::default());
    let text = |value: &str| Some(Any::Text(value.to_owned()));
    assert_eq!(data.name, "_OTHER");
    assert_eq!(data.trace_id.len(), 16);
    assert_eq!(data.span_id, [0, 0, 0, 0, 0, 0, 0, 2]);
    assert!(data.parent_span_id.is_empty());
    assert_eq!(data.end_time_unix_nano - data.start_time_unix_nano, 5_000_000);
    assert_eq!(attribute(&data, "url.path"), text("/p"));
    assert_eq!(attribute(&data, "client.address"), text("192.0.2.1"));
    assert_eq!(attribute(&data, "team"), text("blue"));
    assert_eq!(attribute(&data, "env"), text("test"));
    assert_eq!(attribute(&data, "code"), Some(Any::Number(503)));
    assert_eq!(attribute(&data, "absent"), None);
    let status = data.status.unwrap();
    assert_eq!((status.code, status.message.as_str()), (2, "no_endpoint"));
}

/// OTLP/HTTP: POST to /v1/traces with the protobuf of `ExportTraceServiceRequest`.
#[test]
fn spans_reach_a_collector_over_http() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let policy = Arc::new(TracePolicy::compile(&tracing((1, 1), true), None, Some(&url)).unwrap());
    let collector = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "cut");
            bytes.extend_from_slice(&buffer[..count]);
            let Some(end) = bytes.windows(4).position(|at| at == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8(bytes[..end].to_vec())
                .unwrap()
                .to_ascii_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .unwrap()
                .parse()
                .unwrap();
            if bytes.len() >= end + 4 + length {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    .unwrap();
                return (head, bytes[end + 4..].to_vec());
            }
        }
    });
    let exporter = Exporter::start().unwrap();
    let conn = connection("192.0.2.1:99");
    for number in 1..=3 {
        let mut head = request("GET", "a", "/");
        let span = policy.start_with(&mut head, number, number as u64);
        assert!(exporter.export(
            &policy,
            span.finish(&record(&conn, &head), &ForwardingOptions::default())
        ));
    }
    let (head, body) = collector.join().unwrap();
    assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf"), "{head}");
    assert!(head.contains("authorization: bearer collector"), "{head}");
    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let resource = &request.resource_spans[0];
    let service = &resource.resource.as_ref().unwrap().attributes[0];
    assert_eq!(service.key, "service.name");
    let spans = &resource.scope_spans[0].spans;
    assert_eq!(spans.len(), 3);
    assert_eq!(spans[2].span_id, [0, 0, 0, 0, 0, 0, 0, 3]);
    drop(exporter);
}

#[test]
fn an_absent_collector_costs_spans_and_nothing_else() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{gone}");
    let policy = Arc::new(TracePolicy::compile(&tracing((1, 1), true), None, Some(&url)).unwrap());
    let exporter = Exporter::start().unwrap();
    let conn = connection("192.0.2.1:99");
    let mut head = request("GET", "a", "/");
    let span = policy.start_with(&mut head, 1, 1);
    exporter.export(
        &policy,
        span.finish(&record(&conn, &head), &ForwardingOptions::default()),
    );
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while exporter.failed() == 0 {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
}
