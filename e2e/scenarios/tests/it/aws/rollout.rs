//! Pods are replaced again and again under load: each leaves its target group before it ends, and no request fails.

use anyhow::{Result, ensure};
use gatewright_scenarios::aws::{Place, writes};
use gatewright_scenarios::world::Load;
use serde_json::json;

const HOST: &str = "rollout.example";
const ROLLOUTS: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn a_rolling_update_loses_no_request() -> Result<()> {
    let place = Place::new("aws-rollout").await?;
    let world = &place.world;
    let at = place.serving(HOST).await?;
    place.aws.calls().await?;
    let loads = [Load::start(at, HOST, "/"), Load::kept(at, HOST, "/")];
    for number in 0..ROLLOUTS {
        let template = json!({"metadata": {"annotations": {"rollout": number.to_string()}}});
        world
            .patch(
                ("apps/v1", "Deployment", "web"),
                &json!({"spec": {"template": template}}),
            )
            .await?;
        world.ready("web", 3).await?;
    }
    // Down to one pod and up again.
    world.scale("web", 1).await?;
    world.scale("web", 3).await?;
    let mut count = 0;
    for load in loads {
        count += load.end().await?;
    }
    let calls = place.aws.calls().await?;
    let writes = writes(&calls);
    println!(
        "{count} requests through {ROLLOUTS} rolling updates and two changes of scale, none failed; {writes:?}"
    );
    for operation in writes.keys() {
        ensure!(
            ["RegisterTargets", "DeregisterTargets"].contains(operation),
            "{operation} changes more than targets: {writes:?}"
        );
    }
    place.delete("gw").await?;
    world.leave().await
}
