//! Access log, metrics, traces.

use super::grpc;
use super::stage::{Origin, Stage, route, set_request, until};
use crate::net::world::{options, prefix};
use gatewright_model::backend::{BackendProtocol, BackendTarget};
use gatewright_model::key::BackendKey;
use gatewright_model::telemetry::{AttributeSource, Tracing};
use gatewright_proxy::observe::dump;
use gatewright_proxy::runtime::{AccessLogFormat, AccessLogOptions};
use prost::Message;
use std::sync::{Arc, Mutex};

#[test]
fn every_request_is_logged_and_counted() {
    let path = std::env::temp_dir().join(format!("gatewright-it-{}.log", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let origin = Origin::named("hello");
    let address = origin.address;
    let mut logging = options();
    logging.access_log = Some(AccessLogOptions {
        format: AccessLogFormat::Json,
        path: Some(path.clone()),
        fields: Vec::new(),
    });
    let stage = Stage::with(logging, move |world| route(world, &[("origin", address)], |_| {}));
    stage.send("GET", "/a?token=secret", &[("user-agent", "test \"1\"")], "");
    stage.send("POST", "/b", &[], "12345");
    let lines = || -> Vec<serde_json::Value> {
        std::fs::read_to_string(&path)
            .unwrap_or_default()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    until("two lines", || lines().len() == 2);
    let mut lines = lines();
    // Each worker writes its own when it comes to it.
    lines.sort_by_key(|line| line["path"].to_string());
    assert_eq!(lines[0]["path"], "/a");
    assert_eq!(lines[0]["user_agent"], "test \"1\"");
    assert_eq!(lines[0]["client"], "127.0.0.1");
    assert_eq!(lines[0]["route"], "HTTPRoute/test/route");
    assert_eq!(lines[0]["backend"], "Service/test/origin:80");
    assert_eq!(lines[0]["endpoint"], address.to_string());
    assert_eq!(lines[0]["status"], 200);
    assert_eq!(lines[0]["bytes_out"], 5);
    assert_eq!(lines[1]["bytes_in"], 5);
    assert!(
        !lines[0].to_string().contains("secret"),
        "queries are not logged by default"
    );
    for (series, expected) in [
        (
            "gatewright_requests_total{listener=\"gateway/test/filters/http\",code=\"2xx\"}",
            2,
        ),
        (
            "gatewright_route_requests_total{route=\"HTTPRoute/test/route\",code=\"2xx\"}",
            2,
        ),
        (
            "gatewright_backend_requests_total{backend=\"Service/test/origin:80\",code=\"2xx\"}",
            2,
        ),
        (
            "gatewright_request_bytes_total{listener=\"gateway/test/filters/http\"}",
            5,
        ),
        (
            "gatewright_response_bytes_total{listener=\"gateway/test/filters/http\"}",
            10,
        ),
    ] {
        until(series, || stage.metric(series) == expected);
    }
    until("connections", || {
        stage.metric("gatewright_connections_active") == 0
    });
    drop(stage);
    std::fs::remove_file(&path).unwrap();
}

/// Traces of every request, to this collector.
fn tracing(collector: BackendKey) -> Tracing {
    Tracing {
        enabled: true,
        collector: Some(BackendTarget::Backend(collector)),
        headers: vec![("x-tenant".into(), "shop".into())],
        sampling: (100, 100),
        parent_based: true,
        parent_sampling: (100, 100),
        service_name: Some("edge".into()),
        span_name: Some("ingress".into()),
        attributes: vec![("team".into(), AttributeSource::Literal("blue".into()))],
    }
}

/// XTelemetryPolicy: spans go to the collector backend, backends see the proxy's span as parent.
#[test]
fn sampled_requests_are_traced() {
    let (origin, collector) = (Origin::named("origin"), Origin::named(""));
    let (a, b) = (origin.address, collector.address);
    let mut stage = Stage::new(move |world| {
        route(world, &[("origin", a)], |_| {});
        let key = world.backend("collector", &[b], None);
        world.0.tracing = Some(Arc::new(Tracing {
            sampling: (0, 100),
            ..tracing(key)
        }));
    });
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    assert_eq!(
        stage.send("GET", "/", &[("traceparent", &parent)], "").status,
        200
    );
    let forwarded = origin.last().field("traceparent").unwrap();
    assert!(
        forwarded.starts_with(&format!("00-{trace}-")) && forwarded.ends_with("-01"),
        "{forwarded}"
    );
    assert_ne!(forwarded, parent);
    until("a span", || collector.seen().len() == 1);
    let export = collector.last();
    assert_eq!(export.line, "POST /v1/traces");
    assert_eq!(
        export.field("content-type").as_deref(),
        Some("application/x-protobuf")
    );
    assert_eq!(export.field("x-tenant").as_deref(), Some("shop"));
    for text in ["edge", "ingress", "team", "blue", "http.response.status_code"] {
        let found = export.body.windows(text.len()).any(|at| at == text.as_bytes());
        assert!(found, "{text}");
    }

    // New traces are sampled at 0 %: the backend is told so, and nothing is exported.
    stage.get("/");
    assert!(origin.last().field("traceparent").unwrap().ends_with("-00"));
    // Without tracing the client's context passes through.
    stage.change(|world| world.0.tracing = None);
    stage.send("GET", "/", &[("traceparent", &parent)], "");
    assert_eq!(origin.last().field("traceparent"), Some(parent));
    assert_eq!(collector.seen().len(), 1);
}

/// What the test reads of OTLP, with the field numbers of its published definitions.
mod otlp {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Request {
        #[prost(message, repeated, tag = "1")]
        pub resources: Vec<Resource>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Resource {
        #[prost(message, repeated, tag = "2")]
        pub scopes: Vec<Scope>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Scope {
        #[prost(message, repeated, tag = "2")]
        pub spans: Vec<Span>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Span {
        #[prost(bytes = "vec", tag = "1")]
        pub trace_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "4")]
        pub parent_span_id: Vec<u8>,
        #[prost(string, tag = "5")]
        pub name: String,
        #[prost(int32, tag = "6")]
        pub kind: i32,
        #[prost(fixed64, tag = "7")]
        pub start: u64,
        #[prost(fixed64, tag = "8")]
        pub end: u64,
        #[prost(message, repeated, tag = "9")]
        pub attributes: Vec<Attribute>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Attribute {
        #[prost(string, tag = "1")]
        pub key: String,
        #[prost(message, optional, tag = "2")]
        pub value: Option<Value>,
    }
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub struct Value {
        #[prost(string, tag = "1")]
        pub text: String,
        #[prost(int64, tag = "3")]
        pub number: i64,
    }
}

/// OTLP/gRPC: a collector whose Service speaks HTTP/2 in cleartext gets calls of the trace service.
#[test]
fn spans_reach_a_collector_over_grpc() {
    type Export = (Option<String>, otlp::Request);
    let exports: Arc<Mutex<Vec<Export>>> = Arc::default();
    let record = Arc::clone(&exports);
    let collector = grpc::server(
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        move |fields, message| {
            let tenant = fields
                .get("x-tenant")
                .map(|value| value.to_str().unwrap().to_owned());
            let request = otlp::Request::decode(message).unwrap();
            record.lock().unwrap().push((tenant, request));
            // An empty `ExportTraceServiceResponse`: all spans were accepted.
            Vec::new()
        },
    );
    let origin = Origin::named("origin").address;
    let stage = Stage::new(move |world| {
        route(world, &[("origin", origin)], |_| {});
        let key = world.backend("collector", &[collector], None);
        let backend = world.0.backends.get_mut(&key).unwrap();
        Arc::make_mut(backend).protocol = BackendProtocol::Http2;
        world.0.tracing = Some(Arc::new(tracing(key)));
    });
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    stage.send("GET", "/first", &[("traceparent", parent)], "");
    stage.send("POST", "/second", &[], "x");
    let spans = || -> Vec<otlp::Span> {
        let exports = exports.lock().unwrap();
        let resources = exports.iter().flat_map(|(_, request)| &request.resources);
        resources
            .flat_map(|resource| &resource.scopes)
            .flat_map(|scope| scope.spans.clone())
            .collect()
    };
    until("two spans", || spans().len() == 2);
    assert_eq!(exports.lock().unwrap()[0].0.as_deref(), Some("shop"));
    let spans = spans();
    let first = spans.iter().find(|span| !span.parent_span_id.is_empty()).unwrap();
    assert_eq!(first.trace_id[..4], [0x0a, 0xf7, 0x65, 0x19]);
    assert_eq!(first.parent_span_id[..4], [0xb7, 0xad, 0x6b, 0x71]);
    // SPAN_KIND_SERVER.
    assert_eq!((first.name.as_str(), first.kind), ("ingress", 2));
    assert!(first.start > 0 && first.end >= first.start);
    let value = |key: &str| {
        let found = first.attributes.iter().find(|attribute| attribute.key == key);
        found
            .and_then(|attribute| attribute.value.clone())
            .unwrap_or_default()
    };
    assert_eq!(value("http.response.status_code").number, 200);
    assert_eq!(value("url.path").text, "/first");
    assert_eq!(value("team").text, "blue");
    assert_eq!(stage.metric("gatewright_trace_spans_failed_total"), 0);
}

/// Series by configuration: a thousand routes that came and went leave nothing behind.
#[test]
fn metrics_of_what_is_gone_are_dropped() {
    let origin = Origin::named("origin").address;
    let mut stage = Stage::new(move |world| route(world, &[("origin", origin)], |_| {}));
    assert_eq!(stage.get("/").status, 200);
    let count = |stage: &Stage, kind: &str| {
        let text = stage.proxy.shared().observer.metrics_text();
        text.lines()
            .filter(|line| !line.starts_with('#') && line.contains(&format!("{{{kind}=\"")))
            .count()
    };
    until("the series of the first request", || count(&stage, "route") > 0);
    let before = (
        count(&stage, "route"),
        count(&stage, "backend"),
        count(&stage, "listener"),
    );
    let text = |stage: &Stage| stage.proxy.shared().observer.metrics_text();
    // All at once, each served once.
    let names: Vec<String> = (0..1000).map(|number| format!("passing-{number}")).collect();
    stage.change(|world| {
        for name in &names {
            world.backend(name, &[origin], None);
            world.route(name, "http", "", prefix(&format!("/{name}")), &[(name, 1)]);
        }
    });
    let mut stream = crate::net::world::connect(crate::net::world::local(stage.port));
    for name in &names {
        assert_eq!(
            crate::net::world::get(&mut stream, "a", &format!("/{name}")).0,
            200
        );
    }
    until("a series for each", || {
        let text = text(&stage);
        names
            .iter()
            .all(|name| text.contains(&format!("HTTPRoute/test/{name}\"")))
    });
    assert!(count(&stage, "backend") > 1000);
    stage.change(|world| {
        let stays = |name: &str| !name.starts_with("passing-");
        world.0.http_routes.retain(|key, _| stays(&key.object.name));
        world.0.backends.retain(|key, _| stays(&key.object.name));
    });
    assert!(!text(&stage).contains("passing-"));
    let after = (
        count(&stage, "route"),
        count(&stage, "backend"),
        count(&stage, "listener"),
    );
    assert_eq!(after, before);
    // What stays goes on counting where it was.
    stage.get("/");
    until("the next request", || {
        stage.metric("gatewright_route_requests_total{route=\"HTTPRoute/test/route\",code=\"2xx\"}") == 2
    });
}

/// A request that ends after its route has gone brings its series back; they don't add up.
#[test]
fn metrics_of_stragglers_are_dropped_later() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let slow = Origin::new(move |_, _| {
        wait.lock().unwrap().recv().unwrap();
        super::stage::ok("late")
    });
    let (origin, address) = (Origin::named("origin").address, slow.address);
    let mut stage = Stage::new(move |world| {
        route(world, &[("origin", origin)], |_| {});
        world.backend("slow", &[address], None);
        world.route("slow", "http", "", prefix("/slow"), &[("slow", 1)]);
    });
    let without = |stage: &mut Stage, name: &str| {
        stage.change(|world| {
            world
                .0
                .http_routes
                .retain(|key, _| !key.object.name.starts_with(name));
            world
                .0
                .backends
                .retain(|key, _| !key.object.name.starts_with(name));
        });
    };
    let series = |stage: &Stage| {
        let text = stage.proxy.shared().observer.metrics_text();
        text.contains("HTTPRoute/test/slow\"")
    };
    std::thread::scope(|scope| {
        let stage = &mut stage;
        let port = stage.port;
        let asked = scope.spawn(move || {
            let mut stream = crate::net::world::connect(crate::net::world::local(port));
            crate::net::world::get(&mut stream, "a", "/slow").0
        });
        until("the request", || slow.seen().len() == 1);
        without(stage, "slow");
        go.send(()).unwrap();
        assert_eq!(asked.join().unwrap(), 200);
        until("the straggler's series", || series(stage));
    });
    // So many more names come and go.
    stage.change(|world| {
        for number in 0..600 {
            let name = format!("passing-{number}");
            world.backend(&name, &[origin], None);
            world.route(
                &name,
                "http",
                "",
                prefix(&format!("/{name}")),
                &[(name.as_str(), 1)],
            );
        }
    });
    without(&mut stage, "passing");
    assert!(!series(&stage));
}

/// What cannot be executed is said, with the object, the field and what is accepted; the rest of the
/// route serves.
#[test]
fn parts_of_filters_that_cannot_be_executed_are_reported() {
    let origin = Origin::named("origin").address;
    let mut stage = Stage::new(move |world| route(world, &[("origin", origin)], |_| {}));
    super::stage::edit_rule(&mut stage.world, |rule| {
        rule.filters = vec![set_request("connection", "close"), set_request("x-good", "1")];
        rule.backends[0].filters = vec![set_request("x-split", "a\r\nb: c")];
    });
    let report = stage.proxy.apply(&[stage.world.placement()]);
    assert_eq!(report.refusals.len(), 1, "{report:?}");
    let refusal = &report.refusals[0];
    assert_eq!(&*refusal.object, "HTTPRoute/test/route");
    for part in ["connection", "x-split"] {
        assert!(refusal.message.contains(part), "{refusal:?}");
    }
    assert!(!refusal.message.contains("x-good"), "{refusal:?}");
    assert_eq!(stage.get("/").status, 200);
}

#[test]
fn the_configuration_is_shown_without_secrets() {
    let stage = Stage::new(|world| {
        route(world, &[("origin", "127.0.0.1:1".parse().unwrap())], |rule| {
            rule.filters = vec![super::stage::set_request("authorization", "Basic c2VjcmV0")];
        });
        let issued = crate::net::world::Authority::new("ca").issue(&["a.example"]);
        world.certificate("cert", &issued);
    });
    let text = dump::config(std::iter::once(&stage.world.0)).to_string();
    assert!(
        text.contains("HTTPRoute/test/route") && text.contains("Secret/test/cert"),
        "{text}"
    );
    assert!(!text.contains("c2VjcmV0"), "{text}");
}
