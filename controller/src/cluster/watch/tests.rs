use super::*;
use crate::cluster::testing::{FakeApi, until};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use std::time::Duration;

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).unwrap()
}

#[test]
fn an_older_version_is_read_in_the_present_shape() {
    let route = object(json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "HTTPRoute",
        "metadata": {"name": "a", "namespace": "n", "resourceVersion": "7"},
        "spec": {},
    }));
    let Input::Upsert { object, from } = read(Kind::HttpRoute, route) else {
        panic!("an HTTPRoute of v1beta1 is readable");
    };
    assert_eq!((object.kind(), from.version.as_str()), (Kind::HttpRoute, "7"));
}

#[test]
fn an_object_of_another_shape_is_named_with_the_reason() {
    let route = object(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "a", "namespace": "n", "resourceVersion": "7"},
        "spec": {"rules": "none"},
    }));
    let Input::Unreadable {
        key,
        version,
        message,
    } = read(Kind::HttpRoute, route)
    else {
        panic!("rules must be a list");
    };
    assert_eq!(
        (key.to_string().as_str(), version.as_str()),
        ("HTTPRoute n/a", "7")
    );
    assert!(message.contains("HTTPRoute"), "{message}");
}

const ROUTES: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/n/httproutes";

fn put(api: &FakeApi, name: &str) {
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "n"}, "spec": {},
    });
    api.put(&format!("{ROUTES}/{name}"), route);
}

fn source() -> Source {
    Source {
        kind: Kind::HttpRoute,
        namespace: None,
    }
}

/// Starts a watch of HTTPRoutes, which knows already what another one knew.
fn start_with(api: &FakeApi, known: Known) -> (mpsc::Receiver<Input>, tokio::task::JoinHandle<()>) {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    let resource = ApiResource::from_gvk(&kind);
    let objects = Api::all_with(api.client(), &resource);
    let (out, told) = mpsc::channel(64);
    (
        told,
        tokio::spawn(watch(source(), (objects, resource), known, out)),
    )
}

/// What is told next, in short.
async fn next(told: &mut mpsc::Receiver<Input>) -> String {
    loop {
        let input = tokio::time::timeout(Duration::from_secs(60), told.recv()).await;
        return match input.expect("nothing is told").expect("the watch goes on") {
            Input::Upsert { object, .. } => format!("+{}", object.key().name.name),
            Input::Delete(key) => format!("-{}", key.name.name),
            Input::Unreadable { key, .. } => format!("?{}", key.name.name),
            Input::Synced(_) => "synced".to_owned(),
            // Why it lists anew.
            Input::Failed { .. } => continue,
        };
    }
}

async fn several<const N: usize>(told: &mut mpsc::Receiver<Input>) -> [String; N] {
    let mut all = [const { String::new() }; N];
    for each in &mut all {
        *each = next(told).await;
    }
    all
}

/// Kubernetes API concepts, "410 Gone responses": a watch whose version is forgotten lists anew. What was deleted
/// meanwhile is in no event: the list alone shows it.
#[tokio::test(start_paused = true)]
async fn what_was_deleted_while_a_watch_expired_is_told() {
    let api = FakeApi::default();
    for name in ["a", "b", "c"] {
        put(&api, name);
    }
    let (mut told, _task) = start_with(&api, Known::default());
    assert_eq!(several(&mut told).await, ["+a", "+b", "+c", "synced"]);
    put(&api, "d");
    assert_eq!(next(&mut told).await, "+d");
    until("it watches", || (api.watches("/httproutes") == 1).then_some(())).await;
    api.expire(&[&format!("{ROUTES}/b"), &format!("{ROUTES}/d")]);
    assert_eq!(several(&mut told).await, ["+a", "+c", "-b", "-d", "synced"]);
    // It goes on, and does not tell again what it told.
    api.delete(&format!("{ROUTES}/a"));
    assert_eq!(next(&mut told).await, "-a");
    until("it watches", || (api.watches("/httproutes") == 1).then_some(())).await;
    api.expire(&[]);
    assert_eq!(several(&mut told).await, ["+c", "synced"]);
}

/// A watch that takes another one's place tells what was deleted between them, also what the other one had found
/// and could not tell any more.
#[tokio::test(start_paused = true)]
async fn what_was_deleted_between_two_watches_is_told() {
    let api = FakeApi::default();
    for name in ["a", "b", "c"] {
        put(&api, name);
    }
    let known = Known::default();
    let (mut told, task) = start_with(&api, known.clone());
    assert_eq!(several(&mut told).await, ["+a", "+b", "+c", "synced"]);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    api.delete(&format!("{ROUTES}/b"));
    let (mut told, _task) = start_with(&api, known);
    assert_eq!(several(&mut told).await, ["+a", "+c", "-b", "synced"]);
}
