//! What exists: the objects that carry our label, as watches and our own writes tell of them.

use crate::driver::owner_of;
use crate::kind::{Key, Kind, Objects, Observed, text};
use crate::names::FLEET;
use gatewright_model::key::ObjectName;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What exists.
#[derive(Debug, Default)]
pub struct Store(RwLock<Contents>);

#[derive(Debug, Default)]
struct Contents {
    objects: Objects,
    by_owner: BTreeMap<ObjectName, BTreeSet<Key>>,
    /// Nodes of ready proxies, by pod.
    pods: BTreeMap<ObjectName, Proxy>,
}

/// A proxy's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Whose it is.
    pub owner: ObjectName,
    /// `status.hostIPs`; empty unless it is ready.
    pub nodes: Vec<String>,
}

impl Contents {
    fn insert(&mut self, key: Key, object: Arc<Value>) {
        self.forget(&key);
        if let Some(owner) = owner_of(&object) {
            self.by_owner.entry(owner).or_default().insert(key.clone());
        }
        self.objects.insert(key, object);
    }

    fn forget(&mut self, key: &Key) -> Option<Arc<Value>> {
        let object = self.objects.remove(key)?;
        let owner = owner_of(&object)?;
        if let Some(keys) = self.by_owner.get_mut(&owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
        Some(object)
    }

    fn of(&self, owner: &ObjectName) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        let keys = self.by_owner.get(owner).into_iter().flatten();
        keys.filter_map(|key| self.objects.get_key_value(key))
    }
}

impl Store {
    /// What exists for a Gateway or a fleet; and the nodes whose proxies serve it.
    pub fn of(&self, owner: &ObjectName) -> Observed {
        let contents = self.read();
        let objects: Objects = contents
            .of(owner)
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect();
        let fleet = objects.values().find_map(|object| {
            let name = object.pointer("/metadata/annotations")?.get(FLEET)?;
            Some(ObjectName::new("", name.as_str()?))
        });
        let serves = |proxy: &&Proxy| proxy.owner == *owner || Some(&proxy.owner) == fleet.as_ref();
        let nodes: BTreeSet<&String> = contents
            .pods
            .values()
            .filter(serves)
            .flat_map(|proxy| &proxy.nodes)
            .collect();
        Observed {
            nodes: nodes.into_iter().cloned().collect(),
            objects,
        }
    }

    /// All owners of something.
    pub fn owners(&self) -> BTreeSet<ObjectName> {
        self.read().by_owner.keys().cloned().collect()
    }

    /// Services that lead to a class' fleet, with the Gateways they are for.
    pub fn tenants(&self, namespace: &str, class: &str) -> Vec<(ObjectName, Arc<Value>)> {
        let contents = self.read();
        let services = contents.objects.iter().filter(|(key, object)| {
            let fleet = object
                .pointer("/metadata/annotations")
                .and_then(|found| found.get(FLEET)?.as_str());
            // The name in the Gateway's own namespace leads nowhere by itself.
            let leads = text(object, "/spec/type") != "ExternalName";
            leads && key.kind == Kind::Service && *key.name.namespace == *namespace && fleet == Some(class)
        });
        let owned = services.filter_map(|(_, object)| Some((owner_of(object)?, Arc::clone(object))));
        owned.filter(|(owner, _)| !owner.namespace.is_empty()).collect()
    }

    /// Takes note of an object; an older version than the one known is ignored. Answers whose it is.
    pub fn put(&self, key: Key, object: Value) -> Option<ObjectName> {
        let mut contents = self.write();
        let owner = owner_of(&object);
        if !contents
            .objects
            .get(&key)
            .is_some_and(|known| is_older(&object, known))
        {
            contents.insert(key, Arc::new(object));
        }
        owner
    }

    /// Takes note that an object is gone. Answers whose it was.
    pub fn remove(&self, key: &Key, uid: &str) -> Option<ObjectName> {
        let mut contents = self.write();
        if contents
            .objects
            .get(key)
            .is_some_and(|known| text(known, "/metadata/uid") != uid)
        {
            return None;
        }
        contents.forget(key).as_deref().and_then(owner_of)
    }

    /// After a complete list of one kind, in one namespace or all: what it lacks is gone. Answers whose it was.
    pub fn retain(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        listed: &BTreeSet<ObjectName>,
    ) -> Vec<ObjectName> {
        let mut contents = self.write();
        let gone: Vec<Key> = contents
            .objects
            .keys()
            .filter(|key| key.kind == kind && is_in(namespace, &key.name) && !listed.contains(&key.name))
            .cloned()
            .collect();
        gone.iter()
            .filter_map(|key| contents.forget(key).as_deref().and_then(owner_of))
            .collect()
    }

    /// Takes note of a pod; `None`: it is gone. Answers whose nodes changed by it.
    pub fn put_pod(&self, name: ObjectName, proxy: Option<Proxy>) -> Option<ObjectName> {
        let mut contents = self.write();
        let before = match proxy.clone() {
            Some(proxy) => contents.pods.insert(name, proxy),
            None => contents.pods.remove(&name),
        };
        let nodes = |proxy: &Option<Proxy>| {
            proxy
                .as_ref()
                .map(|proxy| proxy.nodes.clone())
                .unwrap_or_default()
        };
        if nodes(&before) == nodes(&proxy) {
            return None;
        }
        proxy.or(before).map(|proxy| proxy.owner)
    }

    /// After a complete list of pods, in one namespace or all: what it lacks is gone. Answers whose it was.
    pub fn retain_pods(&self, namespace: Option<&str>, listed: &BTreeSet<ObjectName>) -> Vec<ObjectName> {
        let gone: Vec<ObjectName> = self
            .read()
            .pods
            .keys()
            .filter(|name| is_in(namespace, name) && !listed.contains(*name))
            .cloned()
            .collect();
        gone.into_iter()
            .filter_map(|name| self.put_pod(name, None))
            .collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Contents> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_in(namespace: Option<&str>, name: &ObjectName) -> bool {
    namespace.is_none_or(|namespace| *name.namespace == *namespace)
}

/// Whether `new` is an older version of the very object that is known. Versions are numbers that grow
/// (Kubernetes API concepts, "Resource versions"); one that is no number is believed.
fn is_older(new: &Value, known: &Value) -> bool {
    let version = |object: &Value| text(object, "/metadata/resourceVersion").parse::<u64>().ok();
    text(new, "/metadata/uid") == text(known, "/metadata/uid")
        && matches!((version(new), version(known)), (Some(new), Some(known)) if new < known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(version: &str, uid: &str) -> (Key, Value) {
        let object = json!({"metadata": {
            "uid": uid, "resourceVersion": version, "annotations": {"gatewright.dev/gateway": "infra/edge"},
        }});
        (Key::new(Kind::Service, "infra", "edge"), object)
    }

    fn version(store: &Store) -> String {
        let found = store.of(&ObjectName::new("infra", "edge"));
        let object = found.objects.values().next().cloned();
        object
            .map(|object| text(&object, "/metadata/resourceVersion").to_owned())
            .unwrap_or_default()
    }

    #[test]
    fn a_watch_that_lags_behind_our_writes_takes_nothing_back() {
        let store = Store::default();
        for (given, expected) in [
            (("9", "a"), "9"),
            (("10", "a"), "10"),
            (("9", "a"), "10"),
            (("2", "b"), "2"),
        ] {
            let (key, object) = service(given.0, given.1);
            assert_eq!(store.put(key, object), Some(ObjectName::new("infra", "edge")));
            assert_eq!(version(&store), expected);
        }
        let (key, _) = service("2", "b");
        assert_eq!(store.remove(&key, "a"), None, "an older one of this name went");
        assert_eq!(version(&store), "2");
        assert!(store.remove(&key, "b").is_some());
        assert!(store.owners().is_empty());
    }

    #[test]
    fn nodes_are_those_of_ready_proxies_of_the_gateway_or_its_fleet() {
        let store = Store::default();
        let tenant = json!({"metadata": {"annotations": {
            "gatewright.dev/gateway": "infra/edge", "gatewright.dev/fleet": "shared",
        }}});
        store.put(Key::new(Kind::Service, "system", "edge-1"), tenant);
        let pod = |number: u32| ObjectName::new("system", &format!("pod-{number}"));
        let proxy = |nodes: &[&str]| {
            Some(Proxy {
                owner: ObjectName::new("", "shared"),
                nodes: nodes.iter().map(ToString::to_string).collect(),
            })
        };
        assert_eq!(
            store.put_pod(pod(1), proxy(&[])),
            None,
            "nothing changes before it is ready"
        );
        assert!(store.put_pod(pod(1), proxy(&["10.0.0.1"])).is_some());
        assert!(store.put_pod(pod(2), proxy(&["10.0.0.1", "fd00::1"])).is_some());
        assert_eq!(
            store.of(&ObjectName::new("infra", "edge")).nodes,
            ["10.0.0.1", "fd00::1"]
        );
        assert_eq!(store.tenants("system", "shared").len(), 1);
        assert_eq!(store.retain_pods(None, &BTreeSet::new()).len(), 2);
        assert!(store.of(&ObjectName::new("infra", "edge")).nodes.is_empty());
    }
}
