use super::*;
use crate::cluster::testing::{FakeApi, TestHub, gateway_path, until};
use axum::http::Method;
use gatewright_stream::server::ServerOptions;
use serde_json::json;

/// No watch that failed pauses for so long.
const PAUSE: Duration = Duration::from_secs(90);

fn start(api: &FakeApi) -> TestHub {
    TestHub::start(api, ServerOptions::default())
}

fn begun(hub: &TestHub) -> bool {
    *hub.synced.borrow()
}

fn waits(hub: &TestHub) -> String {
    hub.waits.borrow().clone()
}

async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

#[test]
fn what_is_served_and_how_is_waited_for() {
    let without: Vec<Kind> = Kind::ALL
        .iter()
        .copied()
        .filter(|kind| need(*kind) == Need::Never)
        .collect();
    let additions = [
        Kind::XBackendTrafficPolicy,
        Kind::XTelemetryPolicy,
        Kind::XMesh,
        Kind::Pod,
        Kind::AwsBinding,
    ];
    assert_eq!(without, additions);
    for kind in [
        Kind::GatewayClass,
        Kind::Gateway,
        Kind::ListenerSet,
        Kind::HttpRoute,
        Kind::UdpRoute,
        Kind::ReferenceGrant,
        Kind::BackendTlsPolicy,
        Kind::Service,
        Kind::EndpointSlice,
        Kind::Secret,
        Kind::ConfigMap,
        Kind::Namespace,
        Kind::Node,
        Kind::AwsTargetGroup,
    ] {
        assert_eq!(need(kind), Need::Always, "{kind}");
    }
}

/// The right to list AwsTargetGroupBindings is missing: after its time the controller begins, says so, and takes them in
/// when it may.
#[tokio::test(start_paused = true)]
async fn a_kind_that_cannot_be_listed_holds_up_the_rest_for_its_time_only() {
    let api = FakeApi::with_class();
    api.put_gateway("edge", json!({}));
    api.forbid(|path| path.contains("/awstargetgroupbindings"));
    let hub = start(&api);
    sleep(PATIENCE.saturating_sub(Duration::from_secs(1))).await;
    assert!(!begun(&hub));
    assert!(
        waits(&hub).contains("AwsTargetGroupBinding: ") && waits(&hub).contains("no right to list"),
        "{}",
        waits(&hub)
    );
    sleep(Duration::from_secs(3)).await;
    assert!(begun(&hub), "{}", waits(&hub));
    assert_eq!(waits(&hub), "");
    until("the Gateway is served", || {
        (!hub.programmed("edge").is_empty()).then_some(())
    })
    .await;
    let metric = r#"gatewright_unlisted_kinds{kind="AwsTargetGroupBinding"} 1"#;
    assert!(hub.metrics.render().contains(metric));
    let events = api.paths("/namespaces/default/events/");
    let told = events.iter().map(|path| api.get(path).unwrap());
    let told: Vec<String> = told
        .filter(|event| event["reason"] == "KindNotListed")
        .map(|event| event["note"].to_string())
        .collect();
    assert!(
        told.len() == 1 && told[0].contains("AwsTargetGroupBinding cannot be listed"),
        "{told:?}"
    );
    api.permit();
    sleep(PAUSE).await;
    assert!(!hub.metrics.render().contains(metric), "it is taken in");
}

/// What nobody names is missed by nobody. Where something that runs may depend on it, it is waited for.
#[tokio::test(start_paused = true)]
async fn a_kind_that_is_named_is_waited_for() {
    let api = FakeApi::with_class();
    let path = "/apis/gateway.networking.k8s.io/v1/gatewayclasses/other";
    let mut class = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "other"},
        "spec": {
            "controllerName": "gatewright.dev/aws-lattice",
            "parametersRef": {"group": "gatewright.dev", "kind": "AwsLatticeParameters", "name": "p", "namespace": "n"},
        },
    });
    api.put(path, class.clone());
    api.forbid(|path| path.contains("/awslatticeparameters"));
    let hub = start(&api);
    sleep(PATIENCE * 5).await;
    assert!(!begun(&hub));
    assert!(waits(&hub).contains("AwsLatticeParameters: "), "{}", waits(&hub));
    class["spec"]["parametersRef"] = serde_json::Value::Null;
    api.put(path, class);
    sleep(PATIENCE * 2).await;
    assert!(begun(&hub), "nothing names it any more");
}

/// Routes are never taken away because they cannot be listed.
#[tokio::test(start_paused = true)]
async fn what_is_served_is_waited_for_without_end() {
    let api = FakeApi::with_class();
    api.put_gateway("edge", json!({}));
    api.forbid(|path| path.ends_with("/httproutes"));
    let hub = start(&api);
    sleep(PATIENCE * 60).await;
    assert!(!begun(&hub));
    let why = waits(&hub);
    assert!(
        why.starts_with("HTTPRoute: ") && why.contains("no right to list"),
        "{why}"
    );
    let writes = api
        .asked()
        .into_iter()
        .filter(|asked| asked.method != Method::GET);
    assert_eq!(
        writes.map(|asked| asked.path).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
    assert!(api.get(&gateway_path("edge")).unwrap().get("status").is_none());
    api.permit();
    sleep(PAUSE).await;
    assert!(begun(&hub));
}
