use super::*;
use crate::cluster::clock::Clock;
use crate::cluster::lease::{Candidate, Terms};
use crate::cluster::testing::{FakeApi, Line};
use axum::http::Method;
use gatewright_crds::api::{GatewayStatus, RouteStatus};
use gatewright_model::key::ObjectName;
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

const FOLDER: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/n";

fn resource(kind: Kind) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(kind.group(), "v1", kind.as_str()))
}

fn path(kind: Kind) -> String {
    format!("{FOLDER}/{}/o", resource(kind).plural)
}

/// Status of an object that exists; `None`: it has none.
fn written(api: &FakeApi, kind: Kind) -> Option<Value> {
    api.get(&path(kind))?.get("status").cloned()
}

fn version(api: &FakeApi, kind: Kind) -> String {
    let object = api.get(&path(kind)).unwrap();
    object["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

/// How often somebody tried to write the status.
fn attempts(api: &FakeApi, kind: Kind) -> usize {
    let wanted = format!("{}/status", path(kind));
    let asked = api.asked().into_iter();
    asked
        .filter(|asked| asked.method == Method::PATCH && asked.path == wanted)
        .count()
}

/// An API server with a Gateway and an HTTPRoute.
fn server() -> FakeApi {
    let api = FakeApi::default();
    for kind in [Kind::Gateway, Kind::HttpRoute] {
        api.put(&path(kind), json!({"metadata": {"name": "o", "namespace": "n"}}));
    }
    api
}

fn writer(client: Client) -> Writer {
    let writer = Writer::new(client, Arc::new(Metrics::new(None)));
    let kinds = [Kind::Gateway, Kind::HttpRoute].map(|kind| (kind, (resource(kind), true)));
    writer.set_kinds(kinds.into());
    writer
}

/// Wants a status of one route for the Gateway, or of no parent for the route.
fn want(writer: &Writer, kind: Kind, version: String) {
    let status = match kind {
        Kind::Gateway => Status::Gateway(GatewayStatus {
            attached_listener_sets: Some(1),
            ..GatewayStatus::default()
        }),
        _ => Status::Route(RouteStatus::default()),
    };
    let name = ObjectName::new("n", "o");
    let key = ObjectKey { kind, name };
    let from = Basis {
        version,
        unread: None,
        written: None,
    };
    writer.put((key, None), (Arc::new(status), from), None);
}

/// The line to the API server goes dead while statuses are on their way: at the end of the lease they are dropped, another
/// process leads and writes, and nothing of the first one is sent any more, also when its line works again.
#[tokio::test(start_paused = true)]
async fn a_write_under_way_ends_with_the_lease() {
    let api = server();
    let (line, heard) = watch::channel(Line::Good);
    let (lease, of_lease) = watch::channel(Line::Good);
    let (leads, leading) = watch::channel(false);
    let (_stop, stopped) = watch::channel(false);
    let terms = (Terms::default(), Clock::system());
    let first = Candidate::new(
        api.client_on(of_lease),
        ("system", "lease"),
        "first".to_owned(),
        terms.clone(),
    );
    tokio::spawn(first.run(leads, stopped.clone()));
    let old = writer(api.client_on(heard));
    tokio::spawn(old.clone().run(leading.clone()));
    let mut seen = leading.clone();
    seen.wait_for(|leads| *leads).await.unwrap();
    // Two seconds later the lease is renewed; then nothing arrives any more.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    for line in [&line, &lease] {
        line.send_replace(Line::Dead);
    }
    let begun = tokio::time::Instant::now();
    let kinds = [Kind::Gateway, Kind::HttpRoute];
    for kind in kinds {
        want(&old, kind, version(&api, kind));
    }
    let (leads, mut others) = watch::channel(false);
    let second = Candidate::new(api.client(), ("system", "lease"), "second".to_owned(), terms);
    tokio::spawn(second.run(leads, stopped));
    seen.wait_for(|leads| !*leads).await.unwrap();
    assert!(
        begun.elapsed() <= Terms::default().deadline,
        "{:?}",
        begun.elapsed()
    );
    // From now on a request of the first one would arrive, but it cannot renew its lease. The second one leads when that
    // has run out.
    line.send_replace(Line::Good);
    let asked = |api: &FakeApi| kinds.map(|kind| attempts(api, kind));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!*others.borrow(), "the lease holds");
    assert_eq!(asked(&api), [0, 0], "nothing is sent");
    others.wait_for(|leads| *leads).await.unwrap();
    let new = writer(api.client());
    tokio::spawn(new.clone().run(others));
    for kind in kinds {
        want(&new, kind, version(&api, kind));
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(asked(&api), [1, 1], "the new leader's alone");
    assert!(!*leading.borrow());
    assert!(kinds.iter().all(|kind| written(&api, *kind).is_some()));
}

/// A write that was dropped waits until this process leads again.
#[tokio::test(start_paused = true)]
async fn a_dropped_write_goes_on_when_its_process_leads_again() {
    let api = server();
    let writer = writer(api.client());
    let (leads, leading) = watch::channel(true);
    tokio::spawn(writer.clone().run(leading));
    api.silence(|path| path.ends_with("/status"));
    want(&writer, Kind::Gateway, version(&api, Kind::Gateway));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(attempts(&api, Kind::Gateway), 1, "it is under way");
    leads.send_replace(false);
    tokio::time::sleep(STATUS * 2).await;
    api.speak();
    tokio::time::sleep(STATUS * 2).await;
    assert_eq!(attempts(&api, Kind::Gateway), 1);
    assert_eq!(written(&api, Kind::Gateway), None);
    leads.send_replace(true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(attempts(&api, Kind::Gateway), 2);
    assert_eq!(written(&api, Kind::Gateway).unwrap()["attachedListenerSets"], 1);
}

/// What an older leader sent before its end arrives after somebody else wrote: it is refused, and not tried again.
#[tokio::test(start_paused = true)]
async fn a_write_of_an_older_version_is_refused() {
    for kind in [Kind::Gateway, Kind::HttpRoute] {
        let api = server();
        let writer = writer(api.client());
        let (_leads, leading) = watch::channel(true);
        tokio::spawn(writer.clone().run(leading));
        let older = version(&api, kind);
        let mut object = api.get(&path(kind)).unwrap();
        object["status"] = json!({"of": "another"});
        api.put(&path(kind), object);
        want(&writer, kind, older);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(attempts(&api, kind), 1, "{kind}");
        assert_eq!(written(&api, kind), Some(json!({"of": "another"})), "{kind}");
        want(&writer, kind, version(&api, kind));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_ne!(written(&api, kind), Some(json!({"of": "another"})), "{kind}");
    }
}
