//! What exists: the objects that carry our label, as watches tell of them.

use crate::lower::Resource;
use crate::names::{GATEWAY, MANAGED_BY};
use futures_util::StreamExt;
use gatewright_model::key::ObjectName;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as start};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, watch};

/// Changes that wait to be looked at; a Gateway that does not fit is looked at with the next change.
const QUEUE: usize = 4096;

type Objects = BTreeMap<(Resource, ObjectName), Arc<Value>>;

/// The objects that exist.
pub struct Store {
    objects: RwLock<Objects>,
    synced: watch::Receiver<usize>,
}

/// How a kind is asked for.
pub fn api_resource(resource: Resource) -> ApiResource {
    let (version, kind) = resource.kind();
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

impl Store {
    /// Starts the watches; the receiver gets the Gateways whose objects changed.
    pub fn start(client: &Client) -> (Arc<Self>, mpsc::Receiver<ObjectName>) {
        let (changes, changed) = mpsc::channel(QUEUE);
        let (done, synced) = watch::channel(0);
        let store = Arc::new(Self {
            objects: RwLock::new(BTreeMap::new()),
            synced,
        });
        for resource in Resource::ALL {
            let api = Api::all_with(client.clone(), &api_resource(resource));
            tokio::spawn(follow(
                Arc::clone(&store),
                resource,
                api,
                (changes.clone(), done.clone()),
            ));
        }
        (store, changed)
    }

    /// Waits until everything that exists is known.
    pub async fn synced(&self) {
        let mut synced = self.synced.clone();
        // The watches live as long as the process.
        let _ = synced.wait_for(|done| *done >= Resource::ALL.len()).await;
    }

    /// An object.
    pub fn get(&self, resource: Resource, name: &ObjectName) -> Option<Arc<Value>> {
        self.read().get(&(resource, name.clone())).cloned()
    }

    /// Takes note of what a write answered, before the watch tells.
    pub fn put(&self, resource: Resource, object: &DynamicObject) {
        let name = object_name(object);
        if let Ok(value) = serde_json::to_value(object) {
            self.write().insert((resource, name), Arc::new(value));
        }
    }

    /// Everything that belongs to a Gateway.
    pub fn of(&self, gateway: &ObjectName) -> Vec<(Resource, ObjectName)> {
        let text = gateway.to_string();
        self.read()
            .iter()
            .filter(|(_, object)| owner_text(object) == Some(&text))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// All Gateways that something belongs to.
    pub fn gateways(&self) -> BTreeSet<ObjectName> {
        self.read().values().filter_map(|object| owner(object)).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Objects> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Objects> {
        self.objects.write().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn follow(
    store: Arc<Store>,
    resource: Resource,
    api: Api<DynamicObject>,
    (changes, done): (mpsc::Sender<ObjectName>, watch::Sender<usize>),
) {
    let labels = format!("{}={}", MANAGED_BY.0, MANAGED_BY.1);
    let config = watcher::Config::default().labels(&labels);
    let mut stream = start(api, config)
        .default_backoff()
        .modify(|object| object.managed_fields_mut().clear())
        .boxed();
    let mut listed = BTreeSet::new();
    let mut first = true;
    while let Some(event) = stream.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => {
                listed.insert(object_name(&object));
                store.put(resource, &object);
                tell(&changes, owner_of(&object));
            }
            Ok(Event::InitDone) => {
                let gone: Vec<_> = {
                    let objects = store.read();
                    let known = objects
                        .keys()
                        .filter(|(kind, name)| *kind == resource && !listed.contains(name));
                    known.cloned().collect()
                };
                for key in gone {
                    let object = store.write().remove(&key);
                    tell(&changes, object.as_deref().and_then(owner));
                }
                if std::mem::take(&mut first) {
                    done.send_modify(|count| *count += 1);
                }
            }
            Ok(Event::Apply(object)) => {
                store.put(resource, &object);
                tell(&changes, owner_of(&object));
            }
            Ok(Event::Delete(object)) => {
                store.write().remove(&(resource, object_name(&object)));
                tell(&changes, owner_of(&object));
            }
            Err(error) => tracing::warn!(kind = resource.kind().1, %error, "watch failed, trying again"),
        }
    }
}

fn tell(changes: &mpsc::Sender<ObjectName>, gateway: Option<ObjectName>) {
    if let Some(gateway) = gateway {
        let _ = changes.try_send(gateway);
    }
}

fn object_name(object: &DynamicObject) -> ObjectName {
    ObjectName::new(&object.namespace().unwrap_or_default(), &object.name_any())
}

fn owner_of(object: &DynamicObject) -> Option<ObjectName> {
    parse(object.annotations().get(GATEWAY)?)
}

fn owner_text(object: &Value) -> Option<&str> {
    let annotations = object.get("metadata")?.get("annotations")?;
    annotations.get(GATEWAY)?.as_str()
}

fn owner(object: &Value) -> Option<ObjectName> {
    parse(owner_text(object)?)
}

fn parse(text: &str) -> Option<ObjectName> {
    let (namespace, name) = text.split_once('/')?;
    Some(ObjectName::new(namespace, name))
}
