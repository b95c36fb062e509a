//! An HTTPRoute at every limit of its schema that fits into one object.

use anyhow::Result;
use gatewright_scenarios::http::get;
use gatewright_scenarios::world::{GATEWAY_API, World, http_listener, parent, route_is};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// A rule at the limits of a match: 16 headers and 16 query parameters, their names of 256 characters, values of 4096
/// (headers) and 1024 (parameters), a path of 1024.
fn longest_match() -> Value {
    let name = |index: usize, length: usize| format!("{index:02}{}", "n".repeat(length - 2));
    let headers: Vec<Value> = (0..16)
        .map(|index| json!({"name": name(index, 256), "value": if index == 0 { "v".repeat(4096) } else { "v".to_owned() }}))
        .collect();
    let parameters: Vec<Value> = (0..16)
        .map(|index| json!({"name": name(index, 256), "value": if index == 0 { "v".repeat(1024) } else { "v".to_owned() }}))
        .collect();
    json!({
        "path": {"type": "Exact", "value": format!("/{}", "p".repeat(1023))},
        "headers": headers, "queryParams": parameters, "method": "OPTIONS",
    })
}

/// 16 rules, 128 matches in all, 64 in one of them; 16 filters, 16 backends, 16 hostnames of 253 characters.
fn route(service: &str) -> Value {
    let labels = |index: usize| format!("h{index:02}{}", format!(".{}", "l".repeat(60)).repeat(4));
    let hostnames: Vec<String> = (0..16).map(|index| format!("{}.abc", labels(index))).collect();
    let path = |rule: usize, index: usize| json!({"path": {"type": "PathPrefix", "value": format!("/r{rule}/m{index}")}});
    let backends: Vec<Value> = (0..16)
        .map(|_| json!({"name": service, "port": 80, "weight": 1_000_000}))
        .collect();
    let mut rules: Vec<Value> = (0..16)
        .map(|rule| {
            let matches: Vec<Value> = match rule {
                0 => (0..64).map(|index| path(rule, index)).collect(),
                1 => vec![longest_match()],
                2 => (0..63 - 13).map(|index| path(rule, index)).collect(),
                _ => vec![path(rule, 0)],
            };
            json!({"name": format!("rule-{rule}"), "matches": matches, "backendRefs": backends})
        })
        .collect();
    // The most entries of a header filter, and as many filters as there may be: mirrors may repeat.
    let entries: Vec<Value> = (0..16)
        .map(|index| json!({"name": format!("x-{index}"), "value": "v".repeat(4096)}))
        .collect();
    rules[3]["filters"] =
        json!([{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": entries}}]);
    let mirrors: Vec<Value> = (0..16)
        .map(|_| json!({"type": "RequestMirror", "requestMirror": {"backendRef": {"name": service, "port": 80}}}))
        .collect();
    rules[4]["filters"] = json!(mirrors);
    let mut parents = vec![json!({"name": "gw", "sectionName": "http"})];
    parents.extend((1..32).map(|index| json!({"name": format!("absent-{index}")})));
    json!({
        "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"name": "limits"},
        "spec": {"parentRefs": parents, "hostnames": hostnames, "rules": rules},
    })
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_route_at_every_limit_is_served() -> Result<()> {
    let world = World::new("limits-of-a-route").await?;
    world.backend("web").await?;
    let address = world.gateway("gw", json!([http_listener("http", 80)])).await?;
    let at = SocketAddr::new(address, 80);
    let route = route("web");
    let matches: usize = (0..16)
        .filter_map(|rule| route["spec"]["rules"][rule]["matches"].as_array())
        .map(Vec::len)
        .sum();
    assert_eq!(matches, 128);
    world.apply(&route).await?;
    let stored = world
        .wait((GATEWAY_API, "HTTPRoute", "limits"), "to be accepted", |found| {
            route_is(found, "Accepted", "True") && route_is(found, "ResolvedRefs", "True")
        })
        .await?;
    // Parents that do not exist are nobody's: only the Gateway's entry is there.
    assert_eq!(
        stored["status"]["parents"].as_array().map(Vec::len),
        Some(1),
        "{}",
        stored["status"]
    );
    assert!(parent(&stored).is_some());
    let host = route["spec"]["hostnames"][15].as_str().unwrap_or_default();
    assert_eq!(host.len(), 251);
    for path in ["/r0/m0", "/r0/m63", "/r2/m49", "/r15/m0/below"] {
        world.answers(at, (host, path), 200).await?;
    }
    // The header filter of 16 entries of 4 KiB: the backend gets them all, or the proxy says that it is too much.
    let modified = get(at, host, "/r3/m0", &[]).await?;
    println!("64 KiB of added headers: {}", modified.status);
    assert!([200, 431, 500, 502].contains(&modified.status), "{modified:?}");
    world.answers(at, (host, "/r4/m0"), 200).await?;
    world.answers(at, (host, "/none"), 404).await?;
    world.leave().await
}
