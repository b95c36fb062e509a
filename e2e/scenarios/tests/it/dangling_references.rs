//! References to what does not exist, of every kind of reference: what has them says so, what has none is served, and as
//! soon as what they name is there, all of it is.

use super::class_of_its_own;
use anyhow::Result;
use gatewright_scenarios::world::{
    CLASS, GATEWAY_API, PARAMETERS, World, condition, has_condition, http_listener, http_route, listener_is,
    listener_of, parent, route_is,
};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Class, and the namespace.
const NAME: &str = "dangling";
const GATEWAY: (&str, &str, &str) = (GATEWAY_API, "Gateway", "gw");

fn route(name: &str) -> (&'static str, &'static str, &str) {
    (GATEWAY_API, "HTTPRoute", name)
}

/// Reason and message of a condition.
fn why(holder: Option<&Value>, kind: &str) -> (String, String) {
    let found = condition(holder, kind).cloned().unwrap_or_default();
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"))
}

/// Routes with a reference to nothing each: name, route, condition that is false, its reason, what its message names.
fn routes() -> Vec<(&'static str, Value, &'static str, &'static str, &'static str)> {
    let plain = |name: &str| http_route(name, "gw", &format!("{name}.example"), "web");
    let mut section = plain("section");
    section["spec"]["parentRefs"][0]["sectionName"] = json!("late");
    let mut port = plain("port");
    port["spec"]["parentRefs"][0]["port"] = json!(8080);
    let mut backend = plain("backend");
    backend["spec"]["rules"][0]["backendRefs"][0]["name"] = json!("late");
    let mut service_port = plain("service-port");
    service_port["spec"]["rules"][0]["backendRefs"][0]["port"] = json!(8080);
    let mut mirror = plain("mirror");
    mirror["spec"]["rules"][0]["filters"] = json!([{
        "type": "RequestMirror", "requestMirror": {"backendRef": {"name": "late", "port": 80}},
    }]);
    vec![
        ("section", section, "Accepted", "NoMatchingParent", "late"),
        ("port", port, "Accepted", "NoMatchingParent", "8080"),
        ("backend", backend, "ResolvedRefs", "BackendNotFound", "late"),
        (
            "service-port",
            service_port,
            "ResolvedRefs",
            "BackendNotFound",
            "8080",
        ),
        ("mirror", mirror, "ResolvedRefs", "BackendNotFound", "late"),
    ]
}

fn gateway(listeners: &Value) -> Value {
    json!({
        "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": "gw"},
        "spec": {
            "gatewayClassName": CLASS, "listeners": listeners, "allowedListeners": {"namespaces": {"from": "Same"}},
        },
    })
}

/// What leads to nothing before there is any Gateway.
async fn early(world: &World) -> Result<()> {
    let mut orphan = http_route("orphan", "late-gateway", "orphan.example", "web");
    orphan["spec"]["parentRefs"][0]["namespace"] = json!(world.namespace);
    world
        .apply_all(&[
            orphan,
            json!({
                "apiVersion": GATEWAY_API, "kind": "ListenerSet", "metadata": {"name": "set"},
                "spec": {"parentRef": {"name": "late-gateway"}, "listeners": [http_listener("more", 8081)]},
            }),
            json!({
                "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": "classless"},
                "spec": {"gatewayClassName": NAME, "listeners": [http_listener("http", 80)]},
            }),
            json!({
                "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": "settings"},
                "spec": {
                    "gatewayClassName": CLASS, "listeners": [http_listener("http", 80)],
                    "infrastructure": {"parametersRef": {"group": "gatewright.dev", "kind": PARAMETERS.1, "name": "late"}},
                },
            }),
            json!({
                "apiVersion": GATEWAY_API, "kind": "BackendTLSPolicy", "metadata": {"name": "targetless"},
                "spec": {
                    "targetRefs": [{"group": "", "kind": "Service", "name": "nobody"}],
                    "validation": {"hostname": "nobody.example", "wellKnownCACertificates": "System"},
                },
            }),
            json!({
                "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": {"name": "nobody"},
                "spec": {
                    "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "no-such-namespace"}],
                    "to": [{"group": "", "kind": "Service", "name": "nobody"}],
                },
            }),
        ])
        .await
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn what_does_not_exist_is_named_and_may_come() -> Result<()> {
    let world = World::new(NAME).await?;
    let before = world.controller_restarts().await?;
    early(&world).await?;
    world.backend("web").await?;
    let secure = json!({
        "name": "secure", "port": 443, "protocol": "HTTPS", "hostname": "secure.example",
        "tls": {"certificateRefs": [{"name": "late"}]},
    });
    let listeners = json!([http_listener("http", 80), secure]);
    world.apply(&gateway(&listeners)).await?;
    let routes = routes();
    for (_, route, ..) in &routes {
        world.apply(route).await?;
    }
    world
        .apply(&http_route("sound", "gw", "sound.example", "web"))
        .await?;
    let at = SocketAddr::new(world.address("gw").await?, 80);
    world.answers(at, ("sound.example", "/"), 200).await?;

    // Each says what is missing.
    for (name, _, kind, reason, named) in &routes {
        let found = world
            .wait(route(name), "to miss something", |found| {
                route_is(found, kind, "False")
            })
            .await?;
        let (why, message) = why(parent(&found), kind);
        assert!(
            why == *reason && message.contains(named),
            "{name}: {why}: {message}"
        );
    }
    for (host, status) in [
        ("section.example", 404),
        ("port.example", 404),
        ("backend.example", 500),
        ("service-port.example", 500),
        ("mirror.example", 200),
    ] {
        world.answers(at, (host, "/"), status).await?;
    }
    let found = world
        .wait(GATEWAY, "the Secret to be missing", |found| {
            listener_is(found, "secure", "ResolvedRefs", "False")
        })
        .await?;
    let (reason, message) = why(listener_of(&found, "secure"), "ResolvedRefs");
    assert!(
        reason == "InvalidCertificateRef" && message.contains("late"),
        "{reason}: {message}"
    );
    let found = world
        .wait(
            (GATEWAY_API, "Gateway", "settings"),
            "to miss its parameters",
            |found| has_condition(found.get("status"), "Accepted", "False"),
        )
        .await?;
    let (reason, message) = why(found.get("status"), "Accepted");
    assert!(
        reason == "InvalidParameters" && message.contains("late"),
        "{reason}: {message}"
    );
    // Nobody's: neither class nor Gateway says who serves them, so no status is ours to write.
    for (kind, name) in [("HTTPRoute", "orphan"), ("Gateway", "classless")] {
        let found = world.read(GATEWAY_API, kind, name).await?;
        assert!(parent(&found).is_none(), "{found}");
        assert!(
            !has_condition(found.get("status"), "Accepted", "True")
                && !has_condition(found.get("status"), "Accepted", "False"),
            "{found}"
        );
    }
    println!("everything that is missing is named; what is sound is served");

    // All of it comes.
    world.backend("late").await?;
    world
        .apply(&gatewright_scenarios::tls::certificate_for("secure.example")?.secret("late"))
        .await?;
    world
        .apply(&json!({
            "apiVersion": PARAMETERS.0, "kind": PARAMETERS.1, "metadata": {"name": "late"},
            "spec": {"service": {"ipFamilyPolicy": "SingleStack"}},
        }))
        .await?;
    class_of_its_own(&world, NAME, json!({})).await?;
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": "late-gateway"},
            "spec": {
                "gatewayClassName": CLASS, "listeners": [http_listener("http", 80)],
                "allowedListeners": {"namespaces": {"from": "Same"}},
            },
        }))
        .await?;
    let more = json!([
        http_listener("http", 80),
        secure,
        http_listener("late", 8000),
        http_listener("port", 8080)
    ]);
    world.apply(&gateway(&more)).await?;
    world
        .patch(
            ("v1", "Service", "web"),
            &json!({"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 3000}, {"name": "late", "port": 8080, "targetPort": 3000}]}}),
        )
        .await?;
    for (name, ..) in &routes {
        world
            .wait(route(name), "to be complete", |found| {
                route_is(found, "Accepted", "True") && route_is(found, "ResolvedRefs", "True")
            })
            .await?;
    }
    let on = |port: u16| SocketAddr::new(at.ip(), port);
    world.answers(on(8000), ("section.example", "/"), 200).await?;
    world.answers(on(8080), ("port.example", "/"), 200).await?;
    let answer = world.answers(at, ("backend.example", "/"), 200).await?;
    assert!(answer.pod().starts_with("late-"), "{answer:?}");
    world.answers(at, ("service-port.example", "/"), 200).await?;
    world
        .wait(GATEWAY, "the Secret to be there", |found| {
            listener_is(found, "secure", "Programmed", "True")
        })
        .await?;
    for name in ["classless", "settings"] {
        world.address(name).await?;
    }
    let late = world.address("late-gateway").await?;
    world
        .answers(SocketAddr::new(late, 80), ("orphan.example", "/"), 200)
        .await?;
    world
        .wait((GATEWAY_API, "ListenerSet", "set"), "to be programmed", |found| {
            has_condition(found.get("status"), "Programmed", "True")
        })
        .await?;
    assert_eq!(
        world.controller_restarts().await?,
        before,
        "the controller did not stay"
    );
    world.delete(GATEWAY_API, "Gateway", "classless").await?;
    world.delete(GATEWAY_API, "GatewayClass", NAME).await?;
    world.leave().await
}
