//! One watch: the objects of one kind as the API server tells of them.
//!
//! The engine's snapshot is the store; a watch keeps names alone, to know after a reconnection what was
//! deleted meanwhile. An object that does not have the shape of its kind is told as such and hurts
//! nothing else.

use super::prune;
use super::status::{Basis, Written};
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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// What a watch tells.
#[derive(Debug)]
pub enum Input {
    /// The object is new or different.
    Upsert {
        /// The object, pruned.
        object: Box<Object>,
        /// `metadata.resourceVersion`, and what our types do not say of its status.
        from: Basis,
    },
    /// The object is gone.
    Delete(ObjectKey),
    /// The object cannot be read; what was known of it stays.
    Unreadable {
        /// The object.
        key: ObjectKey,
        /// `metadata.resourceVersion`.
        version: String,
        /// Field and reason.
        message: String,
    },
    /// All objects that exist have been told once.
    Synced(Source),
    /// The kind could not be listed or followed; it is tried again.
    Failed {
        /// Which watch.
        source: Source,
        /// What the API server said, or why it did not.
        message: String,
    },
}

/// Identity of a watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// What is watched.
    pub kind: Kind,
    /// In which namespace; `None` for all.
    pub namespace: Option<String>,
}

/// Names of the objects that a watch has told of, and has not told the end of. A clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<Mutex<BTreeSet<ObjectName>>>);

impl Known {
    fn names(&self) -> MutexGuard<'_, BTreeSet<ObjectName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, name: ObjectName) {
        self.names().insert(name);
    }

    fn remove(&self, name: &ObjectName) {
        self.names().remove(name);
    }

    /// Those that are not in a whole list.
    fn without(&self, listed: &BTreeSet<ObjectName>) -> Vec<ObjectName> {
        self.names().difference(listed).cloned().collect()
    }
}

/// Watches until the receiver is gone. A watch that takes another one's place is given what that one knew, and tells
/// what was deleted between them.
pub async fn watch(
    source: Source,
    (api, resource): (Api<DynamicObject>, ApiResource),
    known: Known,
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
    if let Some(labels) = prune::label_selector(kind) {
        config = config.labels(&labels);
    }
    let stream = start(api, config).default_backoff();
    pin_mut!(stream);
    let mut listed: BTreeSet<ObjectName> = BTreeSet::new();
    while let Some(event) = stream.next().await {
        let told = match event {
            Err(error) => {
                tracing::warn!(%kind, %error, "watch failed, trying again");
                let (source, message) = (source.clone(), error.to_string());
                out.send(Input::Failed { source, message }).await
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
                for name in known.without(&std::mem::take(&mut listed)) {
                    let key = ObjectKey {
                        kind,
                        name: name.clone(),
                    };
                    if out.send(Input::Delete(key)).await.is_err() {
                        return;
                    }
                    // Not before it is told: this watch may end while it waits.
                    known.remove(&name);
                }
                out.send(Input::Synced(source.clone())).await
            }
            Ok(Event::Apply(object)) => {
                known.insert(object_name(&object));
                out.send(read(object)).await
            }
            Ok(Event::Delete(object)) => {
                let name = object_name(&object);
                let key = ObjectKey {
                    kind,
                    name: name.clone(),
                };
                let told = out.send(Input::Delete(key)).await;
                known.remove(&name);
                told
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
        .and_then(|value| convert(value).map_err(|error| error.to_string()));
    let written = value.as_ref().ok().and_then(Written::of);
    let value = value.and_then(|value| Object::read(kind, value).map_err(|error| error.to_string()));
    match value {
        Ok(object) => Input::Upsert {
            object: Box::new(object),
            from: Basis {
                version,
                unread: None,
                written,
            },
        },
        Err(message) => Input::Unreadable {
            key,
            version,
            message,
        },
    }
}

#[cfg(test)]
mod tests;
