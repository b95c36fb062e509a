//! What exists for one Gateway.

use super::shared::Shared;
use crate::cloud::{
    Arn, Attributes, Balancer, Capacity, Group, Health, Listener, Protection, Rule, State, TargetGroup,
};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::target_group::Target;
use std::collections::{BTreeMap, BTreeSet};

/// What exists for one Gateway, by its tags, and what others added to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Load balancers: more than one while one replaces another.
    pub balancers: BTreeMap<Arn, SeenBalancer>,
    /// Load balancers that are not ours any more, and have listeners or rules of ours: their owners took them back.
    pub returned: BTreeMap<Arn, SeenBalancer>,
    /// Target groups.
    pub target_groups: BTreeMap<Arn, SeenGroup>,
    /// Security groups.
    pub security_groups: BTreeMap<Arn, Group>,
    /// What it shares with other Gateways.
    pub shared: Shared,
    /// Certificates that were imported, with their tags.
    pub certificates: BTreeMap<Arn, Tags>,
    /// Trust stores, with their tags.
    pub trust_stores: BTreeMap<Arn, Tags>,
    /// Quotas.
    pub limits: AlbLimits,
    /// When it was read: seconds since 1970.
    pub now: u64,
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenBalancer {
    /// The load balancer.
    pub balancer: Balancer,
    /// Its attributes.
    pub attributes: Attributes,
    /// Its tags.
    pub tags: Tags,
    /// Its web ACL; only read where we put one.
    pub web_acl: Option<Str>,
    /// Its protection by Shield Advanced; only read where we asked for one.
    pub protection: Option<Protection>,
    /// Capacity that is reserved for it; only read where we reserve some.
    pub capacity: Option<Capacity>,
    /// Its listeners, those of others too.
    pub listeners: Vec<SeenListener>,
}

/// A listener of one of our load balancers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenListener {
    /// The listener.
    pub listener: Listener,
    /// Whether we made it.
    pub ours: bool,
    /// Its tags.
    pub tags: Tags,
    /// Its attributes; not read of others' listeners.
    pub attributes: Attributes,
    /// Certificates beside the default one; not read of others' listeners.
    pub certificates: BTreeSet<Arn>,
    /// Its rules by priority, those of others too.
    pub rules: Vec<SeenRule>,
}

/// A rule of a listener of one of our load balancers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRule {
    /// The rule.
    pub rule: Rule,
    /// Whether we made it.
    pub ours: bool,
    /// Its tags.
    pub tags: Tags,
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenGroup {
    /// The group.
    pub group: TargetGroup,
    /// Its attributes.
    pub attributes: Attributes,
    /// Its tags.
    pub tags: Tags,
    /// Its targets with their health, those that are draining too.
    pub targets: BTreeMap<Target, Health>,
}

impl Observed {
    /// The load balancer of this name.
    pub fn balancer(&self, name: &str) -> Option<&SeenBalancer> {
        self.balancers.values().find(|seen| &*seen.balancer.name == name)
    }

    /// The target group of this name.
    pub fn target_group(&self, name: &str) -> Option<&SeenGroup> {
        self.target_groups.values().find(|seen| &*seen.group.name == name)
    }
}

impl SeenBalancer {
    /// Whether it serves.
    pub const fn is_active(&self) -> bool {
        matches!(self.balancer.state, State::Active | State::Impaired(_))
    }

    /// Its listener on a port.
    pub fn listener(&self, port: u16) -> Option<&SeenListener> {
        self.listeners.iter().find(|seen| seen.listener.port == port)
    }

    /// Rules on all its listeners, anybody's, without default ones.
    pub fn rules(&self) -> usize {
        self.listeners.iter().map(|listener| listener.rules.len()).sum()
    }
}

impl SeenGroup {
    /// Targets that are registered.
    pub fn registered(&self) -> impl Iterator<Item = &Target> {
        let registered = self
            .targets
            .iter()
            .filter(|(_, health)| **health != Health::Draining);
        registered.map(|(target, _)| target)
    }

    /// Whether no target waits for its first check.
    pub fn is_checked(&self) -> bool {
        self.targets.values().all(|health| *health != Health::Initial)
    }

    /// Whether its targets were checked, and none is healthy.
    pub fn is_unwell(&self) -> bool {
        let unwell = self.targets.values().any(|health| *health == Health::Unhealthy);
        unwell && self.is_checked() && !self.is_healthy()
    }

    /// Whether a target is healthy.
    pub fn is_healthy(&self) -> bool {
        self.targets.values().any(|health| *health == Health::Healthy)
    }
}
