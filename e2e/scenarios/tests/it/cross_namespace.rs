//! References to another namespace are denied unless a ReferenceGrant there allows them (GEP-709), from the first
//! moment on, and again when the grant goes.

use anyhow::Result;
use gatewright_scenarios::world::{
    GATEWAY_API, World, condition, http_listener, http_route, parent, route_is,
};
use serde_json::json;
use std::net::SocketAddr;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_backend_of_another_namespace_needs_a_grant() -> Result<()> {
    let world = World::new("cross-namespace").await?;
    let owner = world.beside("owner").await?;
    owner.backend("web").await?;
    let address = world.gateway("gw", json!([http_listener("http", 80)])).await?;
    let at = SocketAddr::new(address, 80);
    let mut route = http_route("cross", "gw", "cross.example", "web");
    route["spec"]["rules"][0]["backendRefs"][0]["namespace"] = json!(owner.namespace);
    world.apply(&route).await?;
    let this = (GATEWAY_API, "HTTPRoute", "cross");

    let denied = world
        .wait(this, "to be denied", |found| {
            route_is(found, "ResolvedRefs", "False")
        })
        .await?;
    let why = condition(parent(&denied), "ResolvedRefs").map(|found| found["reason"].clone());
    assert_eq!(why, Some(json!("RefNotPermitted")), "{}", denied["status"]);
    // A rule without a backend that may be used answers 500 (HTTPRouteRule.backendRefs).
    world.answers(at, ("cross.example", "/"), 500).await?;

    let grant = json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": {"name": "web"},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": world.namespace}],
            "to": [{"group": "", "kind": "Service", "name": "web"}],
        },
    });
    owner.apply(&grant).await?;
    let answer = world.answers(at, ("cross.example", "/"), 200).await?;
    assert_eq!(answer.echo()["namespace"], json!(owner.namespace));
    world
        .wait(this, "to be allowed", |found| {
            route_is(found, "ResolvedRefs", "True")
        })
        .await?;

    // For another kind of route the grant says nothing.
    owner
        .patch(
            ("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "web"),
            &json!({"spec": {"from": [{"group": "gateway.networking.k8s.io", "kind": "GRPCRoute", "namespace": world.namespace}]}}),
        )
        .await?;
    world.answers(at, ("cross.example", "/"), 500).await?;
    owner.apply(&grant).await?;
    world.answers(at, ("cross.example", "/"), 200).await?;
    owner
        .delete("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "web")
        .await?;
    world.answers(at, ("cross.example", "/"), 500).await?;
    world
        .wait(this, "to be denied again", |found| {
            route_is(found, "ResolvedRefs", "False")
        })
        .await?;

    owner.leave().await?;
    world.leave().await
}
