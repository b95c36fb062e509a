//! What a person sees: access log, metrics, admin server, traces.

use super::{Site, route_to};
use anyhow::Result;
use gatewright_traffic::echo::Speaks;
use gatewright_traffic::grpc::payload;
use gatewright_traffic::origin::{self, Reply};
use gatewright_traffic::pki::Authority;
use gatewright_traffic::{Gatewright, Origin, client, manifest, wait};
use prost::Message;

#[tokio::test]
async fn requests_are_logged_and_counted() -> Result<()> {
    let backend = Origin::named("hello").await?;
    let objects = manifest::service("a", &[backend.address]) + &route_to("a");
    let site = Site::with(&objects, "", &["--access-log", "json"]).await?;
    site.get("/logged?token=secret").await?;
    let line = wait::until("a line of the log", || async {
        let said = site.gatewright.said();
        said.lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find(|line| line["path"] == "/logged")
    })
    .await?;
    assert_eq!(line["status"], 200);
    assert_eq!(line["route"], "HTTPRoute/default/all");
    assert_eq!(line["backend"], "Service/default/a:80");
    assert!(!line.to_string().contains("secret"), "{line}");

    // Another route comes, is used and goes: its series go with it.
    let passing = manifest::http_route(
        "passing",
        "gw",
        "  hostnames: [passing.test]\n  rules: [{backendRefs: [{name: a, port: 80}]}]",
    );
    site.gatewright.write("passing.yaml", &passing)?;
    let series = "gatewright_route_requests_total{route=\"HTTPRoute/default/passing\"";
    wait::until("the passing route's series", || async {
        site.send(gatewright_traffic::client::get("passing.test", "/").ok()?)
            .await
            .ok()?;
        let (_, text) = site.gatewright.admin("/metrics").await.ok()?;
        text.contains(series).then_some(())
    })
    .await?;
    site.gatewright.remove("passing.yaml")?;
    let text = wait::until("its end", || async {
        let (_, text) = site.gatewright.admin("/metrics").await.ok()?;
        (!text.contains(series)).then_some(text)
    })
    .await?;
    assert!(text.contains("gatewright_route_requests_total{route=\"HTTPRoute/default/all\",code=\"2xx\"}"));
    Ok(())
}

/// The log says what the client asked for; the backend sees what it was rewritten to.
#[tokio::test]
async fn the_log_has_the_path_before_it_was_rewritten() -> Result<()> {
    let backend = Origin::named("hello").await?;
    let objects = manifest::service("a", &[backend.address])
        + &manifest::http_route(
            "all",
            "gw",
            "  rules:
  - matches: [{path: {value: /asked}}]
    filters: [{type: URLRewrite, urlRewrite: {hostname: inside.test, path: {type: ReplacePrefixMatch, replacePrefixMatch: /served}}}]
    backendRefs: [{name: a, port: 80}]",
        );
    let site = Site::with(&objects, "", &["--access-log", "json"]).await?;
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let request = client::request("GET", "outside.test", &format!("/asked/{speaks:?}"), &[])?;
        assert_eq!(client::send(site.address, speaks, request).await?.status, 200);
        let line = wait::until("a line of the log", || async {
            let said = site.gatewright.said();
            said.lines()
                .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
                .find(|line| line["path"] == format!("/asked/{speaks:?}"))
        })
        .await?;
        assert_eq!(line["host"], "outside.test", "{line}");
        let last = backend.last()?;
        assert_eq!(last.target, format!("/served/{speaks:?}"));
        assert_eq!(last.host, "inside.test");
    }
    Ok(())
}

/// `run` shows a Gateway that comes later with its address, as those it began with, and no other again.
#[tokio::test]
async fn a_gateway_that_comes_later_is_shown_with_its_address() -> Result<()> {
    let backend = Origin::named("hello").await?;
    let objects = manifest::service("a", &[backend.address]) + &route_to("a");
    let site = Site::new(&objects).await?;
    let port = gatewright_traffic::ports::free()?;
    let listeners = format!("[{{name: later, protocol: HTTP, port: {port}, hostname: later.test}}]");
    site.gatewright
        .write("later.yaml", &manifest::gateway("second", &listeners))?;
    let shown = |address: &str| {
        let said = site.gatewright.said();
        let lines = said.lines().filter(|line| line.contains(address));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let line = wait::until("the new listener", || async {
        shown(&format!("http://127.0.0.1:{port}")).pop()
    })
    .await?;
    for part in ["default/second", "later", "later.test", "serving"] {
        assert!(line.contains(part), "{line}");
    }
    assert_eq!(shown(&format!("http://{} ", site.address)).len(), 1);
    // What goes is named, until nothing is left.
    site.gatewright.remove("later.yaml")?;
    wait::until("the Gateway that went is named", || async {
        shown("Gateway default/second is gone").pop()
    })
    .await?;
    assert!(shown("nothing to serve").is_empty());
    site.gatewright.remove("main.yaml")?;
    wait::until("the route that went is named", || async {
        shown("HTTPRoute default/all is gone").pop()
    })
    .await?;
    let line = wait::until("an empty folder is said to be empty", || async {
        shown("nothing to serve").pop()
    })
    .await?;
    assert!(line.contains(".yaml"), "{line}");
    Ok(())
}

#[tokio::test]
async fn an_empty_folder_is_said_to_be_empty() -> Result<()> {
    let gatewright = Gatewright::start("").await?;
    wait::until("the folder is named", || async {
        let said = gatewright.said();
        let named =
            said.contains("nothing to serve") && said.contains(&*gatewright.folder().to_string_lossy());
        named.then_some(())
    })
    .await
}

/// A listener whose shifted port does not exist has no port at all, and its condition says which option is to blame.
#[tokio::test]
async fn a_port_that_is_shifted_too_far() -> Result<()> {
    let site = Site::with("", "", &["--port-offset", "60000"]).await?;
    let port = site.address.port();
    let said = wait::until("the listener is shown", || async {
        let said = site.gatewright.said();
        said.contains("ready").then_some(said)
    })
    .await?;
    assert!(
        said.contains(&format!("no port: {port} + 60000 is beyond 65535")),
        "{said}"
    );
    assert!(!said.contains(":65535"), "{said}");
    let gateway = site.gatewright.status("Gateway", "gw").await?;
    let conditions = gateway
        .pointer("/status/listeners/0/conditions")
        .cloned()
        .unwrap_or_default();
    let programmed = conditions
        .as_array()
        .and_then(|list| list.iter().find(|condition| condition["type"] == "Programmed"));
    let condition = programmed.cloned().unwrap_or_default();
    assert_eq!(condition["status"], "False", "{gateway:#}");
    let message = condition["message"].to_string();
    assert!(
        message.contains("beyond 65535; choose a smaller --port-offset"),
        "{message}"
    );
    Ok(())
}

#[tokio::test]
async fn the_admin_server_shows_state_without_secrets() -> Result<()> {
    let backend = Origin::named("hello").await?;
    let identity = Authority::new("ca")?.issue(&["a.test"])?;
    let objects = manifest::service("a", &[backend.address])
        + &manifest::tls_secret("own", &identity.chain, &identity.key)
        + &manifest::http_route(
            "all",
            "gw",
            "  rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Authorization, value: Basic aGlkZGVu}]}}], backendRefs: [{name: a, port: 80}]}]",
        );
    let site = Site::with(
        &objects,
        "  tls: {backend: {clientCertificateRef: {name: own}}}",
        &[],
    )
    .await?;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(site.gatewright.admin(path).await?.0, 200, "{path}");
    }
    // A page may make its own name lead here, but no request under that name is answered.
    for path in ["/healthz", "/metrics", "/config", "/status", "/log-level"] {
        let (status, text) = site.gatewright.admin_as("rebound.example.com", path).await?;
        assert!(
            status == 421 && text.contains("localhost"),
            "{path}: {status} {text}"
        );
        let (status, _) = site.gatewright.admin_as("127.0.0.1:9901", path).await?;
        assert_ne!(status, 421, "{path}");
    }
    let (status, config) = site.gatewright.admin("/config").await?;
    assert_eq!(status, 200);
    assert!(
        config.contains("HTTPRoute/default/all") && config.contains("default/own"),
        "{config}"
    );
    let secret = identity.key.lines().nth(1).unwrap_or("no key");
    assert!(
        !config.contains("aGlkZGVu") && !config.contains(secret),
        "{config}"
    );
    let route = site.gatewright.status("HTTPRoute", "all").await?;
    let condition = route.pointer("/status/parents/0/conditions/0/status");
    assert_eq!(condition, Some(&"True".into()), "{route}");
    Ok(())
}

/// What the test reads of OTLP, with the numbers of its published definitions.
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
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub struct Span {
        #[prost(bytes = "vec", tag = "1")]
        pub trace_id: Vec<u8>,
        #[prost(string, tag = "5")]
        pub name: String,
    }

    impl Request {
        /// All spans.
        pub fn spans(&self) -> impl Iterator<Item = &Span> {
            self.resources
                .iter()
                .flat_map(|resource| &resource.scopes)
                .flat_map(|scope| &scope.spans)
        }
    }
}

fn telemetry() -> &'static str {
    "---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XTelemetryPolicy
metadata: {name: traces, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  tracing: {mode: Enabled, provider: {backendRef: {name: collector, port: 80}, headers: [{name: X-Key, value: k}]}, samplingRate: {numerator: 100}, parentBasedSampling: {mode: Enabled}, serviceName: edge, spanName: ingress}
"
}

/// XTelemetryPolicy: spans reach the collector as OTLP over HTTP and over gRPC, and the backend sees
/// the proxy's span as parent.
#[tokio::test]
async fn traces_reach_the_collector() -> Result<()> {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    for grpc in [false, true] {
        let backend = Origin::named("hello").await?;
        let (collector, protocol, path) = if grpc {
            (
                Origin::grpc(|_, _| Reply::Call(bytes::Bytes::new())).await?,
                ", appProtocol: kubernetes.io/h2c",
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            )
        } else {
            (Origin::start(|_, _| origin::status(200)).await?, "", "/v1/traces")
        };
        let objects = manifest::service("a", &[backend.address])
            + &manifest::service_with("collector", &[collector.address], protocol)
            + &route_to("a")
            + telemetry();
        let site = Site::new(&objects).await?;
        let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
        site.ask("GET", "/", &[("traceparent", &parent)]).await?;
        let forwarded = backend.last()?.header("traceparent");
        assert!(
            forwarded.starts_with(&format!("00-{TRACE}-")) && forwarded != parent,
            "{forwarded}"
        );
        let export = wait::until("the export", || async { collector.last().ok() }).await?;
        assert_eq!(export.target, path);
        assert_eq!(export.header("x-key"), "k");
        let body = if grpc {
            payload(&export.body)
        } else {
            &export.body[..]
        };
        let request = otlp::Request::decode(body)?;
        let span = request.spans().next().cloned().unwrap_or_default();
        assert_eq!(span.name, "ingress");
        assert_eq!(span.trace_id[..2], [0x0a, 0xf7]);
    }
    Ok(())
}
