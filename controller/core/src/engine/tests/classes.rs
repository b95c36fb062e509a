//! GatewayClasses, their parameters and those of Gateways, and XMeshes.

use super::gateway;
use crate::engine::BalancerChange;
use crate::snapshot::Kind;
use crate::testing::{CONTROLLER, GATEWAY, at, engine_with, options, short, status, upserts};
use gatewright_model::key::ObjectName;
use serde_json::{Value, json};

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
    assert!(parameters.software().unwrap().forwarding.is_some());
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
    let parameters = parameters.software().unwrap();
    assert!(parameters.mode.is_some() && parameters.forwarding.is_some());
    let engine = of(ParametersKind::None);
    assert!(engine.parameters(&name).is_none());
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
