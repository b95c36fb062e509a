use super::{TRACES, Traces, context, follow};
use crate::cluster::testing::{Collector, FakeApi, Span, TestHub, until};
use gatewright_proxy::observe::trace::OwnTraces;
use gatewright_stream::server::ServerOptions;
use serde_json::json;
use std::sync::Arc;
use tracing::Dispatch;
use tracing::field::Empty;
use tracing_subscriber::layer::SubscriberExt;

/// A subscriber that exports this share of all traces.
fn subscriber(url: &str, sampling: f64) -> (Arc<OwnTraces>, Dispatch) {
    let out = Arc::new(OwnTraces::start(url, "gatewright-controller", "pod-1").unwrap());
    let layer = Traces::new(Arc::clone(&out), sampling).layer();
    (out, Dispatch::new(tracing_subscriber::registry().with(layer)))
}

/// The one span of this name.
fn one(spans: &[Span], name: &str) -> Option<Span> {
    spans.iter().find(|span| span.name == name).cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_have_their_parts_also_in_other_tasks() {
    let collector = Collector::start().await;
    let (out, dispatch) = subscriber(&collector.url, 1.0);
    tracing::dispatcher::with_default(&dispatch, || {
        let whole =
            tracing::debug_span!(target: TRACES, "whole", objects = 3, kind = "HTTPRoute", late = Empty);
        let origin = whole.in_scope(|| {
            let origin = context();
            whole.record("late", "text");
            let _part = tracing::debug_span!(target: TRACES, "part", number = 7_u64).entered();
            tracing::info!(target: TRACES, "an event is no span");
            let _other = tracing::debug_span!("of another target").entered();
            origin
        });
        drop(whole);
        let later = tracing::debug_span!(target: TRACES, "later", error = Empty);
        follow(&later, origin);
        later.record("error", "it broke");
        later.in_scope(|| drop(tracing::debug_span!(target: TRACES, "latest")));
        drop(tracing::debug_span!(target: TRACES, "alone"));
    });
    let spans = until("all spans", || {
        Some(collector.spans()).filter(|spans| spans.len() == 5)
    })
    .await;
    let [whole, part, later, latest, alone] =
        ["whole", "part", "later", "latest", "alone"].map(|name| one(&spans, name).unwrap());
    assert!(whole.holds(&part), "{whole:?} {part:?}");
    assert!(later.holds(&latest), "{later:?} {latest:?}");
    assert!(whole.holds(&later), "{whole:?} {later:?}");
    assert!(whole.parent_id.is_empty() && alone.parent_id.is_empty());
    assert_ne!(alone.trace_id, whole.trace_id);
    assert_eq!(
        (whole.attribute("objects"), whole.attribute("late")),
        ("3".into(), "text".into())
    );
    assert_eq!(
        (part.attribute("number"), later.error()),
        ("7".into(), "it broke".into())
    );
    assert!(part.error().is_empty() && spans.iter().all(Span::is_timed));
    assert_eq!(collector.resource("service.name"), "gatewright-controller");
    assert_eq!(collector.resource("service.instance.id"), "pod-1");
    assert_eq!(out.lost(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_traces_is_whole() {
    let collector = Collector::start().await;
    for (sampling, least, most) in [(0.0, 0, 0), (0.5, 100, 300), (1.0, 400, 400)] {
        let before = collector.spans().len();
        let (out, dispatch) = subscriber(&collector.url, sampling);
        tracing::dispatcher::with_default(&dispatch, || {
            for _ in 0..400 {
                let whole = tracing::debug_span!(target: TRACES, "whole");
                whole.in_scope(|| drop(tracing::debug_span!(target: TRACES, "part")));
            }
        });
        // The end of the export waits for what is queued.
        drop(dispatch);
        tokio::task::spawn_blocking(move || drop(Arc::into_inner(out)))
            .await
            .unwrap();
        let spans = collector.spans().split_off(before);
        let wholes = spans.iter().filter(|span| span.name == "whole").count();
        assert!((least..=most).contains(&wholes), "{sampling}: {wholes}");
        assert_eq!(
            spans.len(),
            wholes * 2,
            "a trace is sent with all its parts or not at all"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (out, dispatch) = subscriber(&format!("http://{gone}"), 1.0);
    tracing::dispatcher::with_default(&dispatch, || {
        // More than may wait.
        for _ in 0..20_000 {
            drop(tracing::debug_span!(target: TRACES, "whole"));
        }
    });
    until("lost spans are counted", || (out.lost() == 20_000).then_some(())).await;
}

#[test]
fn a_collector_that_cannot_be_meant_is_refused_without_its_password() {
    for (url, shown) in [
        ("https://collector:4318", "https://collector:4318"),
        ("collector:4317", "collector:4317"),
        ("http://collector", "http://collector"),
        ("http://me:hidden@collector:4318", "http://***@collector:4318"),
    ] {
        let error = OwnTraces::start(url, "a", "b").unwrap_err().to_string();
        assert!(
            error.contains(shown) && error.contains("http://HOST:PORT"),
            "{error}"
        );
        assert!(!error.contains("hidden"), "{error}");
    }
}

/// One change from the object to the writes: what the hub computed, what the provider did, the status that was written,
/// in one trace, and nothing of what is in the objects.
#[tokio::test]
async fn a_new_gateway_is_one_trace() {
    let collector = Collector::start().await;
    let (out, dispatch) = subscriber(&collector.url, 1.0);
    let api = FakeApi::with_class();
    // For all tasks: they share a thread.
    let _subscribed = tracing::dispatcher::set_default(&dispatch);
    let hub = TestHub::start(&api, ServerOptions::default());
    hub.synced.clone().wait_for(|synced| *synced).await.unwrap();
    let more = json!({"infrastructure": {"annotations": {"example.com/note": "hidden"}}});
    api.put_gateway("edge", more);
    until("the Gateway has a status", || {
        (!hub.programmed("edge").is_empty()).then_some(())
    })
    .await;
    let spans = until("the status write", || {
        let spans = collector.spans();
        let provisioned = one(&spans, "apply").is_some() && one(&spans, "provision").is_some();
        let written = spans
            .iter()
            .any(|span| span.name == "write status" && span.attribute("object") == "Gateway default/edge");
        (provisioned && written).then_some(spans)
    })
    .await;
    let named = |span: &&Span| span.attribute("changed").contains("Gateway default/edge");
    let reconcile = spans
        .iter()
        .filter(|span| span.name == "reconcile")
        .find(named)
        .unwrap();
    let provision = one(&spans, "provision").unwrap();
    assert!(reconcile.holds(&provision), "{spans:#?}");
    assert_eq!(provision.attribute("gateway"), "default/edge");
    for name in ["observe", "plan", "apply"] {
        let part = one(&spans, name).unwrap();
        assert!(provision.holds(&part), "{name} {spans:#?}");
        assert!(part.error().is_empty(), "{part:?}");
    }
    let applied: Vec<String> = spans
        .iter()
        .filter(|span| span.name == "apply")
        .map(|span| span.attribute("action") + " " + &span.attribute("resource"))
        .collect();
    assert!(
        applied
            .iter()
            .any(|text| text.starts_with("create Deployment default/")),
        "{applied:?}"
    );
    // A later change of the status may have been written in its place, with its own trace.
    let write = spans
        .iter()
        .find(|span| span.name == "write status" && span.trace_id == reconcile.trace_id)
        .unwrap();
    assert_eq!(write.attribute("object"), "Gateway default/edge");
    assert_eq!(write.attribute("result"), "success");
    assert!(!format!("{spans:?}").contains("hidden"));
    assert_eq!(out.lost(), 0);
}
