//! A Gateway on VPC Lattice: a service of its own, and one for each hostname, with the rules of all routes that share it.

use anyhow::{Context, Result, ensure};
use gatewright_scenarios::aws::{LATTICE_CLASS, Place, web, writes};
use gatewright_scenarios::world::{GATEWAY_API, http_listener, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

const HOST: &str = "lattice.example";

/// A route for a path of a host, or for every host without one.
fn route(name: &str, hosts: &[&str], path: &str, backends: &[(&str, u64)]) -> Value {
    let backends: Vec<Value> = backends
        .iter()
        .map(|(name, weight)| json!({"name": name, "port": 80, "weight": weight}))
        .collect();
    json!({
        "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"name": name},
        "spec": {
            "parentRefs": [{"name": "gw"}], "hostnames": hosts,
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": backends,
            }],
        },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn hostnames_are_services_and_nothing_is_left_in_the_end() -> Result<()> {
    let place = Place::new("aws-lattice").await?;
    let (world, aws) = (&place.world, &place.aws);
    web(world, "one", 2).await?;
    web(world, "two", 1).await?;
    world
        .apply_all(&[
            json!({
                "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": "gw"},
                "spec": {"gatewayClassName": LATTICE_CLASS, "listeners": [http_listener("http", 80)]},
            }),
            route("first", &[HOST], "/one", &[("one", 1)]),
            // Two routes share a hostname: their rules are one service's.
            route("second", &[HOST], "/two", &[("two", 1)]),
            route("any", &[], "/", &[("one", 1)]),
        ])
        .await?;
    let name = place.hostname("gw").await?;
    ensure!(name.ends_with(".on.aws"), "{name}");
    let own = SocketAddr::new(place.address("gw").await?, 80);
    let look = async || {
        Ok(aws
            .lattice_address(HOST)
            .await?
            .ok_or_else(|| format!("no service of {HOST} serves")))
    };
    let at = SocketAddr::new(until("the service of the hostname", look).await?, 80);
    // Whoever writes DNS finds the service's name in the route.
    let told = async || {
        let route = world.read(GATEWAY_API, "HTTPRoute", "first").await?;
        let conditions = route
            .pointer("/status/parents/0/conditions")
            .and_then(Value::as_array);
        let found = conditions
            .into_iter()
            .flatten()
            .find(|found| found["type"] == "gatewright.dev/Names");
        let message = found
            .and_then(|found| found["message"].as_str())
            .unwrap_or_default();
        let begins = message.starts_with(&format!("{HOST}: ")) && message.ends_with(".on.aws");
        Ok(if begins { Ok(()) } else { Err(format!("{route}")) })
    };
    until("the name of the hostname in the route's status", told).await?;
    for (at, host, path, status, pod) in [
        (at, HOST, "/one", 200, "one-"),
        (at, HOST, "/two/x", 200, "two-"),
        (at, HOST, "/elsewhere", 200, "one-"),
        (at, "other.example", "/one", 404, ""),
        (own, name.as_str(), "/x", 200, "one-"),
    ] {
        let answer = world.answers(at, (host, path), status).await?;
        let body = &answer.body;
        ensure!(body.contains(pod), "{host}{path}: {body}");
    }

    // A weight is one edit of each of a rule's matches: a path and what is below it are two.
    aws.calls().await?;
    world
        .apply(&route("second", &[HOST], "/two", &[("two", 0), ("one", 1)]))
        .await?;
    let moved = async || {
        let answer = world.answers(at, (HOST, "/two/x"), 200).await?;
        let body = answer.body;
        Ok(if body.contains("one-") { Ok(()) } else { Err(body) })
    };
    until("the other backend to answer", moved).await?;
    let calls = aws.calls().await?;
    ensure!(writes(&calls) == BTreeMap::from([("UpdateRule", 2)]), "{calls:?}");
    // Whatever is looked at again is as it should be.
    let look = async || {
        let calls = aws.calls().await?;
        ensure!(writes(&calls).is_empty(), "{calls:?}");
        let looked = calls.keys().any(|name| name.ends_with(":ListRules"));
        Ok(looked.then_some(()).ok_or_else(|| format!("{calls:?}")))
    };
    until("another look", look).await?;

    // A hostname goes with its last route.
    for name in ["first", "second"] {
        world.delete(GATEWAY_API, "HTTPRoute", name).await?;
    }
    let look = async || {
        Ok(match aws.lattice_address(HOST).await? {
            None => Ok(()),
            Some(at) => Err(format!("{HOST} is at {at}")),
        })
    };
    until("the service of the hostname to go", look).await?;
    world.answers(own, (name.as_str(), "/x"), 200).await?;
    let gone = tokio::time::timeout(Duration::from_secs(110), place.delete("gw"));
    gone.await.context("deleting the Gateway")??;
    world.leave().await
}
