//! What is known of pods with a gate, and of the Services that Gateways of clouds and bindings use.

use gatewright_core::graph::pods;
use gatewright_core::snapshot::{Kind, Object, ObjectKey, name_of};
use gatewright_model::key::{BackendKind, ObjectName};
use gatewright_model::{LoadBalancer, Str};
use gatewright_provider_api::contract::Membership;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Labels by key.
pub type Labels = BTreeMap<String, String>;

/// The hub writes it, the webhook and the keeper read it. A clone is the same one.
#[derive(Clone, Default)]
pub struct Book(Arc<Inner>);

#[derive(Default)]
struct Inner {
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Default)]
struct Known {
    /// Gateways that clouds serve, each with its controller name and the Services that it uses.
    gateways: BTreeMap<ObjectName, (Str, BTreeSet<ObjectName>)>,
    /// Which Gateways use a Service.
    users: BTreeMap<ObjectName, BTreeSet<ObjectName>>,
    /// Bindings, each with its Service and its target group.
    bindings: BTreeMap<ObjectName, Membership>,
    /// Selectors of all Services that have one.
    selectors: BTreeMap<ObjectName, Labels>,
    /// Pods whose gate is closed.
    pods: BTreeMap<ObjectName, Arc<Waiting>>,
}

/// A pod whose gate is closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// `metadata.uid`: another pod may take its name.
    pub uid: String,
    /// Its labels.
    pub labels: Labels,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether all its containers are ready.
    pub containers: bool,
    /// The condition of its gate.
    pub condition: Option<PodCondition>,
}

/// A Service of a pod, and who uses it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// Who.
    pub user: User,
    /// The Service.
    pub service: ObjectName,
}

/// Who sends requests to a Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum User {
    /// A Gateway.
    Gateway {
        /// Its name.
        name: ObjectName,
        /// Controller name of its class.
        controller: Str,
    },
    /// Somebody else's target group, by a binding.
    Binding(Membership),
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway { name, .. } => write!(f, "Gateway {name}"),
            Self::Binding(Membership { binding, .. }) => write!(f, "AwsTargetGroupBinding {binding}"),
        }
    }
}

impl Book {
    /// A Gateway of a cloud is new or different.
    pub fn note_gateway(&self, balancer: &LoadBalancer) {
        let services = balancer
            .backends
            .keys()
            .filter(|key| key.kind != BackendKind::XBackend)
            .map(|key| key.object.clone());
        let services = services.collect();
        let mut known = self.known();
        known.forget_gateway(&balancer.gateway, &services);
        for service in &services {
            let users = known.users.entry(service.clone()).or_default();
            users.insert(balancer.gateway.clone());
        }
        let entry = (balancer.controller.clone(), services);
        known.gateways.insert(balancer.gateway.clone(), entry);
    }

    /// No cloud serves the Gateway.
    pub fn forget_gateway(&self, gateway: &ObjectName) {
        self.known().forget_gateway(gateway, &BTreeSet::new());
    }

    /// A binding is new or different.
    pub fn note_binding(&self, membership: Membership) {
        let name = membership.binding.clone();
        self.known().bindings.insert(name, membership);
    }

    /// A binding is gone, or on its way.
    pub fn forget_binding(&self, binding: &ObjectName) {
        self.known().bindings.remove(binding);
    }

    /// An object is new or different.
    pub fn note(&self, object: &Object) {
        match object {
            Object::Service(service) => {
                let name = name_of(&service.metadata);
                let selector = service.spec.as_ref().and_then(|spec| spec.selector.clone());
                match selector.filter(|selector| !selector.is_empty()) {
                    Some(selector) => self.known().selectors.insert(name, selector),
                    None => self.known().selectors.remove(&name),
                };
            }
            Object::Pod(pod) => {
                let name = name_of(&pod.metadata);
                match waiting(pod) {
                    Some(waiting) => {
                        self.known().pods.insert(name, Arc::new(waiting));
                        self.0.changed.notify_one();
                    }
                    None => {
                        self.known().pods.remove(&name);
                    }
                }
            }
            _ => {}
        }
    }

    /// An object is gone.
    pub fn forget(&self, key: &ObjectKey) {
        match key.kind {
            Kind::Service => {
                self.known().selectors.remove(&key.name);
            }
            Kind::Pod => {
                self.known().pods.remove(&key.name);
            }
            _ => {}
        }
    }

    /// Whether a Service that a Gateway of a cloud or a binding uses selects pods with these labels.
    pub fn selects(&self, namespace: &str, labels: &Labels) -> bool {
        !self.known().uses(namespace, labels).is_empty()
    }

    /// Pods whose gate is closed, each with what uses it.
    pub fn waiting(&self) -> Vec<(ObjectName, Arc<Waiting>, BTreeSet<Use>)> {
        let known = self.known();
        let all = known.pods.iter();
        all.map(|(name, pod)| {
            (
                name.clone(),
                Arc::clone(pod),
                known.uses(&name.namespace, &pod.labels),
            )
        })
        .collect()
    }

    /// Waits until a pod that waits is new or different.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// A Gateway uses none but these Services any more.
    fn forget_gateway(&mut self, gateway: &ObjectName, still: &BTreeSet<ObjectName>) {
        let Some((_, before)) = self.gateways.remove(gateway) else {
            return;
        };
        for service in before.difference(still) {
            if let Some(users) = self.users.get_mut(service) {
                users.remove(gateway);
                if users.is_empty() {
                    self.users.remove(service);
                }
            }
        }
    }

    fn selects(&self, service: &ObjectName, labels: &Labels) -> bool {
        let selector = self.selectors.get(service);
        selector.is_some_and(|selector| pods::selects(selector, Some(labels)))
    }

    fn uses(&self, namespace: &str, labels: &Labels) -> BTreeSet<Use> {
        let mut uses = BTreeSet::new();
        let first = || ObjectName::new(namespace, "");
        let here = |name: &ObjectName| &*name.namespace == namespace;
        for (service, gateways) in self.users.range(first()..) {
            if !here(service) {
                break;
            }
            if !self.selects(service, labels) {
                continue;
            }
            for gateway in gateways {
                if let Some((controller, _)) = self.gateways.get(gateway) {
                    uses.insert(Use {
                        user: User::Gateway {
                            name: gateway.clone(),
                            controller: controller.clone(),
                        },
                        service: service.clone(),
                    });
                }
            }
        }
        // Of the namespace of their Services.
        let bindings = self.bindings.range(first()..);
        for (_, membership) in bindings.take_while(|(binding, _)| here(binding)) {
            if self.selects(&membership.service, labels) {
                uses.insert(Use {
                    user: User::Binding(membership.clone()),
                    service: membership.service.clone(),
                });
            }
        }
        uses
    }
}

fn waiting(pod: &Pod) -> Option<Waiting> {
    let gone = pod.metadata.deletion_timestamp.is_some();
    if gone || !pods::is_gated(pod) || pods::is_open(pod) {
        return None;
    }
    Some(Waiting {
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        labels: pod.metadata.labels.clone().unwrap_or_default(),
        addresses: pods::addresses(pod),
        containers: pods::are_containers_ready(pod),
        condition: pods::gate(pod).cloned(),
    })
}
