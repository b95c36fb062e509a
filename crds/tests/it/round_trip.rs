//! Nothing that a CRD allows is lost on its way through conversion and the types.

use crate::sample;
use gatewright_crds::api;
use gatewright_crds::bundle::{Bundle, Channel, crds};
use gatewright_crds::convert::convert;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn through<T: DeserializeOwned + Serialize>(value: Value) -> Value {
    let typed: T = serde_json::from_value(value).unwrap();
    serde_json::to_value(typed).unwrap()
}

fn typed(kind: &str, value: Value) -> Value {
    match kind {
        "BackendTLSPolicy" => through::<api::BackendTlsPolicy>(value),
        "GRPCRoute" => through::<api::GrpcRoute>(value),
        "Gateway" => through::<api::Gateway>(value),
        "GatewayClass" => through::<api::GatewayClass>(value),
        "HTTPRoute" => through::<api::HttpRoute>(value),
        "ListenerSet" => through::<api::ListenerSet>(value),
        "ReferenceGrant" => through::<api::ReferenceGrant>(value),
        "TCPRoute" => through::<api::TcpRoute>(value),
        "TLSRoute" => through::<api::TlsRoute>(value),
        "UDPRoute" => through::<api::UdpRoute>(value),
        "XBackend" => through::<api::XBackend>(value),
        "XBackendTrafficPolicy" => through::<api::XBackendTrafficPolicy>(value),
        "XMesh" => through::<api::XMesh>(value),
        "XTelemetryPolicy" => through::<api::XTelemetryPolicy>(value),
        other => panic!("no type for {other}"),
    }
}

/// Number of leaves: what must not shrink.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.values().map(leaves).sum(),
        Value::Array(list) => list.iter().map(leaves).sum(),
        _ => 1,
    }
}

/// For every release, channel, kind and served version: an object with every field of its schema set,
/// in as many variants as its longest enum has values, comes out of the types as it went in.
#[test]
fn every_field_of_every_served_schema_survives() {
    let mut objects = 0;
    for bundle in Bundle::ALL {
        for channel in Channel::ALL {
            for crd in crds(*bundle, *channel) {
                let parsed: Value = serde_json::from_str(&crd.json).unwrap();
                for version in parsed["spec"]["versions"].as_array().unwrap() {
                    if version["served"] != true {
                        continue;
                    }
                    let name = version["name"].as_str().unwrap();
                    let schema = &version["schema"]["openAPIV3Schema"];
                    for turn in 0..sample::turns(schema) {
                        let mut object = sample::full(schema, turn);
                        object["apiVersion"] = json!(format!("{}/{name}", crd.group));
                        object["kind"] = json!(crd.kind);
                        object["metadata"] = json!({"name": "x", "generation": 3});
                        let before = leaves(&object);
                        let converted = convert(object).unwrap();
                        let shown = format!("{bundle} {channel} {} {name}", crd.kind);
                        assert_eq!(typed(&crd.kind, converted.clone()), converted, "{shown}");
                        // Only XBackend's port.name of v1.6 is given up (it named nothing).
                        let given_up = usize::from(*bundle == Bundle::V1_6_3 && crd.kind == "XBackend");
                        // A cookie's settings beside header-based persistence are refused by v1.6 itself.
                        let header = converted.to_string().contains("\"header\":{\"name\"");
                        if *bundle == Bundle::V1_7_0 || !header {
                            assert_eq!(leaves(&converted), before - given_up, "{shown}");
                        }
                        objects += 1;
                    }
                }
            }
        }
    }
    assert_eq!(objects, 279);
}

/// A field of a later release is ignored by the types (validation reports it), not an error.
#[test]
fn a_field_from_the_future_does_not_fail() {
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "x"},
        "spec": {"rules": [{"name": "r", "futureField": {"a": 1}}], "alsoNew": true},
    });
    let route: api::HttpRoute = serde_json::from_value(convert(route).unwrap()).unwrap();
    assert_eq!(route.spec.rules.unwrap()[0].name.as_deref(), Some("r"));
}

/// The manifests that introductions to the API show, in the version they show them in.
#[test]
fn a_beta_route_as_tutorials_write_it() {
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop", "namespace": "apps"},
        "spec": {
            "parentRefs": [{"name": "gw"}],
            "hostnames": ["shop.example.com"],
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": "/cart"},
                             "headers": [{"name": "version", "value": "two"}]}],
                "backendRefs": [{"name": "cart", "port": 8080, "weight": 90},
                                {"name": "cart-next", "port": 8080, "weight": 10}],
            }],
        },
    });
    let route: api::HttpRoute = serde_json::from_value(convert(route).unwrap()).unwrap();
    let rule = &route.spec.rules.as_ref().unwrap()[0];
    let matches = &rule.matches.as_ref().unwrap()[0];
    let path = matches.path.as_ref().unwrap();
    assert_eq!(path.r#type, Some(api::HttpPathMatchType::PathPrefix));
    assert_eq!(matches.headers.as_ref().unwrap()[0].value, "two");
    let weights: Vec<_> = rule
        .backend_refs
        .iter()
        .flatten()
        .map(|backend| backend.weight)
        .collect();
    assert_eq!(weights, [Some(90), Some(10)]);
}

/// kube's view of the root types agrees with the CRDs.
#[test]
fn resources_are_named_as_the_crds_name_them() {
    use gatewright_crds::kinds::{KINDS, KindInfo, Scope};
    use kube::Resource;
    fn check<T: Resource<DynamicType = ()>>() -> KindInfo {
        let kind = T::kind(&()).into_owned();
        let info = *KINDS.iter().find(|info| info.kind == kind).unwrap();
        assert_eq!(T::group(&()), info.group, "{kind}");
        assert_eq!(T::version(&()), info.version, "{kind}");
        assert_eq!(T::plural(&()), info.plural, "{kind}");
        info
    }
    let all = [
        check::<api::BackendTlsPolicy>(),
        check::<api::GrpcRoute>(),
        check::<api::Gateway>(),
        check::<api::GatewayClass>(),
        check::<api::HttpRoute>(),
        check::<api::ListenerSet>(),
        check::<api::ReferenceGrant>(),
        check::<api::TcpRoute>(),
        check::<api::TlsRoute>(),
        check::<api::UdpRoute>(),
        check::<api::XBackend>(),
        check::<api::XBackendTrafficPolicy>(),
        check::<api::XMesh>(),
        check::<api::XTelemetryPolicy>(),
    ];
    assert_eq!(all.len(), KINDS.len());
    let cluster = all.iter().filter(|info| info.scope == Scope::Cluster);
    assert_eq!(
        cluster.map(|info| info.kind).collect::<Vec<_>>(),
        ["GatewayClass", "XMesh"]
    );
}
