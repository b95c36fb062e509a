//! Plans at the admin endpoint.

use super::{Inspected, Plans, router};
use crate::cluster::metrics::Metrics;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{StatusCode, header};
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use gatewright_provider_api::contract::{
    Action, Applied, Change, ErrorKind, FieldChange, Outcome, Preview, ProviderError, Quota, Resource,
    Verdict,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tower::ServiceExt;

const HERE: &str = "127.0.0.1:40000";

fn rule(id: &str) -> Resource {
    Resource {
        kind: "rule",
        id: id.into(),
    }
}

/// One Gateway that is only planned, and one for which changes were tried.
fn known() -> Plans {
    let plans = Plans::default();
    let preview = Preview {
        changes: vec![Change {
            action: Action::Update,
            resource: rule("80 /"),
            fields: vec![FieldChange {
                field: "weights".to_owned(),
                from: Some("1".to_owned()),
                to: Some("2".to_owned()),
            }],
            why: "HTTPRoute shop/web".to_owned(),
            needs: Vec::new(),
            step: (),
        }],
        quotas: vec![Quota {
            name: "rules".into(),
            scope: "load balancer".into(),
            used: 1,
            others: 0,
            limit: 100,
        }],
        unsupported: vec![Unsupported {
            object: "HTTPRoute shop/web".into(),
            field: "spec.rules[0].filters[0]".into(),
            why: "it copies requests".into(),
            alternative: "".into(),
            approximated: false,
        }],
        ..Preview::default()
    };
    let controller = "gatewright.dev/aws-alb".into();
    plans.previewed(&ObjectName::new("shop", "planned"), Some(&controller), &preview);
    let failed = ProviderError {
        kind: ErrorKind::QuotaExceeded,
        resource: rule("80 /b"),
        message: "TooManyRules".to_owned(),
    };
    let applied = |id: &str, verdict: Verdict| Applied {
        action: Action::Create,
        resource: rule(id),
        summary: format!("create rule {id}"),
        verdict,
    };
    let outcome = Outcome {
        changes: vec![
            applied("80 /a", Verdict::Done),
            applied("80 /b", Verdict::Failed(failed)),
            applied("80 /c", Verdict::Skipped(rule("80 /b"))),
        ],
        ..Outcome::default()
    };
    plans.made(&ObjectName::new("shop", "made"), Some(&controller), &outcome);
    plans
}

fn request(path: &str, host: &str, peer: &str) -> Request {
    let mut request = Request::get(path)
        .header(header::HOST, host)
        .body(Body::empty())
        .unwrap();
    let peer: SocketAddr = peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

/// Asks as a client of that address does: status, type and body.
async fn asked(request: Request) -> (StatusCode, String, String) {
    let (_synced, synced) = watch::channel(true);
    asked_of(request, synced).await
}

async fn asked_of(request: Request, synced: watch::Receiver<bool>) -> (StatusCode, String, String) {
    let (_waits, waits) = watch::channel("HTTPRoute: forbidden".to_owned());
    let (_leads, leads) = watch::channel(true);
    let inspected = Inspected {
        metrics: Arc::new(Metrics::new(None)),
        synced,
        waits,
        leads,
        plans: known(),
    };
    let response = router(inspected).oneshot(request).await.unwrap();
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .map(|kind| kind.to_str().unwrap().to_owned());
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (
        status,
        kind.unwrap_or_default(),
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

async fn told(path: &str) -> Value {
    let (status, kind, body) = asked(request(path, "localhost:9090", HERE)).await;
    assert_eq!(
        (status, kind.as_str()),
        (StatusCode::OK, "application/json"),
        "{body}"
    );
    serde_json::from_str(&body).unwrap()
}

/// Each member that is told, so that nothing else gets there unnoticed: a change has a step of the provider beside them, with the
/// key of a certificate or the secret of a client.
#[tokio::test]
async fn a_plan_is_told_whole_and_nothing_beside_it() {
    let planned = json!({
        "gateway": "shop/planned",
        "controller": "gatewright.dev/aws-alb",
        "dry_run": true,
        "planned": [{
            "action": "update",
            "resource": {"kind": "rule", "id": "80 /"},
            "fields": [{"field": "weights", "from": "1", "to": "2"}],
            "why": "HTTPRoute shop/web",
        }],
        "quotas": [{"name": "rules", "scope": "load balancer", "used": 1, "limit": 100}],
        "unsupported": [{
            "object": "HTTPRoute shop/web",
            "field": "spec.rules[0].filters[0]",
            "why": "it copies requests",
            "alternative": "",
            "approximated": false,
        }],
    });
    assert_eq!(told("/plans/shop/planned").await, planned);
    let made = told("/plans/shop/made").await;
    assert_eq!(
        made["tried"],
        json!([
            {"action": "create", "resource": {"kind": "rule", "id": "80 /a"}, "summary": "create rule 80 /a", "result": "done"},
            {
                "action": "create", "resource": {"kind": "rule", "id": "80 /b"}, "summary": "create rule 80 /b", "result": "failed",
                "why": made["tried"][1]["why"],
            },
            {
                "action": "create", "resource": {"kind": "rule", "id": "80 /c"}, "summary": "create rule 80 /c", "result": "skipped",
                "why": made["tried"][2]["why"],
            },
        ])
    );
    let why = |index: usize| made["tried"][index]["why"].as_str().unwrap().to_owned();
    assert!(why(1).contains("TooManyRules"), "{made}");
    assert!(why(2).contains("80 /b"), "{made}");
    // All of them, by name.
    assert_eq!(told("/plans").await, json!([made, planned]));
}

#[tokio::test]
async fn a_gateway_without_a_plan_is_not_found() {
    for path in ["/plans/shop/other", "/plans/other/planned"] {
        let (status, _, body) = asked(request(path, "localhost", HERE)).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body.contains(path.trim_start_matches("/plans/")), "{body}");
    }
    for path in ["/plans/shop", "/plans/shop/planned/more"] {
        let (status, ..) = asked(request(path, "localhost", HERE)).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

/// The port is open to the cluster: plans are told on loopback alone, and to no page that has a name of its own lead there.
#[tokio::test]
async fn plans_are_told_on_loopback_alone() {
    for path in ["/plans", "/plans/shop/planned", "/plans/shop/other"] {
        for peer in ["10.1.2.3:40000", "[fd00::1]:40000", "[::ffff:10.1.2.3]:40000"] {
            let (status, _, body) = asked(request(path, "127.0.0.1:9090", peer)).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path} to {peer}");
            assert!(
                body.contains("kubectl port-forward") && !body.contains("shop"),
                "{body}"
            );
        }
        let (status, _, body) = asked(request(path, "evil.example.com", HERE)).await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{path}: {body}");
    }
    for peer in ["[::1]:40000", "[::ffff:127.0.0.1]:40000", "127.9.9.9:1"] {
        let (status, ..) = asked(request("/plans", "localhost", peer)).await;
        assert_eq!(status, StatusCode::OK, "{peer}");
    }
}

#[tokio::test]
async fn readiness_says_what_is_waited_for() {
    let request = || Request::get("/readyz").body(Body::empty()).unwrap();
    let (status, _, text) = asked_of(request(), watch::channel(false).1).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text, "the caches are not synced yet\nHTTPRoute: forbidden\n");
    let (status, _, text) = asked_of(request(), watch::channel(true).1).await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, "ok\n"));
}
