//! A route of which a part is wrong: that part answers as the specification says, the rest works.

use anyhow::Result;
use gatewright_scenarios::world::{GATEWAY_API, World, condition, http_listener, parent, route_is};
use serde_json::json;
use std::net::SocketAddr;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn the_valid_rules_of_a_route_work() -> Result<()> {
    let world = World::new("partially-invalid").await?;
    world.backend("web").await?;
    let address = world.gateway("gw", json!([http_listener("http", 80)])).await?;
    let at = SocketAddr::new(address, 80);
    let rule = |path: &str, service: &str| {
        json!({
            "matches": [{"path": {"type": "PathPrefix", "value": path}}],
            "backendRefs": [{"name": service, "port": 80}],
        })
    };
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"name": "mixed"},
            "spec": {
                "parentRefs": [{"name": "gw"}],
                "rules": [rule("/good", "web"), rule("/absent", "absent"), {
                    "matches": [{"path": {"type": "RegularExpression", "value": "/([unclosed"}}],
                    "backendRefs": [{"name": "web", "port": 80}],
                }],
            },
        }))
        .await?;
    let this = (GATEWAY_API, "HTTPRoute", "mixed");
    world.answers(at, ("any.example", "/good"), 200).await?;
    world.answers(at, ("any.example", "/absent"), 500).await?;
    // The rule with the broken expression is dropped (RouteConditionPartiallyInvalid), so nothing matches.
    world.answers(at, ("any.example", "/other"), 404).await?;
    let route = world
        .wait(this, "to be partially invalid", |found| {
            route_is(found, "Accepted", "True") && route_is(found, "PartiallyInvalid", "True")
        })
        .await?;
    let resolved = condition(parent(&route), "ResolvedRefs");
    assert_eq!(
        resolved.map(|found| &found["reason"]),
        Some(&json!("BackendNotFound")),
        "{}",
        route["status"]
    );

    // Mended, every condition is as of a route that was never wrong.
    world
        .patch(
            this,
            &json!({"spec": {"rules": [rule("/good", "web"), rule("/absent", "web")]}}),
        )
        .await?;
    world.answers(at, ("any.example", "/absent"), 200).await?;
    let route = world
        .wait(this, "to be resolved", |found| {
            route_is(found, "ResolvedRefs", "True")
        })
        .await?;
    assert_eq!(
        condition(parent(&route), "PartiallyInvalid"),
        None,
        "{}",
        route["status"]
    );
    world.leave().await
}
