//! A Gateway with 2,000 routes keeps the controller busy: its routes are rewritten one by one, and then all refused and
//! all accepted again by one change of its listener. Meanwhile a change of another Gateway's route is served, and its
//! status written, as fast as a person expects.

use anyhow::{Result, ensure};
use gatewright_scenarios::api::JSON;
use gatewright_scenarios::world::{GATEWAY_API, World, http_listener, http_route, route_is};
use http::Method;
use serde_json::{Value, json};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const ROUTES: usize = 2_000;
const CALM: (&str, &str, &str) = (GATEWAY_API, "HTTPRoute", "calm");
/// A change of the other Gateway's route must be served, and accepted, by then; on a machine on which the busy one's
/// 2,000 statuses take longer than four times this, within a quarter of what they take. Behind them it would take as long
/// as all of them.
const SOON: Duration = Duration::from_secs(2);
/// All statuses must be written by then, however slow the machine.
const AT_MOST: Duration = Duration::from_secs(180);

/// Changes of the other Gateway's route, and how long they took.
struct Calm<'a> {
    world: &'a World,
    proxy: SocketAddr,
    number: usize,
    served: Duration,
    accepted: Duration,
}

impl<'a> Calm<'a> {
    fn new(world: &'a World, proxy: SocketAddr) -> Self {
        Self {
            world,
            proxy,
            number: 0,
            served: Duration::ZERO,
            accepted: Duration::ZERO,
        }
    }

    /// One change, until the proxy answers for the new hostname and the status is that of the changed route.
    async fn change(&mut self) -> Result<()> {
        self.number += 1;
        let host = format!("n{}.calm.example", self.number);
        let begun = Instant::now();
        self.world
            .patch(CALM, &json!({"spec": {"hostnames": [host]}}))
            .await?;
        let (served, accepted) = tokio::join!(
            async {
                let answer = self.world.answers(self.proxy, (&host, "/"), 200).await;
                answer.map(|_| begun.elapsed())
            },
            async {
                let accepted = |found: &Value| {
                    found["spec"]["hostnames"][0] == host.as_str() && route_is(found, "Accepted", "True")
                };
                let found = self.world.wait(CALM, "to be accepted", accepted).await;
                found.map(|_| begun.elapsed())
            }
        );
        self.served = self.served.max(served?);
        self.accepted = self.accepted.max(accepted?);
        Ok(())
    }

    /// Tells the slowest change since the last call, and holds it to what it may take while something else takes `all`.
    fn judge(&mut self, what: &str, all: Duration) {
        println!(
            "{what}: {} changes of the other Gateway's route, the slowest served after {} ms, accepted after {} ms",
            self.number,
            self.served.as_millis(),
            self.accepted.as_millis()
        );
        let (slowest, bound) = (self.served.max(self.accepted), SOON.max(all / 4));
        assert!(
            slowest < bound,
            "{what}: a change took {slowest:?}, more than {bound:?}"
        );
        (self.served, self.accepted) = (Duration::ZERO, Duration::ZERO);
    }
}

/// The busy Gateway's routes whose status is not that of the route as it is, with this verdict.
async fn outdated(world: &World, verdict: &str) -> Result<usize> {
    let path = format!("/apis/{GATEWAY_API}/namespaces/{}/httproutes", world.namespace);
    let (_, found) = world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
    let routes = found["items"].as_array().into_iter().flatten();
    Ok(routes
        .filter(|route| route["spec"]["parentRefs"][0]["name"] == "busy")
        .filter(|route| !route_is(route, "Accepted", verdict))
        .count())
}

fn routes(domain: &str) -> Vec<Value> {
    (0..ROUTES)
        .map(|index| {
            http_route(
                &format!("busy-{index}"),
                "busy",
                &format!("h{index}.{domain}"),
                "web",
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_busy_gateway_delays_no_other() -> Result<()> {
    let world = World::new("busy-gateway").await?;
    let before = world.controller_restarts().await?;
    world.backend("web").await?;
    world.gateway("busy", json!([http_listener("http", 80)])).await?;
    world.gateway("calm", json!([http_listener("http", 80)])).await?;
    world.apply_all(&routes("busy.example")).await?;
    world
        .apply(&http_route("calm", "calm", "calm.example", "web"))
        .await?;
    let (busy, quiet) = (world.proxy("busy").await?, world.proxy("calm").await?);
    world.answers(quiet, ("calm.example", "/"), 200).await?;
    let last = ROUTES - 1;
    let host = |domain: &str| format!("h{last}.{domain}");
    world.answers(busy, (&host("busy.example"), "/"), 200).await?;
    let mut calm = Calm::new(&world, quiet);
    for _ in 0..5 {
        calm.change().await?;
    }
    calm.judge("while nothing else changes", Duration::ZERO);

    // Each route is written anew, 16 at a time, without a pause.
    let rewritten = routes("rewritten.example");
    let begun = Instant::now();
    let written = Cell::new(false);
    let (writing, changing) = tokio::join!(
        async {
            let result = world.apply_all(&rewritten).await;
            written.set(true);
            result
        },
        async {
            while !written.get() {
                calm.change().await?;
            }
            anyhow::Ok(())
        }
    );
    writing.and(changing)?;
    let took = begun.elapsed();
    calm.judge(
        &format!("{ROUTES} routes rewritten in {} ms", took.as_millis()),
        took,
    );
    world
        .answers(busy, (&host("rewritten.example"), "/"), 200)
        .await?;

    // One change of the listener, and every route has another status.
    let mut elsewhere = http_listener("http", 80);
    elsewhere["hostname"] = json!("elsewhere.example");
    for (listener, verdict) in [(elsewhere, "False"), (http_listener("http", 80), "True")] {
        let begun = Instant::now();
        let patch = json!({"spec": {"listeners": [listener]}});
        world.patch((GATEWAY_API, "Gateway", "busy"), &patch).await?;
        // The first change meets all the statuses that are to be written.
        calm.change().await?;
        let left = outdated(&world, verdict).await?;
        while outdated(&world, verdict).await? > 0 {
            ensure!(
                begun.elapsed() < AT_MOST,
                "not all routes are Accepted={verdict} after {AT_MOST:?}"
            );
            calm.change().await?;
        }
        let took = begun.elapsed();
        let what = format!(
            "{ROUTES} routes became Accepted={verdict} by one change, {left} of them after the other's first one, all within {} ms",
            took.as_millis()
        );
        calm.judge(&what, took);
    }
    world
        .answers(busy, (&host("rewritten.example"), "/"), 200)
        .await?;
    assert_eq!(
        world.controller_restarts().await?,
        before,
        "the controller did not stay"
    );
    world.leave().await
}
