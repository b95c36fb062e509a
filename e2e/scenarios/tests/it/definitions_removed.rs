//! The Gateway API's definitions are uninstalled while the controller runs, some of them and then all, and installed
//! again.

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use gatewright_scenarios::api::JSON;
use gatewright_scenarios::world::{
    CLASS, GATEWAY_API, Load, World, has_condition, http_listener, http_route, until,
};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// Without these, Gateways with HTTPRoutes work on.
const OPTIONAL: &[&str] = &[
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
    "UDPRoute",
    "ListenerSet",
    "BackendTLSPolicy",
];

/// The definitions as the cluster has them, to bring them back.
fn bundle(definition: &Value) -> Result<Vec<Value>> {
    let annotation = |name: &str| {
        let annotations = &definition["metadata"]["annotations"];
        annotations[format!("gateway.networking.k8s.io/{name}")]
            .as_str()
            .map(str::to_owned)
    };
    let version = annotation("bundle-version").context("the definition has no bundle version")?;
    let channel = annotation("channel").context("the definition has no channel")?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../../crds/bundles/{version}-{channel}.jsonl.gz"));
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(&file).with_context(|| file.display().to_string())?)
        .read_to_string(&mut text)?;
    text.lines()
        .map(|line| serde_json::from_str(line).context("a definition"))
        .collect()
}

async fn remove(world: &World, definitions: &[&Value]) -> Result<()> {
    for definition in definitions {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("{DEFINITIONS}/{name}");
        let (status, answer) = world.api.ask(Method::DELETE, &path, JSON, Vec::new()).await?;
        if !status.is_success() {
            bail!("{name}: {status}: {answer}");
        }
    }
    for definition in definitions {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("{DEFINITIONS}/{name}");
        let gone = async || {
            let (status, found) = world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
            Ok(if status == StatusCode::NOT_FOUND {
                Ok(())
            } else {
                Err(found["status"].to_string())
            })
        };
        until(&format!("definition {name} to be gone"), gone).await?;
    }
    Ok(())
}

async fn install(world: &mut World, definitions: &[&Value]) -> Result<()> {
    for definition in definitions {
        let (status, answer) = world
            .api
            .ask(
                Method::POST,
                DEFINITIONS,
                JSON,
                definition.to_string().into_bytes(),
            )
            .await?;
        if !status.is_success() {
            bail!("{}: {status}: {answer}", definition["metadata"]["name"]);
        }
    }
    for definition in definitions {
        let path = format!(
            "{DEFINITIONS}/{}",
            definition["metadata"]["name"].as_str().unwrap_or_default()
        );
        let served = async || {
            let (_, found) = world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
            let ready = has_condition(found.get("status"), "Established", "True");
            Ok(if ready {
                Ok(())
            } else {
                Err(found["status"].to_string())
            })
        };
        until("a definition to be served", served).await?;
    }
    world.api.discover().await
}

/// Waits until nothing is left anywhere of what a Gateway became, its Service beside shared proxies included.
async fn left(world: &World, gateway: &str) -> Result<()> {
    for plural in ["api/v1/services", "apis/apps/v1/deployments"] {
        let path = format!(
            "/{plural}?labelSelector=gateway.networking.k8s.io/gateway-name%3D{gateway},gatewright.dev/gateway-namespace%3D{}",
            world.namespace
        );
        let look = async || {
            let (_, found) = world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
            let names: Vec<&Value> = found["items"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|found| &found["metadata"]["name"])
                .collect();
            Ok(if names.is_empty() {
                Ok(())
            } else {
                Err(format!("{names:?}"))
            })
        };
        until(&format!("nothing to be left of Gateway {gateway}"), look).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn definitions_go_and_come_back() -> Result<()> {
    let mut world = World::new("definitions-removed").await?;
    let before = world.controller_restarts().await?;
    let name = format!("{DEFINITIONS}/gateways.gateway.networking.k8s.io");
    let (_, gateways) = world.api.ask(Method::GET, &name, JSON, Vec::new()).await?;
    let all = bundle(&gateways)?;
    let at = world.serving("web.example").await?;

    let optional: Vec<&Value> = all
        .iter()
        .filter(|definition| {
            OPTIONAL
                .iter()
                .any(|kind| definition["spec"]["names"]["kind"] == **kind)
        })
        .collect();
    assert!(
        optional.len() >= 4,
        "only {} definitions are optional",
        optional.len()
    );
    let load = Load::start(world.proxy("gw").await?, "web.example", "/");
    remove(&world, &optional).await?;
    // Changes still arrive.
    world
        .apply(&http_route("second", "gw", "second.example", "web"))
        .await?;
    world.answers(at, ("second.example", "/"), 200).await?;
    install(&mut world, &optional).await?;
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "GRPCRoute", "metadata": {"name": "calls"},
            "spec": {"parentRefs": [{"name": "gw"}], "hostnames": ["calls.example"], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
        }))
        .await?;
    world
        .wait((GATEWAY_API, "GRPCRoute", "calls"), "to be accepted", |found| {
            gatewright_scenarios::world::route_is(found, "Accepted", "True")
        })
        .await?;
    println!(
        "without the optional kinds: {} requests, none failed",
        load.end().await?
    );

    // All of them, while the Gateway is served: every object goes with its definition, and what the Gateway became
    // goes with it, without any definition to ask for. The class is made again by hand, as the chart would.
    let (_, class) = world
        .api
        .ask(
            Method::GET,
            &format!("/apis/{GATEWAY_API}/gatewayclasses/{CLASS}"),
            JSON,
            Vec::new(),
        )
        .await?;
    let everything: Vec<&Value> = all.iter().collect();
    let load = Load::start(world.proxy("gw").await?, "web.example", "/");
    remove(&world, &everything).await?;
    // Its requests end with the proxies: how many were answered is no question of ours.
    drop(load.end().await);
    install(&mut world, &everything).await?;
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "GatewayClass",
            "metadata": {"name": CLASS, "labels": class["metadata"]["labels"], "annotations": class["metadata"]["annotations"]},
            "spec": class["spec"],
        }))
        .await?;
    left(&world, "gw").await?;
    let address = world.gateway("again", json!([http_listener("http", 80)])).await?;
    world
        .apply(&http_route("again", "again", "again.example", "web"))
        .await?;
    world
        .answers(SocketAddr::new(address, 80), ("again.example", "/"), 200)
        .await?;
    assert_eq!(
        world.controller_restarts().await?,
        before,
        "the controller did not stay"
    );
    world.leave().await
}
