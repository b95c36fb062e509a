//! The proxies of a Gateway or of a class.

use super::placement::Placement;
use crate::own::merge::{both, over};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Class only. Whose proxies serve a Gateway: its own, or those of its class. `Dedicated` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Its own, in its namespace.
    #[default]
    Dedicated,
    /// Those of its GatewayClass, in the controller's namespace.
    Shared,
}

/// Class only. What runs the proxies. `Deployment` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workload {
    /// A number of them, wherever there is room.
    #[default]
    Deployment,
    /// One on each node that `placement` allows.
    DaemonSet,
}

/// The proxies: how many, of which image, with which resources, on which nodes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.replicas) && has(self.autoscaling))")
        .message("replicas and autoscaling exclude each other"),
    validation = Rule::new("!has(self.kind) || self.kind != 'DaemonSet' || !(has(self.replicas) || has(self.autoscaling))")
        .message("a DaemonSet has no replicas and no autoscaling: one proxy runs on each node"),
    validation = Rule::new("!(has(self.hostPorts) && self.hostPorts) || has(self.kind) && self.kind == 'DaemonSet'")
        .message("hostPorts needs kind DaemonSet: two proxies of one node cannot have the same port")
)]
pub struct Deployment {
    /// Class only. What runs the proxies. `Deployment` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Workload>,
    /// Number of proxies. 1 by default; not beside `autoscaling`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: Option<u32>,
    /// Number of proxies by load, through a HorizontalPodAutoscaler, which needs a metrics server in the
    /// cluster. Off unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// Class only. The proxies use the network of their node and are reached at its addresses, with no
    /// Service in front; ports below 1024 need the namespace to allow privileged pods. Off by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_network: Option<bool>,
    /// Class only. The ports of the listeners are opened on each node (`hostPort`); a change of ports
    /// restarts the proxies one by one. Off by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_ports: Option<bool>,
    /// CPU and memory of a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Class only. Nodes that the proxies run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Class only. The image of the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// Annotations of the pods, beside those of the Gateway's `infrastructure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 32))]
    pub pod_annotations: Option<BTreeMap<String, String>>,
}

/// Bounds and goal of a HorizontalPodAutoscaler.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.minReplicas) || self.minReplicas <= self.maxReplicas")
    .message("minReplicas must not exceed maxReplicas"))]
pub struct Autoscaling {
    /// Fewest proxies. 2 by default, or `maxReplicas` where that is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_replicas: Option<u32>,
    /// Most proxies.
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: u32,
    /// CPU use aimed at, in percent of the CPU request. 70 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub target_cpu_percent: Option<u32>,
}

/// CPU and memory of a proxy, as Kubernetes quantities, for example `500m` and `128Mi`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// What is reserved. `cpu: 20m, memory: 48Mi` by default, which leaves room for many Gateways on a small
    /// cluster; `cpu: 250m` with `autoscaling`, whose goal is a share of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 8, "additionalProperties" = {"type": "string", "maxLength": 32, "pattern": "^[0-9]{1,15}([.][0-9]{1,3})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"}))]
    pub requests: Option<BTreeMap<String, String>>,
    /// What is the most. No bound by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 8, "additionalProperties" = {"type": "string", "maxLength": 32, "pattern": "^[0-9]{1,15}([.][0-9]{1,3})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"}))]
    pub limits: Option<BTreeMap<String, String>>,
}

/// The image of the proxy.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Name with tag or digest. The controller's own release by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub reference: Option<String>,
    /// When it is fetched. `IfNotPresent` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
    /// Names of Secrets with credentials for the registry, in the proxies' namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 253)))]
    pub pull_secrets: Option<Vec<String>>,
}

/// When an image is fetched. `IfNotPresent` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PullPolicy {
    /// At each start.
    Always,
    /// When the node lacks it.
    #[default]
    IfNotPresent,
    /// Never: the node must have it.
    Never,
}

impl PullPolicy {
    /// The word in a pod.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

impl Deployment {
    /// These settings where set, else `base`'s. The number of proxies is one setting, in two forms.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let fixed = self.replicas.is_some();
        let scaled = self.autoscaling.is_some();
        let Self {
            kind,
            replicas,
            autoscaling,
            host_network,
            host_ports,
            resources,
            placement,
            image,
            pod_annotations,
        } = self;
        Self {
            kind: kind.or(base.kind),
            replicas: replicas.or(base.replicas.filter(|_| !scaled)),
            autoscaling: autoscaling.or_else(|| base.autoscaling.clone().filter(|_| !fixed)),
            host_network: host_network.or(base.host_network),
            host_ports: host_ports.or(base.host_ports),
            resources: both(resources, base.resources.as_ref(), Resources::over),
            placement: both(placement, base.placement.as_ref(), Placement::over),
            image: both(image, base.image.as_ref(), Image::over),
            pod_annotations: pod_annotations.or_else(|| base.pod_annotations.clone()),
        }
    }
}

over!(Resources { requests, limits });
over!(Image {
    reference,
    pull_policy,
    pull_secrets
});
