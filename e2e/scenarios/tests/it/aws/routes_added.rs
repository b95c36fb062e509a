//! Routes are added and removed one by one under load: no request of others fails, and nothing but rules is written, in two
//! calls at most, although routes that do the same share rules.

use anyhow::{Result, ensure};
use gatewright_scenarios::aws::{Place, writes};
use gatewright_scenarios::world::{GATEWAY_API, Load, http_route};
use std::time::{Duration, Instant};

const HOST: &str = "added.example";
const ROUTES: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn routes_come_and_go_under_load() -> Result<()> {
    let place = Place::new("aws-routes").await?;
    let world = &place.world;
    let at = place.serving(HOST).await?;
    let loads = [Load::start(at, HOST, "/"), Load::kept(at, HOST, "/")];
    let (mut slowest, mut most) = (Duration::ZERO, 0);
    for number in 0..ROUTES {
        place.aws.calls().await?;
        let (name, host) = (format!("r{number}"), format!("r{number}.added.example"));
        let begun = Instant::now();
        world.apply(&http_route(&name, "gw", &host, "web")).await?;
        world.answers(at, (&host, "/"), 200).await?;
        slowest = slowest.max(begun.elapsed());
        let calls = place.aws.calls().await?;
        let writes = writes(&calls);
        ensure!(
            writes.keys().all(|operation| operation.contains("Rule")),
            "route {number} changes more than rules: {writes:?}"
        );
        let count = writes.values().sum();
        ensure!(count <= 2, "route {number} takes {count} writes: {writes:?}");
        most = most.max(count);
    }
    for number in 0..ROUTES {
        world
            .delete(GATEWAY_API, "HTTPRoute", &format!("r{number}"))
            .await?;
    }
    world.answers(at, ("r0.added.example", "/"), 404).await?;
    let mut count = 0;
    for load in loads {
        count += load.end().await?;
    }
    println!(
        "{count} requests while {ROUTES} routes came and went, none failed; the slowest route answered after {} ms, and one \
         took {most} writes at most",
        slowest.as_millis()
    );
    place.delete("gw").await?;
    world.leave().await
}
