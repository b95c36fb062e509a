//! `SoftwareGatewayParameters`: what the software provider needs and the Gateway API has no field for.

mod access_log;
mod check;
mod deployment;
mod placement;
mod proxy;
mod service;
#[cfg(test)]
mod tests;

pub use access_log::{AccessLog, AccessLogFormat};
pub use check::Problem;
pub use deployment::{Autoscaling, Deployment, Image, Mode, PullPolicy, Resources, Workload};
pub use placement::{Placement, Spread, TaintEffect, Toleration, TolerationOperator, WhenUnsatisfiable};
pub use proxy::{Forwarding, Limits, ProxyProtocol, Timeouts};
pub use service::{ExternalTrafficPolicy, IpFamilyPolicy, Service, ServiceType};

use crate::own::merge::both;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// Settings of the software provider for a GatewayClass (`spec.parametersRef`) or one Gateway
/// (`spec.infrastructure.parametersRef`). A Gateway's settings win over its class', field by field;
/// what neither sets has the default. Fields marked "class only" decide over nodes and other tenants
/// and are refused in the parameters of a Gateway.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "gatewright.dev",
    version = "v1alpha1",
    kind = "SoftwareGatewayParameters",
    plural = "softwaregatewayparameters",
    namespaced,
    category = "gatewright",
    doc = "Settings of Gatewright's software proxy, for a GatewayClass or for one Gateway.",
    derive = "Default",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.mode) || self.mode != 'Shared' || !has(self.deployment) || !(has(self.deployment.hostNetwork) && self.deployment.hostNetwork || has(self.deployment.hostPorts) && self.deployment.hostPorts)")
        .message("deployment.hostNetwork and deployment.hostPorts need mode Dedicated: the Gateways of a shared fleet would share the ports of its nodes")
)]
pub struct SoftwareGatewayParametersSpec {
    /// Class only. Whether each Gateway has proxies of its own (`Dedicated`, the default) or all Gateways
    /// of the class share one fleet (`Shared`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The proxies: how many, of which image, with which resources, on which nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Box<Deployment>>,
    /// The Service in front of the proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Box<Service>>,
    /// The access log of the proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log: Option<AccessLog>,
    /// PROXY protocol on incoming connections. Off unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Whose forwarding headers are believed and which are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarding: Option<Forwarding>,
    /// Bounds on size and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Bounds on time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
}

impl SoftwareGatewayParametersSpec {
    /// These settings where set, else `base`'s: `gateway.over(&class)`.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let Self {
            mode,
            deployment,
            service,
            access_log,
            proxy_protocol,
            forwarding,
            limits,
            timeouts,
        } = self;
        Self {
            mode: mode.or(base.mode),
            deployment: both(deployment, base.deployment.as_ref(), |mine, base| {
                Box::new(mine.over(base))
            }),
            service: both(service, base.service.as_ref(), |mine, base| {
                Box::new(mine.over(base))
            }),
            access_log: both(access_log, base.access_log.as_ref(), AccessLog::over),
            proxy_protocol: proxy_protocol.or_else(|| base.proxy_protocol.clone()),
            forwarding: both(forwarding, base.forwarding.as_ref(), Forwarding::over),
            limits: both(limits, base.limits.as_ref(), Limits::over),
            timeouts: both(timeouts, base.timeouts.as_ref(), Timeouts::over),
        }
    }
}
