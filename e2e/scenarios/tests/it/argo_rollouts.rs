//! What the Gateway API plugin of Argo Rollouts writes during a canary: weights in place, a label while it lasts, and a
//! rule for a header that comes and goes. The module proxy does not serve the plugin's module, so its writes are
//! imitated: it reads the HTTPRoute, changes it, and writes it as a whole (`Update`).

use anyhow::{Context, Result, bail};
use gatewright_scenarios::api::JSON;
use gatewright_scenarios::http::get;
use gatewright_scenarios::world::{GATEWAY_API, Load, World, http_listener};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

const HOST: &str = "canary.example";
const LABEL: &str = "rollouts.argoproj.io/gatewayapi-canary";
/// `setWeight` of the steps of a canary.
const STEPS: &[u64] = &[5, 10, 25, 40, 50, 60, 75, 90, 100];
/// Between two writes.
const PAUSE: Duration = Duration::from_millis(200);

/// Reads the route, changes it, writes it whole; again when somebody else wrote meanwhile.
async fn update(world: &World, change: impl Fn(&mut Value)) -> Result<()> {
    let path = format!(
        "/apis/{GATEWAY_API}/namespaces/{}/httproutes/shop",
        world.namespace
    );
    for _ in 0..20 {
        let (_, mut route) = world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
        change(&mut route);
        let body = route.to_string().into_bytes();
        let (status, answer) = world.api.ask(Method::PUT, &path, JSON, body).await?;
        match status {
            StatusCode::CONFLICT => {}
            status if status.is_success() => return Ok(()),
            status => bail!("{status}: {answer}"),
        }
    }
    bail!("the route changes all the time")
}

/// `SetWeight`: in every rule that has both Services, and the label while neither has everything.
async fn set_weight(world: &World, canary: u64) -> Result<()> {
    update(world, |route| {
        let rules = route["spec"]["rules"].as_array_mut().into_iter().flatten();
        for backend in rules
            .filter_map(|rule| rule["backendRefs"].as_array_mut())
            .flatten()
        {
            match backend["name"].as_str() {
                Some("canary") => backend["weight"] = json!(canary),
                Some("stable") => backend["weight"] = json!(100 - canary),
                _ => {}
            }
        }
        if canary == 0 || canary == 100 {
            if let Some(labels) = route["metadata"]["labels"].as_object_mut() {
                labels.remove(LABEL);
            }
        } else {
            route["metadata"]["labels"][LABEL] = json!("in-progress");
        }
    })
    .await
}

/// `SetHeaderRoute`: one more rule, for the canary alone.
async fn set_header_route(world: &World) -> Result<()> {
    update(world, |route| {
        let rule = json!({
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}, "headers": [{"type": "Exact", "name": "X-Canary", "value": "always"}]}],
            "filters": [],
            "backendRefs": [{"group": "", "kind": "Service", "name": "canary", "port": 80}],
        });
        if let Some(rules) = route["spec"]["rules"].as_array_mut() {
            rules.push(rule);
        }
    })
    .await
}

/// `RemoveManagedRoutes`.
async fn remove_header_route(world: &World) -> Result<()> {
    update(world, |route| {
        if let Some(rules) = route["spec"]["rules"].as_array_mut() {
            rules.truncate(1);
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_canary_loses_no_request() -> Result<()> {
    let world = World::new("argo-rollouts").await?;
    world.backends("stable", 2).await?;
    world.backends("canary", 2).await?;
    let address = world.gateway("gw", json!([http_listener("http", 80)])).await?;
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"name": "shop"},
            "spec": {"parentRefs": [{"name": "gw"}], "hostnames": [HOST], "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": "stable", "port": 80}, {"name": "canary", "port": 80, "weight": 0}],
            }]},
        }))
        .await?;
    world
        .answers(SocketAddr::new(address, 80), (HOST, "/"), 200)
        .await?;
    let at = world.proxy("gw").await?;
    let loads = [Load::start(at, HOST, "/"), Load::start(at, HOST, "/")];
    let mut writes = 0;
    for round in 0..3 {
        set_header_route(&world).await?;
        let field = ["X-Canary: always".to_owned()];
        let chosen = async || {
            let answer = get(at, HOST, "/", &field).await?;
            Ok(if answer.pod().starts_with("canary") {
                Ok(())
            } else {
                Err(format!("{answer:?}"))
            })
        };
        gatewright_scenarios::world::until("the header to lead to the canary", chosen).await?;
        for weight in STEPS {
            set_weight(&world, *weight).await?;
            writes += 1;
            tokio::time::sleep(PAUSE).await;
        }
        remove_header_route(&world).await?;
        // Promoted, and back to the beginning: the next round is another rollout.
        tokio::time::sleep(PAUSE).await;
        set_weight(&world, 0).await?;
        writes += 3;
        tokio::time::sleep(PAUSE * (1 + round)).await;
    }
    let mut seen = Vec::new();
    for load in loads {
        seen.push(load.finish().await?);
    }
    let count: usize = seen.iter().map(|seen| seen.count).sum();
    let share = seen.first().context("a load")?.share("canary");
    println!("{count} requests through {writes} writes of a canary, none failed; {share:.0} % went to it");
    assert!((20.0..=80.0).contains(&share), "the canary had {share:.0} %");
    world.leave().await
}
