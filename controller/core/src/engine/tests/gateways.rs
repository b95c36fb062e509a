//! Gateways, listeners, ListenerSets and classes.

use crate::engine::BalancerChange;
use crate::snapshot::{Change, Kind};
use crate::status::{AssignedAddress, ListenerOutcome, Programming};
use crate::testing::{
    CONTROLLER, GATEWAY, at, engine, engine_with, key, options, program, short, status, upserts,
};
use gatewright_model::key::ObjectName;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

fn gateway(extra: &str) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: ours, generation: 2}}
spec: {{controllerName: gatewright.dev/software}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, generation: 3}}
spec:
  gatewayClassName: ours
{extra}
---
"
    )
}

fn listener<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["listeners"]
        .as_array()
        .unwrap()
        .iter()
        .find(|listener| listener["name"] == name)
        .unwrap()
}

/// Checklist items 4 and 5.
#[test]
fn a_class_of_ours_is_accepted_with_sorted_features_and_others_are_ignored() {
    let others = "{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: theirs}, spec: {controllerName: example.net/x}}";
    let engine = engine_with(&(GATEWAY.to_owned() + others));
    let class = status(&engine, Kind::GatewayClass, "ours");
    assert_eq!(
        short(&class["conditions"]),
        ["Accepted=True/Accepted", "SupportedVersion=True/SupportedVersion"]
    );
    assert_eq!(
        class["supportedFeatures"],
        json!([{"name": "Gateway"}, {"name": "HTTPRoute"}])
    );
    assert_eq!(status(&engine, Kind::GatewayClass, "theirs"), Value::Null);
}

/// Checklist items 7, 12, 13, 14: conflicts within one Gateway have no winner.
#[test]
fn listeners_in_conflict_all_lose_and_the_others_are_served() {
    let spec = "
  listeners:
  - {name: a, port: 80, protocol: HTTP, hostname: x.example}
  - {name: b, port: 80, protocol: HTTP, hostname: x.example}
  - {name: c, port: 80, protocol: HTTP}
  - {name: d, port: 90, protocol: HTTP}
  - {name: e, port: 90, protocol: TCP}
  - {name: f, port: 80, protocol: UDP}
  - {name: odd, port: 91, protocol: example.net/odd}";
    let mut engine = engine_with(&gateway(spec));
    program(&mut engine, at(1));
    let found = status(&engine, Kind::Gateway, "gw");
    assert_eq!(short(&found["conditions"])[0], "Accepted=True/ListenersNotValid");
    assert_eq!(short(&found["conditions"])[1], "Programmed=True/Programmed");
    assert_eq!(found["listeners"].as_array().unwrap().len(), 7);
    let conditions = |name| short(&listener(&found, name)["conditions"]);
    for name in ["a", "b"] {
        assert_eq!(
            conditions(name),
            [
                "Accepted=False/HostnameConflict",
                "Programmed=False/HostnameConflict",
                "ResolvedRefs=True/ResolvedRefs",
                "Conflicted=True/HostnameConflict"
            ]
        );
    }
    for name in ["d", "e"] {
        assert_eq!(conditions(name)[3], "Conflicted=True/ProtocolConflict");
    }
    for name in ["c", "f"] {
        assert_eq!(
            conditions(name)[..2],
            ["Accepted=True/Accepted", "Programmed=True/Programmed"]
        );
    }
    assert_eq!(
        conditions("odd")[..2],
        ["Accepted=False/UnsupportedProtocol", "Programmed=False/Invalid"]
    );
    assert_eq!(listener(&found, "odd")["supportedKinds"], json!([]));
    assert_eq!(listener(&found, "f")["supportedKinds"][0]["kind"], "UDPRoute");
}

/// Checklist item 14 (test GatewayInvalidRouteKind).
#[test]
fn invalid_route_kinds_are_named_and_the_valid_ones_stay() {
    let spec = "
  listeners:
  - {name: none, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: InvalidRoute}]}}
  - {name: some, port: 81, protocol: HTTP, allowedRoutes: {kinds: [{kind: InvalidRoute}, {kind: HTTPRoute}]}}";
    let engine = engine_with(&gateway(spec));
    let found = status(&engine, Kind::Gateway, "gw");
    assert_eq!(listener(&found, "none")["supportedKinds"], json!([]));
    let kinds = json!([{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}]);
    assert_eq!(listener(&found, "some")["supportedKinds"], kinds);
    for name in ["none", "some"] {
        assert_eq!(
            short(&listener(&found, name)["conditions"])[2],
            "ResolvedRefs=False/InvalidRouteKinds"
        );
    }
}

/// Checklist item 6: before the data plane had a word, nobody knows.
#[test]
fn programmed_is_unknown_before_and_follows_the_outcome() {
    let mut engine = engine_with(GATEWAY);
    let name = ObjectName::new("default", "gw");
    let programmed = |engine: &crate::Engine| {
        let found = status(engine, Kind::Gateway, "gw");
        (
            short(&found["conditions"])[1].clone(),
            short(&found["listeners"][0]["conditions"])[..2].to_vec(),
        )
    };
    assert_eq!(programmed(&engine).0, "Programmed=Unknown/Pending");
    let key = engine
        .balancer(&name)
        .unwrap()
        .listeners
        .keys()
        .next()
        .unwrap()
        .clone();
    let address = |value: &str| AssignedAddress {
        kind: "IPAddress".into(),
        value: value.into(),
        routability: "".into(),
    };
    let outcome = |outcome, addresses| {
        BTreeMap::from([(
            name.clone(),
            Programming {
                listeners: BTreeMap::from([(key.clone(), outcome)]),
                addresses,
                fault: None,
            },
        )])
    };
    engine.set_programming(outcome(ListenerOutcome::Programmed, Vec::new()), at(1));
    assert_eq!(programmed(&engine).0, "Programmed=False/AddressNotAssigned");
    let failed = ListenerOutcome::Failed {
        reason: "PortUnavailable".into(),
        message: "port 80 is taken".into(),
    };
    engine.set_programming(outcome(failed, vec![address("192.0.2.1")]), at(2));
    let (whole, one) = programmed(&engine);
    assert_eq!(whole, "Programmed=False/Invalid");
    assert_eq!(
        one,
        [
            "Accepted=False/PortUnavailable",
            "Programmed=False/PortUnavailable"
        ]
    );
    let delta = engine.set_programming(
        outcome(ListenerOutcome::Programmed, vec![address("192.0.2.1")]),
        at(3),
    );
    assert_eq!(delta.statuses.len(), 1);
    assert_eq!(programmed(&engine).0, "Programmed=True/Programmed");
}

/// A controller that starts or takes over finds proxies that serve: addresses in the status make DNS records
/// (external-dns), so what was said stands until the data plane has a word, for the generation it was said of.
#[test]
fn what_was_programmed_stands_until_the_data_plane_has_a_word() {
    let set = "{apiVersion: gateway.networking.k8s.io/v1, kind: ListenerSet, metadata: {name: set, generation: 1}, spec: {parentRef: {name: gw}, listeners: [{name: more, port: 81, protocol: HTTP}]}}\n---\n";
    let spec = "  allowedListeners: {namespaces: {from: Same}}\n  listeners: [{name: http, port: 80, protocol: HTTP}]";
    let yaml = gateway(spec) + set;
    let mut before = engine_with(&yaml);
    program(&mut before, at(1));
    let told = |engine: &crate::Engine, kind, name: &str| {
        let found = status(engine, kind, name);
        let listener = short(&found["listeners"][0]["conditions"])[1].clone();
        (
            short(&found["conditions"])[1].clone(),
            listener,
            found["addresses"].clone(),
        )
    };
    let yes = "Programmed=True/Programmed".to_owned();
    let whole = told(&before, Kind::Gateway, "gw");
    assert_eq!((&whole.0, &whole.1), (&yes, &yes));

    // Another process reads the objects with their statuses.
    let written = |generation: i64| {
        let keys = [key(Kind::Gateway, "gw"), key(Kind::ListenerSet, "set")];
        let objects = upserts(&yaml).into_iter().map(|change| {
            let Change::Upsert(object) = change else {
                unreachable!()
            };
            let mut value = object.to_value().unwrap();
            if let Some(key) = keys.iter().find(|key| key.kind == object.kind()) {
                value["status"] = status(&before, key.kind, &key.name.name);
                if key.kind == Kind::Gateway {
                    value["metadata"]["generation"] = generation.into();
                }
            }
            Change::Upsert(Arc::new(
                crate::snapshot::Object::read(object.kind(), value).unwrap(),
            ))
        });
        objects.collect::<Vec<_>>()
    };
    let mut engine = engine();
    let delta = engine.update(written(3), at(5));
    assert!(
        delta
            .statuses
            .iter()
            .all(|change| change.key.kind == Kind::GatewayClass),
        "nothing to write: {:?}",
        delta.statuses
    );
    assert_eq!(told(&engine, Kind::Gateway, "gw"), whole);
    assert_eq!(told(&engine, Kind::ListenerSet, "set").0, yes);
    assert!(engine.is_programmed(&ObjectName::new("default", "gw")));

    // Nobody knows yet whether the proxies have another generation; where they are is known.
    let mut newer = crate::testing::engine();
    newer.update(written(4), at(5));
    let (condition, listener, addresses) = told(&newer, Kind::Gateway, "gw");
    let pending = "Programmed=Unknown/Pending".to_owned();
    assert_eq!((condition, listener), (pending.clone(), pending.clone()));
    assert_eq!(addresses, whole.2);

    // The data plane's word counts, and is forgotten when somebody else hears it.
    let gone = Programming {
        fault: Some(crate::status::ProgrammingFault {
            reason: "Pending".into(),
            message: "none".to_owned(),
        }),
        ..Programming::default()
    };
    engine.set_programming(BTreeMap::from([(ObjectName::new("default", "gw"), gone)]), at(6));
    assert_eq!(told(&engine, Kind::Gateway, "gw").0, "Programmed=False/Pending");
    engine.forget_programming(at(7));
    assert_eq!(told(&engine, Kind::Gateway, "gw").0, pending);
}

/// Checklist item 9 and GEP-5093 (test GatewayStaticAddresses).
#[test]
fn addresses_are_matched_with_what_was_asked_for() {
    let spec = |addresses: &str| {
        gateway(&format!(
            "  addresses: {addresses}\n  listeners: [{{name: http, port: 80, protocol: HTTP}}]"
        ))
    };
    let conditions = |engine: &crate::Engine| short(&status(engine, Kind::Gateway, "gw")["conditions"]);
    let mut engine = engine_with(&spec("[{type: example.net/Odd, value: x}]"));
    assert_eq!(
        conditions(&engine)[..2],
        ["Accepted=False/UnsupportedAddress", "Programmed=False/Invalid"]
    );
    assert!(
        engine.balancers().next().is_none(),
        "what is not accepted is not served"
    );

    engine.update(
        upserts(&spec(
            "[{type: IPAddress, value: 198.51.100.9}, {type: IPAddress, value: 192.0.2.1}]",
        )),
        at(1),
    );
    program(&mut engine, at(2));
    assert_eq!(
        conditions(&engine),
        [
            "Accepted=True/Accepted",
            "Programmed=False/AddressNotUsable",
            "AddressesAssigned=False/PartiallyAssigned"
        ]
    );
    assert_eq!(
        status(&engine, Kind::Gateway, "gw")["addresses"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    engine.update(upserts(&spec("[{type: IPAddress, value: 192.0.2.1}]")), at(3));
    program(&mut engine, at(3));
    assert_eq!(
        conditions(&engine)[1..],
        [
            "Programmed=True/Programmed",
            "AddressesAssigned=True/AddressesAssigned"
        ]
    );

    engine.update(upserts(&spec("[{type: IPAddress, routability: Cluster}]")), at(4));
    program(&mut engine, at(4));
    assert_eq!(
        conditions(&engine)[1..],
        [
            "Programmed=False/AddressNotAssigned",
            "AddressesAssigned=False/NotAssigned"
        ]
    );
}

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

/// Checklist item 8.
#[test]
fn parameters_must_exist_and_be_of_the_right_kind() {
    let spec = |kind: &str| {
        gateway(&format!(
            "  infrastructure: {{parametersRef: {{group: gatewright.dev, kind: {kind}, name: p}}}}\n  listeners: [{{name: http, port: 80, protocol: HTTP}}]"
        ))
    };
    let accepted =
        |engine: &crate::Engine| short(&status(engine, Kind::Gateway, "gw")["conditions"])[0].clone();
    let mut engine = engine_with(&spec("Other"));
    assert_eq!(accepted(&engine), "Accepted=False/InvalidParameters");
    engine.update(upserts(&spec("SoftwareGatewayParameters")), at(1));
    assert_eq!(accepted(&engine), "Accepted=False/InvalidParameters");
    let found = "{apiVersion: gatewright.dev/v1alpha1, kind: SoftwareGatewayParameters, metadata: {name: p}, spec: {forwarding: {trustedHops: 1}}}";
    engine.update(upserts(found), at(2));
    assert_eq!(accepted(&engine), "Accepted=True/Accepted");
    let parameters = engine.parameters(&ObjectName::new("default", "gw")).unwrap();
    assert!(parameters.forwarding.is_some());
    // They are not in the load balancer, but whoever runs it must be told.
    let other = found.replace("trustedHops: 1", "trustedHops: 2");
    let delta = engine.update(upserts(&other), at(3));
    let told = delta.balancers.iter().filter(|change| match change {
        crate::engine::BalancerChange::Changed { parts, .. } => parts.settings && parts.listeners.is_empty(),
        crate::engine::BalancerChange::Removed(_) => false,
    });
    assert_eq!(told.count(), 1, "{:?}", delta.balancers);
    assert!(engine.update(upserts(&other), at(4)).is_empty());
}

#[test]
fn changed_parameters_are_a_change_of_the_load_balancer() {
    let parameters = |replicas: u32| {
        format!(
            "{{apiVersion: gatewright.dev/v1alpha1, kind: SoftwareGatewayParameters, metadata: {{name: p}}, spec: {{deployment: {{replicas: {replicas}}}}}}}"
        )
    };
    let spec = gateway(
        "  infrastructure: {parametersRef: {group: gatewright.dev, kind: SoftwareGatewayParameters, name: p}}\n  listeners: [{name: http, port: 80, protocol: HTTP}]",
    );
    let mut engine = engine_with(&(spec + &parameters(3)));
    let delta = engine.update(upserts(&parameters(1)), at(1));
    let [BalancerChange::Changed { parts, .. }] = delta.balancers.as_slice() else {
        panic!("{:?}", delta.balancers);
    };
    assert!(parts.settings && parts.listeners.is_empty());
    let delta = engine.update(upserts(&parameters(1)), at(2));
    assert!(delta.balancers.is_empty(), "{:?}", delta.balancers);
}

/// Two installations side by side take controller names of their own, in any domain: which parameters count is
/// told by the provider behind the name, for classes and for Gateways.
#[test]
fn parameters_follow_the_provider_and_not_the_controller_name() {
    use crate::graph::parameters::ParametersKind;
    let own = "gatewright.dev/software-blue";
    let of = |kind| {
        let mut options = options();
        options.profiles[0].controller = own.into();
        options.profiles[0].parameters = kind;
        let mut engine = crate::Engine::new(options);
        let spec = "  infrastructure: {parametersRef: {group: gatewright.dev, kind: SoftwareGatewayParameters, name: p}}\n  listeners: [{name: http, port: 80, protocol: HTTP}]";
        let class = "parametersRef: {group: gatewright.dev, kind: SoftwareGatewayParameters, name: c, namespace: default}";
        let yaml = gateway(spec).replace(CONTROLLER, own).replace(
            &format!("{{controllerName: {own}}}"),
            &format!("{{controllerName: {own}, {class}}}"),
        );
        engine.update(upserts(&yaml), at(0));
        for (name, spec) in [("c", "{mode: Shared}"), ("p", "{forwarding: {trustedHops: 1}}")] {
            let found = format!(
                "{{apiVersion: gatewright.dev/v1alpha1, kind: SoftwareGatewayParameters, metadata: {{name: {name}}}, spec: {spec}}}"
            );
            engine.update(upserts(&found), at(1));
        }
        engine
    };
    let name = ObjectName::new("default", "gw");
    let engine = of(ParametersKind::Software);
    assert_eq!(
        short(&status(&engine, Kind::Gateway, "gw")["conditions"])[0],
        "Accepted=True/Accepted"
    );
    let parameters = engine.parameters(&name).unwrap();
    assert!(parameters.mode.is_some() && parameters.forwarding.is_some());
    let engine = of(ParametersKind::None);
    assert!(engine.parameters(&name).is_none());
}

/// Files are read with the defaults of the CRDs each time; times of transitions survive that.
#[test]
fn default_statuses_do_not_hide_what_is_known() {
    let mut value = upserts(GATEWAY).into_iter().find_map(|change| match change {
        Change::Upsert(object) if object.kind() == Kind::Gateway => Some(object.to_value().unwrap()),
        _ => None,
    });
    let value = value.as_mut().unwrap();
    value["status"] = json!({"conditions": [{"type": "Accepted", "status": "Unknown", "reason": "Pending",
        "message": "Waiting for controller", "lastTransitionTime": "1970-01-01T00:00:00Z"}]});
    let mut engine = engine();
    engine.update(upserts(GATEWAY), at(5));
    value["metadata"]["generation"] = 9.into();
    let changed = crate::snapshot::Object::read(Kind::Gateway, value.clone()).unwrap();
    engine.update([Change::Upsert(Arc::new(changed))], at(6));
    let found = status(&engine, Kind::Gateway, "gw");
    assert_eq!(found["conditions"][0]["observedGeneration"], 9);
    assert_eq!(
        found["conditions"][0]["lastTransitionTime"],
        "1970-01-01T00:00:05Z"
    );
}

/// Checklist item 1: a newer generation is observed although nothing else differs, and a condition
/// that somebody observed at a later generation is left alone.
#[test]
fn observed_generations_follow_and_never_go_back() {
    let mut engine = engine();
    engine.update(upserts(GATEWAY), at(0));
    let delta = engine.update(upserts(&GATEWAY.replace("generation: 3", "generation: 4")), at(1));
    assert_eq!(delta.statuses.len(), 1);
    assert!(delta.balancers.is_empty());
    let found = status(&engine, Kind::Gateway, "gw");
    assert_eq!(found["conditions"][0]["observedGeneration"], 4);
    assert_eq!(
        found["conditions"][0]["lastTransitionTime"],
        "1970-01-01T00:00:00Z"
    );
    let delta = engine.update(upserts(GATEWAY), at(2));
    assert!(delta.statuses.is_empty(), "an older generation writes nothing");
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

/// Meshes are read and said to be unserved; those of other controllers are left alone.
#[test]
fn a_mesh_of_ours_is_not_accepted() {
    let mesh = |name: &str, controller: &str| {
        format!(
            "---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XMesh
metadata: {{name: {name}, generation: 2}}
spec: {{controllerName: {controller}}}
"
        )
    };
    let engine = engine_with(&(mesh("ours", "gatewright.dev/software") + &mesh("theirs", "example.net/x")));
    let ours = status(&engine, Kind::XMesh, "ours");
    assert_eq!(short(&ours["conditions"]), ["Accepted=False/NotSupported"]);
    assert_eq!(ours["conditions"][0]["observedGeneration"], 2);
    assert_eq!(status(&engine, Kind::XMesh, "theirs"), Value::Null);
}
