//! The Secret of an installation lacks what a later release keeps in it: the next controller completes it, and nobody
//! notices.

use anyhow::{Context, Result, ensure};
use gatewright_scenarios::world::{Load, World, http_route, until};
use serde_json::{Value, json};

const SECRET: (&str, &str, &str) = ("v1", "Secret", "gatewright-ca");
const ENTRY: &str = "sessions.key";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_secret_of_an_earlier_release_is_completed() -> Result<()> {
    let world = World::new("authority-completed").await?;
    let at = world.serving("web.example").await?;
    let load = Load::start(world.proxy("gw").await?, "web.example", "/");

    let system = world.system();
    let before = system.read(SECRET.0, SECRET.1, SECRET.2).await?;
    ensure!(before["data"][ENTRY].is_string(), "the Secret has no {ENTRY}");
    system.patch(SECRET, &json!({"data": {ENTRY: null}})).await?;
    let controllers = world.controller_restarts().await?;
    let (controller, _) = controllers.first().context("a controller")?;
    system.delete("v1", "Pod", controller).await?;
    let after = system
        .wait(SECRET, "to be complete", |found| found["data"][ENTRY].is_string())
        .await?;
    let others = |secret: &Value| {
        let mut data = secret["data"].clone();
        if let Some(data) = data.as_object_mut() {
            data.remove(ENTRY);
        }
        data
    };
    ensure!(others(&after) == others(&before), "the authority is another one");
    ensure!(
        after["data"][ENTRY] != before["data"][ENTRY],
        "it was not made anew"
    );

    // One controller again, that works, with the proxies that trust the authority as it was.
    let alone = async || {
        let now = world.controller_restarts().await?;
        let alone = now.len() == 1 && now.iter().all(|(pod, _)| pod != controller);
        Ok(if alone { Ok(()) } else { Err(format!("{now:?}")) })
    };
    until("a new controller alone", alone).await?;
    world
        .apply(&http_route("new", "gw", "new.example", "web"))
        .await?;
    world.answers(at, ("new.example", "/"), 200).await?;
    println!("{} requests meanwhile, none failed", load.end().await?);
    world.leave().await
}
