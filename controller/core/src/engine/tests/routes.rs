//! Attachment and status of routes.

use crate::engine::BalancerChange;
use crate::snapshot::{Change, Kind};
use crate::testing::{GATEWAY, at, engine_with, http_route, key, program, short, status, upserts};
use gatewright_model::key::ObjectName;
use serde_json::{Value, json};
use std::sync::Arc;

fn parent(engine: &crate::Engine, kind: Kind, name: &str, index: usize) -> Value {
    status(engine, kind, name)["parents"][index].clone()
}

#[test]
fn an_accepted_route_is_in_the_balancer_and_counted() {
    let mut engine = engine_with(&(GATEWAY.to_owned() + &http_route("r", "hostnames: [a.example]")));
    let balancer = engine.balancer(&ObjectName::new("default", "gw")).unwrap();
    assert_eq!(balancer.http_routes.len(), 1);
    assert_eq!(balancer.backends.len(), 1);
    let entry = parent(&engine, Kind::HttpRoute, "r", 0);
    assert_eq!(entry["controllerName"], "gatewright.dev/software");
    assert_eq!(
        entry["parentRef"],
        json!({"name": "gw"}),
        "the reference is copied as written"
    );
    assert_eq!(
        short(&entry["conditions"]),
        ["Accepted=True/Accepted", "ResolvedRefs=True/ResolvedRefs"]
    );
    assert_eq!(entry["conditions"][0]["observedGeneration"], 5);
    program(&mut engine, at(9));
    let gateway = status(&engine, Kind::Gateway, "gw");
    assert_eq!(gateway["listeners"][0]["attachedRoutes"], 1);
    assert_eq!(
        short(&gateway["conditions"]),
        [
            "Accepted=True/Accepted",
            "Programmed=True/Programmed",
            "AddressesAssigned=True/AddressesAssigned"
        ]
    );
    assert_eq!(gateway["conditions"][0]["observedGeneration"], 3);
    assert_eq!(
        gateway["addresses"],
        json!([{"type": "IPAddress", "value": "192.0.2.1", "routability": ""}])
    );
}

#[test]
fn a_route_leaves_when_it_or_its_gateway_goes() {
    let mut engine = engine_with(&(GATEWAY.to_owned() + &http_route("r", "")));
    let delta = engine.update([Change::Delete(key(Kind::HttpRoute, "r"))], at(1));
    let [BalancerChange::Changed { balancer, parts }] = delta.balancers.as_slice() else {
        panic!("{delta:?}")
    };
    assert!(balancer.http_routes.is_empty() && balancer.backends.is_empty());
    assert_eq!(
        (
            parts.http_routes.len(),
            parts.backends.len(),
            parts.listeners.len()
        ),
        (1, 1, 0)
    );
    assert_eq!(
        status(&engine, Kind::Gateway, "gw")["listeners"][0]["attachedRoutes"],
        0
    );

    engine.update(upserts(&http_route("r", "")), at(2));
    let delta = engine.update([Change::Delete(key(Kind::Gateway, "gw"))], at(3));
    assert!(
        matches!(delta.balancers.as_slice(), [BalancerChange::Removed(_)]),
        "{delta:?}"
    );
    assert_eq!(
        status(&engine, Kind::HttpRoute, "r")["parents"],
        json!([]),
        "stale entries of ours are removed"
    );
    assert!(engine.gateways.is_empty() && engine.backends.is_empty() && engine.routes.is_empty());
    assert!(engine.listeners.is_empty());
}

#[test]
fn unchanged_parts_keep_their_identity_and_equal_updates_are_silent() {
    let yaml = GATEWAY.to_owned()
        + &http_route("one", "hostnames: [a.example]")
        + &http_route("two", "hostnames: [b.example]");
    let mut engine = engine_with(&yaml);
    let name = ObjectName::new("default", "gw");
    let before = Arc::clone(engine.balancer(&name).unwrap());
    assert!(engine.update(upserts(&yaml), at(5)).is_empty());
    engine.update(upserts(&http_route("two", "hostnames: [c.example]")), at(6));
    let after = engine.balancer(&name).unwrap();
    let mut same = 0;
    for (key, route) in &before.http_routes {
        let kept = Arc::ptr_eq(route, &after.http_routes[key]);
        assert_eq!(kept, &*key.object.name == "one");
        same += usize::from(kept);
    }
    assert_eq!(same, 1);
    let listeners = before.listeners.values().zip(after.listeners.values());
    assert!(listeners.into_iter().all(|(old, new)| Arc::ptr_eq(old, new)));
}

/// `RouteConditionReason`, checklist item 21.
#[test]
fn refusals_have_the_reason_of_the_first_rule_that_fails() {
    let section = "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: section}
spec: {parentRefs: [{name: gw, sectionName: nope}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: port}
spec: {parentRefs: [{name: gw, port: 81}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: foreign, namespace: other}
spec: {parentRefs: [{name: gw, namespace: default}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: tcp}
spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: nowhere}
spec: {parentRefs: [{name: absent}, {kind: Service, group: '', name: web}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: host}
spec: {parentRefs: [{name: limited}], hostnames: [b.test]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: limited}
spec:
  gatewayClassName: ours
  listeners:
  - {name: http, port: 80, protocol: HTTP, hostname: '*.example'}
";
    let engine = engine_with(&(GATEWAY.to_owned() + section));
    let reason = |kind, name: &str| parent(&engine, kind, name, 0)["conditions"][0]["reason"].clone();
    assert_eq!(reason(Kind::HttpRoute, "section"), "NoMatchingParent");
    assert_eq!(reason(Kind::HttpRoute, "port"), "NoMatchingParent");
    assert_eq!(reason(Kind::TcpRoute, "tcp"), "NotAllowedByListeners");
    assert_eq!(reason(Kind::HttpRoute, "host"), "NoMatchingListenerHostname");
    assert_eq!(
        status(&engine, Kind::HttpRoute, "nowhere"),
        Value::Null,
        "nothing is written for foreign parents"
    );
    let foreign = crate::snapshot::ObjectKey {
        kind: Kind::HttpRoute,
        name: ObjectName::new("other", "foreign"),
    };
    let text = serde_json::to_string(&**engine.status(&foreign).unwrap()).unwrap();
    assert!(text.contains("NotAllowedByListeners"), "{text}");
    assert_eq!(
        status(&engine, Kind::Gateway, "gw")["listeners"][0]["attachedRoutes"],
        0
    );
}

/// Checklist item 22: the route stays accepted, and is counted.
#[test]
fn a_dangling_backend_does_not_refuse_the_route_and_is_noticed_when_it_appears() {
    let dangling = http_route("r", "").replace("name: web", "name: late");
    let mut engine = engine_with(&(GATEWAY.to_owned() + &dangling));
    let before = parent(&engine, Kind::HttpRoute, "r", 0);
    assert_eq!(
        short(&before["conditions"]),
        ["Accepted=True/Accepted", "ResolvedRefs=False/BackendNotFound"]
    );
    let service = "{apiVersion: v1, kind: Service, metadata: {name: late}, spec: {ports: [{port: 80}], clusterIP: 10.0.0.9}}";
    engine.update(upserts(service), at(50));
    let after = parent(&engine, Kind::HttpRoute, "r", 0);
    assert_eq!(
        short(&after["conditions"]),
        [
            "Accepted=True/Accepted",
            "ResolvedRefs=True/ResolvedRefs",
            "gatewright.dev/BackendsWithoutEndpoints=True/NoEndpointSlices"
        ]
    );
    assert_eq!(
        after["conditions"][0]["lastTransitionTime"], "1970-01-01T00:00:00Z",
        "status did not change"
    );
    assert_eq!(
        after["conditions"][1]["lastTransitionTime"],
        "1970-01-01T00:00:50Z"
    );
    let slice = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: late-1, labels: {kubernetes.io/service-name: late}}
addressType: IPv4
ports: [{port: 80}]
endpoints: [{addresses: [10.1.0.9]}]
";
    let delta = engine.update(upserts(slice), at(60));
    assert_eq!(delta.balancers.len(), 1);
    let after = parent(&engine, Kind::HttpRoute, "r", 0);
    assert_eq!(
        short(&after["conditions"]).len(),
        2,
        "our own condition goes when it no longer holds"
    );
}

/// `GRPCRouteSpec.hostnames` in v1.6: the older of an HTTPRoute and a GRPCRoute is accepted.
#[test]
fn http_and_grpc_routes_exclude_one_another_by_hostname() {
    let grpc = "
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: g, creationTimestamp: '2020-01-01T00:00:00Z'}
spec:
  parentRefs: [{name: gw}]
  hostnames: [a.example]
  rules: [{backendRefs: [{name: web, port: 80}]}]
";
    let http = |name: &str, host: &str| {
        http_route(name, &format!("hostnames: [{host}]"))
            .replace("generation: 5", "creationTimestamp: '2021-01-01T00:00:00Z'")
    };
    let mut engine =
        engine_with(&(GATEWAY.to_owned() + &http("h", "a.example") + &http("other", "b.example") + grpc));
    let reason = |engine: &crate::Engine, kind, name: &str| {
        parent(engine, kind, name, 0)["conditions"][0]["reason"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(reason(&engine, Kind::GrpcRoute, "g"), "Accepted");
    assert_eq!(reason(&engine, Kind::HttpRoute, "h"), "HostnameConflict");
    assert_eq!(reason(&engine, Kind::HttpRoute, "other"), "Accepted");
    assert_eq!(
        status(&engine, Kind::Gateway, "gw")["listeners"][0]["attachedRoutes"],
        2
    );
    assert_eq!(
        engine
            .balancer(&ObjectName::new("default", "gw"))
            .unwrap()
            .http_routes
            .len(),
        2
    );
    engine.update([Change::Delete(key(Kind::GrpcRoute, "g"))], at(1));
    assert_eq!(reason(&engine, Kind::HttpRoute, "h"), "Accepted");
    assert_eq!(
        engine
            .balancer(&ObjectName::new("default", "gw"))
            .unwrap()
            .http_routes
            .len(),
        2
    );
}

/// Checklist item 2: foreign entries and conditions stay byte for byte; ours that are stale go.
#[test]
fn entries_of_other_controllers_survive() {
    let foreign = json!({
        "parentRef": {"name": "gw"}, "controllerName": "example.net/other",
        "conditions": [{"type": "Accepted", "status": "False", "reason": "Nope", "message": "m",
            "observedGeneration": 1, "lastTransitionTime": "2001-02-03T04:05:06Z"}],
    });
    let stale =
        json!({"parentRef": {"name": "gone"}, "controllerName": "gatewright.dev/software", "conditions": []});
    let marker = json!({"type": "example.net/Marker", "status": "True", "reason": "X", "message": "",
        "observedGeneration": 1, "lastTransitionTime": "2001-02-03T04:05:06Z"});
    let own = json!({"parentRef": {"name": "gw"}, "controllerName": "gatewright.dev/software", "conditions": [marker]});
    let mut changes = upserts(&http_route("r", ""));
    let [Change::Upsert(object)] = changes.as_mut_slice() else {
        panic!()
    };
    let mut value = object.to_value().unwrap();
    value["status"] = json!({"parents": [foreign, stale, own]});
    *object = std::sync::Arc::new(crate::snapshot::Object::read(Kind::HttpRoute, value).unwrap());
    let mut engine = engine_with(GATEWAY);
    let delta = engine.update(changes, at(7));
    let parents = status(&engine, Kind::HttpRoute, "r")["parents"].clone();
    assert_eq!(parents.as_array().unwrap().len(), 2);
    assert_eq!(parents[0], foreign);
    assert_eq!(
        parents[1]["conditions"][0], marker,
        "a foreign condition in our entry stays in place"
    );
    assert_eq!(
        short(&parents[1]["conditions"])[1..],
        ["Accepted=True/Accepted", "ResolvedRefs=True/ResolvedRefs"]
    );
    assert_eq!(
        delta
            .statuses
            .iter()
            .filter(|change| change.key.kind == Kind::HttpRoute)
            .count(),
        1
    );
}

/// GEP-3793: default Gateways take routes that ask for them, unless they name it themselves.
#[test]
fn default_gateways_take_routes_without_parents() {
    let yaml = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: ours
  defaultScope: All
  listeners:
  - {name: http, port: 80, protocol: HTTP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  useDefaultGateways: All
  rules: [{backendRefs: [{name: web, port: 80}]}]
";
    let mut engine = engine_with(&(GATEWAY.to_owned() + yaml));
    let entry = parent(&engine, Kind::HttpRoute, "r", 0);
    assert_eq!(entry["parentRef"]["name"], "gw");
    assert_eq!(short(&entry["conditions"])[0], "Accepted=True/Accepted");
    engine.update(upserts(GATEWAY), at(1));
    assert_eq!(
        status(&engine, Kind::HttpRoute, "r")["parents"],
        json!([]),
        "the Gateway is no default any more"
    );
    engine.update(upserts(yaml), at(2));
    assert_eq!(
        status(&engine, Kind::HttpRoute, "r")["parents"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
