//! Kinds of objects that are made, and objects by kind and name.

use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::Resource;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A kind of object that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1 ServiceAccount`: the proxies' identity.
    ServiceAccount,
    /// `v1 ConfigMap`: the authorities that the controller's certificate is checked with.
    ConfigMap,
    /// `v1 Service`: the Gateway's addresses.
    Service,
    /// `apps/v1 Deployment`: the proxies.
    Deployment,
    /// `apps/v1 DaemonSet`: the proxies, one for each node.
    DaemonSet,
    /// `policy/v1 PodDisruptionBudget`.
    PodDisruptionBudget,
    /// `autoscaling/v2 HorizontalPodAutoscaler`.
    HorizontalPodAutoscaler,
}

impl Kind {
    /// All, in the order of creation: what is later refers to what is earlier.
    pub const ALL: [Self; 7] = [
        Self::ServiceAccount,
        Self::ConfigMap,
        Self::Service,
        Self::Deployment,
        Self::DaemonSet,
        Self::PodDisruptionBudget,
        Self::HorizontalPodAutoscaler,
    ];

    /// `apiVersion`.
    pub const fn version(self) -> &'static str {
        match self {
            Self::ServiceAccount | Self::ConfigMap | Self::Service => "v1",
            Self::Deployment | Self::DaemonSet => "apps/v1",
            Self::PodDisruptionBudget => "policy/v1",
            Self::HorizontalPodAutoscaler => "autoscaling/v2",
        }
    }

    /// `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::ConfigMap => "ConfigMap",
            Self::Service => "Service",
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
        }
    }
}

/// Identity of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace and name.
    pub name: ObjectName,
}

impl Key {
    /// An identity.
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            name: ObjectName::new(namespace, name),
        }
    }

    /// As the contract names it.
    pub fn resource(&self) -> Resource {
        Resource {
            kind: self.kind.as_str(),
            id: self.name.to_string().into(),
        }
    }
}

/// Objects as JSON.
pub type Objects = BTreeMap<Key, Arc<Value>>;

/// What exists for one Gateway or fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Objects with our marks.
    pub objects: Objects,
    /// Addresses of the nodes where proxies that serve it are ready (`status.hostIPs`), sorted.
    pub nodes: Vec<String>,
}

/// The text at a path, for example `/metadata/uid`; empty when there is none.
pub fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}
