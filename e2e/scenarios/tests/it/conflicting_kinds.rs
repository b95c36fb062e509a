//! Routes that want the same: an HTTPRoute and a GRPCRoute on one hostname of a listener, and two routes of one stream.
//! The older one wins, and the other follows when it goes.

use anyhow::{Context, Result};
use gatewright_scenarios::tls;
use gatewright_scenarios::world::{
    GATEWAY_API, World, condition, http_listener, http_route, parent, route_is, until,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const HTTP: (&str, &str, &str) = (GATEWAY_API, "HTTPRoute", "pages");
const GRPC: (&str, &str, &str) = (GATEWAY_API, "GRPCRoute", "calls");

/// Ages count in whole seconds (`metadata.creationTimestamp`).
async fn a_second_later() {
    tokio::time::sleep(Duration::from_millis(1100)).await;
}

fn grpc_route(hostname: &str) -> Value {
    json!({
        "apiVersion": GATEWAY_API, "kind": "GRPCRoute", "metadata": {"name": "calls"},
        "spec": {
            "parentRefs": [{"name": "gw"}], "hostnames": [hostname],
            "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
        },
    })
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn of_two_kinds_on_one_hostname_the_older_wins() -> Result<()> {
    let world = World::new("conflicting-kinds").await?;
    world.backend("web").await?;
    let address = world.gateway("gw", json!([http_listener("http", 80)])).await?;
    let at = SocketAddr::new(address, 80);
    let host = "both.example";
    world.apply(&http_route("pages", "gw", host, "web")).await?;
    world.answers(at, (host, "/"), 200).await?;
    a_second_later().await;
    // Wider than the other's hostname: it is enough that they intersect.
    world.apply(&grpc_route("*.example")).await?;
    let loser = world
        .wait(GRPC, "to be refused", |found| {
            route_is(found, "Accepted", "False")
        })
        .await?;
    let why = condition(parent(&loser), "Accepted").cloned().unwrap_or_default();
    assert!(
        why["message"]
            .as_str()
            .is_some_and(|text| text.contains("example")),
        "{why}"
    );
    world
        .wait(HTTP, "to stay accepted", |found| {
            route_is(found, "Accepted", "True")
        })
        .await?;
    world.answers(at, (host, "/"), 200).await?;

    // The older goes: the younger takes its place.
    world.delete(HTTP.0, HTTP.1, HTTP.2).await?;
    world
        .wait(GRPC, "to be accepted", |found| {
            route_is(found, "Accepted", "True")
        })
        .await?;
    // A page is no call: the GRPCRoute's rule matches the path, the backend answers what it does. No page is served
    // by the route that is gone.
    a_second_later().await;
    // It is the older one now.
    world.apply(&http_route("pages", "gw", host, "web")).await?;
    world
        .wait(HTTP, "to be refused", |found| {
            route_is(found, "Accepted", "False")
        })
        .await?;
    world
        .wait(GRPC, "to stay accepted", |found| {
            route_is(found, "Accepted", "True")
        })
        .await?;
    // Apart, both are served.
    world
        .patch(GRPC, &json!({"spec": {"hostnames": ["calls.example"]}}))
        .await?;
    for route in [HTTP, GRPC] {
        world
            .wait(route, "to be accepted apart", |found| {
                route_is(found, "Accepted", "True")
            })
            .await?;
    }
    world.answers(at, (host, "/"), 200).await?;
    world.leave().await
}

/// The pod behind a plain TCP port: one request of HTTP over it.
async fn pod_behind(at: SocketAddr) -> Result<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(at).await?;
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n")
            .await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let pod = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("\"pod\": \""));
        anyhow::Ok(pod.unwrap_or_default().trim_end_matches([',', '"']).to_owned())
    };
    timeout(Duration::from_secs(5), exchange)
        .await
        .context("no answer")?
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn of_two_streams_on_one_listener_the_older_wins() -> Result<()> {
    let world = World::new("conflicting-streams").await?;
    world.backend("first").await?;
    world.backend("second").await?;
    world
        .apply(&tls::certificate_for("tls.example")?.secret("tls"))
        .await?;
    let address = world
        .gateway(
            "gw",
            json!([
                {"name": "tcp", "port": 9000, "protocol": "TCP"},
                {"name": "tls", "port": 9443, "protocol": "TLS", "hostname": "tls.example",
                 "tls": {"mode": "Terminate", "certificateRefs": [{"name": "tls"}]}},
            ]),
        )
        .await?;
    let stream = |kind: &str, service: &str| {
        let mut route = json!({
            "apiVersion": GATEWAY_API, "kind": kind, "metadata": {"name": service},
            "spec": {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": service, "port": 80}]}]},
        });
        if kind == "TLSRoute" {
            route["spec"]["hostnames"] = json!(["tls.example"]);
        }
        route
    };
    let kinds = ["TCPRoute", "TLSRoute"];
    let tcp = SocketAddr::new(address, 9000);
    let tls_at = SocketAddr::new(address, 9443);
    let serves = async |service: &str| {
        let look = async || {
            let plain = pod_behind(tcp).await.unwrap_or_default();
            let secret = gatewright_scenarios::http::get_tls(tls_at, "tls.example", "/").await;
            let secret = secret.map(|answer| answer.pod()).unwrap_or_default();
            let both = [&plain, &secret].iter().all(|pod| pod.starts_with(service));
            Ok(if both {
                Ok(())
            } else {
                Err(format!("TCP {plain}, TLS {secret}"))
            })
        };
        until(&format!("both streams to lead to {service}"), look).await
    };
    for kind in kinds {
        world.apply(&stream(kind, "first")).await?;
    }
    serves("first").await?;
    a_second_later().await;
    for kind in kinds {
        world.apply(&stream(kind, "second")).await?;
        world
            .wait((GATEWAY_API, kind, "second"), "to be judged", |found| {
                condition(parent(found), "Accepted").is_some()
            })
            .await?;
    }
    // Never the younger one while the older is there.
    for _ in 0..20 {
        assert!(pod_behind(tcp).await?.starts_with("first"));
        let answer = gatewright_scenarios::http::get_tls(tls_at, "tls.example", "/").await?;
        assert!(answer.pod().starts_with("first"), "{answer:?}");
    }
    for kind in kinds {
        world.delete(GATEWAY_API, kind, "first").await?;
    }
    serves("second").await?;
    world.leave().await
}
