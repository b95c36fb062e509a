//! What runs a Gateway's proxies changes while they serve: a Deployment, one that an autoscaler scales, a DaemonSet, and
//! a Deployment again. No request fails, and nothing is left of what was before; nor of anything once the Gateway goes.

use super::class_of_its_own;
use anyhow::Result;
use gatewright_scenarios::api::JSON;
use gatewright_scenarios::world::{
    GATEWAY_API, Load, PARAMETERS, World, has_condition, http_listener, http_route, until,
};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;

const HOST: &str = "workloads.example";
/// Class, and its parameters.
const NAME: &str = "workloads";

/// What Gateways become, and where it is.
const KINDS: &[(&str, &str)] = &[
    ("api/v1", "configmaps"),
    ("api/v1", "serviceaccounts"),
    ("api/v1", "services"),
    ("apis/apps/v1", "daemonsets"),
    ("apis/apps/v1", "deployments"),
    ("apis/autoscaling/v2", "horizontalpodautoscalers"),
    ("apis/policy/v1", "poddisruptionbudgets"),
];

/// What every Gateway with proxies of its own has.
const ALWAYS: &[&str] = &["configmaps", "serviceaccounts", "services"];

/// Kinds of which there is an object for the Gateway; `None` while one of them is going.
async fn made(world: &World) -> Result<Option<BTreeSet<&'static str>>> {
    let mut made = BTreeSet::new();
    for (root, plural) in KINDS {
        let path = format!(
            "/{root}/namespaces/{}/{plural}?labelSelector=gateway.networking.k8s.io/gateway-name%3Dgw",
            world.namespace
        );
        let (_, found) = world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
        for object in found["items"].as_array().into_iter().flatten() {
            if !object["metadata"]["deletionTimestamp"].is_null() {
                return Ok(None);
            }
            made.insert(*plural);
        }
    }
    Ok(Some(made))
}

/// Waits until there are exactly these kinds beside those that are always there, and every proxy is ready.
async fn runs(world: &World, workload: (&str, &str), kinds: &[&'static str]) -> Result<()> {
    let wanted: BTreeSet<&str> = kinds.iter().chain(ALWAYS).copied().collect();
    let look = async || {
        let found = made(world).await?;
        Ok(if found.as_ref() == Some(&wanted) {
            Ok(())
        } else {
            Err(format!("{found:?}; wanted {wanted:?}"))
        })
    };
    until(&format!("{} alone", workload.0), look).await?;
    let all_ready = |found: &Value| {
        let count = |name: &str| found["status"][name].as_u64();
        let (ready, wanted) = match workload.0 {
            "DaemonSet" => ("numberReady", "desiredNumberScheduled"),
            _ => ("readyReplicas", "replicas"),
        };
        found["status"]["observedGeneration"] == found["metadata"]["generation"]
            && count(ready) == count(wanted)
            && count(ready) > Some(0)
    };
    world
        .wait(
            ("apps/v1", workload.0, workload.1),
            "to have ready proxies alone",
            all_ready,
        )
        .await?;
    world
        .wait((GATEWAY_API, "Gateway", "gw"), "to be programmed", |found| {
            has_condition(found.get("status"), "Programmed", "True")
        })
        .await
        .map(drop)
}

/// Waits until no pod of the Gateway is ending: those of the former workload finish what they began.
async fn former_ended(world: &World) -> Result<()> {
    let path = format!(
        "/api/v1/namespaces/{}/pods?labelSelector=gateway.networking.k8s.io/gateway-name%3Dgw",
        world.namespace
    );
    let look = async || {
        let (_, found) = world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
        let pods = found["items"].as_array().into_iter().flatten();
        let ending = pods
            .filter(|pod| !pod["metadata"]["deletionTimestamp"].is_null())
            .count();
        Ok(if ending == 0 {
            Ok(())
        } else {
            Err(format!("{ending} pods"))
        })
    };
    until("the former proxies to end", look).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn another_workload_loses_no_request_and_leaves_nothing() -> Result<()> {
    let world = World::new(NAME).await?;
    class_of_its_own(&world, NAME, json!({"deployment": {"replicas": 2}})).await?;
    world.backend("web").await?;
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": "gw"},
            "spec": {"gatewayClassName": NAME, "listeners": [http_listener("http", 80)]},
        }))
        .await?;
    let at = SocketAddr::new(world.address("gw").await?, 80);
    world.apply(&http_route("web", "gw", HOST, "web")).await?;
    world.answers(at, (HOST, "/"), 200).await?;
    let name = format!("gw-{NAME}");
    let (deployment, daemon_set) = (("Deployment", name.as_str()), ("DaemonSet", name.as_str()));
    let plain = ["deployments", "poddisruptionbudgets"];
    let scaled = ["deployments", "horizontalpodautoscalers", "poddisruptionbudgets"];
    runs(&world, deployment, &plain).await?;

    let inside = SocketAddr::new(world.inside("gw").await?, 80);
    let loads = [Load::start(inside, HOST, "/"), Load::kept(at, HOST, "/")];
    let parameters = (PARAMETERS.0, PARAMETERS.1, NAME);
    for (spec, workload, kinds) in [
        (
            json!({"replicas": null, "autoscaling": {"minReplicas": 2, "maxReplicas": 3}}),
            deployment,
            scaled.as_slice(),
        ),
        (
            json!({"autoscaling": null, "kind": "DaemonSet"}),
            daemon_set,
            ["daemonsets"].as_slice(),
        ),
        (
            json!({"kind": "Deployment", "replicas": 2}),
            deployment,
            plain.as_slice(),
        ),
    ] {
        println!("{spec}");
        world
            .patch(parameters, &json!({"spec": {"deployment": spec}}))
            .await?;
        runs(&world, workload, kinds).await?;
        former_ended(&world).await?;
    }
    let mut count = 0;
    for load in loads {
        count += load.end().await?;
    }
    println!("{count} requests through three changes, none failed");

    world.delete(GATEWAY_API, "Gateway", "gw").await?;
    let nothing = async || {
        let found = made(&world).await?;
        Ok(if found == Some(BTreeSet::new()) {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        })
    };
    until("nothing to be left of the Gateway", nothing).await?;
    world.delete(GATEWAY_API, "GatewayClass", NAME).await?;
    world.leave().await
}
