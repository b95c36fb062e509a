//! Objects as Kubernetes would show them, with their computed status.

use gatewright_core::Engine;
use gatewright_core::snapshot::{Kind, Object, ObjectKey};
use gatewright_core::status::Status;
use serde_json::Value;

/// Every object of the Gateway API's groups and ours with its computed status, sorted by kind and name.
/// Objects without status of ours are shown as they came.
pub fn with_status(engine: &Engine) -> Vec<(ObjectKey, Value)> {
    Kind::ALL
        .iter()
        .filter(|kind| kind.group().starts_with("gateway"))
        .flat_map(|kind| engine.snapshot().all(*kind))
        .filter_map(|(_, object)| {
            let key = object.key();
            let status = engine.status(&key);
            Some((key, object_with(object, status.map(|status| &**status))?))
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
