//! Retry budgets (GEP-3388): of a backend that fails at the first attempt, as many requests are saved by a retry as the
//! budget allows, and no more.

use anyhow::{Result, ensure};
use gatewright_scenarios::http::Kept;
use gatewright_scenarios::world::{World, has_condition, http_listener, http_route, until};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

const HOST: &str = "retry.example";
const POLICY: (&str, &str, &str) = (
    "gateway.networking.x-k8s.io/v1alpha1",
    "XBackendTrafficPolicy",
    "budget",
);
const REQUESTS: usize = 100;
const PERCENT: usize = 20;

/// Asks so often for something that fails once and works then; answers how often it worked. All on one connection: how
/// clients connect is no question here, and several hundred connections through the node's address translation would
/// make it one.
async fn saved(at: SocketAddr) -> Result<usize> {
    let mut saved = 0;
    let begun = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let mut connection = Kept::connect(at).await?;
    for index in 0..REQUESTS {
        if connection.is_closed().await {
            connection = Kept::connect(at).await?;
        }
        let path = format!("/retry/?uuid={begun}-{index}&succeedAfter=1&responseCode=503");
        let answer = connection.get(HOST, &path).await?;
        ensure!(matches!(answer.status, 200 | 503), "{answer:?}");
        saved += usize::from(answer.status == 200);
    }
    Ok(saved)
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn retries_stay_within_their_budget() -> Result<()> {
    let world = World::new("retry-budget").await?;
    world.backend("web").await?;
    let address = world.gateway("gw", json!([http_listener("http", 80)])).await?;
    let at = SocketAddr::new(address, 80);
    let mut route = http_route("retried", "gw", HOST, "web");
    route["spec"]["rules"][0]["retry"] = json!({"attempts": 2, "codes": [503], "backoff": "1ms"});
    world.apply(&route).await?;
    world.answers(at, (HOST, "/"), 200).await?;
    assert_eq!(
        saved(at).await?,
        REQUESTS,
        "without a budget every request is retried"
    );

    world
        .apply(&json!({
            "apiVersion": POLICY.0, "kind": POLICY.1, "metadata": {"name": POLICY.2},
            "spec": {
                "targetRefs": [{"group": "", "kind": "Service", "name": "web"}],
                "retryConstraint": {
                    "budget": {"percent": PERCENT, "interval": "1h"},
                    "minRetryRate": {"count": 1, "interval": "1h"},
                },
            },
        }))
        .await?;
    world
        .wait(POLICY, "to be accepted", |found| {
            let ancestors = found["status"]["ancestors"].as_array().into_iter().flatten();
            ancestors
                .into_iter()
                .any(|ancestor: &Value| has_condition(Some(ancestor), "Accepted", "True"))
        })
        .await?;
    let limited = async || {
        let worked = saved(at).await?;
        Ok(if worked < REQUESTS {
            Ok(worked)
        } else {
            Err(format!("{worked} of {REQUESTS} worked"))
        })
    };
    // The first round may begin before the proxies know.
    until("the budget to be used up", limited).await?;
    let worked = saved(at).await?;
    println!("{worked} of {REQUESTS} requests were saved by a retry within {PERCENT} %");
    // Of every five requests one is retried; what the round before left over is less than one.
    assert!(
        (PERCENT * REQUESTS / 100).abs_diff(worked) <= 2,
        "{worked} of {REQUESTS} requests were retried, {PERCENT} % are allowed"
    );

    world.delete(POLICY.0, POLICY.1, POLICY.2).await?;
    let free = async || {
        let worked = saved(at).await?;
        Ok(if worked == REQUESTS {
            Ok(())
        } else {
            Err(format!("{worked} of {REQUESTS} worked"))
        })
    };
    until("every request to be retried again", free).await?;
    world.leave().await
}
