//! Helpers of tests: engines fed with YAML.

use crate::backend::BackendOptions;
use crate::graph::class::{BundleVersion, ClassProfile, Reach};
use crate::graph::parameters::ParametersKind;
use crate::snapshot::{Change, Kind, Object, ObjectKey};
use crate::status::{ListenerOutcome, Programming};
use crate::{Delta, Engine, EngineOptions};
use gatewright_model::key::ObjectName;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The controller name of the tests.
pub(crate) const CONTROLLER: &str = "gatewright.dev/software";

/// Options of an engine that owns [`CONTROLLER`].
pub(crate) fn options() -> EngineOptions {
    EngineOptions {
        profiles: vec![ClassProfile {
            controller: CONTROLLER.into(),
            features: vec!["HTTPRoute".into(), "Gateway".into()],
            parameters: ParametersKind::Software,
            reach: Reach::Everything,
        }],
        bundle: BundleVersion::Known("v1.7.0".into()),
        routability: true,
        backends: BackendOptions::default(),
        trust_bundles: true,
    }
}

/// An engine that owns [`CONTROLLER`].
pub(crate) fn engine() -> Engine {
    Engine::new(options())
}

/// A point in time: seconds since the Unix epoch.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Reads objects from YAML documents. Namespaced objects without namespace are in `default`.
pub(crate) fn objects(yaml: &str) -> Vec<Object> {
    let documents = serde_yaml_ng::Deserializer::from_str(yaml);
    documents
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|value| !value.is_null())
        .map(|mut value| {
            let group = value["apiVersion"]
                .as_str()
                .unwrap()
                .split_once('/')
                .map_or("", |(group, _)| group);
            let kind = Kind::find(group, value["kind"].as_str().unwrap()).unwrap();
            let scoped = !matches!(
                kind,
                Kind::GatewayClass | Kind::Namespace | Kind::Node | Kind::ClusterTrustBundle | Kind::XMesh
            );
            if scoped && value["metadata"]["namespace"].is_null() {
                value["metadata"]["namespace"] = "default".into();
            }
            Object::read(kind, value).unwrap()
        })
        .collect()
}

/// Upserts of objects in YAML.
pub(crate) fn upserts(yaml: &str) -> Vec<Change> {
    objects(yaml)
        .into_iter()
        .map(|object| Change::Upsert(Arc::new(object)))
        .collect()
}

/// An engine with objects from YAML.
pub(crate) fn engine_with(yaml: &str) -> Engine {
    let mut engine = engine();
    engine.update(upserts(yaml), at(0));
    engine
}

/// The key of an object in namespace `default` (or of a cluster-scoped one).
pub(crate) fn key(kind: Kind, name: &str) -> ObjectKey {
    let scoped = !matches!(kind, Kind::GatewayClass | Kind::XMesh);
    let namespace = if scoped { "default" } else { "" };
    ObjectKey {
        kind,
        name: ObjectName::new(namespace, name),
    }
}

/// A status as JSON.
pub(crate) fn status(engine: &Engine, kind: Kind, name: &str) -> Value {
    engine
        .status(&key(kind, name))
        .map_or(Value::Null, |status| serde_json::to_value(&**status).unwrap())
}

/// Conditions in short: `Accepted=True/Accepted`.
pub(crate) fn short(conditions: &Value) -> Vec<String> {
    let conditions = conditions.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |condition: &Value, field: &str| condition[field].as_str().unwrap_or_default().to_owned();
    conditions
        .iter()
        .map(|found| {
            format!(
                "{}={}/{}",
                text(found, "type"),
                text(found, "status"),
                text(found, "reason")
            )
        })
        .collect()
}

/// Programs everything that can be, with one address.
pub(crate) fn program(engine: &mut Engine, now: Timestamp) -> Delta {
    let outcomes: BTreeMap<ObjectName, Programming> = engine
        .balancers()
        .map(|(name, balancer)| {
            let programming = Programming {
                listeners: balancer
                    .listeners
                    .keys()
                    .map(|key| (key.clone(), ListenerOutcome::Programmed))
                    .collect(),
                addresses: vec![crate::status::AssignedAddress {
                    kind: "IPAddress".into(),
                    value: "192.0.2.1".into(),
                    routability: "".into(),
                }],
                ..Programming::default()
            };
            (name.clone(), programming)
        })
        .collect();
    engine.set_programming(outcomes, now)
}

/// A class of ours and a Gateway `gw` with one HTTP listener on port 80.
pub(crate) const GATEWAY: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ours}
spec: {controllerName: gatewright.dev/software}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, generation: 3}
spec:
  gatewayClassName: ours
  listeners:
  - {name: http, port: 80, protocol: HTTP}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80, targetPort: 8080}], clusterIP: 10.0.0.1}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [10.1.0.1]}]
---
";

/// An HTTPRoute of [`GATEWAY`].
pub(crate) fn http_route(name: &str, extra: &str) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, generation: 5}}
spec:
  parentRefs: [{{name: gw}}]
  rules: [{{backendRefs: [{{name: web, port: 80}}]}}]
  {extra}
---
"
    )
}
