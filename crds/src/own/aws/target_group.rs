//! `AwsTargetGroupParameters`.

use super::merged;
use crate::api::PolicyStatus;
use crate::own::merge::both;
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of the target groups of Services, wherever a Gateway of an AWS class uses them. They win over
/// `targetGroups` of the Gateway's and the class' `AwsLoadBalancerParameters`, field by field. Of several that target
/// one Service the oldest counts, and the others say so in their status.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "gatewright.dev",
    version = "v1alpha1",
    kind = "AwsTargetGroupParameters",
    plural = "awstargetgroupparameters",
    namespaced,
    status = "PolicyStatus",
    category = "gatewright",
    doc = "Settings of AWS target groups, for Services.",
    derive = "Default",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct AwsTargetGroupParametersSpec {
    /// The Services, in the same namespace.
    #[schemars(length(min = 1, max = 16))]
    pub target_refs: Vec<ServiceReference>,
    /// The settings.
    #[serde(default)]
    pub settings: TargetGroupSettings,
}

/// A Service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(
    validation = Rule::new("(!has(self.group) || self.group == '') && (!has(self.kind) || self.kind == 'Service')")
        .message("accepted is kind Service of the core group")
)]
pub struct ServiceReference {
    /// Group: empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub group: Option<String>,
    /// `Service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub kind: Option<String>,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// How a target group sends and checks.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.attributes) || self.attributes.all(k, size(k) <= 256 && size(self.attributes[k]) <= 256)")
        .message("attributes: a key and a value have at most 256 characters")
)]
pub struct TargetGroupSettings {
    /// What is registered. `Ip` by default: the addresses of pods, which the load balancer must be able to reach. `Instance`:
    /// nodes by the Service's node port; its type must be NodePort or LoadBalancer. A change makes new target groups
    /// beside the old ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<TargetType>,
    /// How an Application Load Balancer talks to targets. `HTTP` by default. `HTTPS`: by TLS, with whoever answers: AWS does not verify
    /// the certificate of a target, which is told as `gatewright.dev/Approximated` (`strict` refuses it). A change makes new
    /// target groups beside the old ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<TargetProtocol>,
    /// Labels that nodes must have to be targets of `Instance`. All nodes by default that are ready and not labelled
    /// `node.kubernetes.io/exclude-from-external-load-balancers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 16))]
    pub node_labels: Option<BTreeMap<String, String>>,
    /// Health check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Attributes of the target group, in AWS's words, for example
    /// `deregistration_delay.timeout_seconds: "30"`. Those that are not named here stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 30))]
    pub attributes: Option<BTreeMap<String, String>>,
    /// Port on which an Application Load Balancer talks to AWS's target control agent, which must run beside each target and says
    /// how many requests it takes at once: the target optimizer. A change makes new target groups beside the old ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub target_control_port: Option<u16>,
    /// Whether targets of a Network Load Balancer see the address of the client instead of its own. AWS's default for pods
    /// is not to with TCP, and always to with UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preserve_client_ip: Option<bool>,
    /// Whether a Network Load Balancer tells targets who the client is by PROXY protocol version 2, in front of what the
    /// client sends. Off by default: targets must expect it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<bool>,
}

/// What is registered in a target group. `Ip` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetType {
    /// Addresses of pods.
    #[default]
    Ip,
    /// Nodes, by node ports.
    Instance,
}

/// How an Application Load Balancer talks to targets. `HTTP` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetProtocol {
    /// In plain.
    #[default]
    #[serde(rename = "HTTP")]
    Http,
    /// By TLS; certificates are not verified.
    #[serde(rename = "HTTPS")]
    Https,
}

/// Health check of a target group. What is not set has AWS's default.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.enabled) || self.enabled || !(has(self.protocol) || has(self.protocolVersion) || has(self.port) || has(self.path) || has(self.codes) || has(self.intervalSeconds) || has(self.timeoutSeconds) || has(self.healthyThreshold) || has(self.unhealthyThreshold))")
        .message("enabled: false checks nothing: leave all else out"),
    validation = Rule::new("!has(self.protocol) || self.protocol != 'TCP' || (!has(self.path) && !has(self.codes))")
        .message("a check of protocol TCP asks for nothing: path and codes belong to HTTP and HTTPS"),
    validation = Rule::new("!has(self.timeoutSeconds) || self.timeoutSeconds < (has(self.intervalSeconds) ? self.intervalSeconds : 30)")
        .message("timeoutSeconds must be less than intervalSeconds, which is 30 by default")
)]
pub struct HealthCheck {
    /// Whether targets of VPC Lattice are checked. By default those of HTTP are, and those of gRPC and TCP once the Service has a check of
    /// its own; `true` checks all. Load balancers always check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Protocol. `HTTP` by default, `HTTPS` where that is the protocol of the targets; of a Network Load Balancer `TCP`, and `HTTP` when path or codes are set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<HealthCheckProtocol>,
    /// Version of HTTP of VPC Lattice's checks. `HTTP2` by default where targets are asked by HTTP/2 or gRPC, else `HTTP1`. Load balancers have
    /// no such setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol_version: Option<HealthCheckVersion>,
    /// Port. That of the traffic by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// Path. `/` by default; for gRPC `/AWS.ALB/healthcheck`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = "^/[^ ]*$"))]
    pub path: Option<String>,
    /// Codes of a healthy answer: `200`, `200,202` or `200-299`; of gRPC `0-99`. `200` by default, for gRPC `12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = "^[0-9]{1,3}([,-][0-9]{1,3}){0,12}$")
    )]
    pub codes: Option<String>,
    /// Seconds between two checks. 30 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 5, max = 300))]
    pub interval_seconds: Option<u16>,
    /// Seconds until a check fails. 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 120))]
    pub timeout_seconds: Option<u16>,
    /// Successes in a row after which a target is healthy. 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10))]
    pub healthy_threshold: Option<u8>,
    /// Failures in a row after which it is not. 2 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10))]
    pub unhealthy_threshold: Option<u8>,
}

/// Protocol of a health check. `HTTP` by default; of a Network Load Balancer `TCP`, and `HTTP` when path or codes are set.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthCheckProtocol {
    /// HTTP.
    #[serde(rename = "HTTP")]
    Http,
    /// HTTPS; the certificate is not checked.
    #[serde(rename = "HTTPS")]
    Https,
    /// A connection is enough; of a Network Load Balancer.
    #[serde(rename = "TCP")]
    Tcp,
}

impl HealthCheckProtocol {
    /// AWS's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Tcp => "TCP",
        }
    }
}

/// Version of HTTP of a health check. `HTTP1` by default, `HTTP2` where targets are asked by HTTP/2 or gRPC.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthCheckVersion {
    /// HTTP/1.1.
    #[serde(rename = "HTTP1")]
    Http1,
    /// HTTP/2.
    #[serde(rename = "HTTP2")]
    Http2,
}

impl HealthCheck {
    /// These settings where set, else `base`'s; none of `base`'s where nothing is checked.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let Self {
            enabled,
            protocol,
            protocol_version,
            port,
            path,
            codes,
            interval_seconds,
            timeout_seconds,
            healthy_threshold,
            unhealthy_threshold,
        } = self;
        let off = Self::default();
        let base = if enabled == Some(false) { &off } else { base };
        Self {
            enabled: enabled.or(base.enabled),
            protocol: protocol.or(base.protocol),
            protocol_version: protocol_version.or(base.protocol_version),
            port: port.or(base.port),
            path: path.or_else(|| base.path.clone()),
            codes: codes.or_else(|| base.codes.clone()),
            interval_seconds: interval_seconds.or(base.interval_seconds),
            timeout_seconds: timeout_seconds.or(base.timeout_seconds),
            healthy_threshold: healthy_threshold.or(base.healthy_threshold),
            unhealthy_threshold: unhealthy_threshold.or(base.unhealthy_threshold),
        }
    }

    /// Whether anything is said of how targets are checked.
    pub fn says_how(&self) -> bool {
        let nothing = Self {
            enabled: self.enabled,
            ..Self::default()
        };
        *self != nothing
    }
}

impl TargetGroupSettings {
    /// These settings where set, else `base`'s.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let Self {
            target_type,
            protocol,
            node_labels,
            health_check,
            attributes,
            target_control_port,
            preserve_client_ip,
            proxy_protocol,
        } = self;
        Self {
            target_type: target_type.or(base.target_type),
            protocol: protocol.or(base.protocol),
            node_labels: node_labels.or_else(|| base.node_labels.clone()),
            health_check: both(health_check, base.health_check.as_ref(), HealthCheck::over),
            attributes: merged(attributes, base.attributes.as_ref()),
            target_control_port: target_control_port.or(base.target_control_port),
            preserve_client_ip: preserve_client_ip.or(base.preserve_client_ip),
            proxy_protocol: proxy_protocol.or(base.proxy_protocol),
        }
    }
}

/// `PolicyStatus` of the Gateway API (GEP-713), as far as the API server must know it.
impl JsonSchema for PolicyStatus {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PolicyStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = || json_schema!({"type": "string"});
        json_schema!({
            "type": "object",
            "description": "What became of the settings, for each Gateway that uses them.",
            "required": ["ancestors"],
            "properties": {"ancestors": {
                "type": "array",
                "maxItems": 16,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["ancestorRef", "conditions", "controllerName"],
                    "properties": {
                        "ancestorRef": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {
                                "group": text(), "kind": text(), "name": text(), "namespace": text(),
                                "sectionName": text(), "port": {"type": "integer", "format": "int32"},
                            },
                        },
                        "controllerName": text(),
                        "conditions": {
                            "type": "array",
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
                    },
                },
            }},
        })
    }
}
