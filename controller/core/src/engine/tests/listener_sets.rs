//! ListenerSets: merging, precedence, and who attaches to what.

use super::gateway;
use crate::snapshot::{Change, Kind};
use crate::testing::{at, engine_with, key, program, short, status};
use gatewright_model::key::ObjectName;
use serde_json::{Value, json};

/// Checklist items 11, 13 and 20.
#[test]
fn listener_sets_are_merged_by_precedence() {
    let spec = "
  allowedListeners: {namespaces: {from: Same}}
  listeners: [{name: http, port: 80, protocol: HTTP, hostname: x.example}]";
    let set = |name: &str, namespace: &str, created: &str, listeners: &str| {
        format!(
            "
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: '{created}'}}
spec:
  parentRef: {{name: gw, namespace: default}}
  listeners: {listeners}
---
"
        )
    };
    let clash = "[{name: clash, port: 80, protocol: HTTP, hostname: x.example}]";
    let own = "[{name: own, port: 80, protocol: HTTP, hostname: y.example}]";
    let yaml = gateway(spec)
        + &set("young", "default", "2024-02-01T00:00:00Z", own)
        + &set("old", "default", "2024-01-01T00:00:00Z", own)
        + &set("loser", "default", "2023-01-01T00:00:00Z", clash)
        + &set("foreign", "other", "2023-01-01T00:00:00Z", own);
    let mut engine = engine_with(&yaml);
    program(&mut engine, at(1));
    let of =
        |engine: &crate::Engine, name: &str| short(&status(engine, Kind::ListenerSet, name)["conditions"]);
    assert_eq!(
        of(&engine, "old"),
        ["Accepted=True/Accepted", "Programmed=True/Programmed"]
    );
    for name in ["young", "loser"] {
        assert_eq!(
            of(&engine, name),
            [
                "Accepted=False/ListenersNotValid",
                "Programmed=False/ListenersNotValid"
            ]
        );
        let listeners = status(&engine, Kind::ListenerSet, name)["listeners"].clone();
        assert_eq!(
            short(&listeners[0]["conditions"]),
            [
                "Accepted=False/HostnameConflict",
                "Programmed=False/HostnameConflict",
                "ResolvedRefs=True/ResolvedRefs",
                "Conflicted=True/HostnameConflict"
            ]
        );
    }
    let foreign = crate::snapshot::ObjectKey {
        kind: Kind::ListenerSet,
        name: ObjectName::new("other", "foreign"),
    };
    let value = serde_json::to_value(&**engine.status(&foreign).unwrap()).unwrap();
    assert_eq!(
        short(&value["conditions"]),
        ["Accepted=False/NotAllowed", "Programmed=False/NotAllowed"]
    );
    let found = status(&engine, Kind::Gateway, "gw");
    assert_eq!(found["attachedListenerSets"], 1);
    assert_eq!(short(&found["conditions"])[0], "Accepted=True/Accepted");
    assert_eq!(
        found["listeners"].as_array().unwrap().len(),
        1,
        "listeners of sets are in their own status"
    );
    engine.update([Change::Delete(key(Kind::ListenerSet, "old"))], at(2));
    assert_eq!(of(&engine, "young")[0], "Accepted=True/Accepted");
}

/// Routes with a parentRef to the Gateway never attach to listeners of its sets, nor the other way
/// round (GEP-1713; test ListenerSetGatewayParentSectionNameNotFound).
#[test]
fn parents_keep_to_their_own_listeners() {
    let spec = "
  allowedListeners: {namespaces: {from: All}}
  listeners: [{name: http, port: 80, protocol: HTTP}]";
    let more = "
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: set}
spec:
  parentRef: {name: gw}
  listeners: [{name: more, port: 81, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: up}
spec: {parentRefs: [{name: gw, sectionName: more}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: down}
spec: {parentRefs: [{kind: ListenerSet, name: set}, {kind: ListenerSet, name: set, sectionName: http}]}
";
    let engine = engine_with(&(gateway(spec) + more));
    let reasons = |name: &str| {
        let found = status(&engine, Kind::HttpRoute, name);
        let parents = found["parents"].as_array().unwrap().clone();
        parents
            .iter()
            .map(|parent| parent["conditions"][0]["reason"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(reasons("up"), ["NoMatchingParent"]);
    assert_eq!(reasons("down"), ["Accepted", "NoMatchingParent"]);
    assert_eq!(
        status(&engine, Kind::Gateway, "gw")["listeners"][0]["attachedRoutes"],
        0
    );
    assert_eq!(
        status(&engine, Kind::ListenerSet, "set")["listeners"][0]["attachedRoutes"],
        1
    );
}

/// A set whose Gateway is deleted must not go on saying that it is served.
#[test]
fn a_listener_set_says_that_its_gateway_is_gone() {
    let set = "
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: set, generation: 4}
spec:
  parentRef: {name: gw}
  listeners: [{name: a, port: 81, protocol: HTTP}]
";
    let world = gateway(
        "  allowedListeners: {namespaces: {from: Same}}\n  listeners: [{name: http, port: 80, protocol: HTTP}]",
    );
    let mut engine = engine_with(&(world + set));
    let before = status(&engine, Kind::ListenerSet, "set");
    assert_eq!(short(&before["conditions"])[0], "Accepted=True/Accepted");
    engine.update([Change::Delete(key(Kind::Gateway, "gw"))], at(9));
    let after = status(&engine, Kind::ListenerSet, "set");
    assert_eq!(
        short(&after["conditions"]),
        [
            "Accepted=False/ParentNotAccepted",
            "Programmed=False/ParentNotAccepted"
        ]
    );
    assert_eq!(after["listeners"], json!([]));
    // A set that never was ours has nothing to hear from us.
    let other = engine_with(set);
    assert_eq!(status(&other, Kind::ListenerSet, "set"), Value::Null);
}
