//! Quotas of an account, settable: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>.

use super::page;
use crate::error::ApiError;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Names as `API_Limit` has them, and defaults. The last ones are documented and no limits of that operation: values of one
/// condition (`guide/rule-condition-types`), and quotas that Service Quotas alone tells. Target groups of an action of Network Load
/// Balancers are as many as of Application Load Balancers since they have weights: assumed.
const DEFAULTS: &[(&str, u64)] = &[
    ("application-load-balancers", 50),
    ("condition-values-per-alb-rule", 5),
    ("condition-wildcards-per-alb-rule", 5),
    ("listeners-per-application-load-balancer", 50),
    ("listeners-per-network-load-balancer", 50),
    ("network-load-balancers", 50),
    ("rules-per-application-load-balancer", 100),
    ("target-groups", 3000),
    ("target-groups-per-action-on-application-load-balancer", 5),
    ("target-groups-per-action-on-network-load-balancer", 5),
    ("target-groups-per-application-load-balancer", 100),
    ("targets-per-application-load-balancer", 1000),
    ("targets-per-availability-zone-per-network-load-balancer", 500),
    ("targets-per-network-load-balancer", 3000),
    (CERTIFICATES, 25),
    (NETWORK_CERTIFICATES, 25),
    (VALUES_OF_CONDITION, 3),
    (VERIFYING_LISTENERS, 2),
    (TARGETS_OF_GROUP, 1000),
    (REGISTRATIONS_OF_TARGET, 1000),
];

/// Those that `DescribeAccountLimits` does not tell.
const UNTOLD: &[&str] = &[
    CERTIFICATES,
    NETWORK_CERTIFICATES,
    VALUES_OF_CONDITION,
    VERIFYING_LISTENERS,
    TARGETS_OF_GROUP,
    REGISTRATIONS_OF_TARGET,
];

/// Certificates of a load balancer, default ones not counted.
pub(super) const CERTIFICATES: &str = "certificates-per-application-load-balancer";
/// The same of a Network Load Balancer.
pub(super) const NETWORK_CERTIFICATES: &str = "certificates-per-network-load-balancer";
/// Values of one condition.
pub(super) const VALUES_OF_CONDITION: &str = "values-per-condition";
/// Listeners of an ALB that verify client certificates.
pub(super) const VERIFYING_LISTENERS: &str = "verifying-listeners-per-application-load-balancer";
/// Instances or addresses of a target group.
pub(super) const TARGETS_OF_GROUP: &str = "targets-per-target-group";
/// How often a target can be registered with an ALB.
pub(super) const REGISTRATIONS_OF_TARGET: &str = "registrations-per-target-per-application-load-balancer";

/// Quotas of an account and region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits {
    /// Those that are not AWS's defaults.
    raised: BTreeMap<String, u64>,
}

impl Limits {
    /// A quota; unknown names have none.
    pub fn get(&self, name: &str) -> u64 {
        let default = || {
            DEFAULTS
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, max)| *max)
        };
        self.raised
            .get(name)
            .copied()
            .or_else(default)
            .unwrap_or(u64::MAX)
    }

    /// Sets a quota; false when there is none of this name.
    pub fn set(&mut self, name: &str, max: u64) -> bool {
        let known = DEFAULTS.iter().any(|(known, _)| *known == name);
        if known {
            self.raised.insert(name.to_owned(), max);
        }
        known
    }

    /// All of them.
    pub fn all(&self) -> BTreeMap<&'static str, u64> {
        DEFAULTS.iter().map(|(name, _)| (*name, self.get(name))).collect()
    }
}

/// `API_DescribeAccountLimits`.
pub(super) fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let told = account.elb.limits.all();
    let told = told.iter().filter(|(name, _)| !UNTOLD.contains(name));
    let limits = told
        .map(|(name, max)| json!({"Name": name, "Max": max.to_string()}))
        .collect();
    page::answer("Limits", limits, context, input)
}
