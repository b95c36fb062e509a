//! Objects as Kubernetes would show them, with their computed status.

use gatewright_core::Engine;
use gatewright_core::snapshot::{Kind, Object};
use gatewright_core::status::Status;
use serde_json::Value;

/// Every object of the Gateway API's groups and ours with its computed status, in Kubernetes' JSON shape,
/// sorted by kind and name. Objects without status of ours are shown as they came.
pub fn shown(engine: &Engine) -> impl Iterator<Item = Value> {
    Kind::ALL
        .iter()
        .filter(|kind| kind.group().starts_with("gateway"))
        .flat_map(|kind| engine.snapshot().all(*kind))
        .filter_map(|(_, object)| object_with(object, engine.status(&object.key()).map(|status| &**status)))
}

/// One object with a status in place of its own.
fn object_with(object: &Object, status: Option<&Status>) -> Option<Value> {
    let mut value = object.to_value().ok()?;
    let map = value.as_object_mut()?;
    if let Some(status) = status.and_then(|status| serde_json::to_value(status).ok()) {
        map.insert("status".to_owned(), status);
    }
    Some(value)
}
