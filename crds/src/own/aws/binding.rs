//! `AwsTargetGroupBinding`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Pods of a Service in a target group that somebody else made: for load balancers that are not made from Gateways. The
/// controller registers and deregisters what belongs to the Service, and touches nothing else of the target group, nor
/// targets of others in it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "gatewright.dev",
    version = "v1alpha1",
    kind = "AwsTargetGroupBinding",
    plural = "awstargetgroupbindings",
    namespaced,
    status = "AwsTargetGroupBindingStatus",
    category = "gatewright",
    doc = "Pods of a Service in an AWS target group of somebody else.",
    derive = "Default",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct AwsTargetGroupBindingSpec {
    /// The target group. Its owner allows it by two tags: `gatewright.dev/cluster` with the name of this cluster, and
    /// `gatewright.dev/binding` with namespace and name of this object, for example `shop/cart`. It cannot change: another
    /// target group needs another object.
    pub target_group: TargetGroupReference,
    /// The Service, in the same namespace. Of a target group of type `ip` its ready pods are targets; of type `instance`
    /// nodes by its node port, so that its type must be NodePort or LoadBalancer.
    pub service: BoundService,
    /// Labels that nodes must have to be targets of a target group of type `instance`. All nodes by default that are ready
    /// and not labelled `node.kubernetes.io/exclude-from-external-load-balancers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 16))]
    pub node_labels: Option<BTreeMap<String, String>>,
}

/// A target group of the account and region of the controller.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(
    validation = Rule::new("has(self.arn) != has(self.name)").message("one of arn and name is needed"),
    validation = Rule::new("self == oldSelf").message("the target group cannot change: make another object")
)]
pub struct TargetGroupReference {
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 256),
        regex(
            pattern = "^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/[A-Za-z0-9-]+/[0-9a-f]+$"
        )
    )]
    pub arn: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 32),
        regex(pattern = "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$")
    )]
    pub name: Option<String>,
}

/// A port of a Service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundService {
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Port of the Service, not that of its pods.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
}

/// What became of a binding.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AwsTargetGroupBindingStatus {
    /// `Accepted`: the binding can be served. `Programmed`: the target group has the targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// ARN of the target group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group_arn: Option<String>,
    /// Targets that were registered, or are about to be. What is not among them is somebody else's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<BoundTarget>,
}

/// A target.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BoundTarget {
    /// Address of a pod, or id of a node's instance.
    pub id: String,
    /// Port.
    pub port: u16,
}

/// As far as the API server must know it.
impl JsonSchema for AwsTargetGroupBindingStatus {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AwsTargetGroupBindingStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = || json_schema!({"type": "string"});
        json_schema!({
            "type": "object",
            "description": "What became of the binding.",
            "properties": {
                "conditions": {
                    "type": "array",
                    "description": "`Accepted`: the binding can be served. `Programmed`: the target group has the targets.",
                    "maxItems": 8,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["type"],
                    "items": {
                        "type": "object",
                        "required": ["lastTransitionTime", "message", "reason", "status", "type"],
                        "properties": {
                            "lastTransitionTime": {"type": "string", "format": "date-time"},
                            "message": text(), "reason": text(), "status": text(), "type": text(),
                            "observedGeneration": {"type": "integer", "format": "int64"},
                        },
                    },
                },
                "targetGroupArn": {"type": "string", "description": "ARN of the target group."},
                "targets": {
                    "type": "array",
                    "description": "Targets that were registered, or are about to be. What is not among them is somebody else's.",
                    "maxItems": 5000,
                    "x-kubernetes-list-type": "atomic",
                    "items": {
                        "type": "object",
                        "required": ["id", "port"],
                        "properties": {
                            "id": {"type": "string", "description": "Address of a pod, or id of a node's instance."},
                            "port": {"type": "integer", "format": "int32", "description": "Port."},
                        },
                    },
                },
            },
        })
    }
}
