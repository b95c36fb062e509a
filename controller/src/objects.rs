//! Objects as Kubernetes would show them, with their computed status.

use gatewright_core::Engine;
use gatewright_core::snapshot::{Kind, Object};
use gatewright_core::status::Status;
use serde_json::Value;
use std::sync::Arc;

/// An object and its computed status, shared with the engine: cheap to take, made into JSON when asked.
#[derive(Clone, Debug)]
pub struct Shown {
    object: Arc<Object>,
    status: Option<Arc<Status>>,
}

impl Shown {
    /// In Kubernetes' JSON shape.
    pub fn to_value(&self) -> Option<Value> {
        object_with(&self.object, self.status.as_deref())
    }
}

/// Every object of the Gateway API's groups and ours, sorted by kind and name. Objects without status of
/// ours are shown as they came.
pub fn shared(engine: &Engine) -> Vec<Shown> {
    Kind::ALL
        .iter()
        .filter(|kind| kind.group().starts_with("gateway"))
        .flat_map(|kind| engine.snapshot().all(*kind))
        .map(|(_, object)| Shown {
            object: Arc::clone(object),
            status: engine.status(&object.key()).cloned(),
        })
        .collect()
}

/// One object with a status in place of its own.
pub fn object_with(object: &Object, status: Option<&Status>) -> Option<Value> {
    let mut value = object.to_value().ok()?;
    let map = value.as_object_mut()?;
    if let Some(status) = status.and_then(|status| serde_json::to_value(status).ok()) {
        map.insert("status".to_owned(), status);
    }
    Some(value)
}
