//! Pods that wait, from the API server to the cloud and back.

use crate::clouds::RESYNC;
use crate::cluster::testing::{CLOUD, FakeApi, TestCloud, TestHub, until};
use axum::http::Method;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{ErrorKind, Instance, Pool, ProviderError, Resource};
use gatewright_stream::server::ServerOptions;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

fn pod_path(name: &str) -> String {
    format!("/api/v1/namespaces/default/pods/{name}")
}

fn put_pod(api: &FakeApi, (name, app): (&str, &str), address: &str) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": app, "gatewright.dev/readiness-gate": "target-health"}},
        "spec": {"containers": [], "readinessGates": [{"conditionType": "gatewright.dev/target-health"}]},
        "status": {"podIP": address, "conditions": [{"type": "ContainersReady", "status": "True"}]},
    });
    api.put(&pod_path(name), pod);
}

/// Gateway `edge` with a route to Service `web`.
fn world() -> FakeApi {
    let api = FakeApi::with_class();
    api.put_class(CLOUD);
    api.put_gateway("edge", json!({}));
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    });
    api.put("/api/v1/namespaces/default/services/web", service);
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "default", "generation": 1},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
    });
    api.put(
        "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/web",
        route,
    );
    api
}

fn start(api: &FakeApi, cloud: &TestCloud) -> TestHub {
    TestHub::start_with(api, ServerOptions::default(), (cloud.registry(), RESYNC))
}

fn pools(instances: &[(&str, Instance)]) -> Vec<Pool> {
    let instances = instances
        .iter()
        .map(|(address, instance)| (address.parse::<IpAddr>().unwrap(), *instance));
    vec![Pool {
        name: "tg-web".into(),
        service: ObjectName::new("default", "web"),
        instances: instances.collect::<BTreeMap<_, _>>(),
    }]
}

/// Status and reason of the condition of a pod's gate.
fn gate(api: &FakeApi, name: &str) -> Option<(String, String)> {
    let pod = api.get(&pod_path(name))?;
    let conditions = pod["status"]["conditions"].as_array()?.clone();
    let found = conditions
        .into_iter()
        .find(|condition| condition["type"] == "gatewright.dev/target-health")?;
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    assert!(text("lastTransitionTime").ends_with('Z'), "{found}");
    Some((text("status"), text("reason")))
}

async fn until_gate(api: &FakeApi, name: &str, wanted: (&str, &str)) {
    until(&format!("{name} is {wanted:?}"), || {
        let (status, reason) = gate(api, name)?;
        ((status.as_str(), reason.as_str()) == wanted).then_some(())
    })
    .await;
}

fn writes(api: &FakeApi, name: &str) -> usize {
    let path = format!("{}/status", pod_path(name));
    let asked = api.asked().into_iter();
    asked
        .filter(|asked| asked.method == Method::PATCH && asked.path == path)
        .count()
}

async fn until_served(hub: &TestHub) {
    let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
    until("the Gateway uses the Service", || {
        hub.book.selects("default", &labels).then_some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_gate_opens_when_the_load_balancer_finds_the_pod_healthy() {
    let (api, cloud) = (world(), TestCloud::default());
    cloud.set_pools(Ok(pools(&[])));
    let hub = start(&api, &cloud);
    until_served(&hub).await;
    put_pod(&api, ("a", "web"), "10.0.0.1");
    until_gate(&api, "a", ("False", "NotRegistered")).await;
    // As long as nothing changes, nothing is written.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(writes(&api, "a"), 1);
    cloud.set_pools(Ok(pools(&[("10.0.0.1", Instance::Waiting("is initial"))])));
    until_gate(&api, "a", ("False", "NotHealthy")).await;
    cloud.set_pools(Err(ProviderError {
        kind: ErrorKind::Unavailable,
        resource: Resource {
            kind: "account",
            id: "x".into(),
        },
        message: "away".to_owned(),
    }));
    until_gate(&api, "a", ("False", "Unknown")).await;
    cloud.set_pools(Ok(pools(&[("10.0.0.1", Instance::Healthy)])));
    until_gate(&api, "a", ("True", "Healthy")).await;
    // What was opened stays open.
    cloud.set_pools(Ok(pools(&[("10.0.0.1", Instance::Waiting("is unhealthy"))])));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(gate(&api, "a"), Some(("True".to_owned(), "Healthy".to_owned())));
    assert_eq!(writes(&api, "a"), 4);
    let stranger = BTreeMap::from([("app".to_owned(), "job".to_owned())]);
    assert!(!hub.book.selects("default", &stranger));
}

/// A pod that no load balancer sends requests to any more must not be kept from being ready.
#[tokio::test(start_paused = true)]
async fn a_pod_of_nobody_is_ready_at_once() {
    let (api, cloud) = (world(), TestCloud::default());
    let hub = start(&api, &cloud);
    until_served(&hub).await;
    put_pod(&api, ("job", "job"), "10.0.0.7");
    until_gate(&api, "job", ("True", "NoTarget")).await;
    // The Gateway goes: its pods are free.
    cloud.set_pools(Ok(pools(&[])));
    put_pod(&api, ("a", "web"), "10.0.0.1");
    until_gate(&api, "a", ("False", "NotRegistered")).await;
    api.delete("/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/web");
    until_gate(&api, "a", ("True", "NoTarget")).await;
}

/// Somebody else's load balancer is waited for as well, and no longer than it has the Service.
#[tokio::test(start_paused = true)]
async fn a_pod_waits_for_the_target_group_of_a_binding() {
    let (api, cloud) = (world(), TestCloud::default());
    api.delete("/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/web");
    let path = "/apis/gatewright.dev/v1alpha1/namespaces/default/awstargetgroupbindings/web";
    let binding = json!({
        "apiVersion": "gatewright.dev/v1alpha1", "kind": "AwsTargetGroupBinding",
        "metadata": {"name": "web", "namespace": "default", "generation": 1},
        "spec": {"targetGroup": {"name": "theirs"}, "service": {"name": "web", "port": 80}},
    });
    api.put(path, binding);
    cloud.set_pools(Ok(pools(&[])));
    let hub = start(&api, &cloud);
    // New pods get the gate by that.
    until_served(&hub).await;
    put_pod(&api, ("a", "web"), "10.0.0.1");
    until_gate(&api, "a", ("False", "NotRegistered")).await;
    cloud.set_pools(Ok(pools(&[("10.0.0.1", Instance::Healthy)])));
    until_gate(&api, "a", ("True", "Healthy")).await;
    cloud.set_pools(Ok(pools(&[])));
    put_pod(&api, ("b", "web"), "10.0.0.2");
    until_gate(&api, "b", ("False", "NotRegistered")).await;
    api.delete(path);
    until_gate(&api, "b", ("True", "NoTarget")).await;
}

/// Only the process that leads writes.
#[tokio::test(start_paused = true)]
async fn who_does_not_lead_writes_nothing() {
    let (api, cloud) = (world(), TestCloud::default());
    let hub = start(&api, &cloud);
    until_served(&hub).await;
    hub.leads.send_replace(false);
    put_pod(&api, ("job", "job"), "10.0.0.7");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(gate(&api, "job"), None);
    hub.leads.send_replace(true);
    until_gate(&api, "job", ("True", "NoTarget")).await;
}

/// A pod that took the name of another one is another pod.
#[tokio::test(start_paused = true)]
async fn a_write_names_the_pod_by_its_uid() {
    let (api, cloud) = (world(), TestCloud::default());
    let hub = start(&api, &cloud);
    until_served(&hub).await;
    api.fail(&format!("{}/status", pod_path("job")), &[409, 500]);
    put_pod(&api, ("job", "job"), "10.0.0.7");
    until_gate(&api, "job", ("True", "NoTarget")).await;
    let pod: Value = api.get(&pod_path("job")).unwrap();
    assert_eq!(
        pod["status"]["conditions"].as_array().map(Vec::len),
        Some(2),
        "{pod}"
    );
    assert_eq!(writes(&api, "job"), 3);
}
