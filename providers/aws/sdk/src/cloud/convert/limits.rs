//! Quotas.

use gatewright_aws_core::limits::{AlbLimits, NlbLimits};

/// Sets what a limit of `DescribeAccountLimits` tells. Others, and what is no number, change nothing.
///
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Limit.html>.
pub(in crate::cloud) fn set(limits: &mut AlbLimits, name: &str, max: &str) {
    let field = match name {
        "application-load-balancers" => &mut limits.balancers,
        "listeners-per-application-load-balancer" => &mut limits.listeners,
        "rules-per-application-load-balancer" => &mut limits.rules,
        "target-groups-per-application-load-balancer" => &mut limits.target_groups,
        "target-groups" => &mut limits.region_target_groups,
        "target-groups-per-action-on-application-load-balancer" => &mut limits.target_groups_per_action,
        "certificates-per-application-load-balancer" => &mut limits.certificates,
        "targets-per-application-load-balancer" => &mut limits.targets,
        "condition-values-per-alb-rule" => &mut limits.values_per_rule,
        "condition-wildcards-per-alb-rule" => &mut limits.wildcards_per_rule,
        _ => return,
    };
    if let Ok(max) = max.parse() {
        *field = max;
    }
}

/// The same of a Network Load Balancer.
pub(in crate::cloud) fn set_network(limits: &mut NlbLimits, name: &str, max: &str) {
    let field = match name {
        "network-load-balancers" => &mut limits.balancers,
        "listeners-per-network-load-balancer" => &mut limits.listeners,
        "target-groups-per-action-on-network-load-balancer" => &mut limits.target_groups_per_action,
        "certificates-per-network-load-balancer" => &mut limits.certificates,
        "targets-per-network-load-balancer" => &mut limits.targets,
        "targets-per-availability-zone-per-network-load-balancer" => &mut limits.targets_per_zone,
        _ => return,
    };
    if let Ok(max) = max.parse() {
        *field = max;
    }
}
