//! One watch: the objects of one kind as the API server tells of them.
//!
//! The engine's snapshot is the store; a watch keeps names alone, to know after a reconnection what was
//! deleted meanwhile. An object that does not have the shape of its kind is told as such and hurts
//! nothing else.

use super::prune;
use futures_util::{StreamExt, pin_mut};
use gatewright_core::snapshot::{Kind, Object, ObjectKey, name_of};
use gatewright_crds::convert::convert;
use gatewright_model::key::ObjectName;
use kube::api::{DynamicObject, TypeMeta};
use kube::core::ApiResource;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as start};
use kube::{Api, ResourceExt};
use std::collections::BTreeSet;
use tokio::sync::mpsc;

/// What a watch tells.
#[derive(Debug)]
pub enum Input {
    /// The object is new or different.
    Upsert {
        /// The object, pruned.
        object: Box<Object>,
        /// `metadata.resourceVersion`.
        version: String,
    },
    /// The object is gone.
    Delete(ObjectKey),
    /// The object cannot be read; what was known of it stays.
    Unreadable {
        /// The object.
        key: ObjectKey,
        /// Field and reason.
        message: String,
    },
    /// All objects that exist have been told once.
    Synced(Source),
}

/// Identity of a watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// What is watched.
    pub kind: Kind,
    /// In which namespace; `None` for all.
    pub namespace: Option<String>,
}

/// Watches until the receiver is gone.
pub async fn watch(
    source: Source,
    (api, resource): (Api<DynamicObject>, ApiResource),
    out: mpsc::Sender<Input>,
) {
    let kind = source.kind;
    // Lists of built-in kinds say it once, not on each item.
    let types = TypeMeta {
        api_version: resource.api_version,
        kind: resource.kind,
    };
    let read = |mut object: DynamicObject| {
        object.types.get_or_insert_with(|| types.clone());
        read(kind, object)
    };
    let mut config = watcher::Config::default();
    if let Some(fields) = prune::field_selector(kind) {
        config = config.fields(fields);
    }
    let stream = start(api, config).default_backoff();
    pin_mut!(stream);
    let mut known: BTreeSet<ObjectName> = BTreeSet::new();
    let mut listed: BTreeSet<ObjectName> = BTreeSet::new();
    while let Some(event) = stream.next().await {
        let told = match event {
            Err(error) => {
                tracing::warn!(%kind, %error, "watch failed, trying again");
                continue;
            }
            Ok(Event::Init) => {
                listed.clear();
                continue;
            }
            Ok(Event::InitApply(object)) => {
                let name = object_name(&object);
                listed.insert(name.clone());
                known.insert(name);
                out.send(read(object)).await
            }
            Ok(Event::InitDone) => {
                let listed = std::mem::take(&mut listed);
                let gone: Vec<ObjectName> = known.difference(&listed).cloned().collect();
                known = listed;
                for name in gone {
                    if out.send(Input::Delete(ObjectKey { kind, name })).await.is_err() {
                        return;
                    }
                }
                out.send(Input::Synced(source.clone())).await
            }
            Ok(Event::Apply(object)) => {
                known.insert(object_name(&object));
                out.send(read(object)).await
            }
            Ok(Event::Delete(object)) => {
                let name = object_name(&object);
                known.remove(&name);
                out.send(Input::Delete(ObjectKey { kind, name })).await
            }
        };
        if told.is_err() {
            return;
        }
    }
}

fn object_name(object: &DynamicObject) -> ObjectName {
    name_of(&object.metadata)
}

/// Reads an object into our types, whatever served version it has.
pub fn read(kind: Kind, mut object: DynamicObject) -> Input {
    let key = ObjectKey {
        kind,
        name: object_name(&object),
    };
    let version = object.resource_version().unwrap_or_default();
    prune::prune(kind, &mut object);
    let value = serde_json::to_value(&object)
        .map_err(|error| error.to_string())
        .and_then(|value| convert(value).map_err(|error| error.to_string()))
        .and_then(|value| Object::read(kind, value).map_err(|error| error.to_string()));
    match value {
        Ok(object) => Input::Upsert {
            object: Box::new(object),
            version,
        },
        Err(message) => Input::Unreadable { key, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: serde_json::Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_older_version_is_read_in_the_present_shape() {
        let route = object(json!({
            "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "HTTPRoute",
            "metadata": {"name": "a", "namespace": "n", "resourceVersion": "7"},
            "spec": {},
        }));
        let Input::Upsert { object, version } = read(Kind::HttpRoute, route) else {
            panic!("an HTTPRoute of v1beta1 is readable");
        };
        assert_eq!((object.kind(), version.as_str()), (Kind::HttpRoute, "7"));
    }

    #[test]
    fn an_object_of_another_shape_is_named_with_the_reason() {
        let route = object(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "a", "namespace": "n"},
            "spec": {"rules": "none"},
        }));
        let Input::Unreadable { key, message } = read(Kind::HttpRoute, route) else {
            panic!("rules must be a list");
        };
        assert_eq!(key.to_string(), "HTTPRoute n/a");
        assert!(message.contains("HTTPRoute"), "{message}");
    }
}
