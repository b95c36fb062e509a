//! A Gateway with as many listeners as it may have, and 64 ListenerSets.

use anyhow::Result;
use gatewright_scenarios::world::{GATEWAY_API, World, has_condition, http_route};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Instant;

const LISTENERS: usize = 64;
const SETS: usize = 64;
const IN_A_SET: usize = 8;

fn listener(name: &str, hostname: &str) -> Value {
    json!({"name": name, "port": 80, "protocol": "HTTP", "hostname": hostname})
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn sixty_four_listeners_and_sets_are_served() -> Result<()> {
    let world = World::new("many-listeners").await?;
    world.backend("web").await?;
    let listeners: Vec<Value> = (0..LISTENERS)
        .map(|index| listener(&format!("l{index}"), &format!("l{index}.example")))
        .collect();
    let begun = Instant::now();
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": "gw"},
            "spec": {
                "gatewayClassName": gatewright_scenarios::world::CLASS, "listeners": listeners,
                "allowedListeners": {"namespaces": {"from": "Same"}},
            },
        }))
        .await?;
    let sets: Vec<Value> = (0..SETS)
        .map(|set| {
            let listeners: Vec<Value> = (0..IN_A_SET)
                .map(|index| listener(&format!("l{index}"), &format!("s{set}-l{index}.example")))
                .collect();
            json!({
                "apiVersion": GATEWAY_API, "kind": "ListenerSet", "metadata": {"name": format!("set-{set}")},
                "spec": {"parentRef": {"name": "gw"}, "listeners": listeners},
            })
        })
        .collect();
    world.apply_all(&sets).await?;
    let mut routes = vec![http_route("gateway", "gw", "*.example", "web")];
    for set in 0..SETS {
        let mut route = http_route(&format!("set-{set}"), &format!("set-{set}"), "*.example", "web");
        route["spec"]["parentRefs"][0]["kind"] = json!("ListenerSet");
        route["spec"]["parentRefs"][0]["group"] = json!("gateway.networking.k8s.io");
        routes.push(route);
    }
    world.apply_all(&routes).await?;
    let at = SocketAddr::new(world.address("gw").await?, 80);
    for index in 0..LISTENERS {
        world
            .answers(at, (&format!("l{index}.example"), "/"), 200)
            .await?;
    }
    for set in 0..SETS {
        world
            .answers(at, (&format!("s{set}-l{}.example", IN_A_SET - 1), "/"), 200)
            .await?;
    }
    println!(
        "{} listeners served after {} ms",
        LISTENERS + SETS * IN_A_SET,
        begun.elapsed().as_millis()
    );
    for set in 0..SETS {
        world
            .wait(
                (GATEWAY_API, "ListenerSet", &format!("set-{set}")),
                "to be programmed",
                |found| has_condition(found.get("status"), "Programmed", "True"),
            )
            .await?;
    }
    let gateway = world
        .wait(
            (GATEWAY_API, "Gateway", "gw"),
            "all sets to be counted",
            |found| {
                found
                    .pointer("/status/attachedListenerSets")
                    .and_then(Value::as_u64)
                    == Some(SETS as u64)
            },
        )
        .await?;
    let attached = gateway
        .pointer("/status/listeners")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    assert_eq!(
        attached
            .filter(|listener| listener["attachedRoutes"] == 1)
            .count(),
        LISTENERS,
        "{}",
        gateway["status"]
    );

    // One set goes: its hostnames end, all others stay.
    world.delete(GATEWAY_API, "ListenerSet", "set-0").await?;
    world.answers(at, ("s0-l0.example", "/"), 404).await?;
    world.answers(at, ("s1-l0.example", "/"), 200).await?;
    world.leave().await
}
