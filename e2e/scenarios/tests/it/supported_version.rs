//! `SupportedVersion` of the GatewayClass: false while a definition of the Gateway API names a release that is not
//! known, and everything is served on best effort meanwhile.

use anyhow::Result;
use gatewright_scenarios::world::{Load, World, condition, has_condition, http_route};
use serde_json::json;

/// A release that does not exist, and that the release's own admission policy lets pass.
const UNKNOWN: &str = "v1.99.0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn an_unknown_release_is_told_and_served() -> Result<()> {
    let world = World::new("supported-version").await?;
    let at = world.serving("web.example").await?;
    let supported = world
        .class("to be supported", |found| {
            has_condition(found.get("status"), "SupportedVersion", "True")
        })
        .await?;
    let found = condition(supported.get("status"), "SupportedVersion");
    assert_eq!(
        found.map(|found| &found["reason"]),
        Some(&json!("SupportedVersion"))
    );
    let features = supported["status"]["supportedFeatures"].clone();
    assert!(
        features.as_array().is_some_and(|features| features.len() > 30),
        "{features}"
    );

    let release = world.bundle("grpcroutes").await?;
    let load = Load::start(world.proxy("gw").await?, "web.example", "/");
    world.set_bundle("grpcroutes", UNKNOWN).await?;
    let told = world
        .class("to be of an unknown release", |found| {
            has_condition(found.get("status"), "SupportedVersion", "False")
        })
        .await;
    // Best effort: a route that is new is served.
    let served = async {
        world
            .apply(&http_route("new", "gw", "new.example", "web"))
            .await?;
        world.answers(at, ("new.example", "/"), 200).await
    };
    let served = served.await;
    // Whatever came of it, the cluster is left as it was.
    world.set_bundle("grpcroutes", &release).await?;
    let (told, _) = (told?, served?);
    let found = condition(told.get("status"), "SupportedVersion")
        .cloned()
        .unwrap_or_default();
    assert_eq!(found["reason"], "UnsupportedVersion", "{found}");
    assert!(
        found["message"]
            .as_str()
            .is_some_and(|text| text.contains(UNKNOWN)),
        "{found}"
    );
    assert_eq!(
        found["observedGeneration"], told["metadata"]["generation"],
        "{found}"
    );
    assert!(
        has_condition(told.get("status"), "Accepted", "True"),
        "{}",
        told["status"]
    );

    let again = world
        .class("to be supported again", |found| {
            has_condition(found.get("status"), "SupportedVersion", "True")
        })
        .await?;
    assert_eq!(again["status"]["supportedFeatures"], features);
    world.answers(at, ("new.example", "/"), 200).await?;
    println!("{} requests meanwhile, none failed", load.end().await?);
    world.leave().await
}
