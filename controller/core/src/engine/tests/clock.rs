//! The time of day jumps: statuses keep what they say, and nothing that is served depends on it.

use crate::snapshot::{Change, Kind};
use crate::status::Status;
use crate::testing::{engine, http_route, key, objects, program, status, upserts};
use crate::{Delta, Engine, snapshot::Object};
use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use std::sync::Arc;

/// In the middle of the certificate's life.
fn noon() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn hours(count: i64) -> Timestamp {
    noon() + SignedDuration::from_hours(count)
}

/// A Gateway with an HTTPS listener, whose certificate is valid from January 2026 to January 2027, and a route.
fn world() -> String {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls"}, "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": certificate.pem(), "tls.key": key.serialize_pem()},
    });
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "gw", "generation": 1},
        "spec": {"gatewayClassName": "ours", "listeners": [{
            "name": "https", "port": 443, "protocol": "HTTPS", "hostname": "a.example",
            "tls": {"certificateRefs": [{"name": "tls"}]},
        }]},
    });
    let class = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "ours"},
        "spec": {"controllerName": crate::testing::CONTROLLER},
    });
    format!(
        "{secret}\n---\n{class}\n---\n{gateway}\n---\n{}",
        http_route("web", "")
    )
}

fn served() -> Engine {
    let mut engine = engine();
    engine.update(upserts(&world()), noon());
    program(&mut engine, noon());
    engine
}

fn says_nothing(delta: &Delta) -> bool {
    delta.statuses.is_empty() && delta.balancers.is_empty()
}

/// What the listener says of its certificate.
fn note(engine: &Engine) -> String {
    let status = status(engine, Kind::Gateway, "gw");
    let conditions = status["listeners"][0]["conditions"].as_array().unwrap();
    let resolved = conditions
        .iter()
        .find(|condition| condition["type"] == "ResolvedRefs")
        .unwrap();
    assert_eq!(resolved["status"], "True", "time alone takes no listener down");
    let message = resolved["message"].as_str().unwrap();
    message
        .split_once("note: ")
        .map_or("", |(_, note)| note)
        .to_owned()
}

/// The times of all conditions of an object.
fn times(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(name, value)| {
                if name == "lastTransitionTime" {
                    vec![value.clone()]
                } else {
                    times(value)
                }
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(times).collect(),
        _ => Vec::new(),
    }
}

/// The object as the API server returns it after the status was written.
fn written(engine: &Engine, kind: Kind, name: &str) -> Change {
    let key = key(kind, name);
    let mut value = engine
        .snapshot()
        .get(kind, &key.name)
        .map(|object| match &**object {
            Object::Gateway(gateway) => serde_json::to_value(gateway).unwrap(),
            Object::HttpRoute(route) => serde_json::to_value(route).unwrap(),
            other => panic!("{other:?}"),
        });
    let found = value.as_mut().unwrap();
    found["status"] = match &**engine.status(&key).unwrap() {
        Status::Gateway(status) => serde_json::to_value(status).unwrap(),
        Status::Route(status) => serde_json::to_value(status).unwrap(),
        other => panic!("{other:?}"),
    };
    Change::Upsert(Arc::new(objects(&found.to_string()).remove(0)))
}

#[test]
fn a_jump_alone_changes_nothing() {
    let mut engine = served();
    for jump in [6, -6, 48, -48, 0, 24 * 100, 24 * -100] {
        assert!(says_nothing(&engine.refresh(hours(jump))), "{jump} h");
        assert!(says_nothing(&program(&mut engine, hours(jump))), "{jump} h");
        let told = [
            written(&engine, Kind::Gateway, "gw"),
            written(&engine, Kind::HttpRoute, "web"),
        ];
        assert!(
            says_nothing(&engine.update(told, hours(jump))),
            "{jump} h: written statuses come back"
        );
    }
}

#[test]
fn a_change_while_the_clock_is_wrong_is_written_once_and_keeps_the_times_of_the_rest() {
    let mut engine = served();
    let before = times(&status(&engine, Kind::HttpRoute, "web"));
    for (jump, replicas) in [(6, "nobody"), (-6, "web"), (6, "nobody")] {
        let route = http_route("web", "").replace("name: web, port", &format!("name: {replicas}, port"));
        let delta = engine.update(upserts(&route), hours(jump));
        assert!(!delta.balancers.is_empty(), "{jump} h");
        let told = [written(&engine, Kind::HttpRoute, "web")];
        assert!(says_nothing(&engine.update(told, hours(jump))), "{jump} h: once");
        assert!(says_nothing(&engine.refresh(hours(-jump))), "{jump} h: and back");
    }
    let after = times(&status(&engine, Kind::HttpRoute, "web"));
    assert_eq!(
        before.first(),
        after.first(),
        "the route was accepted all the time"
    );
}

#[test]
fn a_certificate_that_expires_by_a_jump_is_served_and_noted_while_the_jump_lasts() {
    let mut engine = served();
    assert_eq!(note(&engine), "");
    let expired = "2027-01-02T00:00:00Z".parse().unwrap();
    let early = "2025-12-31T00:00:00Z".parse().unwrap();
    for (now, wanted) in [
        (expired, "expired"),
        (noon(), ""),
        (early, "not valid before"),
        (noon(), ""),
    ] {
        let delta = engine.refresh(now);
        assert!(delta.balancers.is_empty(), "{now}: what is served stays");
        assert_eq!(delta.statuses.len(), 1, "{now}: the Gateway, once");
        assert!(says_nothing(&engine.refresh(now)), "{now}: once");
        let note = note(&engine);
        assert!(
            note.contains(wanted) && note.is_empty() == wanted.is_empty(),
            "{now}: {note}"
        );
    }
}
