//! The weights of a route are rewritten every 200 ms under load, as a canary controller would: no request fails, and the
//! shares follow.

use anyhow::Result;
use gatewright_scenarios::world::{GATEWAY_API, Load, World, http_listener, route_is};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

const HOST: &str = "weights.example";
const ROUTE: (&str, &str, &str) = (GATEWAY_API, "HTTPRoute", "canary");
const STEP: Duration = Duration::from_millis(200);
const STEPS: u64 = 100;

fn rules(canary: u64) -> Value {
    json!([{"backendRefs": [
        {"name": "stable", "port": 80, "weight": 100 - canary},
        {"name": "canary", "port": 80, "weight": canary},
    ]}])
}

/// The canary's share of the requests of three seconds, in percent.
async fn share(at: SocketAddr) -> Result<f64> {
    let load = Load::start(at, HOST, "/");
    tokio::time::sleep(Duration::from_secs(3)).await;
    Ok(load.finish().await?.share("canary"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn weights_change_under_load() -> Result<()> {
    let world = World::new("weights").await?;
    world.backends("stable", 2).await?;
    world.backends("canary", 2).await?;
    let address = world.gateway("gw", json!([http_listener("http", 80)])).await?;
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"name": "canary"},
            "spec": {"parentRefs": [{"name": "gw"}], "hostnames": [HOST], "rules": rules(0)},
        }))
        .await?;
    world
        .answers(SocketAddr::new(address, 80), (HOST, "/"), 200)
        .await?;
    let at = world.proxy("gw").await?;
    assert!(share(at).await? < f64::EPSILON, "weight 0 has a share");

    let loads = [Load::start(at, HOST, "/"), Load::start(at, HOST, "/")];
    let mut ticks = tokio::time::interval(STEP);
    let mut sum = 0;
    for step in 0..STEPS {
        ticks.tick().await;
        // Back and forth through all tenths.
        let canary = 10 * (10_u64.abs_diff(step % 20));
        sum += canary;
        world
            .patch(ROUTE, &json!({"spec": {"rules": rules(canary)}}))
            .await?;
    }
    let mut seen = Vec::new();
    for load in loads {
        seen.push(load.finish().await?);
    }
    let count: usize = seen.iter().map(|seen| seen.count).sum();
    let found = seen.iter().map(|seen| seen.share("canary")).sum::<f64>() / 2.0;
    let wanted = sum as f64 / STEPS as f64;
    println!(
        "{count} requests through {STEPS} changes, none failed; share {found:.1} %, on average {wanted:.1} % were asked for"
    );
    assert!(
        (found - wanted).abs() < 10.0,
        "share {found:.1} % of {wanted:.1} %"
    );

    for (canary, least, most) in [(100, 100.0, 100.0), (20, 10.0, 30.0), (0, 0.0, 0.0)] {
        world
            .patch(ROUTE, &json!({"spec": {"rules": rules(canary)}}))
            .await?;
        world
            .wait(ROUTE, "to be taken over", |found| {
                route_is(found, "Accepted", "True")
            })
            .await?;
        let found = share(at).await?;
        println!("weight {canary}: share {found:.1} %");
        assert!(
            (least..=most).contains(&found),
            "weight {canary}: share {found:.1} %"
        );
    }
    world.leave().await
}
