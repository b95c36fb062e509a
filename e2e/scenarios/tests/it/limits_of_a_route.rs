//! An HTTPRoute at every limit of its schema that fits into one object.

use anyhow::Result;
use gatewright_scenarios::http::get;
use gatewright_scenarios::world::{GATEWAY_API, World, http_listener, parent, route_is};
use gatewright_traffic::client;
use gatewright_traffic::echo::Speaks;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// 16 names of 256 characters with a value each, the first one so long.
fn entries(longest: usize) -> Vec<(String, String)> {
    let name = |index: usize| format!("{index:02}{}", "n".repeat(254));
    let value = |index: usize| "v".repeat(if index == 0 { longest } else { 1 });
    (0..16).map(|index| (name(index), value(index))).collect()
}

/// A path of 1024 characters.
fn longest_path() -> String {
    format!("/{}", "p".repeat(1023))
}

/// A rule at the limits of a match: 16 headers and 16 query parameters, their names of 256 characters, values of up to
/// 4096 (headers) and 1024 (parameters), a path of 1024.
fn longest_match() -> Value {
    let named = |longest: usize| -> Vec<Value> {
        let entries = entries(longest).into_iter();
        entries
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect()
    };
    json!({
        "path": {"type": "Exact", "value": longest_path()},
        "headers": named(4096), "queryParams": named(1024), "method": "OPTIONS",
    })
}

/// Asks for what only [`longest_match`] matches, with one header fewer where there is a `without`.
async fn ask_longest(at: SocketAddr, host: &str, without: Option<usize>) -> Result<u16> {
    let query: Vec<String> = entries(1024)
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let target = format!("{}?{}", longest_path(), query.join("&"));
    let mut headers = entries(4096);
    if let Some(index) = without {
        headers.remove(index);
    }
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let request = client::request("OPTIONS", host, &target, &headers)?;
    client::send(at, Speaks::Http1, request)
        .await
        .map(|answer| answer.status)
}

/// 16 rules, 128 matches in all, 64 in one of them; 16 filters, 16 backends, 16 hostnames of 253 characters.
fn route(service: &str) -> Value {
    let labels = |index: usize| format!("h{index:02}{}", format!(".{}", "l".repeat(60)).repeat(4));
    let hostnames: Vec<String> = (0..16).map(|index| format!("{}.abcde", labels(index))).collect();
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
            let name = format!("rule-{rule:02}-{}", "n".repeat(245));
            json!({"name": name, "matches": matches, "backendRefs": backends})
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
    parents.extend((1..32).map(|index| {
        json!({
            "name": format!("absent-{index:02}-{}", "n".repeat(243)), "namespace": "n".repeat(63),
            "sectionName": "s".repeat(253), "port": 65_535,
        })
    }));
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
    assert_eq!(host.len(), 253);
    for path in ["/r0/m0", "/r0/m63", "/r2/m49", "/r15/m0/below"] {
        world.answers(at, (host, path), 200).await?;
    }
    assert_eq!(ask_longest(at, host, None).await?, 200);
    for without in [0, 15] {
        assert_eq!(
            ask_longest(at, host, Some(without)).await?,
            404,
            "header {without}"
        );
    }
    // The header filter of 16 entries of 4 KiB: what a route may add, the backend gets, whatever clients may send.
    let modified = get(at, host, "/r3/m0", &[]).await?;
    assert_eq!(modified.status, 200, "{modified:?}");
    let seen = modified.echo();
    for index in 0..16 {
        let value = &seen["headers"][format!("X-{index}")][0];
        assert_eq!(value.as_str().map(str::len), Some(4096), "x-{index}: {value}");
    }
    world.answers(at, (host, "/r4/m0"), 200).await?;
    world.answers(at, (host, "/none"), 404).await?;
    world.leave().await
}
