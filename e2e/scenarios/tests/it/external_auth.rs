//! External authorization (GEP-1494), over HTTP and over Envoy's gRPC protocol, with a server that knows nothing of us:
//! who may pass passes, who may not is told what the server says, and without the server nobody passes.

use anyhow::{Result, ensure};
use gatewright_scenarios::http::{Answer, get};
use gatewright_scenarios::world::{GATEWAY_API, World, condition, http_listener, parent, route_is};
use serde_json::{Value, json};
use std::net::SocketAddr;

const HOST: &str = "auth.example";
const IMAGE: &str = "gatewright.dev/e2e/authz:dev";
const ROUTE: (&str, &str, &str) = (GATEWAY_API, "HTTPRoute", "guarded");

/// The authorization server: a Deployment, and a Service of both its ports.
async fn server(world: &World) -> Result<()> {
    let labels = json!({"app": "authz"});
    world
        .apply(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "authz"},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
                    "name": "authz", "image": IMAGE, "ports": [{"containerPort": 9001}, {"containerPort": 9002}],
                    "readinessProbe": {"httpGet": {"path": "/healthz", "port": 9002}, "periodSeconds": 1},
                }]}},
            },
        }))
        .await?;
    world
        .apply(&json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "authz"},
            "spec": {"selector": labels, "ports": [
                {"name": "grpc", "port": 9001, "appProtocol": "kubernetes.io/h2c"}, {"name": "http", "port": 9002},
            ]},
        }))
        .await?;
    world.ready("authz", 1).await
}

fn rule(path: &str, auth: &Value) -> Value {
    json!({
        "matches": [{"path": {"type": "PathPrefix", "value": path}}],
        "filters": [{"type": "ExternalAuth", "externalAuth": auth}],
        "backendRefs": [{"name": "web", "port": 80}],
    })
}

/// What the backend saw in a field of the request.
fn seen(answer: &Answer, name: &str) -> Value {
    answer.echo()["headers"][name].clone()
}

async fn ask(at: SocketAddr, path: &str, fields: &[&str]) -> Result<Answer> {
    let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    get(at, HOST, path, &fields).await
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_server_decides_who_may_pass() -> Result<()> {
    let world = World::new("external-auth").await?;
    world.backend("web").await?;
    server(&world).await?;
    let address = world.gateway("gw", json!([http_listener("http", 80)])).await?;
    let at = SocketAddr::new(address, 80);
    let http = json!({
        "protocol": "HTTP", "backendRef": {"name": "authz", "port": 9002},
        "http": {"path": "/check", "allowedResponseHeaders": ["x-user"]},
    });
    let grpc = json!({
        "protocol": "GRPC", "backendRef": {"name": "authz", "port": 9001}, "grpc": {},
    });
    let absent = json!({
        "protocol": "GRPC", "backendRef": {"name": "absent", "port": 9001}, "grpc": {},
    });
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"name": "guarded"},
            "spec": {
                "parentRefs": [{"name": "gw"}], "hostnames": [HOST],
                "rules": [rule("/http", &http), rule("/grpc", &grpc), rule("/absent", &absent),
                          {"matches": [{"path": {"type": "PathPrefix", "value": "/open"}}],
                           "backendRefs": [{"name": "web", "port": 80}]}],
            },
        }))
        .await?;
    world.answers(at, (HOST, "/open"), 200).await?;
    for protocol in ["http", "grpc"] {
        let path = format!("/{protocol}/page");
        let denied = world.answers(at, (HOST, &path), 403).await?;
        assert_eq!(denied.field("x-denied-by"), Some(protocol), "{denied:?}");
        let asked = if protocol == "http" {
            format!("/check{path}")
        } else {
            path.clone()
        };
        assert_eq!(denied.body, format!("denied GET {HOST}{asked}"));
        let bad = ask(at, &path, &["authorization: Bearer bad", "x-user: good"]).await?;
        ensure!(bad.status == 403, "{bad:?}");

        // What a client claims to be is overwritten.
        let fields = ["authorization: Bearer good", "x-user: admin"];
        let passed = ask(at, &path, &fields).await?;
        ensure!(passed.status == 200, "{passed:?}");
        assert_eq!(seen(&passed, "X-User"), json!(["good"]), "{passed:?}");
        if protocol == "http" {
            assert_eq!(
                seen(&passed, "X-Secret"),
                Value::Null,
                "a field that is not allowed: {passed:?}"
            );
        } else {
            assert_eq!(
                seen(&passed, "Authorization"),
                Value::Null,
                "a field that the server removed: {passed:?}"
            );
        }
    }
    // A server that does not exist lets nobody pass.
    let fields = ["authorization: Bearer good"];
    assert_eq!(ask(at, "/absent", &fields).await?.status, 503);
    let route = world
        .wait(ROUTE, "to miss a server", |found| {
            route_is(found, "ResolvedRefs", "False")
        })
        .await?;
    let why = condition(parent(&route), "ResolvedRefs")
        .cloned()
        .unwrap_or_default();
    assert_eq!(why["reason"], "BackendNotFound", "{why}");

    // The server goes away: nobody passes, and what is not guarded works on. It comes back, and all is well.
    world.scale("authz", 0).await?;
    for path in ["/http", "/grpc"] {
        world.answers(at, (HOST, path), 503).await?;
        let refused = ask(at, path, &fields).await?;
        assert_eq!(refused.status, 503, "{refused:?}");
    }
    world.answers(at, (HOST, "/open"), 200).await?;
    world.scale("authz", 1).await?;
    for path in ["/http", "/grpc"] {
        world.answers(at, (HOST, path), 403).await?;
        let passed = ask(at, path, &fields).await?;
        assert_eq!(passed.status, 200, "{passed:?}");
    }
    world.leave().await
}
