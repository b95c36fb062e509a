//! Bindings, from the API server to the cloud and back.

use super::work::FINALIZER;
use crate::clouds::RESYNC;
use crate::cluster::testing::{FakeApi, TestCloud, TestHub, until};
use axum::http::Method;
use gatewright_provider_api::contract::{ErrorKind, ProviderError, Resource};
use gatewright_stream::server::ServerOptions;
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/apis/gatewright.dev/v1alpha1/namespaces/default/awstargetgroupbindings/cart";
const SERVICE: &str = "/api/v1/namespaces/default/services/cart";

fn put_binding(api: &FakeApi) {
    let binding = json!({
        "apiVersion": "gatewright.dev/v1alpha1", "kind": "AwsTargetGroupBinding",
        "metadata": {"name": "cart", "namespace": "default", "generation": 1},
        "spec": {"targetGroup": {"name": "theirs"}, "service": {"name": "cart", "port": 80}},
    });
    api.put(PATH, binding);
}

fn put_service(api: &FakeApi) {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart", "namespace": "default"},
        "spec": {"selector": {"app": "cart"}, "ports": [{"port": 80}]},
    });
    api.put(SERVICE, service);
}

fn put_pods(api: &FakeApi, addresses: &[&str]) {
    let endpoints = addresses
        .iter()
        .map(|address| json!({"addresses": [address], "conditions": {"ready": true}}));
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "cart-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "cart"}},
        "addressType": "IPv4", "ports": [{"port": 8080}], "endpoints": endpoints.collect::<Vec<_>>(),
    });
    api.put(
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/cart-1",
        slice,
    );
}

fn world() -> FakeApi {
    let api = FakeApi::with_class();
    put_service(&api);
    put_pods(&api, &["10.0.0.1", "10.0.0.2"]);
    put_binding(&api);
    api
}

fn start(api: &FakeApi, cloud: &TestCloud) -> TestHub {
    TestHub::start_with(api, ServerOptions::default(), (cloud.registry(), RESYNC))
}

fn targets(api: &FakeApi) -> Vec<String> {
    let binding = api.get(PATH).unwrap_or_default();
    let targets = binding["status"]["targets"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let ids = targets
        .iter()
        .map(|target| target["id"].as_str().unwrap().to_owned());
    ids.collect()
}

/// Status and reason of a condition.
fn condition(api: &FakeApi, name: &str) -> (String, String) {
    let binding = api.get(PATH).unwrap_or_default();
    let conditions = binding["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let found = conditions.into_iter().find(|condition| condition["type"] == name);
    let found = found.unwrap_or_default();
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

async fn until_condition(api: &FakeApi, name: &str, wanted: (&str, &str)) {
    until(&format!("{name} is {wanted:?}"), || {
        let (status, reason) = condition(api, name);
        ((status.as_str(), reason.as_str()) == wanted).then_some(())
    })
    .await;
}

fn writes(api: &FakeApi) -> usize {
    let asked = api.asked().into_iter();
    asked
        .filter(|asked| asked.method != Method::GET && asked.path.contains("awstargetgroupbindings"))
        .count()
}

/// What is registered follows the pods, the status says what is ours, and nothing is written while nothing changes.
#[tokio::test]
async fn a_bindings_pods_are_registered_and_written_down() {
    let (api, cloud) = (world(), TestCloud::default());
    let _hub = start(&api, &cloud);
    until_condition(&api, "Programmed", ("True", "Programmed")).await;
    assert_eq!(
        condition(&api, "Accepted"),
        ("True".to_owned(), "Accepted".to_owned())
    );
    assert_eq!(targets(&api), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(cloud.bound(), ["10.0.0.1", "10.0.0.2"]);
    let binding = api.get(PATH).unwrap();
    assert_eq!(binding["metadata"]["finalizers"], json!([FINALIZER]));
    assert_eq!(binding["status"]["targetGroupArn"], "arn:theirs");
    let before = writes(&api);
    put_pods(&api, &["10.0.0.2", "10.0.0.1"]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(writes(&api), before, "the same pods in another order");
    put_pods(&api, &["10.0.0.2", "10.0.0.3"]);
    until("the pods are exchanged", || {
        (targets(&api) == ["10.0.0.2", "10.0.0.3"] && cloud.bound() == ["10.0.0.2", "10.0.0.3"]).then_some(())
    })
    .await;
}

/// A Service that is gone for a moment must not take traffic down.
#[tokio::test]
async fn a_binding_without_service_keeps_what_is_registered() {
    let (api, cloud) = (world(), TestCloud::default());
    let _hub = start(&api, &cloud);
    until_condition(&api, "Programmed", ("True", "Programmed")).await;
    api.delete(SERVICE);
    until_condition(&api, "Accepted", ("False", "InvalidService")).await;
    assert_eq!(targets(&api), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(cloud.bound(), ["10.0.0.1", "10.0.0.2"]);
    put_service(&api);
    until_condition(&api, "Accepted", ("True", "Accepted")).await;
}

/// What belongs to the binding goes before the object does, also after a failure.
#[tokio::test]
async fn a_binding_goes_after_its_targets() {
    let (api, cloud) = (world(), TestCloud::default());
    let _hub = start(&api, &cloud);
    until_condition(&api, "Programmed", ("True", "Programmed")).await;
    cloud.fail_bindings(Some(ProviderError {
        kind: ErrorKind::Unavailable,
        resource: Resource {
            kind: "targets",
            id: "theirs".into(),
        },
        message: "away".to_owned(),
    }));
    api.delete(PATH);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(api.get(PATH).is_some(), "its targets are registered yet");
    cloud.fail_bindings(None);
    until("it is gone", || api.get(PATH).is_none().then_some(())).await;
    assert_eq!(cloud.bound(), [""; 0]);
}

/// The ledger is read from the API server at each run: what another process wrote down counts.
#[tokio::test]
async fn what_an_earlier_process_registered_is_known() {
    let (api, cloud) = (world(), TestCloud::default());
    let mut binding: Value = api.get(PATH).unwrap();
    binding["status"] =
        json!({"targets": [{"id": "10.0.0.9", "port": 8080}], "targetGroupArn": "arn:theirs"});
    api.put(PATH, binding);
    cloud.bind_before("10.0.0.9");
    let _hub = start(&api, &cloud);
    until_condition(&api, "Programmed", ("True", "Programmed")).await;
    assert_eq!(cloud.bound(), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(targets(&api), ["10.0.0.1", "10.0.0.2"]);
}
