//! The contract suite, against an API server in memory.

use crate::cluster::Cluster;
use crate::driver::{SoftwareDriver, owner_of};
use crate::kind::{Key, Kind, Observed, text};
use crate::lower::{Part, Request};
use crate::testing::{balancers, input, none, request, settings};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Action, ErrorKind, ProviderError, Resource, converge};
use gatewright_provider_api::suite::{Answer, Calls, Reply, World, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// An object as the API server keeps it: what we applied, and what it and others added.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) applied: Value,
    pub(crate) added: Value,
    uid: String,
    /// Replicas of a Deployment that nobody but the autoscaling decides on.
    left: Option<u64>,
}

impl Stored {
    /// Ours over theirs, with the version fields.
    fn shown(&self) -> Value {
        let mut shown = self.added.clone();
        merge(&mut shown, &self.applied);
        // DeploymentSpec.replicas: "Defaults to 1".
        if shown["kind"] == "Deployment" && shown.pointer("/spec/replicas").is_none() {
            shown["spec"]["replicas"] = json!(self.left.unwrap_or(1));
        }
        shown["metadata"]["uid"] = json!(self.uid);
        shown
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

#[derive(Default)]
pub(crate) struct ApiServer {
    pub(crate) objects: Mutex<BTreeMap<Key, Stored>>,
    uids: Mutex<u32>,
    pub(crate) calls: Calls,
}

/// A process' connection.
pub(crate) struct Connection(Arc<ApiServer>);

fn failure(kind: ErrorKind, key: &Key) -> ProviderError {
    ProviderError {
        kind,
        resource: key.resource(),
        message: String::new(),
    }
}

async fn finish<T>(reply: Reply, key: &Key, usual: Result<T, ProviderError>) -> Result<T, ProviderError> {
    match reply.answer {
        None => usual,
        Some(Answer::Error(kind)) => Err(failure(kind, key)),
        Some(Answer::Never) => std::future::pending().await,
    }
}

impl ApiServer {
    fn apply(&self, key: &Key, object: &Value) -> Result<(), ProviderError> {
        let mut objects = self.objects.lock().unwrap();
        let mut applied = object.clone();
        let metadata = applied["metadata"].as_object_mut().unwrap();
        let uid = metadata.remove("uid");
        let known = objects.get(key);
        if uid.is_some_and(|uid| known.is_none_or(|known| uid != json!(known.uid))) {
            return Err(failure(ErrorKind::Conflict, key));
        }
        if let Some(known) = known {
            // ServiceSpec.clusterIP and LabelSelectors of workloads are immutable.
            let shown = known.shown();
            for path in ["/spec/clusterIP", "/spec/selector/matchLabels"] {
                let fixed = key.kind != Kind::PodDisruptionBudget && shown.pointer(path).is_some();
                if fixed
                    && applied
                        .pointer(path)
                        .is_some_and(|new| Some(new) != shown.pointer(path))
                {
                    return Err(failure(ErrorKind::Invalid, key));
                }
            }
        }
        if key.kind == Kind::Service && object["spec"]["ports"].as_array().is_some_and(Vec::is_empty) {
            return Err(failure(ErrorKind::Invalid, key));
        }
        if key.kind == Kind::Deployment
            && let Some(known) = known
            && applied.pointer("/spec/replicas").is_none()
        {
            let mut next = known.clone();
            next.applied = applied.clone();
            let replicas = |stored: &Stored| stored.shown()["spec"]["replicas"].as_u64();
            assert_eq!(
                replicas(&next),
                replicas(known),
                "nobody asked for other replicas"
            );
        }
        let mut uids = self.uids.lock().unwrap();
        *uids += 1;
        let stored = objects.entry(key.clone()).or_insert_with(|| Stored {
            applied: Value::Null,
            added: defaults(key.kind, object),
            uid: format!("uid-{uids}"),
            left: None,
        });
        // An ExternalName has no cluster address; any other type gets one.
        if key.kind == Kind::Service && text(&stored.applied, "/spec/type") == "ExternalName" {
            stored.added = defaults(key.kind, object);
        }
        stored.applied = applied;
        Ok(())
    }
}

/// What the API server and its controllers add.
fn defaults(kind: Kind, object: &Value) -> Value {
    let mut added = json!({"metadata": {"annotations": {"theirs": "kept"}, "generation": 1}});
    let more = match kind {
        Kind::Service if text(object, "/spec/type") != "ExternalName" => {
            let address = object
                .pointer("/spec/clusterIP")
                .cloned()
                .unwrap_or(json!("10.96.0.7"));
            json!({"spec": {"clusterIP": address, "clusterIPs": [address], "sessionAffinity": "None"}})
        }
        Kind::Deployment => json!({"spec": {"progressDeadlineSeconds": 600}, "status": {"readyReplicas": 2}}),
        Kind::DaemonSet => json!({"spec": {"revisionHistoryLimit": 10}, "status": {"numberReady": 1}}),
        _ => json!({}),
    };
    merge(&mut added, &more);
    added
}

impl Cluster for Connection {
    async fn observe(&self, owner: &ObjectName) -> Result<Observed, ProviderError> {
        let reply = self.0.calls.enter(None);
        let key = Key::new(Kind::Service, &owner.namespace, &owner.name);
        let objects = self.0.objects.lock().unwrap().clone();
        let ours = objects
            .into_iter()
            .map(|(key, stored)| (key, stored.shown()))
            .filter(|(_, object)| {
                let labels = &object["metadata"]["labels"];
                let marks = crate::names::marks("gatewright.dev/software");
                let marked = marks.iter().all(|(name, value)| labels[name] == **value);
                marked && owner_of(object).as_ref() == Some(owner)
            });
        let observed = Observed {
            objects: ours.map(|(key, object)| (key, Arc::new(object))).collect(),
            nodes: Vec::new(),
        };
        finish(reply, &key, Ok(observed)).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Arc<Value>>, ProviderError> {
        let reply = self.0.calls.enter(None);
        let found = self
            .0
            .objects
            .lock()
            .unwrap()
            .get(key)
            .map(|stored| Arc::new(stored.shown()));
        finish(reply, key, Ok(found)).await
    }

    async fn apply(&self, key: &Key, object: &Value) -> Result<(), ProviderError> {
        let exists = self.0.objects.lock().unwrap().contains_key(key);
        let action = if exists { Action::Update } else { Action::Create };
        let reply = self.0.calls.enter(Some((action, key.resource())));
        let result = if reply.carry_out {
            self.0.apply(key, object)
        } else {
            Ok(())
        };
        finish(reply, key, result).await
    }

    async fn leave_replicas(&self, key: &Key) -> Result<(), ProviderError> {
        let reply = self.0.calls.enter(Some((Action::Update, key.resource())));
        if let Some(stored) = self
            .0
            .objects
            .lock()
            .unwrap()
            .get_mut(key)
            .filter(|_| reply.carry_out)
        {
            let ours = stored.applied.pointer("/spec/replicas").and_then(Value::as_u64);
            stored.left = ours.or(stored.left);
        }
        finish(reply, key, Ok(())).await
    }

    async fn delete(&self, key: &Key, uid: &str) -> Result<bool, ProviderError> {
        let reply = self.0.calls.enter(Some((Action::Delete, key.resource())));
        if reply.carry_out {
            let mut objects = self.0.objects.lock().unwrap();
            if objects.get(key).is_some_and(|stored| stored.uid == uid) {
                objects.remove(key);
            }
        }
        finish(reply, key, Ok(true)).await
    }
}

/// What the suite is run with: how its stages are made.
pub(crate) trait Stages: Send + Sync + Default + 'static {
    fn stages() -> Vec<Request>;
}

#[derive(Default)]
pub(crate) struct InMemory<S>(pub(crate) Arc<ApiServer>, std::marker::PhantomData<S>);

impl<S: Stages> InMemory<S> {
    fn key(&self, resource: &Resource) -> Option<Key> {
        let objects = self.0.objects.lock().unwrap();
        objects.keys().find(|key| key.resource() == *resource).cloned()
    }
}

impl<S: Stages> World for InMemory<S> {
    type Driver = SoftwareDriver<Connection>;

    fn empty() -> Self {
        Self::default()
    }

    fn copy(&self) -> Self {
        let server = ApiServer {
            objects: Mutex::new(self.0.objects.lock().unwrap().clone()),
            uids: Mutex::new(*self.0.uids.lock().unwrap()),
            calls: Calls::default(),
        };
        Self(Arc::new(server), std::marker::PhantomData)
    }

    fn is_like(&self, other: &Self) -> bool {
        let (one, other) = (&self.0, &other.0);
        *one.uids.lock().unwrap() == *other.uids.lock().unwrap()
            && *one.objects.lock().unwrap() == *other.objects.lock().unwrap()
    }

    fn driver(&self) -> Self::Driver {
        SoftwareDriver {
            cluster: Connection(Arc::clone(&self.0)),
            settings: settings(),
        }
    }

    fn stages() -> Vec<Request> {
        S::stages()
    }

    fn calls(&self) -> &Calls {
        &self.0.calls
    }

    fn contents(&self) -> BTreeMap<Resource, String> {
        let objects = self.0.objects.lock().unwrap();
        let shown = objects.iter().map(|(key, stored)| {
            let mut object = stored.shown();
            object["metadata"].as_object_mut().unwrap().remove("uid");
            // Which address the API server chose is its own affair, and how many proxies the autoscaling.
            if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
                spec.remove("clusterIPs");
                if stored.applied.pointer("/spec/replicas").is_none() {
                    spec.remove("replicas");
                }
                if stored.applied.pointer("/spec/clusterIP").is_none() {
                    spec.remove("clusterIP");
                }
            }
            (key.resource(), canonical(&object).to_string())
        });
        shown.collect()
    }

    fn plant_foreign(&self) {
        let mut objects = self.0.objects.lock().unwrap();
        let labelled = |controller: &str| {
            let mut labels = crate::names::marks(controller);
            labels.insert(
                "gateway.networking.k8s.io/gateway-name".to_owned(),
                "edge".to_owned(),
            );
            labels
        };
        let (ours, theirs) = (labelled("gatewright.dev/software"), labelled("example.com/other"));
        let others = [
            // Another Gateway's, another namespace's, and somebody's with our label or our kind of name.
            (
                "infra",
                "edge-2-gatewright",
                json!({"gatewright.dev/gateway": "infra/edge-2"}),
            ),
            (
                "shop",
                "edge-gatewright",
                json!({"gatewright.dev/gateway": "shop/edge"}),
            ),
            ("infra", "labelled", json!({})),
            ("system", "fleet-other", json!({"gatewright.dev/fleet": "other"})),
            // Another installation's, for a Gateway of the same name before its class changed.
            (
                "infra",
                "edge-other",
                json!({"gatewright.dev/gateway": "infra/edge"}),
            ),
        ];
        for (namespace, name, annotations) in others {
            let labels = if name == "edge-other" { &theirs } else { &ours };
            for kind in Kind::ALL {
                let object = json!({"metadata": {
                    "name": name, "namespace": namespace, "labels": labels, "annotations": annotations,
                }});
                let stored = Stored {
                    applied: Value::Null,
                    added: object,
                    uid: format!("{namespace}-{name}"),
                    left: None,
                };
                objects.insert(Key::new(kind, namespace, name), stored);
            }
        }
    }

    fn lose(&self, resource: &Resource) {
        if let Some(key) = self.key(resource) {
            self.0.objects.lock().unwrap().remove(&key);
        }
    }

    /// Somebody writes over our fields, and takes our label away.
    fn damage(&self, resource: &Resource) -> bool {
        let Some(key) = self.key(resource) else {
            return false;
        };
        let mut objects = self.0.objects.lock().unwrap();
        let stored = objects.get_mut(&key).unwrap();
        let metadata = stored.applied["metadata"].as_object_mut().unwrap();
        metadata["labels"]
            .as_object_mut()
            .unwrap()
            .remove("app.kubernetes.io/managed-by");
        if let Some(spec) = stored.applied.get_mut("spec").and_then(Value::as_object_mut) {
            spec.remove("ports");
            spec.remove("template");
        }
        true
    }

    fn order() -> &'static [&'static str] {
        const ORDER: [&str; 7] = [
            "ServiceAccount",
            "ConfigMap",
            "Service",
            "Deployment",
            "DaemonSet",
            "PodDisruptionBudget",
            "HorizontalPodAutoscaler",
        ];
        &ORDER
    }
}

/// Keys in one order, whatever the order of writing.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map
                .iter()
                .map(|(key, value)| (key.clone(), canonical(value)))
                .collect();
            json!(sorted)
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        other => other.clone(),
    }
}

#[derive(Default)]
pub(crate) struct Dedicated;
impl Stages for Dedicated {
    fn stages() -> Vec<Request> {
        let forms = [
            (0, none()),
            (
                1,
                json!({"deployment": {"autoscaling": {"maxReplicas": 3}}, "service": {"type": "NodePort"}}),
            ),
            (
                1,
                json!({"deployment": {"kind": "DaemonSet", "hostNetwork": true}}),
            ),
        ];
        let dedicated = |(form, parameters)| request(input(&balancers()[form], parameters), Part::Dedicated);
        let mut requests = forms.map(dedicated).to_vec();
        requests.push(crate::testing::asking(
            json!({"service": {"type": "ClusterIP"}}),
            &["10.96.0.99"],
        ));
        requests
    }
}

#[test]
fn dedicated_proxies_keep_the_contract() {
    let report = run::<InMemory<Dedicated>>();
    assert_eq!(report.failed, 0, "{report}");
    assert!(report.checks > 1000, "{report}");
}

#[derive(Default)]
struct Tenant;
impl Stages for Tenant {
    fn stages() -> Vec<Request> {
        let forms = [
            (0, none()),
            (1, json!({"service": {"type": "NodePort"}})),
            (3, none()),
        ];
        forms
            .map(|(form, parameters)| request(input(&balancers()[form], parameters), Part::Tenant))
            .to_vec()
    }
}

#[test]
fn tenants_of_a_fleet_keep_the_contract() {
    let report = run::<InMemory<Tenant>>();
    assert_eq!(report.failed, 0, "{report}");
}

#[derive(Default)]
struct Fleet;
impl Stages for Fleet {
    fn stages() -> Vec<Request> {
        let forms = [
            none(),
            json!({"deployment": {"autoscaling": {"maxReplicas": 3}}}),
            json!({"accessLog": {"format": "Off"}}),
        ];
        forms
            .map(|parameters| request(input(&balancers()[0], parameters), Part::Fleet))
            .to_vec()
    }
}

#[test]
fn fleets_keep_the_contract() {
    let report = run::<InMemory<Fleet>>();
    assert_eq!(report.failed, 0, "{report}");
}

/// Kubernetes, "Horizontal Pod Autoscaling", migrating Deployments: a number of replicas that nobody applies any more
/// falls back to 1. Nothing on the way may write fewer than there are, and the way back takes them over.
#[test]
fn switching_to_autoscaling_and_back_keeps_the_proxies_that_run() {
    let world = InMemory::<Dedicated>::empty();
    let driver = world.driver();
    let replicas = || {
        let objects = world.0.objects.lock().unwrap();
        let found = objects.iter().find(|(key, _)| key.kind == Kind::Deployment);
        let stored = found.unwrap().1;
        let ours = stored.applied.pointer("/spec/replicas").is_some();
        (stored.shown()["spec"]["replicas"].as_u64().unwrap(), ours)
    };
    let run = |parameters: Value| {
        let request = request(input(&balancers()[0], parameters), Part::Dedicated);
        let outcome = gatewright_provider_api::suite::drive(converge(&driver, &request)).unwrap();
        assert!(outcome.is_converged());
        replicas()
    };
    let scaled = json!({"deployment": {"autoscaling": {"maxReplicas": 9}}});
    assert_eq!(run(json!({"deployment": {"replicas": 7}})), (7, true));
    assert_eq!(run(scaled.clone()), (7, false), "they are the autoscaler's");
    // The autoscaler decides, and what else changes leaves its decision alone.
    let key = Key::new(Kind::Deployment, "infra", "edge-gatewright");
    world.0.objects.lock().unwrap().get_mut(&key).unwrap().left = Some(4);
    let mut other = scaled;
    other["accessLog"] = json!({"format": "JSON"});
    assert_eq!(run(other), (4, false));
    assert_eq!(run(json!({"deployment": {"replicas": 3}})), (3, true));
}
