//! Access log, metrics, traces.

use super::stage::{Origin, Stage, route, until};
use crate::net::world::options;
use gatewright_model::backend::BackendTarget;
use gatewright_model::telemetry::{AttributeSource, Tracing};
use gatewright_proxy::observe::dump;
use gatewright_proxy::runtime::{AccessLogFormat, AccessLogOptions};
use std::sync::Arc;

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
    let lines = lines();
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

/// XTelemetryPolicy: spans go to the collector backend, backends see the proxy's span as parent.
#[test]
fn sampled_requests_are_traced() {
    let (origin, collector) = (Origin::named("origin"), Origin::named(""));
    let (a, b) = (origin.address, collector.address);
    let mut stage = Stage::new(move |world| {
        route(world, &[("origin", a)], |_| {});
        let key = world.backend("collector", &[b], None);
        world.0.tracing = Some(Arc::new(Tracing {
            enabled: true,
            collector: Some(BackendTarget::Backend(key)),
            headers: vec![("x-tenant".into(), "shop".into())],
            sampling: (0, 100),
            parent_based: true,
            parent_sampling: (100, 100),
            service_name: Some("edge".into()),
            span_name: Some("ingress".into()),
            attributes: vec![("team".into(), AttributeSource::Literal("blue".into()))],
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

#[test]
fn the_configuration_is_shown_without_secrets() {
    let stage = Stage::new(|world| {
        route(world, &[("origin", "127.0.0.1:1".parse().unwrap())], |rule| {
            rule.filters = vec![super::stage::set_request("authorization", "Basic c2VjcmV0")];
        });
        let issued = crate::net::world::Authority::new("ca").issue(&["a.example"]);
        world.certificate("cert", &issued);
    });
    let text = dump::config(&[stage.world.placement()]).to_string();
    assert!(
        text.contains("HTTPRoute/test/route") && text.contains("Secret/test/cert"),
        "{text}"
    );
    assert!(!text.contains("c2VjcmV0"), "{text}");
}
