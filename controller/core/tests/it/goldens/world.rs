//! Running manifests through the engine, as `translate` does.

use gatewright_core::backend::BackendOptions;
use gatewright_core::graph::class::{BundleVersion, ClassProfile, Reach};
use gatewright_core::graph::parameters::ParametersKind;
use gatewright_core::snapshot::{Change, Kind, Object};
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_core::status::{AssignedAddress, ListenerOutcome, Programming};
use gatewright_core::{Engine, EngineOptions};
use gatewright_model::LoadBalancer;
use gatewright_validation::{Bundle, Channel, Mode, Validator};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;

/// 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400;

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| Validator::new(Bundle::default(), Channel::default(), Mode::Strict));

/// What manifests became.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct World {
    /// `status` by object (`Kind namespace/name`).
    pub(crate) statuses: BTreeMap<String, Value>,
    /// Load balancers by Gateway.
    pub(crate) balancers: BTreeMap<String, Value>,
    /// What an API server would have refused.
    pub(crate) refused: Vec<String>,
}

/// Loads manifests as an API server would store them: defaults, generation, and age in the order
/// written. Gives the objects and what was refused.
pub(crate) fn load(texts: &[&str]) -> (Vec<Object>, Vec<String>) {
    let mut objects = Vec::new();
    let mut refused = Vec::new();
    for text in texts {
        let loaded = VALIDATOR.load("golden.yaml", text.as_bytes());
        refused.extend(
            loaded
                .diagnostics
                .iter()
                .filter(|found| found.is_error())
                .map(ToString::to_string),
        );
        for object in loaded.objects {
            let Some(kind) = Kind::find(&object.gvk.group, &object.gvk.kind) else {
                continue;
            };
            let mut value = object.value;
            let metadata = value["metadata"].as_object_mut().unwrap();
            metadata.entry("generation").or_insert(json!(1));
            let age = NOW - 3600 + i64::try_from(objects.len()).unwrap();
            let created = jiff::Timestamp::from_second(age).unwrap().to_string();
            metadata.entry("creationTimestamp").or_insert(json!(created));
            objects.push(Object::read(kind, value).unwrap());
        }
    }
    (objects, refused)
}

/// Translates manifests and assumes that the data plane does as it is told.
pub(super) fn run(defaults: &str, manifests: &str) -> World {
    let (objects, refused) = load(&[defaults, manifests]);
    let mut engine = engine_with(bundle(manifests));
    engine.update(
        objects.into_iter().map(|object| Change::Upsert(Arc::new(object))),
        now(),
    );
    World {
        refused,
        ..settle(&mut engine)
    }
}

/// The installed bundle: a golden may have a line `# installed: ...`, which says what was found in place of v1.7.0.
fn bundle(manifests: &str) -> BundleVersion {
    let found = manifests
        .lines()
        .find_map(|line| line.strip_prefix("# installed: "));
    found.map_or_else(
        || BundleVersion::Known("v1.7.0".into()),
        |found| BundleVersion::Unknown(found.into()),
    )
}

/// An engine without objects.
pub(crate) fn engine() -> Engine {
    engine_with(bundle(""))
}

fn engine_with(bundle: BundleVersion) -> Engine {
    Engine::new(EngineOptions {
        profiles: vec![ClassProfile {
            controller: "gatewright.dev/software".into(),
            features: vec!["Gateway".into(), "HTTPRoute".into()],
            parameters: ParametersKind::Software,
            reach: Reach::Everything,
        }],
        bundle,
        routability: true,
        backends: BackendOptions::default(),
        trust_bundles: true,
    })
}

/// The time at which everything happens.
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(NOW).unwrap()
}

/// Reports to the engine what the data plane made of each load balancer, and gives what it holds then.
pub(crate) fn settle(engine: &mut Engine) -> World {
    let outcomes: BTreeMap<_, _> = engine
        .balancers()
        .map(|(gateway, balancer)| (gateway.clone(), outcome(balancer)))
        .collect();
    engine.set_programming(outcomes, now());
    World {
        statuses: engine
            .statuses()
            .map(|(key, status)| (key.to_string(), serde_json::to_value(&**status).unwrap()))
            .collect(),
        balancers: engine
            .balancers()
            .map(|(gateway, balancer)| (gateway.to_string(), serde_json::to_value(&**balancer).unwrap()))
            .collect(),
        refused: Vec::new(),
    }
}

/// What the data plane says: every listener accepts traffic, and every requested address leads there,
/// except for those of 192.0.2.0/24, which cannot be used, of 203.0.113.0/24, for which there is no room, and of
/// routability `example.com/slow`, which are not there yet.
/// Without a request it is 127.0.0.1. Port 5 cannot be served, port 6 is held by another process, and of port 7
/// nothing is known yet.
fn outcome(balancer: &LoadBalancer) -> Programming {
    let assigned = |kind: &str, value: &str, routability: &str| AssignedAddress {
        kind: kind.into(),
        value: value.into(),
        routability: routability.into(),
    };
    let listeners = balancer.listeners.iter().filter_map(|(key, listener)| {
        let outcome = match listener.port {
            5 => ListenerOutcome::Failed {
                reason: "Invalid".into(),
                message: "port 5 cannot be served".to_owned(),
            },
            6 => ListenerOutcome::Failed {
                reason: "PortUnavailable".into(),
                message: "port 6 is held by another process".to_owned(),
            },
            7 => return None,
            _ => ListenerOutcome::Programmed,
        };
        Some((key.clone(), outcome))
    });
    let mut programming = Programming {
        listeners: listeners.collect(),
        ..Programming::default()
    };
    for request in &balancer.addresses {
        let value = request.value.as_deref().unwrap_or("127.0.0.1");
        if value.starts_with("192.0.2.") {
            programming.fault = Some(ProgrammingFault {
                reason: "AddressNotUsable".into(),
                message: format!("{value} cannot be used"),
            });
        } else if value.starts_with("203.0.113.") {
            programming.fault = Some(ProgrammingFault {
                reason: "NoResources".into(),
                message: "the quota of addresses is used up".to_owned(),
            });
        } else if &*request.routability != "example.com/slow" {
            programming
                .addresses
                .push(assigned(&request.kind, value, &request.routability));
        }
    }
    if balancer.addresses.is_empty() {
        programming.addresses.push(assigned("IPAddress", "127.0.0.1", ""));
    }
    programming
}

impl World {
    /// Every condition, as kind of object (listeners and routes are kinds of their own) and
    /// `Type=Status/Reason`.
    pub(super) fn conditions(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (object, status) in &self.statuses {
            let kind = object.split(' ').next().unwrap_or_default();
            let own = if kind.ends_with("Route") { "Route" } else { kind };
            collect(status, own, &mut found);
        }
        found
    }
}

fn collect(value: &Value, kind: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, kind, found)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    ("conditions", Value::Array(conditions)) => {
                        for condition in conditions {
                            let text = |name: &str| condition[name].as_str().unwrap_or_default().to_owned();
                            let shown = format!("{}={}/{}", text("type"), text("status"), text("reason"));
                            found.push((kind.to_owned(), shown));
                        }
                    }
                    ("listeners", listeners) => collect(listeners, "Listener", found),
                    (_, field) => collect(field, kind, found),
                }
            }
        }
        _ => {}
    }
}
