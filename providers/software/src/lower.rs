//! From a Gateway's load balancer to Kubernetes objects, in the form that is applied.

use crate::names::{self, GATEWAY, MANAGED_BY};
use crate::ports::{self, ADMIN};
use crate::{Input, Settings};
use gatewright_model::LoadBalancer;
use gatewright_stream::settings::{PortMapping, Transport};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A kind of object that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `v1 ServiceAccount`: the proxies' identity.
    ServiceAccount,
    /// `v1 ConfigMap`: the authorities that the controller's certificate is checked with.
    ConfigMap,
    /// `v1 Service`: the Gateway's addresses.
    Service,
    /// `apps/v1 Deployment`: the proxies.
    Deployment,
    /// `policy/v1 PodDisruptionBudget`.
    PodDisruptionBudget,
}

impl Resource {
    /// All, in the order of creation.
    pub const ALL: [Self; 5] = [
        Self::ServiceAccount,
        Self::ConfigMap,
        Self::Service,
        Self::Deployment,
        Self::PodDisruptionBudget,
    ];

    /// API version and kind.
    pub const fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::ServiceAccount => ("v1", "ServiceAccount"),
            Self::ConfigMap => ("v1", "ConfigMap"),
            Self::Service => ("v1", "Service"),
            Self::Deployment => ("apps/v1", "Deployment"),
            Self::PodDisruptionBudget => ("policy/v1", "PodDisruptionBudget"),
        }
    }
}

/// Proxies of one Gateway, unless its parameters say otherwise.
const REPLICAS: u32 = 1;

/// Time for open connections to finish when a proxy stops.
const GRACE_SECONDS: u32 = 60;

/// Everything that a Gateway with proxies of its own becomes.
pub fn dedicated(input: &Input, settings: &Settings, authorities: &str) -> BTreeMap<Resource, Value> {
    let balancer = &input.balancer;
    let name = names::object_name(&balancer.gateway.name, &balancer.class);
    let frame = Frame { input, name: &name };
    let ports = ports::dedicated(balancer);
    BTreeMap::from([
        (
            Resource::ServiceAccount,
            frame.object(Resource::ServiceAccount, json!({})),
        ),
        (
            Resource::ConfigMap,
            frame.object(Resource::ConfigMap, json!({"data": {"ca.crt": authorities}})),
        ),
        (
            Resource::Service,
            frame.object(Resource::Service, json!({"spec": service(balancer, &ports)})),
        ),
        (
            Resource::Deployment,
            frame.object(Resource::Deployment, json!({"spec": frame.deployment(settings)})),
        ),
        (
            Resource::PodDisruptionBudget,
            frame.object(
                Resource::PodDisruptionBudget,
                json!({"spec": {
                    // With one proxy a budget of one would block every drain of its node.
                    "maxUnavailable": 1,
                    "selector": {"matchLabels": names::selector(&balancer.gateway, &balancer.class)},
                }}),
            ),
        ),
    ])
}

/// What the objects of one Gateway have in common.
struct Frame<'a> {
    input: &'a Input,
    name: &'a str,
}

impl Frame<'_> {
    /// Labels of everything: ours win over those of `infrastructure`.
    fn labels(&self) -> BTreeMap<String, String> {
        let balancer = &self.input.balancer;
        let given = balancer.infrastructure.labels.iter();
        let mut labels: BTreeMap<String, String> = given
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        labels.extend(names::selector(&balancer.gateway, &balancer.class));
        labels.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
        labels.insert("app.kubernetes.io/name".to_owned(), "gatewright-proxy".to_owned());
        labels
    }

    fn annotations(&self) -> BTreeMap<String, String> {
        let balancer = &self.input.balancer;
        let given = balancer.infrastructure.annotations.iter();
        let mut annotations: BTreeMap<String, String> = given
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        annotations.insert(GATEWAY.to_owned(), balancer.gateway.to_string());
        annotations
    }

    fn object(&self, resource: Resource, body: Value) -> Value {
        let balancer = &self.input.balancer;
        let (version, kind) = resource.kind();
        let mut object = json!({
            "apiVersion": version,
            "kind": kind,
            "metadata": {
                "name": self.name,
                "namespace": &*balancer.gateway.namespace,
                "labels": self.labels(),
                "annotations": self.annotations(),
                // Garbage collection takes everything along with the Gateway, also while we are away.
                "ownerReferences": [{
                    "apiVersion": "gateway.networking.k8s.io/v1",
                    "kind": "Gateway",
                    "name": &*balancer.gateway.name,
                    "uid": self.input.uid,
                    "controller": true,
                }],
            },
        });
        if let (Some(object), Value::Object(body)) = (object.as_object_mut(), body) {
            object.extend(body);
        }
        object
    }

    fn deployment(&self, settings: &Settings) -> Value {
        let balancer = &self.input.balancer;
        json!({
            "replicas": REPLICAS,
            "selector": {"matchLabels": names::selector(&balancer.gateway, &balancer.class)},
            // A new proxy is ready before an old one goes.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": self.labels(), "annotations": self.annotations()},
                "spec": pod(balancer, self.name, settings),
            },
        })
    }
}

/// The pod, within the `restricted` Pod Security Standard.
fn pod(balancer: &LoadBalancer, account: &str, settings: &Settings) -> Value {
    let gateway = &balancer.gateway;
    let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    json!({
        "serviceAccountName": account,
        // Its one token is the projected one below.
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": GRACE_SECONDS + 10,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65_532,
            "runAsGroup": 65_532,
            "fsGroup": 65_532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [{
            "name": "proxy",
            "image": settings.image,
            "args": [
                "proxy",
                "--controller", settings.endpoint,
                "--controller-ca", "/etc/gatewright/ca/ca.crt",
                "--token", "/var/run/gatewright/token",
                "--gateway", gateway.to_string(),
                "--state", "/var/lib/gatewright",
                "--admin", format!("[::]:{ADMIN}"),
                "--grace", format!("{GRACE_SECONDS}s"),
            ],
            "env": [
                {"name": "POD_NAME", "valueFrom": field("metadata.name")},
                {"name": "POD_NAMESPACE", "valueFrom": field("metadata.namespace")},
                {"name": "NODE_NAME", "valueFrom": field("spec.nodeName")},
            ],
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": ADMIN}, "periodSeconds": 1},
            "livenessProbe": {"httpGet": {"path": "/livez", "port": ADMIN}, "periodSeconds": 10},
            "resources": {"requests": {"cpu": "50m", "memory": "48Mi"}, "limits": {"memory": "1Gi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [
                {"name": "ca", "mountPath": "/etc/gatewright/ca", "readOnly": true},
                {"name": "token", "mountPath": "/var/run/gatewright", "readOnly": true},
                {"name": "state", "mountPath": "/var/lib/gatewright"},
            ],
        }],
        "volumes": [
            {"name": "ca", "configMap": {"name": account}},
            {"name": "token", "projected": {"sources": [{"serviceAccountToken": {
                "audience": "gatewright.dev/config", "expirationSeconds": 3600, "path": "token",
            }}]}},
            // Private keys are in the configuration: never on a disk.
            {"name": "state", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        ],
    })
}

fn service(balancer: &LoadBalancer, mappings: &[PortMapping]) -> Value {
    let mut ports: Vec<Value> = ports::listeners(balancer)
        .into_iter()
        .map(|(port, transport)| {
            let protocol = match transport {
                Transport::Tcp => "TCP",
                Transport::Udp => "UDP",
            };
            json!({
                "name": format!("{}-{port}", protocol.to_lowercase()),
                "port": port,
                "protocol": protocol,
                "targetPort": ports::bound(mappings, port, transport),
            })
        })
        .collect();
    if ports.is_empty() {
        // A Service needs a port: nothing listens there.
        ports.push(json!({"name": "none", "port": 1, "protocol": "TCP", "targetPort": 1}));
    }
    let mut spec = json!({
        "type": "LoadBalancer",
        "selector": names::selector(&balancer.gateway, &balancer.class),
        "ipFamilyPolicy": "PreferDualStack",
        "ports": ports,
    });
    let wanted = balancer
        .addresses
        .iter()
        .filter(|request| &*request.kind == "IPAddress")
        .find_map(|request| request.value.as_deref());
    if let (Some(address), Some(spec)) = (wanted, spec.as_object_mut()) {
        spec.insert("loadBalancerIP".to_owned(), json!(address));
    }
    spec
}
