//! Pods with the readiness gate of load balancers: a rollout goes on when AWS finds the new pod healthy, stands still when
//! AWS does not learn of it, and loses no request either way.

use anyhow::{Context, Result, ensure};
use gatewright_scenarios::api::JSON;
use gatewright_scenarios::aws::{Place, writes};
use gatewright_scenarios::world::{Load, condition, has_condition, until};
use http::Method;
use serde_json::{Value, json};

const HOST: &str = "gated.example";
const GATE: &str = "gatewright.dev/target-health";
const ROLLOUTS: usize = 2;

async fn pods(place: &Place) -> Result<Vec<Value>> {
    let path = format!("/api/v1/namespaces/{}/pods", place.world.namespace);
    let (_, found) = place.world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
    let items = found["items"].as_array().context("no list of pods")?.iter();
    let staying = items.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    Ok(staying.cloned().collect())
}

fn is_gated(pod: &Value) -> bool {
    let gates = pod.pointer("/spec/readinessGates").and_then(Value::as_array);
    gates.is_some_and(|gates| gates.iter().any(|gate| gate["conditionType"] == GATE))
}

/// New pods, each looked at for no longer than it takes to be ready.
async fn roll(place: &Place, number: usize) -> Result<()> {
    let template = json!({"metadata": {"annotations": {"rollout": number.to_string()}}});
    let deployment = ("apps/v1", "Deployment", "web");
    let spec = json!({"spec": {"minReadySeconds": 0, "template": template}});
    place.world.patch(deployment, &spec).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn a_rollout_goes_by_the_load_balancers_word() -> Result<()> {
    let place = Place::new("aws-gated").await?;
    let world = &place.world;
    let at = place.serving(HOST).await?;
    ensure!(
        !pods(&place).await?.iter().any(is_gated),
        "the namespace did not opt in yet"
    );
    let labels = json!({"gatewright.dev/pod-readiness-gate-inject": "enabled"});
    world
        .apply(&json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": world.namespace, "labels": labels},
        }))
        .await?;
    place.aws.calls().await?;
    let loads = [Load::start(at, HOST, "/"), Load::kept(at, HOST, "/")];
    for number in 0..ROLLOUTS {
        roll(&place, number).await?;
        world.ready("web", 3).await?;
        for pod in pods(&place).await? {
            ensure!(is_gated(&pod), "a new pod has no gate: {}", pod["spec"]);
            ensure!(
                has_condition(pod.get("status"), GATE, "True"),
                "a pod is ready before the load balancer found it healthy: {}",
                pod["status"]
            );
            let found = condition(pod.get("status"), GATE).context("no condition")?;
            ensure!(found["reason"] == "Healthy", "{found}");
        }
    }
    let calls = place.aws.calls().await?;
    let operations = writes(&calls);
    for operation in operations.keys() {
        ensure!(
            ["RegisterTargets", "DeregisterTargets"].contains(operation),
            "{operation} changes more than targets: {operations:?}"
        );
    }
    // AWS does not learn of new pods: the old ones stay.
    place.aws.forbid("elasticloadbalancing:RegisterTargets").await?;
    roll(&place, ROLLOUTS).await?;
    let told = async || {
        let found = pods(&place).await?;
        let conditions: Vec<&Value> = found
            .iter()
            .filter_map(|pod| condition(pod.get("status"), GATE))
            .collect();
        let waits = conditions
            .iter()
            .any(|condition| condition["reason"] == "NotRegistered");
        Ok(if waits {
            Ok(())
        } else {
            Err(format!("{conditions:?}"))
        })
    };
    until("a new pod to wait for its registration", told).await?;
    let deployment = world.read("apps/v1", "Deployment", "web").await?;
    ensure!(
        deployment["status"]["availableReplicas"] == 3,
        "an old pod went before its successor was healthy: {}",
        deployment["status"]
    );
    place.aws.calm().await?;
    world.ready("web", 3).await?;
    let mut count = 0;
    for load in loads {
        count += load.end().await?;
    }
    println!(
        "{count} requests through {ROLLOUTS} gated rollouts and one that stood still, none failed; {operations:?}"
    );
    place.delete("gw").await?;
    world.leave().await
}
