//! What is planned, told without being made; and what keeps a Gateway from going.

use super::{finalizers, is_programmed, start, with_class};
use crate::cluster::cloud::keeper::FINALIZER;
use crate::cluster::cloud::plans::DRY_RUN;
use crate::cluster::testing::{FakeApi, TestCloud, gateway_path, until};
use gatewright_core::status::programming::PLAN;
use gatewright_provider_api::contract::ErrorKind;
use gatewright_provider_api::suite::{Injected, World};
use serde_json::{Value, json};

/// Sets or takes away the annotation, and changes the spec.
fn annotate(api: &FakeApi, dry: bool, more: Value) {
    api.put_gateway("edge", more);
    let mut gateway = api.get(&gateway_path("edge")).unwrap();
    gateway["metadata"]["annotations"] = if dry { json!({DRY_RUN: "true"}) } else { json!({}) };
    api.put(&gateway_path("edge"), gateway);
}

fn listeners(ports: &[u16]) -> Value {
    let listeners: Vec<Value> = ports
        .iter()
        .map(|port| json!({"name": format!("l{port}"), "protocol": "HTTP", "port": port}))
        .collect();
    json!({"listeners": listeners})
}

/// Before anything is made: nothing is, the plan is told, and no address.
#[tokio::test]
async fn a_dry_run_makes_nothing_before_the_first_time() {
    let (api, cloud) = (with_class(), TestCloud::default());
    annotate(&api, true, listeners(&[80]));
    let hub = start(&api, &cloud);
    let message = until("the plan is told", || {
        let (status, reason, message) = hub.condition("edge", PLAN);
        (status == "False" && reason == "DryRun").then_some(message)
    })
    .await;
    assert!(
        message.starts_with("2 to create: create balancer default/edge:"),
        "{message}"
    );
    let (status, reason, message) = hub.condition("edge", "Programmed");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "Pending"));
    assert!(
        message.contains("dry run") && message.contains(DRY_RUN),
        "{message}"
    );
    assert!(cloud.resources().is_empty());
    assert_eq!(
        api.get(&gateway_path("edge")).unwrap()["status"]["addresses"],
        json!([])
    );

    // Without the annotation it is made, and nothing is left to do.
    annotate(&api, false, listeners(&[80]));
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    assert_eq!(cloud.resources().len(), 2);
    let (status, reason, _) = hub.condition("edge", PLAN);
    assert_eq!((status.as_str(), reason.as_str()), ("True", "UpToDate"));
}

/// Afterwards: what is there stays and keeps its address, and is not called programmed as the Gateway is now.
#[tokio::test]
async fn a_dry_run_leaves_what_is_there() {
    let (api, cloud) = (with_class(), TestCloud::default());
    annotate(&api, false, listeners(&[80]));
    let hub = start(&api, &cloud);
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    annotate(&api, true, listeners(&[80]));
    until("nothing differs", || {
        (hub.condition("edge", PLAN).0 == "True" && is_programmed(&hub, "edge").is_some()).then_some(())
    })
    .await;
    let writes = cloud.0.calls().writes().len();
    annotate(&api, true, listeners(&[80, 81]));
    let message = until("the change is told", || {
        let (status, _, message) = hub.condition("edge", PLAN);
        (status == "False").then_some(message)
    })
    .await;
    assert!(
        message.starts_with("1 to create: create listener default/edge:l81"),
        "{message}"
    );
    until("it is not programmed", || {
        (hub.condition("edge", "Programmed").0 == "False").then_some(())
    })
    .await;
    assert_eq!(cloud.0.calls().writes().len(), writes, "nothing is written");
    let gateway = api.get(&gateway_path("edge")).unwrap();
    assert_eq!(
        gateway["status"]["addresses"][0]["value"], "192.0.2.1",
        "it still serves"
    );

    // Deleted in a dry run, it stays until that ends.
    let mut gateway = api.get(&gateway_path("edge")).unwrap();
    gateway["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    api.put(&gateway_path("edge"), gateway);
    let message = until("the removal is planned", || {
        let message = hub.condition("edge", PLAN).2;
        message.contains("to delete").then_some(message)
    })
    .await;
    assert!(message.starts_with("2 to delete"), "{message}");
    assert_eq!(finalizers(&api, "edge"), [FINALIZER]);
    assert_eq!(cloud.0.calls().writes().len(), writes);
    let mut gateway = api.get(&gateway_path("edge")).unwrap();
    gateway["metadata"]["annotations"] = json!({});
    api.put(&gateway_path("edge"), gateway);
    until("it goes", || finalizers(&api, "edge").is_empty().then_some(())).await;
    assert!(cloud.resources().is_empty());
}

/// What is protected from deletion keeps its Gateway: condition and Event say so.
#[tokio::test]
async fn a_protected_load_balancer_keeps_its_gateway() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", json!({}));
    let hub = start(&api, &cloud);
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    let protected = Injected::Error {
        kind: ErrorKind::Protected,
        carried_out: false,
    };
    // The look, then the first deletion.
    cloud.0.calls().inject(1, protected);
    let mut gateway = api.get(&gateway_path("edge")).unwrap();
    gateway["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    api.put(&gateway_path("edge"), gateway);
    until("it says what keeps it", || {
        let (status, reason, message) = hub.condition("edge", "Programmed");
        (status == "False" && reason == "Invalid" && message.contains("protected")).then_some(())
    })
    .await;
    assert_eq!(hub.condition("edge", PLAN).1, "ChangesFailed");
    assert_eq!(finalizers(&api, "edge"), [FINALIZER]);
    let event = until("an Event says so", || {
        let paths = api.paths("/events/").into_iter();
        let mut events = paths.filter_map(|path| api.get(&path));
        events.find(|event| {
            event["note"]
                .as_str()
                .is_some_and(|note| note.contains("protected"))
        })
    })
    .await;
    assert_eq!(event["type"], "Warning");
}
