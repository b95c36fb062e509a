//! What others change is repaired, and told apart from what is wanted otherwise.

use super::{is_programmed, start, start_with, with_class};
use crate::cluster::testing::{FakeApi, TestCloud, until};
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{ErrorKind, Resource, converge};
use gatewright_provider_api::suite::{Injected, World};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What an Event with a reason says, if it says a word.
fn event(api: &FakeApi, reason: &str, word: &str) -> Option<String> {
    let paths = api.paths("/events/").into_iter();
    let mut notes = paths.filter_map(|path| {
        let event = api.get(&path)?;
        let note = event["note"].as_str()?.to_owned();
        (event["reason"] == reason).then_some(note)
    });
    notes.find(|note| note.contains(word))
}

fn listeners(ports: &[u16]) -> Value {
    let listeners: Vec<Value> = ports
        .iter()
        .map(|port| json!({"name": format!("l{port}"), "protocol": "HTTP", "port": port}))
        .collect();
    json!({"listeners": listeners})
}

fn listener(cloud: &TestCloud) -> Resource {
    let mut all = cloud.resources().into_iter();
    all.find(|found| found.kind == "listener").unwrap()
}

/// What others change is repaired within the period, and an Event says what differed; otherwise nothing is written.
#[tokio::test]
async fn drift_is_repaired_and_told() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", json!({}));
    let hub = start_with(&api, &cloud, Duration::from_millis(50));
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    let writes = cloud.0.calls().writes().len();
    let reads = cloud.0.calls().made().len();
    until("it was looked at again and again", || {
        (cloud.0.calls().made().len() > reads + 4).then_some(())
    })
    .await;
    assert_eq!(cloud.0.calls().writes().len(), writes, "a steady state is silent");
    let listener = cloud
        .resources()
        .into_iter()
        .find(|found| found.kind == "listener")
        .unwrap();
    let wanted = cloud.0.contents()[&listener].clone();
    assert!(cloud.0.damage(&listener));
    until("it is repaired", || {
        (cloud.0.contents()[&listener] == wanted).then_some(())
    })
    .await;
    let note = until("an Event says so", || event(&api, "Drift", "")).await;
    assert!(
        note.contains("update listener") && note.contains("settings"),
        "{note}"
    );

    // Another drift is another Event, with what differed this time.
    let balancer = cloud
        .resources()
        .into_iter()
        .find(|found| found.kind == "balancer")
        .unwrap();
    assert!(cloud.0.damage(&balancer));
    until("a second Event tells of the load balancer", || {
        event(&api, "Drift", "update balancer")
    })
    .await;
}

/// In a run that also has an edit of the Gateway, the Event says what others changed, and nothing of the edit.
#[tokio::test]
async fn drift_is_told_apart_from_an_edit() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", listeners(&[80]));
    let hub = start(&api, &cloud);
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    let theirs = listener(&cloud);
    let wanted = cloud.0.contents()[&theirs].clone();
    assert!(cloud.0.damage(&theirs));
    api.put_gateway("edge", listeners(&[80, 81]));
    until("both are made", || {
        (cloud.resources().len() == 3 && cloud.0.contents()[&theirs] == wanted).then_some(())
    })
    .await;
    let note = until("an Event says what others did", || event(&api, "Drift", "")).await;
    assert!(
        note.contains("update listener default/edge:l80") && !note.contains("l81"),
        "{note}"
    );
    assert_eq!(
        event(&api, "Differed", ""),
        None,
        "a new Gateway differs from nothing"
    );
}

/// Who begins to lead cannot know who changed what, and says so.
#[tokio::test]
async fn who_begins_to_lead_tells_what_differs_then() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", listeners(&[80]));
    let hub = start(&api, &cloud);
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    hub.leads.send_replace(false);
    let theirs = listener(&cloud);
    assert!(cloud.0.damage(&theirs));
    let _next = start(&api, &cloud);
    let note = until("an Event says what differed", || event(&api, "Differed", "")).await;
    assert!(
        note.contains("others changed it, or objects changed while nobody looked")
            && note.contains("update listener default/edge:l80"),
        "{note}"
    );
    assert_eq!(event(&api, "Drift", ""), None);
}

/// What another process made meanwhile is not called somebody else's by the one that leads again.
#[tokio::test]
async fn what_another_process_made_is_no_drift() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", listeners(&[80]));
    let first = start(&api, &cloud);
    until("it is programmed", || is_programmed(&first, "edge")).await;
    first.leads.send_replace(false);
    let second = start(&api, &cloud);
    api.put_gateway("edge", listeners(&[80, 81]));
    until("the other one made it", || {
        (cloud.resources().len() == 3).then_some(())
    })
    .await;
    until("it is programmed", || is_programmed(&second, "edge")).await;
    second.leads.send_replace(false);
    api.put_gateway("edge", listeners(&[80, 81, 82]));
    first.leads.send_replace(true);
    // The second one may have said the same of what it found.
    let note = until("the first one goes on", || event(&api, "Differed", "edge:l82")).await;
    assert!(note.contains("create listener default/edge:l82"), "{note}");
    assert_eq!(event(&api, "Drift", ""), None);
}

/// What is there before a Gateway is, as when somebody gives it something over, was not made for it.
#[tokio::test]
async fn what_a_new_gateway_finds_did_not_differ() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("first", listeners(&[80]));
    let hub = start(&api, &cloud);
    until("it leads", || is_programmed(&hub, "first")).await;
    let given = LoadBalancer::bare(ObjectName::new("default", "edge"), "class", "controller");
    let outcome = converge(&cloud.0.driver(), &Arc::new(given)).await;
    assert!(
        outcome.is_converged() && !outcome.changes.is_empty(),
        "{outcome:?}"
    );
    api.put_gateway("edge", listeners(&[80]));
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    api.put_gateway("edge", listeners(&[81]));
    until("the edit is made", || {
        let all = cloud.resources();
        all.iter()
            .any(|found| found.id.contains("edge:l81"))
            .then_some(())
    })
    .await;
    assert_eq!(event(&api, "Differed", ""), None);
    assert_eq!(event(&api, "Drift", ""), None);
}

/// The half of an edit that failed is made in the next run, and is nobody's doing but ours.
#[tokio::test]
async fn what_failed_of_an_edit_is_no_drift() {
    let (api, cloud) = (with_class(), TestCloud::default());
    api.put_gateway("edge", listeners(&[80]));
    let hub = start(&api, &cloud);
    until("it is programmed", || is_programmed(&hub, "edge")).await;
    let failing = Injected::Error {
        kind: ErrorKind::Unavailable,
        carried_out: false,
    };
    // After the look comes the first of two listeners.
    cloud.0.calls().inject(1, failing);
    api.put_gateway("edge", listeners(&[80, 81, 82]));
    until("all is made", || (cloud.resources().len() == 4).then_some(())).await;
    until("it was looked at again", || is_programmed(&hub, "edge")).await;
    assert_eq!(event(&api, "Drift", ""), None);
}
