//! A namespace with a Gateway, routes and backends is deleted under load: it goes, and nobody else notices.
//!
//! How long it takes is Kubernetes' choice: its namespace controller begins 5 s after the deletion, and when pods are
//! left then, looks again after half of their longest `terminationGracePeriodSeconds`, whenever they end
//! (`pkg/controller/namespace/namespace_controller.go`).

use anyhow::Result;
use gatewright_scenarios::api::JSON;
use gatewright_scenarios::world::{Load, World, http_listener, http_route, until};
use http::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Waits until no pod is left in a namespace, and answers how long that took.
async fn pods_end(world: &World) -> Result<Duration> {
    let begun = Instant::now();
    let path = format!("/api/v1/namespaces/{}/pods", world.namespace);
    let look = async || {
        let (_, found) = world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
        let left = found["items"].as_array().map_or(0, Vec::len);
        Ok(if left == 0 {
            Ok(())
        } else {
            Err(format!("{left} pods"))
        })
    };
    until("the pods to end", look).await?;
    Ok(begun.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_namespace_deleted_under_load_goes_alone() -> Result<()> {
    let world = World::new("namespace-deleted").await?;
    let doomed = world.beside("doomed").await?;
    let before = world.controller_restarts().await?;
    world.backend("web").await?;
    doomed.backend("web").await?;
    let address = world.gateway("gw", json!([http_listener("http", 80)])).await?;
    let other = doomed.gateway("gw", json!([http_listener("http", 80)])).await?;
    let (at, other) = (SocketAddr::new(address, 80), SocketAddr::new(other, 80));
    world
        .apply(&http_route("stays", "gw", "stays.example", "web"))
        .await?;
    // Routes of the namespace hang on both Gateways.
    let mut guest = http_route("guest", "gw", "guest.example", "web");
    guest["spec"]["parentRefs"][0]["namespace"] = json!(world.namespace);
    let mut objects: Vec<Value> = (0..200)
        .map(|index| {
            http_route(
                &format!("route-{index}"),
                "gw",
                &format!("h{index}.example"),
                "web",
            )
        })
        .collect();
    objects.push(guest);
    doomed.apply_all(&objects).await?;
    world.answers(at, ("stays.example", "/"), 200).await?;
    world.answers(at, ("guest.example", "/"), 200).await?;
    world.answers(other, ("h199.example", "/"), 200).await?;

    let stays = Load::start(world.proxy("gw").await?, "stays.example", "/");
    let inside = SocketAddr::new(world.inside("gw").await?, 80);
    let through = Load::start(inside, "stays.example", "/");
    // Whatever these get: the connections keep both proxies busy.
    let guest = Load::start(at, "guest.example", "/");
    let ends = Load::start(other, "h0.example", "/");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    let (ended, gone) = tokio::join!(pods_end(&doomed), doomed.remove_namespace());
    gone?;
    println!(
        "its pods had ended after {} ms, the namespace was gone after {} ms",
        ended?.as_millis(),
        begun.elapsed().as_millis()
    );
    world.answers(at, ("guest.example", "/"), 404).await?;
    drop((guest.end().await, ends.end().await));
    println!(
        "{} requests to a proxy of the other namespace and {} through its Service, none failed",
        stays.end().await?,
        through.end().await?
    );

    // Once more, from nothing.
    let again = World::new(&doomed.namespace).await?;
    again.serving("again.example").await?;
    assert_eq!(
        world.controller_restarts().await?,
        before,
        "the controller did not stay"
    );
    again.leave().await?;
    world.leave().await
}
