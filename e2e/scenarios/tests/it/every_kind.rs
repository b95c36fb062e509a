//! One object of every kind with a status, of all that the installed definitions have: each is answered by our
//! controller.

use super::class_of_its_own;
use anyhow::{Result, ensure};
use gatewright_scenarios::world::{GATEWAY_API, World, condition, http_listener, parent};
use serde_json::{Value, json};

const EXPERIMENTAL: &str = "gateway.networking.x-k8s.io/v1alpha1";
/// Class, mesh, and the namespace.
const NAME: &str = "every-kind";

/// The conditions that our controller has written, wherever a kind keeps them.
fn conditions<'a>(object: &'a Value, controller: &str) -> Option<&'a Value> {
    let status = object.get("status")?;
    for list in ["parents", "ancestors"] {
        if let Some(entries) = status[list].as_array() {
            let ours = entries.iter().find(|entry| entry["controllerName"] == controller);
            return ours?.get("conditions");
        }
    }
    status.get("conditions")
}

/// Whether our controller has answered the object as it is now.
fn answered(object: &Value, controller: &str) -> bool {
    let found = conditions(object, controller).and_then(Value::as_array);
    let generation = &object["metadata"]["generation"];
    found.is_some_and(|found| {
        !found.is_empty()
            && found
                .iter()
                .all(|condition| condition["observedGeneration"] == *generation)
    })
}

fn route(kind: &str, section: &str) -> Value {
    json!({
        "apiVersion": GATEWAY_API, "kind": kind, "metadata": {"name": "one"},
        "spec": {
            "parentRefs": [{"name": "gw", "sectionName": section}],
            "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
        },
    })
}

/// Objects by kind; those that have no place in a world without them are in it once.
fn objects(controller: &str) -> Vec<Value> {
    // A hostname of a listener is of one kind.
    let of_host = |kind: &str, section: &str| {
        let mut route = route(kind, section);
        route["spec"]["hostnames"] = json!([format!("{}.example", kind.to_lowercase())]);
        route
    };
    // An XBackend is answered for the Gateways that a route leads to it from.
    let mut http = of_host("HTTPRoute", "http");
    http["spec"]["rules"] = json!([
        {"backendRefs": [{"name": "web", "port": 80}]},
        {"matches": [{"path": {"type": "PathPrefix", "value": "/outside"}}],
         "backendRefs": [{"group": "gateway.networking.x-k8s.io", "kind": "XBackend", "name": "one"}]},
    ]);
    let service = json!([{"group": "", "kind": "Service", "name": "web"}]);
    vec![
        http,
        of_host("GRPCRoute", "http"),
        route("TCPRoute", "tcp"),
        route("UDPRoute", "udp"),
        of_host("TLSRoute", "tls"),
        json!({
            "apiVersion": GATEWAY_API, "kind": "ListenerSet", "metadata": {"name": "one"},
            "spec": {"parentRef": {"name": "gw"}, "listeners": [http_listener("more", 8080)]},
        }),
        json!({
            "apiVersion": GATEWAY_API, "kind": "BackendTLSPolicy", "metadata": {"name": "one"},
            "spec": {"targetRefs": service, "validation": {"hostname": "web.example", "wellKnownCACertificates": "System"}},
        }),
        json!({
            "apiVersion": EXPERIMENTAL, "kind": "XBackendTrafficPolicy", "metadata": {"name": "one"},
            "spec": {"targetRefs": service, "retryConstraint": {"budget": {"percent": 20, "interval": "10s"}}},
        }),
        json!({
            "apiVersion": EXPERIMENTAL, "kind": "XBackend", "metadata": {"name": "one"},
            "spec": {"type": "ExternalHostname", "protocol": "HTTP", "port": {"port": 80}, "externalHostname": {"hostname": "backend.example"}},
        }),
        json!({
            "apiVersion": EXPERIMENTAL, "kind": "XTelemetryPolicy", "metadata": {"name": "one"},
            "spec": {"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}]},
        }),
        json!({
            "apiVersion": EXPERIMENTAL, "kind": "XMesh", "metadata": {"name": NAME},
            "spec": {"controllerName": controller},
        }),
    ]
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn every_kind_is_answered() -> Result<()> {
    let world = World::new(NAME).await?;
    let controller = class_of_its_own(&world, NAME, json!({})).await?;
    world.backend("web").await?;
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": "gw"},
            "spec": {
                "gatewayClassName": NAME, "allowedListeners": {"namespaces": {"from": "Same"}},
                "listeners": [
                    http_listener("http", 80), {"name": "tcp", "port": 9000, "protocol": "TCP"},
                    {"name": "udp", "port": 9000, "protocol": "UDP"},
                    {"name": "tls", "port": 9443, "protocol": "TLS", "tls": {"mode": "Passthrough"}},
                ],
            },
        }))
        .await?;
    world.address("gw").await?;
    let objects = objects(&controller);
    let mut absent = Vec::new();
    for object in &objects {
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        if world
            .api
            .collection(api_version, kind, &world.namespace)
            .is_none()
        {
            absent.push(kind);
            continue;
        }
        world.apply(object).await?;
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let found = world
            .wait((api_version, kind, name), "to be answered", |found| {
                answered(found, &controller)
            })
            .await?;
        if kind.ends_with("Route") {
            let found = condition(parent(&found), "Accepted");
            ensure!(
                found.is_some_and(|found| found["status"] == "True"),
                "{kind}: {found:?}"
            );
        }
    }
    println!(
        "{} kinds answered; the definitions do not have {absent:?}",
        objects.len() - absent.len()
    );
    ensure!(
        objects.len() - absent.len() >= 7,
        "the definitions lack {absent:?}"
    );
    if !absent.contains(&"XMesh") {
        world.delete(EXPERIMENTAL, "XMesh", NAME).await?;
    }
    world.delete(GATEWAY_API, "Gateway", "gw").await?;
    world.delete(GATEWAY_API, "GatewayClass", NAME).await?;
    world.leave().await
}
