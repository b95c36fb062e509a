mod drift;
mod plans;

use super::keeper::FINALIZER;
use crate::clouds::RESYNC;
use crate::cluster::testing::{CLOUD, FakeApi, TestCloud, TestHub, gateway_path, until};
use axum::http::Method;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{ErrorKind, Resource};
use gatewright_provider_api::suite::{Injected, World};
use gatewright_stream::server::ServerOptions;
use serde_json::{Value, json};
use std::time::Duration;

fn start(api: &FakeApi, cloud: &TestCloud) -> TestHub {
    start_with(api, cloud, RESYNC)
}

fn start_with(api: &FakeApi, cloud: &TestCloud, resync: Duration) -> TestHub {
    TestHub::start_with(api, ServerOptions::default(), (cloud.registry(), resync))
}

fn with_class() -> FakeApi {
    let api = FakeApi::with_class();
    api.put_class(CLOUD);
    api
}

fn finalizers(api: &FakeApi, name: &str) -> Vec<Value> {
    let gateway = api.get(&gateway_path(name)).unwrap_or_default();
    gateway["metadata"]["finalizers"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn is_programmed(hub: &TestHub, name: &str) -> Option<()> {
    (hub.programmed(name) == "Programmed").then_some(())
}

fn route_path(name: &str) -> String {
    format!("/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/{name}")
}

fn put_route(api: &FakeApi, name: &str, rules: Value) {
    let mut route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "default", "generation": 1},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": rules},
    });
    if let Some(known) = api.get(&route_path(name)) {
        let generation = known["metadata"]["generation"].as_i64().unwrap();
        route["metadata"]["generation"] = (generation + 1).into();
        route["metadata"]["uid"] = known["metadata"]["uid"].clone();
        route["status"] = known["status"].clone();
    }
    api.put(&route_path(name), route);
}

/// A condition of a route at its first parent: status, reason, message.
fn route_condition(api: &FakeApi, name: &str, kind: &str) -> Option<(String, String, String)> {
    let route = api.get(&route_path(name))?;
    let conditions = route["status"]["parents"][0]["conditions"].as_array().cloned()?;
    let found = conditions
        .into_iter()
        .find(|condition| condition["type"] == kind)?;
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    Some((text("status"), text("reason"), text("message")))
}

const MIRROR: &str = "RequestMirror";

fn mirror() -> Value {
    json!({"filters": [{"type": MIRROR, "requestMirror": {"backendRef": {"name": "web", "port": 80}}}]})
}

/// Nothing is made before the Gateway has its finalizer; addresses and `Programmed` are the cloud's word, and no proxy
/// is made or waited for.
#[tokio::test]
async fn a_cloud_serves_a_gateway_without_proxies() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", json!({}));
    let hub = start(&api, &cloud);
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    assert_eq!(finalizers(&api, "edge"), [FINALIZER]);
    let gateway = api.get(&gateway_path("edge")).unwrap();
    assert_eq!(gateway["status"]["addresses"][0]["value"], "192.0.2.1");
    let kinds: Vec<&str> = cloud.resources().iter().map(|resource| resource.kind).collect();
    assert_eq!(kinds, ["balancer", "listener"]);
    assert_eq!(api.paths("/deployments/"), [""; 0]);
    let asked = api.asked().into_iter();
    let order: Vec<String> = asked
        .filter(|asked| asked.method == Method::PATCH && asked.path.contains("/gateways/"))
        .map(|asked| asked.path)
        .collect();
    assert_eq!(order[0], gateway_path("edge"), "the finalizer comes first");
    let class = api
        .get("/apis/gateway.networking.k8s.io/v1/gatewayclasses/gatewright")
        .unwrap();
    let features = class["status"]["supportedFeatures"].as_array().unwrap();
    assert!(features.contains(&json!({"name": "HTTPRouteMethodMatching"})));
    assert!(!features.contains(&json!({"name": "HTTPRouteRequestMirror"})));
}

/// A Gateway stays until nothing is left of it in the cloud, however often that takes another attempt.
#[tokio::test]
async fn a_gateway_goes_after_its_resources() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", json!({}));
    let hub = start(&api, &cloud);
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    // Reading works, the first deletion is refused.
    let failing = Injected::Error {
        kind: ErrorKind::Forbidden,
        carried_out: false,
    };
    cloud.0.calls().inject(1, failing);
    let mut gateway = api.get(&gateway_path("edge")).unwrap();
    gateway["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    api.put(&gateway_path("edge"), gateway);
    until("it says why it is still there", || {
        let (status, _, message) = hub.condition("edge", "Programmed");
        (status == "False" && message.contains("being deleted")).then_some(())
    })
    .await;
    assert_eq!(finalizers(&api, "edge"), [FINALIZER]);
    cloud.0.calls().reset();
    until("nothing is left", || cloud.resources().is_empty().then_some(())).await;
    until("it may go", || finalizers(&api, "edge").is_empty().then_some(())).await;
    api.delete(&gateway_path("edge"));
}

/// What another class serves from now on leaves nothing behind in the cloud, and is let go.
#[tokio::test]
async fn a_gateway_of_another_class_leaves_its_cloud() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", json!({}));
    let hub = start(&api, &cloud);
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    api.put_gateway("edge", json!({"gatewayClassName": "another"}));
    until("nothing is left", || cloud.resources().is_empty().then_some(())).await;
    until("it is let go", || {
        finalizers(&api, "edge").is_empty().then_some(())
    })
    .await;
    api.put_gateway("edge", json!({}));
    until("it is made again", || {
        (!cloud.resources().is_empty()).then_some(())
    })
    .await;
}

/// `RouteConditionPartiallyInvalid`, `RouteReasonUnsupportedValue`: what the cloud cannot express is told on the route,
/// the rest is served, and a route of which nothing is left does not count.
#[tokio::test]
async fn what_a_cloud_cannot_express_is_told_on_the_route() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", json!({}));
    put_route(&api, "mixed", json!([{}, mirror()]));
    put_route(&api, "whole", json!([mirror()]));
    put_route(
        &api,
        "rough",
        json!([{"matches": [{"headers": [{"name": "k", "value": "v"}]}]}]),
    );
    let hub = start(&api, &cloud);
    let whole = until("the route of which nothing is left is refused", || {
        route_condition(&api, "whole", "Accepted")
    })
    .await;
    assert_eq!(
        (whole.0.as_str(), whole.1.as_str()),
        ("False", "UnsupportedValue")
    );
    assert!(whole.2.contains("spec.rules[0].filters[0]"), "{}", whole.2);
    let mixed = until("the other one is served in part", || {
        route_condition(&api, "mixed", "PartiallyInvalid")
    })
    .await;
    assert!(
        mixed.2.starts_with("Dropped Rule 1: spec.rules[1].filters[0]"),
        "{}",
        mixed.2
    );
    assert_eq!(route_condition(&api, "mixed", "Accepted").unwrap().0, "True");
    let rough = until("the third one is served roughly", || {
        route_condition(&api, "rough", "gatewright.dev/Approximated")
    })
    .await;
    assert!(rough.2.contains("without regard to case"), "{}", rough.2);
    until("it is programmed, and two routes count", || {
        let gateway = api.get(&gateway_path("edge"))?;
        let attached = &gateway["status"]["listeners"][0]["attachedRoutes"];
        (hub.programmed("edge") == "Programmed" && *attached == 2).then_some(())
    })
    .await;

    // Mended, it is accepted.
    put_route(&api, "whole", json!([{}]));
    until("it is accepted", || {
        (route_condition(&api, "whole", "Accepted")?.0 == "True").then_some(())
    })
    .await;
    until("all count", || {
        let gateway = api.get(&gateway_path("edge"))?;
        (gateway["status"]["listeners"][0]["attachedRoutes"] == 3).then_some(())
    })
    .await;
}

/// A process that takes over says nothing of a route before the cloud had a word: what was said stands.
#[tokio::test]
async fn a_process_that_takes_over_does_not_accept_what_was_refused() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", json!({}));
    put_route(&api, "whole", json!([mirror()]));
    let hub = start(&api, &cloud);
    until("it is refused", || {
        (route_condition(&api, "whole", "Accepted")?.0 == "False").then_some(())
    })
    .await;
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    hub.leads.send_replace(false);
    let next = start(&api, &cloud);
    let before = api.asked().len();
    next.synced.clone().wait_for(|synced| *synced).await.unwrap();
    put_route(&api, "later", json!([{}]));
    until("it works", || route_condition(&api, "later", "Accepted")).await;
    let asked = api.asked();
    let writes: Vec<&str> = asked[before..]
        .iter()
        .filter(|asked| asked.method == Method::PATCH && asked.path.starts_with(&route_path("whole")))
        .map(|asked| asked.path.as_str())
        .collect();
    assert_eq!(writes, [""; 0]);
    assert_eq!(route_condition(&api, "whole", "Accepted").unwrap().0, "False");
}

/// Who cannot be asked may well serve: without an answer of the cloud, the addresses that were told before stay.
#[tokio::test]
async fn addresses_stay_while_the_cloud_cannot_be_asked() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", json!({}));
    let hub = start_with(&api, &cloud, Duration::from_millis(50));
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    let failing = Injected::Error {
        kind: ErrorKind::Forbidden,
        carried_out: false,
    };
    cloud.0.calls().inject(0, failing);
    until("it is told", || {
        let (status, reason, _) = hub.condition("edge", "Programmed");
        (status == "False" && reason == "Invalid").then_some(())
    })
    .await;
    let gateway = api.get(&gateway_path("edge")).unwrap();
    assert_eq!(gateway["status"]["addresses"][0]["value"], "192.0.2.1");
}

/// Nothing leaks: what was made for a Gateway that went while nobody looked is removed, what is other people's stays.
#[tokio::test]
async fn what_is_left_of_gateways_that_are_gone_is_swept() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", json!({}));
    cloud.0.plant_foreign();
    let theirs = ObjectName::new("infra", "edge-2");
    let hub = start(&api, &cloud);
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    let of = |owner: &ObjectName| -> Vec<Resource> {
        let all = cloud.resources().into_iter();
        all.filter(|resource| resource.id.starts_with(&format!("{owner}:")))
            .collect()
    };
    until("what was a Gateway's is gone", || {
        of(&theirs).is_empty().then_some(())
    })
    .await;
    // Without an owner's mark it is not ours, whatever it is called.
    assert_eq!(of(&ObjectName::new("infra", "edge")).len(), 1);
    assert_eq!(of(&ObjectName::new("default", "edge")).len(), 2);
}

/// An API that refuses is told as it says, with the reason of its kind; the addresses stay.
#[tokio::test]
async fn a_failure_that_a_person_must_end_is_told() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", json!({}));
    let failing = Injected::Error {
        kind: ErrorKind::QuotaExceeded,
        carried_out: false,
    };
    cloud.0.calls().inject(1, failing);
    let hub = start(&api, &cloud);
    until("it is told", || {
        let (status, reason, _) = hub.condition("edge", "Programmed");
        (status == "False" && reason == "NoResources").then_some(())
    })
    .await;
    assert_eq!(hub.condition("edge", "Accepted").0, "True");
}
