//! Elastic Load Balancing v2 by its documented rules.
//!
//! The [API reference](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/Welcome.html) decides;
//! `API_X` in comments is its page of an operation or type, `guide/x` a page of the
//! [ALB guide](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/introduction.html).

mod actions;
mod addresses;
mod arn;
mod attributes;
mod authenticate;
mod balancer;
mod balancer_change;
mod capacity;
mod certificates;
mod conditions;
mod defaults;
mod group;
mod group_attributes;
mod health;
mod limits;
mod listener;
mod listener_change;
mod page;
mod policies;
mod priorities;
mod redirect;
mod rule;
mod surroundings;
mod tags;
mod targets;
mod transforms;
mod trust_store;
mod usage;
pub mod wire;

#[cfg(test)]
mod tests;

pub use balancer::Balancer;
pub use capacity::Capacity;
pub use group::Group;
pub use limits::Limits;
pub use listener::Listener;
pub use rule::Rule;
pub use targets::Target;
pub use trust_store::TrustStore;

use crate::error::ApiError;
use crate::service::Handler;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use wire::Tags;

/// Everything of ELBv2 in one account and region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// How many resources were made: identifiers and the order of lists follow from it.
    made: u64,
    balancers: BTreeMap<String, Balancer>,
    listeners: BTreeMap<String, Listener>,
    rules: BTreeMap<String, Rule>,
    groups: BTreeMap<String, Group>,
    trust_stores: BTreeMap<String, TrustStore>,
    tags: BTreeMap<String, Tags>,
    /// The account's quotas.
    pub limits: Limits,
    /// What the data plane was not told yet.
    #[serde(skip)]
    changed: Changed,
}

/// Resources that changed, or are gone.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// ARNs of load balancers.
    pub balancers: BTreeSet<String>,
    /// ARNs of target groups.
    pub groups: BTreeSet<String>,
}

/// The operations that are served.
pub const OPERATIONS: &[(&str, Handler)] = &[
    ("AddListenerCertificates", certificates::add),
    ("AddTags", tags::add),
    ("CreateListener", listener::create),
    ("CreateLoadBalancer", balancer::create),
    ("CreateRule", rule::create),
    ("CreateTargetGroup", group::create),
    ("CreateTrustStore", trust_store::create),
    ("DeleteListener", listener_change::delete),
    ("DeleteLoadBalancer", balancer::delete),
    ("DeleteRule", rule::delete),
    ("DeleteTargetGroup", group::delete),
    ("DeleteTrustStore", trust_store::delete),
    ("DeregisterTargets", targets::deregister),
    ("DescribeAccountLimits", limits::describe),
    ("DescribeCapacityReservation", capacity::describe),
    ("DescribeListenerAttributes", attributes::describe_of_listener),
    ("DescribeListenerCertificates", certificates::describe),
    ("DescribeListeners", listener_change::describe),
    ("DescribeLoadBalancerAttributes", attributes::describe_of_balancer),
    ("DescribeLoadBalancers", balancer::describe),
    ("DescribeRules", rule::describe),
    ("DescribeSSLPolicies", policies::describe),
    ("DescribeTags", tags::describe),
    ("DescribeTargetGroupAttributes", group_attributes::describe),
    ("DescribeTargetGroups", group::describe),
    ("DescribeTargetHealth", health::describe),
    ("DescribeTrustStores", trust_store::describe),
    ("ModifyCapacityReservation", capacity::modify),
    ("ModifyIpPools", balancer_change::modify_ip_pools),
    ("ModifyListener", listener_change::modify),
    ("ModifyListenerAttributes", attributes::modify_of_listener),
    ("ModifyLoadBalancerAttributes", attributes::modify_of_balancer),
    ("ModifyRule", rule::modify),
    ("ModifyTargetGroup", group::modify),
    ("ModifyTargetGroupAttributes", group_attributes::modify),
    ("RegisterTargets", targets::register),
    ("RemoveListenerCertificates", certificates::remove),
    ("RemoveTags", tags::remove),
    ("SetIpAddressType", balancer_change::set_ip_address_type),
    ("SetRulePriorities", priorities::set),
    ("SetSecurityGroups", balancer_change::set_security_groups),
    ("SetSubnets", balancer_change::set_subnets),
];

impl State {
    /// All load balancers, by ARN.
    pub fn balancers(&self) -> &BTreeMap<String, Balancer> {
        &self.balancers
    }

    /// All target groups, by ARN.
    pub fn groups(&self) -> &BTreeMap<String, Group> {
        &self.groups
    }

    /// A trust store.
    pub fn trust_store(&self, arn: &str) -> Option<&TrustStore> {
        self.trust_stores.get(arn)
    }

    /// A load balancer.
    pub fn balancer(&self, arn: &str) -> Result<&Balancer, ApiError> {
        self.balancers.get(arn).ok_or_else(|| balancer::missing(arn))
    }

    fn balancer_mut(&mut self, arn: &str) -> Result<&mut Balancer, ApiError> {
        self.changed.balancers.insert(arn.to_owned());
        self.balancers.get_mut(arn).ok_or_else(|| balancer::missing(arn))
    }

    /// A listener.
    pub fn listener(&self, arn: &str) -> Result<&Listener, ApiError> {
        self.listeners.get(arn).ok_or_else(|| listener::missing(arn))
    }

    fn listener_mut(&mut self, arn: &str) -> Result<&mut Listener, ApiError> {
        let listener = self
            .listeners
            .get_mut(arn)
            .ok_or_else(|| listener::missing(arn))?;
        self.changed.balancers.insert(listener.balancer.clone());
        Ok(listener)
    }

    /// A target group.
    pub fn group(&self, arn: &str) -> Result<&Group, ApiError> {
        self.groups.get(arn).ok_or_else(|| group::missing(arn))
    }

    fn group_mut(&mut self, arn: &str) -> Result<&mut Group, ApiError> {
        self.changed.groups.insert(arn.to_owned());
        self.groups.get_mut(arn).ok_or_else(|| group::missing(arn))
    }

    /// Listeners of a load balancer, in the order of their ARNs.
    pub fn listeners_of<'a>(&'a self, balancer: &'a str) -> impl Iterator<Item = &'a Listener> {
        let prefix = arn::listeners_of(balancer);
        let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
        let listeners = self.listeners.range::<String, _>(from);
        listeners
            .take_while(move |(arn, _)| arn.starts_with(&prefix))
            .map(|(_, listener)| listener)
    }

    /// Rules of a listener with its default rule, in the order of their ARNs.
    pub fn rules_of<'a>(&'a self, listener: &str) -> impl Iterator<Item = &'a Rule> + use<'a> {
        let prefix = arn::rules_of(listener);
        let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
        let rules = self.rules.range::<String, _>(from);
        rules
            .take_while(move |(arn, _)| arn.starts_with(&prefix))
            .map(|(_, rule)| rule)
    }

    /// Tags of a resource.
    pub fn tags_of(&self, arn: &str) -> Tags {
        self.tags.get(arn).cloned().unwrap_or_default()
    }

    /// All resources with their tags, for `GetResources` of the tagging API: load balancers, target groups,
    /// listeners, rules and trust stores.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        let arns = self
            .balancers
            .keys()
            .chain(self.groups.keys())
            .chain(self.listeners.keys())
            .chain(self.rules.keys())
            .chain(self.trust_stores.keys());
        arns.map(|arn| (arn.clone(), self.tags_of(arn))).collect()
    }

    /// Has a load balancer's traffic follow what it uses, such as a certificate that is another now.
    pub fn renew(&mut self, balancer: &str) {
        if self.balancers.contains_key(balancer) {
            self.changed.balancers.insert(balancer.to_owned());
        }
    }

    /// What changed since this was asked last.
    pub fn take_changed(&mut self) -> Changed {
        std::mem::take(&mut self.changed)
    }

    /// Number of the next resource.
    fn next(&mut self) -> u64 {
        self.made += 1;
        self.made
    }
}
