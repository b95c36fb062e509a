//! Quotas of the account and region.
//!
//! Defaults: "Quotas for your Application Load Balancers",
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>, and "Quotas for your
//! Network Load Balancers",
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-limits.html>.

use crate::Str;
use serde::Serialize;
use std::collections::BTreeSet;

/// Quotas that what we make is measured against. `DescribeAccountLimits` and Service Quotas tell the account's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlbLimits {
    /// Load balancers of a region.
    pub balancers: u32,
    /// Listeners of a load balancer.
    pub listeners: u32,
    /// Rules of a load balancer, over all its listeners, without default rules.
    pub rules: u32,
    /// Target groups of a load balancer; not adjustable.
    pub target_groups: u32,
    /// Target groups of a region.
    pub region_target_groups: u32,
    /// Target groups of one forward action; not adjustable.
    pub target_groups_per_action: u32,
    /// Certificates of a load balancer, without default certificates.
    pub certificates: u32,
    /// Targets of a load balancer.
    pub targets: u32,
    /// Values of all conditions of a rule.
    pub values_per_rule: u32,
    /// Values of one condition ("up to three match evaluations per condition",
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>).
    pub values_per_condition: u32,
    /// Wildcards in all conditions of a rule.
    pub wildcards_per_rule: u32,
    /// Listeners of a load balancer that check client certificates.
    pub verifying_listeners: u32,
    /// Authorities in a trust store.
    pub authorities_per_trust_store: u32,
}

impl Default for AlbLimits {
    fn default() -> Self {
        Self {
            balancers: 50,
            listeners: 50,
            rules: 100,
            target_groups: 100,
            region_target_groups: 3000,
            target_groups_per_action: 5,
            certificates: 25,
            targets: 1000,
            values_per_rule: 5,
            values_per_condition: 3,
            wildcards_per_rule: 5,
            verifying_listeners: 2,
            authorities_per_trust_store: 25,
        }
    }
}

/// Quotas of Network Load Balancers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NlbLimits {
    /// Load balancers of a region.
    pub balancers: u32,
    /// Listeners of a load balancer; not adjustable.
    pub listeners: u32,
    /// Target groups of one forward action. AWS documents weights and no number: that of Application Load Balancers.
    pub target_groups_per_action: u32,
    /// Certificates of a load balancer, without default certificates.
    pub certificates: u32,
    /// Targets of a load balancer.
    pub targets: u32,
    /// Targets of a load balancer for each zone; with cross-zone load balancing those of all zones together.
    pub targets_per_zone: u32,
}

impl Default for NlbLimits {
    fn default() -> Self {
        Self {
            balancers: 50,
            listeners: 50,
            target_groups_per_action: 5,
            certificates: 25,
            targets: 3000,
            targets_per_zone: 500,
        }
    }
}

/// What is taken of quotas already by what is not the Gateway's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Ports of the Gateway's load balancer on which others listen.
    pub ports: BTreeSet<u16>,
    /// Rules of others on its listeners, without default ones.
    pub rules: usize,
    /// ARNs of the target groups that listeners and rules of others on it forward to.
    pub target_groups: BTreeSet<Str>,
    /// Target groups of the region; `None` where they were not counted.
    pub region: Option<RegionGroups>,
}

/// Target groups of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionGroups {
    /// Those that are not the Gateway's.
    pub others: usize,
    /// The Gateway's own: they exist, whatever the quota says.
    pub own: usize,
}
