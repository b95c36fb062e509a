use super::*;
use crate::cluster::protect::FINALIZER;
use crate::cluster::testing::{Asked, FakeApi, TestHub, gateway_path, until};
use axum::http::Method;
use gatewright_model::key::ObjectName;
use gatewright_stream::server::ServerOptions;
use serde_json::Value;

const CLASS: &str = "/apis/gateway.networking.k8s.io/v1/gatewayclasses/gatewright";

fn key() -> ObjectKey {
    ObjectKey {
        kind: Kind::GatewayClass,
        name: ObjectName::new("", "gatewright"),
    }
}

fn start(api: &FakeApi) -> (Finalizers, watch::Sender<bool>) {
    let (leads, leading) = watch::channel(true);
    let finalizers = Finalizers::start(api.client(), &leading, &Metrics::new(None));
    (finalizers, leads)
}

fn version(api: &FakeApi) -> String {
    let class = api.get(CLASS).unwrap();
    class["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

fn has(api: &FakeApi) -> Vec<Value> {
    let class = api.get(CLASS).unwrap_or_default();
    class["metadata"]["finalizers"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn writes(api: &FakeApi) -> usize {
    let is_write = |asked: &Asked| asked.method == Method::PATCH && asked.path == CLASS;
    api.asked().iter().filter(|asked| is_write(asked)).count()
}

/// Every answer but "gone" and "changed meanwhile" leads to another attempt, until it works.
#[tokio::test]
async fn a_write_that_fails_is_tried_again_until_it_works() {
    for codes in [vec![500], vec![429], vec![503, 403, 422]] {
        let api = FakeApi::with_class();
        let (finalizers, _leads) = start(&api);
        api.fail(CLASS, &codes);
        finalizers.want(key(), vec!["a".to_owned()], &version(&api));
        until("it is written", || (has(&api) == ["a"]).then_some(())).await;
        assert_eq!(writes(&api), codes.len() + 1, "{codes:?}");
    }
}

/// Of an object that is gone or changed the watch tells, and with it comes the next wish.
#[tokio::test]
async fn an_object_that_changed_or_is_gone_is_left_alone() {
    let api = FakeApi::with_class();
    let (finalizers, _leads) = start(&api);
    finalizers.want(key(), vec!["a".to_owned()], "0");
    until("it is refused", || (writes(&api) == 1).then_some(())).await;
    finalizers.want(key(), vec!["b".to_owned()], &version(&api));
    until("the next wish is granted", || (has(&api) == ["b"]).then_some(())).await;
    assert_eq!(writes(&api), 2, "the first one did not come back");
    api.fail(CLASS, &[404]);
    finalizers.want(key(), vec!["c".to_owned()], &version(&api));
    until("it is refused", || (writes(&api) == 3).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(writes(&api), 3);
}

/// A wish that waits for its next attempt gives way to a newer one, and to the news that nothing is to be written.
#[tokio::test]
async fn a_newer_wish_takes_the_place_of_one_that_failed() {
    let api = FakeApi::with_class();
    let (finalizers, _leads) = start(&api);
    api.fail(CLASS, &[500]);
    finalizers.want(key(), vec!["a".to_owned()], &version(&api));
    until("it failed", || (writes(&api) == 1).then_some(())).await;
    finalizers.want(key(), vec!["b".to_owned()], &version(&api));
    until("the newer one is written", || (has(&api) == ["b"]).then_some(())).await;
    api.fail(CLASS, &[500]);
    finalizers.want(key(), vec!["c".to_owned()], &version(&api));
    until("it failed", || (writes(&api) == 3).then_some(())).await;
    // It comes back a moment after the answer.
    until("it waits again", || {
        finalizers.0.writes.waits(&key(), |_| true).then_some(())
    })
    .await;
    finalizers.are_right(&key());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((has(&api), writes(&api)), (vec!["b".into()], 3));
}

#[tokio::test]
async fn who_does_not_lead_writes_nothing_and_goes_on_later() {
    let api = FakeApi::with_class();
    let (finalizers, leads) = start(&api);
    leads.send_replace(false);
    finalizers.want(key(), vec!["a".to_owned()], &version(&api));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(writes(&api), 0);
    leads.send_replace(true);
    until("it is written", || (has(&api) == ["a"]).then_some(())).await;
}

/// `GatewayClassFinalizerGatewaysExist`: a class in deletion goes with its last Gateway, also when the API server was
/// away at that moment.
#[tokio::test]
async fn a_class_in_deletion_goes_with_its_last_gateway() {
    let api = FakeApi::with_class();
    for name in ["first", "last"] {
        api.put_gateway(name, serde_json::json!({}));
    }
    let _hub = TestHub::start(&api, ServerOptions::default());
    until("it is protected", || (has(&api) == [FINALIZER]).then_some(())).await;
    api.delete(CLASS);
    assert_eq!(has(&api), [FINALIZER], "it waits for its Gateways");
    api.delete(&gateway_path("first"));
    let before = writes(&api);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(writes(&api), before, "one is left");
    api.fail(CLASS, &[500, 503]);
    api.delete(&gateway_path("last"));
    until("it is gone", || api.get(CLASS).is_none().then_some(())).await;
    assert_eq!(writes(&api), before + 3);
}
