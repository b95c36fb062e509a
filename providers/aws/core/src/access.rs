//! Security groups beyond who comes in by address: what users ask of them, and the group that load balancers of a cluster
//! share, as which they get into its nodes and pods.
//!
//! A rule that names a group lets in what comes from interfaces with that group, whoever made them
//! ("Security group referencing",
//! <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html#security-group-referencing>), of a Network
//! Load Balancer also with the client's address preserved
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html>).

mod ports;

pub use ports::{MOST, Ports, condense, needs, of_group};

use crate::Str;
use crate::names;
use crate::network::SecurityGroups;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What users ask of security groups, beside naming groups and networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessSettings {
    /// Managed prefix lists whose networks are let in.
    pub prefix_lists: BTreeSet<Str>,
    /// Whether messages of ICMP are let in by which senders learn that a packet is too long.
    pub path_mtu: bool,
    /// Whether a Network Load Balancer has no security groups.
    pub without: bool,
    /// Whether rules of security groups count for what comes through PrivateLink; AWS's default, that they do, without.
    pub private_link: Option<bool>,
    /// Groups of users that the load balancer gets into nodes and pods as, in place of the shared one.
    pub backend_groups: BTreeSet<Str>,
    /// Whether the load balancer has the shared group. Without: where a group of nodes is given over to that.
    pub backend_rules: Option<bool>,
}

/// What a load balancer has of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The group that it gets into nodes and pods as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// `EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic`; none leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_link: Option<bool>,
}

/// Security groups beside those that let clients in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backend {
    /// Those that parameters name. Rules that name them are their owner's.
    Given(BTreeSet<Str>),
    /// The one that all load balancers of the cluster share in a VPC.
    Shared(SharedGroup),
}

/// The group that all load balancers of a cluster share in a VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedGroup {
    /// `GroupName`.
    pub name: Str,
    /// Groups of nodes and pods that were given over to rules that let it in, by id.
    pub nodes: BTreeSet<Str>,
}

/// What a load balancer in a VPC has, where these groups of nodes were given over.
pub(crate) fn access(
    settings: &AccessSettings,
    (cluster, vpc): (&str, &str),
    (groups, nodes): (&SecurityGroups, &BTreeSet<Str>),
) -> Access {
    // What has no groups gets none later.
    if matches!(groups, SecurityGroups::Given(groups) if groups.is_empty()) {
        return Access::default();
    }
    let backend = if !settings.backend_groups.is_empty() {
        Some(Backend::Given(settings.backend_groups.clone()))
    } else if settings.backend_rules == Some(false) || nodes.is_empty() {
        None
    } else {
        Some(Backend::Shared(SharedGroup {
            name: names::shared_group(cluster, vpc),
            nodes: nodes.clone(),
        }))
    };
    Access {
        backend,
        private_link: settings.private_link,
    }
}
