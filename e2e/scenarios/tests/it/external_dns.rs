//! Our statuses as external-dns reads them: the names of accepted routes get the Gateway's addresses as soon as it has
//! some, and lose them with the route, the listener or the Gateway. The module proxy does not serve all that
//! external-dns is made of, so its reading is imitated (`source/gateway.go` of v0.23.0).

use anyhow::Result;
use gatewright_scenarios::api::JSON;
use gatewright_scenarios::world::{GATEWAY_API, World, has_condition, http_listener, http_route, until};
use http::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const GATEWAY: (&str, &str, &str) = (GATEWAY_API, "Gateway", "gw");

/// Addresses by name.
type Records = BTreeMap<String, BTreeSet<IpAddr>>;

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// `gwMatchingHost`: the more specific one of two hostnames that overlap; empty is any.
fn matching(one: &str, other: &str) -> Option<String> {
    let (short, long) = if one.len() <= other.len() {
        (one, other)
    } else {
        (other, one)
    };
    let covered = short.is_empty()
        || short == long
        || short
            .strip_prefix('*')
            .is_some_and(|suffix| suffix.starts_with('.') && long.ends_with(suffix));
    covered.then(|| long.to_owned()).filter(|host| !host.is_empty())
}

/// `gatewayRouteResolver.resolve`, for HTTPRoutes whose parents are Gateways of their namespace.
fn resolve(route: &Value, gateways: &[Value], records: &mut Records) {
    let mut names: Vec<&str> = list(route, "/spec/hostnames").filter_map(Value::as_str).collect();
    if names.is_empty() {
        names.push("");
    }
    for parent in list(route, "/status/parents") {
        let of = |gateway: &&Value| gateway["metadata"]["name"] == parent["parentRef"]["name"];
        let Some(gateway) = gateways.iter().find(of) else {
            continue;
        };
        if !has_condition(Some(parent), "Accepted", "True") {
            continue;
        }
        let section = parent["parentRef"]["sectionName"].as_str();
        for listener in list(gateway, "/spec/listeners") {
            let host = listener["hostname"].as_str().unwrap_or_default();
            if section.is_some_and(|section| listener["name"] != section) {
                continue;
            }
            for name in names.iter().filter_map(|name| matching(host, name)) {
                let addresses =
                    list(gateway, "/status/addresses").filter_map(|address| address["value"].as_str());
                let record = records.entry(name).or_default();
                record.extend(addresses.filter_map(|address| address.parse::<IpAddr>().ok()));
            }
        }
    }
}

/// What external-dns would put into the zone now.
async fn records(world: &World) -> Result<Records> {
    let all = async |plural: &str| -> Result<Vec<Value>> {
        let path = format!("/apis/{GATEWAY_API}/namespaces/{}/{plural}", world.namespace);
        let (_, found) = world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
        Ok(list(&found, "/items").cloned().collect())
    };
    let (routes, gateways) = (all("httproutes").await?, all("gateways").await?);
    let mut records = Records::new();
    for route in &routes {
        resolve(route, &gateways, &mut records);
    }
    // A name without target is no record, and names outside of the zone are not written.
    records.retain(|name, addresses| !addresses.is_empty() && name.ends_with(".dns.example"));
    Ok(records)
}

/// Waits until external-dns would have exactly these records.
async fn has(world: &World, what: &str, names: &[(&str, &[IpAddr])]) -> Result<()> {
    let wanted: Records = names
        .iter()
        .map(|(name, addresses)| ((*name).to_owned(), addresses.iter().copied().collect()))
        .collect();
    let look = async || {
        let found = records(world).await?;
        Ok(if found == wanted {
            Ok(())
        } else {
            Err(format!("{found:?}; wanted {wanted:?}"))
        })
    };
    until(&format!("external-dns: {what}"), look).await
}

/// The addresses of a Gateway that is programmed.
async fn addresses(world: &World, gateway: &str) -> Result<Vec<IpAddr>> {
    world.address(gateway).await?;
    let found = world.read(GATEWAY_API, "Gateway", gateway).await?;
    let addresses = found["status"]["addresses"].as_array().into_iter().flatten();
    Ok(addresses
        .filter_map(|address| address["value"].as_str()?.parse().ok())
        .collect())
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn names_follow_routes_and_gateways() -> Result<()> {
    let world = World::new("external-dns").await?;
    world.backend("web").await?;
    has(&world, "nothing at first", &[]).await?;
    // The route is older than its Gateway.
    world
        .apply(&http_route("web", "gw", "web.dns.example", "web"))
        .await?;
    let mut listener = http_listener("http", 80);
    listener["hostname"] = json!("*.dns.example");
    world.gateway("gw", json!([listener])).await?;
    let both = addresses(&world, "gw").await?;
    // The cluster has both families, and Services take both.
    assert_eq!(
        both.iter().filter(|address| address.is_ipv4()).count(),
        1,
        "{both:?}"
    );
    assert_eq!(both.len(), 2, "{both:?}");
    has(&world, "the first route", &[("web.dns.example", &both)]).await?;

    // A route without hostname has the listener's; one outside of it, and one of a section that is not there, none.
    let mut plain = http_route("plain", "gw", "x", "web");
    if let Some(spec) = plain["spec"].as_object_mut() {
        spec.remove("hostnames");
    }
    world.apply(&plain).await?;
    world
        .apply(&http_route("outside", "gw", "web.other.example", "web"))
        .await?;
    let mut absent = http_route("absent", "gw", "absent.dns.example", "web");
    absent["spec"]["parentRefs"][0]["sectionName"] = json!("absent");
    world.apply(&absent).await?;
    let wild = ("*.dns.example", both.as_slice());
    has(&world, "the listener's name", &[("web.dns.example", &both), wild]).await?;

    // Another name takes the place of the first; a broken backend changes nothing.
    world
        .patch(
            (GATEWAY_API, "HTTPRoute", "web"),
            &json!({"spec": {"hostnames": ["new.dns.example"]}}),
        )
        .await?;
    world
        .patch(
            (GATEWAY_API, "HTTPRoute", "plain"),
            &json!({"spec": {"rules": [{"backendRefs": [{"name": "nobody", "port": 80}]}]}}),
        )
        .await?;
    let new = ("new.dns.example", both.as_slice());
    has(&world, "the new name", &[new, wild]).await?;
    world.delete(GATEWAY_API, "HTTPRoute", "plain").await?;
    has(&world, "nothing of a route that is gone", &[new]).await?;

    // A Gateway of one family.
    let family = json!({"service": {"ipFamilyPolicy": "SingleStack"}});
    world
        .gateway_with_parameters("single", json!([http_listener("http", 80)]), family)
        .await?;
    world
        .apply(&http_route("single", "single", "single.dns.example", "web"))
        .await?;
    let single = addresses(&world, "single").await?;
    assert_eq!(single.len(), 1, "{single:?}");
    has(&world, "another Gateway", &[new, ("single.dns.example", &single)]).await?;

    // What is gone has no name.
    world.delete(GATEWAY_API, "Gateway", "single").await?;
    has(&world, "nothing of a Gateway that is gone", &[new]).await?;
    world
        .patch(
            GATEWAY,
            &json!({"spec": {"listeners": [{"name": "http", "port": 80, "protocol": "HTTP", "hostname": "*.else.example"}]}}),
        )
        .await?;
    has(&world, "nothing without a listener for it", &[]).await?;
    world.leave().await
}
