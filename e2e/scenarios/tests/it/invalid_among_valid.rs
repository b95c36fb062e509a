//! One object that nobody can read, or that is wrong in every way the API server lets pass, among 1,000 valid ones.

use anyhow::{Context, Result};
use gatewright_scenarios::world::{GATEWAY_API, World, http_listener, http_route, route_is};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const ROUTES: usize = 1_000;

/// A change of a valid route must have reached the data plane by then: a hundred times what it takes.
const SOON: Duration = Duration::from_secs(2);

fn host(index: usize) -> String {
    format!("h{index}.valid.example")
}

/// Routes that the API server stores.
fn invalid() -> Vec<Value> {
    let route = |name: &str| http_route(name, "gw", &format!("{name}.example"), "web");
    // Kubernetes before 1.37 stores a number that does not fit into the field's type: the object cannot be read.
    let mut unreadable = route("unreadable");
    unreadable["spec"]["rules"][0]["filters"] = json!([{
        "type": "RequestMirror",
        "requestMirror": {"backendRef": {"name": "web", "port": 80}, "fraction": {"numerator": 1, "denominator": 3_000_000_000_u64}},
    }]);
    let mut expression = route("expression");
    expression["spec"]["rules"][0]["matches"] =
        json!([{"path": {"type": "RegularExpression", "value": "/(((((a{1000}){1000}){1000}"}}]);
    let mut filter = route("filter");
    filter["spec"]["rules"][0]["filters"] = json!([{
        "type": "ExtensionRef", "extensionRef": {"group": "unknown.example", "kind": "Unknown", "name": "x"},
    }]);
    let mut parents = route("parents");
    parents["spec"]["parentRefs"] = json!([{"name": "gw"}, {"name": "absent"}, {"name": "gw", "sectionName": "absent", "kind": "ListenerSet"}]);
    vec![
        unreadable,
        expression,
        filter,
        parents,
        http_route("backend", "gw", "backend.example", "absent"),
    ]
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn one_invalid_object_delays_no_other() -> Result<()> {
    let world = World::new("invalid-among-valid").await?;
    world.backend("web").await?;
    let before = world.controller_restarts().await?;
    let address = world.gateway("gw", json!([http_listener("http", 80)])).await?;
    let at = SocketAddr::new(address, 80);
    let invalid = invalid();
    world.apply_all(&invalid[..2]).await?;
    let routes: Vec<Value> = (0..ROUTES)
        .map(|index| http_route(&format!("valid-{index}"), "gw", &host(index), "web"))
        .collect();
    let (early, late) = routes.split_at(ROUTES / 2);
    world.apply_all(early).await?;
    world.apply_all(&invalid[2..]).await?;
    world.apply_all(late).await?;
    let written = Instant::now();
    for index in 0..ROUTES {
        let name = format!("valid-{index}");
        world
            .wait((GATEWAY_API, "HTTPRoute", &name), "to be accepted", |found| {
                route_is(found, "Accepted", "True")
            })
            .await?;
    }
    println!(
        "all accepted {} ms after the last was written",
        written.elapsed().as_millis()
    );
    for index in [0, ROUTES / 2, ROUTES - 1] {
        world.answers(at, (&host(index), "/"), 200).await?;
    }

    // Each invalid object is written again and again; every change of a valid one still arrives soon.
    let mut slowest = Duration::ZERO;
    for round in 0..20 {
        let touched = json!({"metadata": {"annotations": {"round": round.to_string()}}});
        for object in &invalid {
            let name = object["metadata"]["name"]
                .as_str()
                .context("every object has a name")?;
            world.patch((GATEWAY_API, "HTTPRoute", name), &touched).await?;
        }
        let name = format!("valid-{}", round * 50);
        let changed = format!("round{round}.changed.example");
        let begun = Instant::now();
        world
            .patch(
                (GATEWAY_API, "HTTPRoute", &name),
                &json!({"spec": {"hostnames": [changed]}}),
            )
            .await?;
        world.answers(at, (&changed, "/"), 200).await?;
        slowest = slowest.max(begun.elapsed());
    }
    println!("slowest of 20 changes: {} ms", slowest.as_millis());
    assert!(slowest < SOON, "a change took {slowest:?}");
    assert_eq!(
        world.controller_restarts().await?,
        before,
        "the controller did not stay"
    );

    // The one that could not be read works as soon as it is mended.
    world
        .patch(
            (GATEWAY_API, "HTTPRoute", "unreadable"),
            &json!({"spec": {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}}),
        )
        .await?;
    world.answers(at, ("unreadable.example", "/"), 200).await?;
    world.leave().await
}
