//! A class begins to share proxies, and to give each Gateway its own again, while its Gateway serves: no request fails,
//! neither at the addresses that the status names nor at those that it named for as long as records are remembered.

use super::class_of_its_own;
use anyhow::{Context, Result, ensure};
use gatewright_scenarios::api::JSON;
use gatewright_scenarios::world::{
    GATEWAY_API, Load, PARAMETERS, World, has_condition, http_listener, http_route, until,
};
use http::Method;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

const HOST: &str = "mode.example";
/// Class, and its parameters.
const NAME: &str = "mode-change";
/// Clients of former addresses are gone after so long: 15 s before the former proxies go (docs/adr/0007).
const REMEMBERED: Duration = Duration::from_secs(345);
/// Both ways serve so long where nobody waits for the end of the former one.
const BOTH: Duration = Duration::from_secs(8);

/// Clients of an address: one that keeps its connection to it, and one that connects to a proxy behind it for each
/// request, which is about the proxy alone.
struct Clients {
    at: IpAddr,
    loads: [Load; 2],
}

impl Clients {
    async fn start(world: &World, at: IpAddr) -> Result<Self> {
        let proxy = world.proxy_behind(at).await?;
        let kept = Load::kept(SocketAddr::new(at, 80), HOST, "/");
        let loads = [Load::start(proxy, HOST, "/"), kept];
        Ok(Self { at, loads })
    }

    async fn end(self, what: &str) -> Result<()> {
        let mut count = 0;
        for load in self.loads {
            count += load
                .end()
                .await
                .with_context(|| format!("{what}, at {}", self.at))?;
        }
        println!("{what}: {count} requests at {}, none failed", self.at);
        Ok(())
    }
}

/// Changes the mode and answers the address that the status names then.
async fn change(world: &World, mode: &str, before: IpAddr) -> Result<IpAddr> {
    let begun = Instant::now();
    let patch = json!({"spec": {"mode": mode}});
    world.patch((PARAMETERS.0, PARAMETERS.1, NAME), &patch).await?;
    let named = |gateway: &Value| -> Option<IpAddr> {
        let address = gateway.pointer("/status/addresses/0/value")?;
        address.as_str()?.parse().ok()
    };
    let gateway = (GATEWAY_API, "Gateway", "gw");
    let lost = RefCell::new(None);
    let found = world
        .wait(gateway, "to have another address", |found| {
            let programmed = has_condition(found.get("status"), "Programmed", "True");
            if !programmed || named(found).is_none() {
                lost.replace(Some(found["status"].to_string()));
            }
            named(found).is_some_and(|address| address != before)
        })
        .await?;
    let after = named(&found).context("an address")?;
    let lost = lost.into_inner();
    ensure!(
        lost.is_none(),
        "{mode}: something was taken away: {}",
        lost.unwrap_or_default()
    );
    let named = begun.elapsed();
    // The rules of the node for a Service that has just got its address come a moment later: no proxy's business, and
    // before any record that names the address.
    world
        .answers(SocketAddr::new(after, 80), (HOST, "/"), 200)
        .await?;
    println!(
        "{mode}: {before} became {after} after {} ms, which answered {} ms later",
        named.as_millis(),
        begun.elapsed().saturating_sub(named).as_millis()
    );
    Ok(after)
}

/// Waits until no Deployment is left of this class, of its Gateway's own proxies or of those that are shared.
async fn gone(world: &World, own: bool) -> Result<()> {
    let class = format!("gateway.networking.k8s.io/gateway-class-name%3D{NAME}");
    let path = format!("/apis/apps/v1/deployments?labelSelector={class}");
    let look = async || {
        let (_, found) = world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
        let deployments = found["items"].as_array().into_iter().flatten();
        let left = deployments.filter(|found| (found["metadata"]["namespace"] == world.namespace) == own);
        let left: Vec<&Value> = left.map(|found| &found["metadata"]["name"]).collect();
        Ok(if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        })
    };
    until("the former proxies to be gone", look).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_change_of_mode_loses_no_request() -> Result<()> {
    let world = World::new(NAME).await?;
    class_of_its_own(&world, NAME, json!({"mode": "Dedicated"})).await?;
    world.backend("web").await?;
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": "gw"},
            "spec": {"gatewayClassName": NAME, "listeners": [http_listener("http", 80)]},
        }))
        .await?;
    let own = world.address("gw").await?;
    world.apply(&http_route("web", "gw", HOST, "web")).await?;
    world.answers(SocketAddr::new(own, 80), (HOST, "/"), 200).await?;

    let full = std::env::var_os("GATEWRIGHT_FULL").is_some();
    let first = Clients::start(&world, own).await?;
    let shared = change(&world, "Shared", own).await?;
    let second = Clients::start(&world, shared).await?;
    if full {
        tokio::time::sleep(REMEMBERED).await;
        first.end("own proxies, up to their end").await?;
        gone(&world, true).await?;
        let again = change(&world, "Dedicated", shared).await?;
        let third = Clients::start(&world, again).await?;
        tokio::time::sleep(REMEMBERED).await;
        second.end("shared proxies, up to their end").await?;
        gone(&world, false).await?;
        tokio::time::sleep(BOTH).await;
        third.end("own proxies again").await?;
    } else {
        tokio::time::sleep(BOTH).await;
        // Back before the former ones went: they are still there.
        let again = change(&world, "Dedicated", shared).await?;
        assert_eq!(again, own, "the proxies that were to go stay");
        tokio::time::sleep(BOTH).await;
        let third = change(&world, "Shared", own).await?;
        assert_eq!(third, shared, "the proxies that were to go stay");
        tokio::time::sleep(BOTH).await;
        first.end("own proxies").await?;
        second.end("shared proxies").await?;
    }
    world.delete(GATEWAY_API, "Gateway", "gw").await?;
    world.delete(GATEWAY_API, "GatewayClass", NAME).await?;
    world.leave().await
}
