//! The Service in front of the proxies.

use crate::own::merge::over;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The Service in front of the proxies.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.loadBalancerClass) || !has(self.type) || self.type == 'LoadBalancer'")
        .message("loadBalancerClass needs type LoadBalancer"),
    validation = Rule::new("!has(self.loadBalancerSourceRanges) || self.loadBalancerSourceRanges.all(c, isCIDR(c))")
        .message("loadBalancerSourceRanges must hold IP networks such as 10.0.0.0/8 or 2001:db8::/32"),
    validation = Rule::new("!has(self.externalIPs) || self.externalIPs.all(c, isIP(c))")
        .message("externalIPs must hold IP addresses"),
    validation = Rule::new("!has(self.staticAddresses) || self.staticAddresses.all(c, isCIDR(c))")
        .message("staticAddresses must hold IP networks such as 192.0.2.0/28 or 2001:db8::/64")
)]
pub struct Service {
    /// Type of the Service. `LoadBalancer` by default.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "type")]
    pub kind: Option<ServiceType>,
    /// Which load balancer controller answers for the Service (`spec.loadBalancerClass`). The cluster's
    /// default unless set. A change makes a new Service, with a new address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 317))]
    pub load_balancer_class: Option<String>,
    /// Networks that the load balancer admits. All by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 43)))]
    pub load_balancer_source_ranges: Option<Vec<String>>,
    /// Annotations of the Service, beside those of the Gateway's `infrastructure`, which win.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 32))]
    pub annotations: Option<BTreeMap<String, String>>,
    /// `Local` keeps the client's address and uses proxies on the receiving node alone. `Cluster` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
    /// IPv4, IPv6 or both. `PreferDualStack` by default: both where the cluster has both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_family_policy: Option<IpFamilyPolicy>,
    /// Class only. Addresses that the network leads to the nodes and that each Service answers on
    /// (`spec.externalIPs`), and the addresses of the Gateways. Meant for one Gateway: Services with the
    /// same address and port take traffic from each other.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "externalIPs")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 45)))]
    pub external_ips: Option<Vec<String>>,
    /// Class only. Networks from which a Gateway may ask for addresses in `spec.addresses`; the network
    /// must lead them to the nodes (`spec.externalIPs`). None by default: requests go to the load
    /// balancer, or to the range of cluster addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 43)))]
    pub static_addresses: Option<Vec<String>>,
}

/// Type of the Service. `LoadBalancer` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceType {
    /// An address of a load balancer, from a cloud or from software such as MetalLB.
    #[default]
    LoadBalancer,
    /// The addresses of the nodes, on ports from the cluster's range for such Services; a listener's own
    /// port where it lies in that range.
    NodePort,
    /// An address inside the cluster.
    #[serde(rename = "ClusterIP")]
    ClusterIp,
}

impl ServiceType {
    /// The word in a Service.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoadBalancer => "LoadBalancer",
            Self::NodePort => "NodePort",
            Self::ClusterIp => "ClusterIP",
        }
    }
}

/// Which proxies traffic from outside goes to. `Cluster` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExternalTrafficPolicy {
    /// All.
    #[default]
    Cluster,
    /// Those on the receiving node.
    Local,
}

impl ExternalTrafficPolicy {
    /// The word in a Service.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "Cluster",
            Self::Local => "Local",
        }
    }
}

/// IPv4, IPv6 or both. `PreferDualStack` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpFamilyPolicy {
    /// The cluster's first.
    SingleStack,
    /// Both where the cluster has both.
    #[default]
    PreferDualStack,
    /// Both, or nothing.
    RequireDualStack,
}

impl IpFamilyPolicy {
    /// The word in a Service.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SingleStack => "SingleStack",
            Self::PreferDualStack => "PreferDualStack",
            Self::RequireDualStack => "RequireDualStack",
        }
    }
}

over!(Service {
    kind,
    load_balancer_class,
    load_balancer_source_ranges,
    annotations,
    external_traffic_policy,
    ip_family_policy,
    external_ips,
    static_addresses
});
