//! The API server itself: watches fill the store, writes go through the client.

use super::store::{Proxy, Store};
use super::{Cluster, error};
use crate::driver::owner_of;
use crate::kind::{Key, Kind, Observed};
use crate::names;
use futures_util::StreamExt;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{Around, Call, Leave, ProviderError};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Field manager of everything that is made here.
const FIELD_MANAGER: &str = "gatewright";

/// Field manager of a number of replicas that we leave to an autoscaler. Whoever changes the number takes it over.
const SCALE_MANAGER: &str = "gatewright-autoscaling";

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Changes that wait to be looked at.
const QUEUE: usize = 16_384;

/// Watches in each namespace: one for each kind, and the pods.
const WATCHES: usize = Kind::ALL.len() + 1;

/// The API server.
pub struct LiveCluster {
    client: Client,
    store: Arc<Store>,
    synced: watch::Receiver<usize>,
    watches: usize,
    around: Around,
}

impl LiveCluster {
    /// Starts the watches for what this controller made in these namespaces (none: in all). They end with
    /// the runtime; the receiver gets the owners whose objects changed.
    pub fn start(
        client: Client,
        (controller, namespaces): (&str, &BTreeSet<String>),
        around: Around,
    ) -> (Self, mpsc::Receiver<ObjectName>) {
        let (changes, changed) = mpsc::channel(QUEUE);
        let (done, synced) = watch::channel(0);
        let store = Arc::new(Store::default());
        let config = config(&names::marks(controller));
        let tell = Tell {
            changes,
            done,
            config,
        };
        let mut places: Vec<Option<String>> = namespaces.iter().cloned().map(Some).collect();
        if places.is_empty() {
            places.push(None);
        }
        for place in &places {
            for kind in Kind::ALL {
                let resource = api_resource(kind);
                let api = match place {
                    Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
                    None => Api::all_with(client.clone(), &resource),
                };
                tokio::spawn(follow(
                    Arc::clone(&store),
                    (kind, place.clone()),
                    api,
                    tell.clone(),
                ));
            }
            let pods = match place {
                Some(namespace) => Api::namespaced(client.clone(), namespace),
                None => Api::all(client.clone()),
            };
            tokio::spawn(follow_pods(Arc::clone(&store), place.clone(), pods, tell.clone()));
        }
        let cluster = Self {
            client,
            store,
            synced,
            watches: WATCHES * places.len(),
            around,
        };
        (cluster, changed)
    }

    /// What is known.
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Waits until everything that exists is known.
    pub async fn synced(&self) {
        let mut synced = self.synced.clone();
        // The watches live as long as the runtime.
        let _ = synced.wait_for(|done| *done >= self.watches).await;
    }

    fn api(&self, key: &Key) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &key.name.namespace, &api_resource(key.kind))
    }

    /// Waits for the answer to a call, not without end, and tells how it went.
    async fn call<T>(
        &self,
        operation: &'static str,
        key: &Key,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ProviderError> {
        let begun = Instant::now();
        let result = match tokio::time::timeout(PATIENCE, call).await {
            Ok(result) => result.map_err(|source| error::of(key, source)),
            Err(_) => Err(error::timeout(key, PATIENCE)),
        };
        self.around.calls.called(Call {
            provider: Provider::Software,
            operation,
            outcome: Call::outcome(&result),
            took: begun.elapsed(),
        });
        result
    }

    /// A call that changes something: only while this process may. One change of a plan can be several of them.
    async fn change<T>(
        &self,
        operation: &'static str,
        key: &Key,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ProviderError> {
        if !self.around.leave.holds() {
            return Err(Leave::superseded(key.resource()));
        }
        self.call(operation, key, call).await
    }
}

impl Cluster for LiveCluster {
    async fn observe(&self, owner: &ObjectName) -> Result<Observed, ProviderError> {
        Ok(self.store.of(owner))
    }

    async fn get(&self, key: &Key) -> Result<Option<Arc<Value>>, ProviderError> {
        let api = self.api(key);
        let found = self.call("get", key, api.get_opt(&key.name.name)).await?;
        Ok(found.map(|object| Arc::new(json(&object))))
    }

    async fn apply(&self, key: &Key, object: &Value) -> Result<(), ProviderError> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(object);
        let api = self.api(key);
        let call = api.patch(&key.name.name, &params, &patch);
        let written = self.change("apply", key, call).await?;
        self.store.put(key.clone(), json(&written));
        Ok(())
    }

    async fn leave_replicas(&self, key: &Key) -> Result<(), ProviderError> {
        let api = self.api(key);
        let Some(found) = self.call("get", key, api.get_opt(&key.name.name)).await? else {
            return Ok(());
        };
        let Some(object) = replicas_to_leave(key, &found) else {
            return Ok(());
        };
        let params = PatchParams::apply(SCALE_MANAGER);
        let patch = Patch::Apply(&object);
        let call = api.patch(&key.name.name, &params, &patch);
        let left = self.change("leave_replicas", key, call).await?;
        self.store.put(key.clone(), json(&left));
        Ok(())
    }

    async fn delete(&self, key: &Key, uid: &str) -> Result<bool, ProviderError> {
        let mut params = DeleteParams::background();
        params.preconditions = Some(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        });
        let api = self.api(key);
        let call = async {
            match api.delete(&key.name.name, &params).await {
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
                // An object that waits for finalizers is answered with, one that is gone is not.
                answer => Ok(answer?.left().filter(|object| !object.finalizers().is_empty())),
            }
        };
        let left = self.change("delete", key, call).await?;
        match &left {
            Some(object) => drop(self.store.put(key.clone(), json(object))),
            None => drop(self.store.remove(key, uid)),
        }
        Ok(left.is_none())
    }
}

/// What is applied to leave a Deployment's number of replicas to others; `None` when it is not ours (any more).
/// It holds for the version that was read alone, so that no number that an autoscaler chose meanwhile is undone.
fn replicas_to_leave(key: &Key, found: &DynamicObject) -> Option<Value> {
    let owned = found.managed_fields().iter().any(|entry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && fields.is_some_and(|fields| fields.pointer("/f:spec/f:replicas").is_some())
    });
    let replicas = found.data.pointer("/spec/replicas").filter(|_| owned)?;
    Some(serde_json::json!({
        "apiVersion": key.kind.version(),
        "kind": key.kind.as_str(),
        "metadata": {
            "namespace": &*key.name.namespace,
            "name": &*key.name.name,
            "resourceVersion": found.resource_version()?,
        },
        "spec": {"replicas": replicas},
    }))
}

fn api_resource(kind: Kind) -> ApiResource {
    let (group, version) = kind.version().split_once('/').unwrap_or(("", kind.version()));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind.as_str()))
}

/// What is kept of an object: not who wrote which field.
fn json(object: &DynamicObject) -> Value {
    // An object from the API server is JSON, and stays it.
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    value
}

/// Whom a watch tells.
#[derive(Clone)]
struct Tell {
    changes: mpsc::Sender<ObjectName>,
    done: watch::Sender<usize>,
    config: watcher::Config,
}

impl Tell {
    async fn changed(&self, owner: Option<ObjectName>) {
        if let Some(owner) = owner {
            // Nobody listens while the process ends.
            let _ = self.changes.send(owner).await;
        }
    }

    fn listed(&self, first: &mut bool) {
        if std::mem::take(first) {
            self.done.send_modify(|count| *count += 1);
        }
    }
}

/// Watches what carries these labels.
fn config(marks: &BTreeMap<String, String>) -> watcher::Config {
    let labels: Vec<String> = marks
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    watcher::Config::default().labels(&labels.join(","))
}

async fn follow(
    store: Arc<Store>,
    (kind, place): (Kind, Option<String>),
    api: Api<DynamicObject>,
    tell: Tell,
) {
    let mut stream = watch_objects(api, tell.config.clone()).default_backoff().boxed();
    let mut listed = BTreeSet::new();
    let mut first = true;
    while let Some(event) = stream.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => {
                listed.insert(name_of(&object));
                tell.changed(put(&store, kind, &object)).await;
            }
            Ok(Event::InitDone) => {
                for owner in store.retain(kind, place.as_deref(), &listed) {
                    tell.changed(Some(owner)).await;
                }
                listed.clear();
                tell.listed(&mut first);
            }
            Ok(Event::Apply(object)) => tell.changed(put(&store, kind, &object)).await,
            Ok(Event::Delete(object)) => {
                let key = Key {
                    kind,
                    name: name_of(&object),
                };
                let uid = object.uid().unwrap_or_default();
                tell.changed(store.remove(&key, &uid)).await;
            }
            Err(error) => tracing::warn!(kind = kind.as_str(), %error, "watch failed, trying again"),
        }
    }
}

fn put(store: &Store, kind: Kind, object: &DynamicObject) -> Option<ObjectName> {
    let key = Key {
        kind,
        name: name_of(object),
    };
    store.put(key, json(object))
}

async fn follow_pods(store: Arc<Store>, place: Option<String>, api: Api<Pod>, tell: Tell) {
    let mut stream = watch_objects(api, tell.config.clone()).default_backoff().boxed();
    let mut listed = BTreeSet::new();
    let mut first = true;
    while let Some(event) = stream.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(pod)) => {
                listed.insert(name_of(&pod));
                tell.changed(store.put_pod(name_of(&pod), proxy(&pod))).await;
            }
            Ok(Event::InitDone) => {
                for owner in store.retain_pods(place.as_deref(), &listed) {
                    tell.changed(Some(owner)).await;
                }
                listed.clear();
                tell.listed(&mut first);
            }
            Ok(Event::Apply(pod)) => tell.changed(store.put_pod(name_of(&pod), proxy(&pod))).await,
            Ok(Event::Delete(pod)) => tell.changed(store.put_pod(name_of(&pod), None)).await,
            Err(error) => tracing::warn!(kind = "Pod", %error, "watch failed, trying again"),
        }
    }
}

/// What is kept of a pod.
fn proxy(pod: &Pod) -> Option<Proxy> {
    let annotations = serde_json::json!({"metadata": {"annotations": pod.metadata.annotations}});
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let ready = pod.metadata.deletion_timestamp.is_none()
        && conditions
            .into_iter()
            .flatten()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let hosts = status
        .and_then(|status| status.host_ips.as_ref())
        .filter(|_| ready);
    Some(Proxy {
        owner: owner_of(&annotations)?,
        nodes: hosts.into_iter().flatten().map(|host| host.ip.clone()).collect(),
    })
}

fn name_of(object: &impl ResourceExt) -> ObjectName {
    ObjectName::new(&object.namespace().unwrap_or_default(), &object.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(manager: &str, fields: Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "edge", "namespace": "infra", "resourceVersion": "7", "managedFields": [
                {"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields},
            ]},
            "spec": {"replicas": 5},
        }))
        .unwrap()
    }

    /// Kubernetes, "Server-Side Apply", transferring ownership: the field is applied with its present value by
    /// another manager, for exactly the version that was read.
    #[test]
    fn replicas_are_left_as_they_are_and_only_when_they_are_ours() {
        let key = Key::new(Kind::Deployment, "infra", "edge");
        let ours = json!({"f:spec": {"f:replicas": {}, "f:template": {}}});
        let left = replicas_to_leave(&key, &deployment(FIELD_MANAGER, ours.clone())).unwrap();
        assert_eq!(left["spec"], json!({"replicas": 5}));
        assert_eq!(left["metadata"]["resourceVersion"], "7");
        let template = json!({"f:spec": {"f:template": {}}});
        for other in [deployment(FIELD_MANAGER, template), deployment("kubectl", ours)] {
            assert_eq!(replicas_to_leave(&key, &other), None);
        }
    }
}
