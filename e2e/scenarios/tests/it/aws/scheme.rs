//! A load balancer that cannot become what is wanted is replaced under load: its successor serves before the address changes,
//! the former serves on while clients may remember it, and goes then.

use anyhow::{Result, ensure};
use gatewright_scenarios::aws::{Follow, Place, web};
use gatewright_scenarios::world::{Load, http_listener, http_route, until};
use serde_json::json;
use std::net::SocketAddr;

const HOST: &str = "scheme.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn another_scheme_loses_no_request() -> Result<()> {
    let place = Place::new("aws-scheme").await?;
    let world = &place.world;
    web(world, "web", 2).await?;
    place
        .parameters("own", json!({"scheme": "InternetFacing"}))
        .await?;
    place
        .write("gw", json!([http_listener("http", 80)]), Some("own"))
        .await?;
    world.apply(&http_route("web", "gw", HOST, "web")).await?;
    let (name, former) = (place.hostname("gw").await?, place.address("gw").await?);
    let at = SocketAddr::new(former, 80);
    world.answers(at, (HOST, "/"), 200).await?;

    let following = Follow::start(world, "gw", HOST);
    // A client that resolved the name just before, and remembers the address until the status has another.
    let remembering = Load::start(at, HOST, "/");
    place.parameters("own", json!({"scheme": "Internal"})).await?;
    let moved = async || {
        let now = place.hostname("gw").await?;
        Ok(if now == name { Err(now) } else { Ok(now) })
    };
    let next = until("another hostname", moved).await?;
    ensure!(next.starts_with("internal-"), "{next}");
    let remembered = remembering.end().await?;
    let tag = place.tag("gw");
    let alone = async || {
        let owned = place.aws.owned(&tag).await?;
        let balancers = owned.iter().filter(|arn| arn.contains(":loadbalancer/")).count();
        Ok(if balancers == 1 {
            Ok(())
        } else {
            Err(format!("{owned:?}"))
        })
    };
    until("the former load balancer to be gone", alone).await?;
    let (count, addresses) = following.end().await?;
    println!("{count} requests to {addresses:?} and {remembered} to the former address, none failed");
    ensure!(
        addresses.len() == 2,
        "the load followed the status: {addresses:?}"
    );
    place.delete("gw").await?;
    world.leave().await
}
