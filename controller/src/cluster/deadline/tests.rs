//! What becomes of a server that takes requests and never answers, kind by kind, and of everybody else meanwhile.

use super::*;
use crate::cluster::catalog::{Catalog, Nodes, Release};
use crate::cluster::events::{About, Events, Notice};
use crate::cluster::lease::Terms;
use crate::cluster::metrics::Metrics;
use crate::cluster::sources;
use crate::cluster::status::{Basis, Writer};
use crate::cluster::testing::FakeApi;
use axum::http::Method;
use gatewright_core::graph::class::BundleVersion;
use gatewright_core::snapshot::{Kind, ObjectKey};
use gatewright_core::status::Status;
use gatewright_crds::api::RouteStatus;
use gatewright_crds::bundle::{Bundle, Channel};
use gatewright_crds::kinds;
use gatewright_model::key::ObjectName;
use http_body_util::BodyExt;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

const ROUTES: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/n/httproutes";

fn resource(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(kinds::GROUP, "v1", kind))
}

/// How many requests with this method went to a path.
fn asked(api: &FakeApi, method: &Method, path: &str) -> usize {
    let all = api.asked().into_iter();
    all.filter(|asked| asked.method == *method && asked.path == path)
        .count()
}

/// A body that says something once, and never ends.
struct Endless(bool);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::take(&mut self.0) {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{")))));
        }
        Poll::Pending
    }
}

async fn call(path: &str) -> Result<Response<Answer<Endless>>, BoxError> {
    let mut client = Deadlines.layer(tower::service_fn(async |request: Request<()>| {
        if request.uri().path() == "/mute" {
            std::future::pending::<()>().await;
        }
        Ok::<_, Infallible>(Response::new(Endless(true)))
    }));
    client.call(Request::get(path).body(()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_request_costs_its_deadline_and_a_watch_may_be_silent() {
    let begun = Instant::now();
    for path in ["/mute", "/mute?watch=true"] {
        let error = call(path).await.err().unwrap();
        assert_eq!(
            error.downcast_ref(),
            Some(&Late(ANSWER)),
            "{path}: not even a head"
        );
    }
    assert_eq!(begun.elapsed(), ANSWER * 2);
    let mut body = call("/list?limit=500").await.unwrap().into_body();
    tokio::time::advance(ANSWER / 2).await;
    body.frame().await.unwrap().unwrap();
    let begun = Instant::now();
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Late(ANSWER)), "it stopped half way");
    assert_eq!(begun.elapsed(), ANSWER, "each piece has its own time");
    let mut body = call("/list?limit=500&watch=true").await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    let hour = Duration::from_secs(3600);
    assert!(timeout(hour, body.frame()).await.is_err(), "nothing changes");
}

/// A status is given up before another process may lead, and not before an attempt to renew the lease is.
#[test]
fn a_status_does_not_outlive_its_leader() {
    let terms = Terms::default();
    assert!(STATUS + terms.deadline < terms.duration);
    assert!(STATUS >= terms.retry * 2);
}

/// All workers wait for answers that do not come: each goes on with other objects after its deadline, and what was not
/// written is tried again.
#[tokio::test(start_paused = true)]
async fn a_status_that_is_not_answered_holds_up_no_other_for_longer_than_its_deadline() {
    let api = FakeApi::default();
    let writer = Writer::new(api.client(), Arc::new(Metrics::new(None)));
    writer.set_kinds(BTreeMap::from([(Kind::HttpRoute, (resource("HTTPRoute"), true))]));
    let put = |name: &str| {
        let object = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name}});
        api.put(&format!("{ROUTES}/{name}"), object);
        let key = ObjectKey {
            kind: Kind::HttpRoute,
            name: ObjectName::new("n", name),
        };
        let status = Arc::new(Status::Route(RouteStatus::default()));
        writer.put((key, None), (status, Basis::default()), None);
    };
    let written = |name: &str| api.get(&format!("{ROUTES}/{name}")).unwrap()["status"].is_object();
    api.silence(|path| path.contains("/mute-"));
    let (_leads, leading) = watch::channel(true);
    tokio::spawn(writer.clone().run(leading));
    let mute: Vec<String> = (0..8).map(|number| format!("mute-{number}")).collect();
    for name in &mute {
        put(name);
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    put("other");
    tokio::time::sleep(STATUS.saturating_sub(Duration::from_millis(2))).await;
    assert!(!written("other"), "all workers wait");
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert!(written("other"), "nobody waits for longer");
    tokio::time::sleep(STATUS).await;
    let path = format!("{ROUTES}/mute-0/status");
    assert_eq!(asked(&api, &Method::PATCH, &path), 2, "it is tried again");
    api.speak();
    tokio::time::sleep(STATUS * 2).await;
    assert!(mute.iter().all(|name| written(name)));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_not_answered_is_dropped_and_the_next_one_is_sent() {
    let api = FakeApi::default();
    api.silence(|path| path.contains("/namespaces/mute/"));
    let (_leads, leading) = watch::channel(true);
    let events = Events::start(api.client(), "me".to_owned(), leading);
    for namespace in ["mute", "other"] {
        let about = About {
            key: ObjectKey {
                kind: Kind::HttpRoute,
                name: ObjectName::new(namespace, "r"),
            },
            uid: None,
            resource: resource("HTTPRoute"),
        };
        let notice = Notice {
            warning: true,
            reason: "Because".to_owned(),
            note: "something".to_owned(),
            action: "Accepted".to_owned(),
        };
        events.send(about, notice);
    }
    tokio::time::sleep(EVENT.saturating_sub(Duration::from_millis(1))).await;
    assert_eq!(api.paths("/events/"), Vec::<String>::new());
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(api.paths("/namespaces/other/events/").len(), 1);
}

/// What is served cannot be asked for a while: what is watched already is told of meanwhile, and new kinds are found
/// as soon as there are answers.
#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_say_what_it_serves_is_asked_again() {
    let api = FakeApi::default();
    let group = json!({"groupVersion": "gateway.networking.k8s.io/v1", "version": "v1"});
    let groups = json!([{"name": kinds::GROUP, "versions": [group], "preferredVersion": group}]);
    api.document(
        "/apis",
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
    );
    let served = ["GatewayClass", "TLSRoute"].map(|kind| {
        let plural = resource(kind).plural;
        json!({"name": plural, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["list", "watch"]})
    });
    let list = json!({"kind": "APIResourceList", "groupVersion": "gateway.networking.k8s.io/v1", "resources": served});
    api.document("/apis/gateway.networking.k8s.io/v1", list);
    let known = Catalog {
        kinds: BTreeMap::from([(Kind::GatewayClass, (resource("GatewayClass"), false))]),
        release: Release {
            version: BundleVersion::Known("v1.7.0".into()),
            bundle: Bundle::V1_7_0,
            channel: Channel::Standard,
        },
        unnamed: BTreeSet::new(),
    };
    api.silence(|path| path == "/apis");
    let (publish, mut catalogs) = watch::channel(known.clone());
    let (out, mut told) = mpsc::channel(64);
    tokio::spawn(sources::run(
        api.client(),
        (Vec::new(), Nodes::Ignored),
        (known, publish),
        out,
    ));
    // The first look comes after a minute, and gets no answer for its deadline.
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(asked(&api, &Method::GET, "/apis"), 1);
    while told.try_recv().is_ok() {}
    let class: Value = json!({"metadata": {"name": "c"}, "spec": {"controllerName": "example.com/c"}});
    api.put("/apis/gateway.networking.k8s.io/v1/gatewayclasses/c", class);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(told.try_recv().is_ok(), "watches go on");
    tokio::time::sleep(DISCOVERY + Duration::from_secs(60)).await;
    assert_eq!(asked(&api, &Method::GET, "/apis"), 2, "it is asked again");
    assert!(!catalogs.has_changed().unwrap());
    api.speak();
    tokio::time::sleep(DISCOVERY + Duration::from_secs(60)).await;
    assert!(catalogs.borrow_and_update().kinds.contains_key(&Kind::TlsRoute));
}
