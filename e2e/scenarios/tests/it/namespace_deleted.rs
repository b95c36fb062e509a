//! A namespace with a Gateway, routes and backends is deleted under load: it goes, and nobody else notices.

use anyhow::Result;
use gatewright_scenarios::world::{Load, World, http_listener, http_route};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

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
    let through = Load::start(at, "stays.example", "/");
    // Whatever these get: the connections keep both proxies busy.
    let guest = Load::start(at, "guest.example", "/");
    let ends = Load::start(other, "h0.example", "/");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    doomed.remove_namespace().await?;
    println!("the namespace was gone after {} ms", begun.elapsed().as_millis());
    world.answers(at, ("guest.example", "/"), 404).await?;
    drop((guest.end().await, ends.end().await));
    println!(
        "{} requests to a proxy of the other namespace and {} through its Service, none failed",
        stays.end().await?,
        through.end().await?
    );

    // Once more, from nothing.
    let again = World::new(&doomed.namespace).await?;
    again.backend("web").await?;
    let address = again.gateway("gw", json!([http_listener("http", 80)])).await?;
    again
        .apply(&http_route("again", "gw", "again.example", "web"))
        .await?;
    again
        .answers(SocketAddr::new(address, 80), ("again.example", "/"), 200)
        .await?;
    assert_eq!(
        world.controller_restarts().await?,
        before,
        "the controller did not stay"
    );
    again.leave().await?;
    world.leave().await
}
