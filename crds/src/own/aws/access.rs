//! Security groups of load balancers, beside those that users name and the networks that are let in.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Who comes in beside networks, and what the load balancer gets into.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.backendSecurityGroups) && has(self.manageBackendRules))")
        .message("backendSecurityGroups and manageBackendRules exclude each other: rules that name your own groups are yours"),
    validation = Rule::new("!has(self.withoutSecurityGroups) || !self.withoutSecurityGroups || !(has(self.prefixLists) || has(self.pathMtuDiscovery) || has(self.enforceOnPrivateLink) || has(self.backendSecurityGroups) || has(self.manageBackendRules))")
        .message("withoutSecurityGroups: there are no groups that the other fields could be about")
)]
pub struct AccessParameters {
    /// Managed prefix lists whose networks the managed security group lets in, beside `sourceRanges`. An entry of a list counts as
    /// a rule, for each port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 20),
        inner(length(max = 24), regex(pattern = "^pl-[0-9a-f]{8,17}$"))
    )]
    pub prefix_lists: Option<Vec<String>>,
    /// Whether the managed security group lets in the messages of ICMP by which senders learn that a packet is too long. Off
    /// by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_mtu_discovery: Option<bool>,
    /// Whether a Network Load Balancer has no security groups: whoever reaches it comes in. Off by default. A change makes a new
    /// load balancer beside the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_security_groups: Option<bool>,
    /// Whether rules of security groups count for what comes to a Network Load Balancer through PrivateLink. Without it they do
    /// at first, and what was set on AWS stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce_on_private_link: Option<bool>,
    /// Security groups of yours that the load balancer has beside those that let clients in, so that rules of nodes and pods
    /// can name them; in place of the one that load balancers of the cluster share. The rules are yours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 4),
        inner(length(max = 24), regex(pattern = "^sg-[0-9a-f]{8,17}$"))
    )]
    pub backend_security_groups: Option<Vec<String>>,
    /// Whether load balancers share a security group, and security groups of nodes and pods with the tag `gatewright.dev/nodes`
    /// (name of the cluster) let it in on the ports of targets. By default where there is such a group in the VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manage_backend_rules: Option<bool>,
}

impl AccessParameters {
    /// These settings where set, else `base`'s.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let Self {
            prefix_lists,
            path_mtu_discovery,
            without_security_groups,
            enforce_on_private_link,
            backend_security_groups,
            manage_backend_rules,
        } = self;
        // One of them replaces the other: together they would contradict each other.
        let (backend_security_groups, manage_backend_rules) =
            match (backend_security_groups, manage_backend_rules) {
                (None, None) => (base.backend_security_groups.clone(), base.manage_backend_rules),
                own => own,
            };
        Self {
            prefix_lists: prefix_lists.or_else(|| base.prefix_lists.clone()),
            path_mtu_discovery: path_mtu_discovery.or(base.path_mtu_discovery),
            without_security_groups: without_security_groups.or(base.without_security_groups),
            enforce_on_private_link: enforce_on_private_link.or(base.enforce_on_private_link),
            backend_security_groups,
            manage_backend_rules,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_win_field_by_field_and_contradictions_replace_each_other() {
        let read = |value| serde_json::from_value::<AccessParameters>(value).unwrap();
        let class = read(json!({
            "prefixLists": ["pl-0123456789abcdef0"], "pathMtuDiscovery": true, "manageBackendRules": true,
        }));
        let gateway = read(json!({
            "pathMtuDiscovery": false, "backendSecurityGroups": ["sg-0123456789abcdef0"],
        }));
        assert_eq!(
            serde_json::to_value(gateway.over(&class)).unwrap(),
            json!({
                "prefixLists": ["pl-0123456789abcdef0"],
                "pathMtuDiscovery": false,
                "backendSecurityGroups": ["sg-0123456789abcdef0"],
            })
        );
        assert_eq!(AccessParameters::default().over(&class), class);
    }
}
