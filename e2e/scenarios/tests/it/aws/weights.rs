//! The weights of a route are rewritten every 200 ms under load, as a canary controller would: no request fails, the shares
//! follow, and each change is an edit of one rule.

use anyhow::{Result, ensure};
use gatewright_scenarios::aws::{Place, web, writes};
use gatewright_scenarios::world::{GATEWAY_API, Load, World, http_listener};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const HOST: &str = "weights.example";
const ROUTE: (&str, &str, &str) = (GATEWAY_API, "HTTPRoute", "canary");
const STEP: Duration = Duration::from_millis(200);
const STEPS: u64 = 100;
/// A share is measured over so many seconds, and must be right within this time.
const SAMPLE: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_secs(30);

fn rules(canary: u64) -> Value {
    json!([{"backendRefs": [
        {"name": "stable", "port": 80, "weight": 100 - canary},
        {"name": "canary", "port": 80, "weight": canary},
    ]}])
}

async fn set(world: &World, canary: u64) -> Result<()> {
    world
        .patch(ROUTE, &json!({"spec": {"rules": rules(canary)}}))
        .await
}

/// The canary's share of the requests of some seconds, in percent.
async fn share(at: SocketAddr) -> Result<f64> {
    let load = Load::start(at, HOST, "/");
    tokio::time::sleep(SAMPLE).await;
    Ok(load.finish().await?.share("canary"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn weights_change_under_load() -> Result<()> {
    let place = Place::new("aws-weights").await?;
    let world = &place.world;
    web(world, "stable", 2).await?;
    web(world, "canary", 2).await?;
    place
        .write("gw", json!([http_listener("http", 80)]), None)
        .await?;
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"name": "canary"},
            "spec": {"parentRefs": [{"name": "gw"}], "hostnames": [HOST], "rules": rules(0)},
        }))
        .await?;
    let at = SocketAddr::new(place.address("gw").await?, 80);
    world.answers(at, (HOST, "/"), 200).await?;
    place.aws.calls().await?;

    let loads = [Load::start(at, HOST, "/"), Load::kept(at, HOST, "/")];
    let mut ticks = tokio::time::interval(STEP);
    for step in 0..STEPS {
        ticks.tick().await;
        // Back and forth through all tenths.
        set(world, 10 * (10_u64.abs_diff(step % 20))).await?;
    }
    let mut count = 0;
    for load in loads {
        count += load.finish().await?.count;
    }
    let calls = place.aws.calls().await?;
    let changes = writes(&calls);
    println!("{count} requests through {STEPS} changes, none failed; {changes:?}");
    ensure!(
        changes.keys().all(|operation| *operation == "ModifyRule"),
        "weights change rules alone: {changes:?}"
    );
    ensure!(
        changes
            .get("ModifyRule")
            .is_some_and(|edits| (1..=STEPS).contains(edits)),
        "a change of weights is one call at most: {changes:?}"
    );
    for (canary, least, most) in [(100, 100.0, 100.0), (20, 8.0, 32.0), (0, 0.0, 0.0)] {
        set(world, canary).await?;
        let begun = Instant::now();
        loop {
            let found = share(at).await?;
            if (least..=most).contains(&found) {
                println!("weight {canary}: share {found:.1} %");
                break;
            }
            ensure!(begun.elapsed() < SOON, "weight {canary}: share {found:.1} %");
        }
    }
    place.delete("gw").await?;
    world.leave().await
}
