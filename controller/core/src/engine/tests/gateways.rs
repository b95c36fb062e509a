//! Gateways: listeners against each other, and statuses that were there before.

use super::{gateway, listener};
use crate::Engine;
use crate::graph::class::{ClassProfile, Reach};
use crate::graph::parameters::ParametersKind;
use crate::snapshot::{Change, Kind};
use crate::testing::{GATEWAY, at, engine, engine_with, options, program, short, status, upserts};
use serde_json::json;
use std::sync::Arc;

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

/// `TLSRouteModeMixed` and its suite's test TLSRouteListenerMixedTerminationNotSupported: where server names are not read, TLS ends
/// at all listeners of a port or at none.
#[test]
fn a_class_that_reads_no_server_names_has_one_mode_of_tls_on_a_port() {
    let yaml = gateway(
        "
  listeners:
  - {name: a, port: 443, protocol: TLS, hostname: a.example, tls: {mode: Passthrough}}
  - {name: b, port: 443, protocol: TLS, hostname: b.example, tls: {certificateRefs: [{name: none}]}}
  - {name: c, port: 444, protocol: TLS, hostname: a.example, tls: {mode: Passthrough}}
  - {name: d, port: 444, protocol: TLS, hostname: b.example, tls: {mode: Passthrough}}",
    );
    let conflicts = |reach: Reach| {
        const CLOUD: &str = "gatewright.dev/aws-nlb";
        let mut options = options();
        options.profiles.push(ClassProfile {
            controller: CLOUD.into(),
            features: Vec::new(),
            parameters: ParametersKind::AwsAlb,
            reach,
        });
        let mut engine = Engine::new(options);
        engine.update(upserts(&yaml.replace("gatewright.dev/software", CLOUD)), at(0));
        let found = status(&engine, Kind::Gateway, "gw");
        ["a", "b", "c", "d"].map(|name| {
            let listener = listener(&found, name);
            let kinds = listener["supportedKinds"].as_array().unwrap().len();
            let conditions = &listener["conditions"];
            let conflict = conditions.as_array().unwrap().iter().find(|condition| {
                condition["type"] == "Conflicted" && condition["reason"] == "ProtocolConflict"
            });
            assert_eq!(kinds, usize::from(conflict.is_none()));
            conflict.map(|condition| condition["message"].as_str().unwrap().to_owned())
        })
    };
    let [first, second, third, fourth] = conflicts(Reach::Streams);
    assert!(first.unwrap().contains("mode Passthrough"));
    let second = second.unwrap();
    assert!(
        second.contains("mode Terminate") && second.contains("one of both"),
        "{second}"
    );
    assert_eq!((third, fourth), (None, None));
    assert_eq!(conflicts(Reach::Everything), [const { None }; 4]);
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
