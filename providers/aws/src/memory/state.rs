//! Everything that exists.

use super::Outcome;
use crate::cloud::{
    Action, Arn, Attributes, Balancer, Capacity, Group, Kind, Listener, Rule, Seen, State as Phase,
    SubnetDetails, TargetGroup,
};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::limits::{AlbLimits, NlbLimits};
use gatewright_aws_core::target_group::Target;
use gatewright_aws_core::trust_store::Place;
use gatewright_provider_api::contract::ErrorKind;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How many calls AWS takes for what it does behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// Until a load balancer is active.
    pub provisioning: u64,
    /// Until a registered target is healthy.
    pub healthy: u64,
    /// Until a deregistered target is drained.
    pub draining: u64,
    /// Until what a deleted load balancer used can be deleted.
    pub release: u64,
    /// Until a search by tags shows what is new, and no more what is gone.
    pub search: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub limits: AlbLimits,
    pub network_limits: NlbLimits,
    pub delays: Delays,
    /// Calls so far: time.
    pub now: u64,
    pub next: u64,
    pub balancers: BTreeMap<Arn, Kept<Balancer>>,
    pub listeners: BTreeMap<Arn, KeptListener>,
    pub rules: BTreeMap<Arn, KeptRule>,
    pub target_groups: BTreeMap<Arn, KeptGroup>,
    /// Names of target groups whose targets fail each check.
    pub unwell: BTreeSet<Str>,
    pub security_groups: BTreeMap<Arn, Group>,
    pub certificates: BTreeMap<Arn, KeptCertificate>,
    pub trust_stores: BTreeMap<Arn, KeptStore>,
    /// Web ACLs of load balancers.
    pub web_acls: BTreeMap<Arn, Str>,
    /// Protections by Shield Advanced, by what stands for their ids.
    pub protections: BTreeMap<Arn, KeptProtection>,
    /// Reserved capacity of load balancers.
    pub capacities: BTreeMap<Arn, Capacity>,
    /// What lies in S3.
    pub bundles: BTreeMap<Place, Str>,
    pub subnets: BTreeMap<Str, SubnetDetails>,
    /// Elastic IP addresses, with their allocations.
    pub elastic: BTreeMap<IpAddr, Str>,
    /// Their tags.
    pub elastic_tags: BTreeMap<IpAddr, Tags>,
    pub tags: BTreeMap<Arn, Tags>,
    /// When each resource was made.
    pub made: BTreeMap<Arn, u64>,
    /// What a search by tags still shows.
    pub ghosts: Vec<(Kind, Arn, Tags, u64)>,
    /// What a deleted load balancer still holds, until then.
    pub held: BTreeMap<Arn, u64>,
    /// Operations that no policy allows.
    pub forbidden: BTreeSet<&'static str>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept<T> {
    pub of: T,
    pub attributes: Attributes,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeptListener {
    pub balancer: Arn,
    pub of: Listener,
    pub certificates: BTreeSet<Arn>,
    pub attributes: Attributes,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeptRule {
    pub listener: Arn,
    pub of: Rule,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeptGroup {
    pub of: TargetGroup,
    pub attributes: Attributes,
    /// Targets, and when they were registered.
    pub targets: BTreeMap<Target, u64>,
    /// Targets that drain, and until when.
    pub draining: BTreeMap<Target, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptCertificate {
    pub pem: Str,
    /// The first word of the key: its type.
    pub key: Str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptStore {
    pub name: Str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptProtection {
    pub name: Str,
    pub balancer: Arn,
}

impl State {
    pub fn new(limits: AlbLimits, delays: Delays) -> Self {
        let mut state = Self {
            limits,
            delays,
            ..Self::default()
        };
        for zone in ["a", "b", "c"] {
            let subnet = SubnetDetails {
                id: format!("subnet-{zone}").into(),
                vpc: "vpc-1".into(),
                zone: format!("eu-central-1{zone}").into(),
                block: format!("10.0.{}.0/24", zone.bytes().next().unwrap_or(b'a') - b'a').into(),
                free_addresses: 250,
                ipv6: false,
                block6: "".into(),
                outpost: false,
                public: true,
                tags: Tags::new(),
            };
            state.subnets.insert(subnet.id.clone(), subnet);
        }
        for number in 1..=4 {
            let address = IpAddr::from([203, 0, 113, number]);
            state.elastic.insert(address, format!("eipalloc-{number}").into());
        }
        for id in ["sg-given-1", "sg-given-2"] {
            let group = Group {
                id: Arn(id.into()),
                name: id.into(),
                vpc: "vpc-1".into(),
                ingress: BTreeSet::new(),
                from_groups: BTreeSet::new(),
                tags: Tags::new(),
            };
            state.security_groups.insert(group.id.clone(), group);
        }
        state
    }

    /// Time passes.
    pub fn tick(&mut self) {
        self.now += 1;
        let now = self.now;
        let (provisioning, made) = (self.delays.provisioning, &self.made);
        for (arn, kept) in &mut self.balancers {
            let since = made.get(arn).copied().unwrap_or_default();
            if kept.of.state == Phase::Provisioning && now > since + provisioning {
                kept.of.state = Phase::Active;
            }
        }
        for group in self.target_groups.values_mut() {
            group.draining.retain(|_, until| *until > now);
        }
        self.held.retain(|_, until| *until > now);
        let search = self.delays.search;
        self.ghosts.retain(|(.., gone)| *gone + search > now);
    }

    /// A new resource with its tags.
    pub fn make(&mut self, what: &str, tags: &Tags) -> Arn {
        self.next += 1;
        let arn = Arn(format!("{what}/{}", self.next).into());
        self.tags.insert(arn.clone(), tags.clone());
        self.made.insert(arn.clone(), self.now);
        arn
    }

    /// A resource is gone.
    pub fn forget(&mut self, kind: Kind, arn: &Arn) {
        let tags = self.tags.remove(arn).unwrap_or_default();
        self.made.remove(arn);
        self.ghosts.push((kind, arn.clone(), tags, self.now));
    }

    /// Every action, with the load balancer and listener that it is of.
    pub fn actions(&self) -> Vec<(Arn, Arn, &Action)> {
        let defaults = self.listeners.values().filter_map(|kept| match &kept.of.default {
            Seen::Known(action) => Some((kept.balancer.clone(), kept.of.arn.clone(), action)),
            Seen::Other(_) => None,
        });
        let rules = self.rules.values().filter_map(|kept| {
            let balancer = self.listeners.get(&kept.listener)?.balancer.clone();
            match &kept.of.settings {
                Seen::Known(settings) => Some((balancer, kept.of.arn.clone(), &settings.action)),
                Seen::Other(_) => None,
            }
        });
        defaults.chain(rules).collect()
    }

    /// Load balancers that forward to each group.
    pub fn users(&self) -> BTreeMap<Arn, BTreeSet<Arn>> {
        let mut users: BTreeMap<Arn, BTreeSet<Arn>> = BTreeMap::new();
        for (balancer, _, action) in self.actions() {
            for group in groups_of(action) {
                users.entry(group.clone()).or_default().insert(balancer.clone());
            }
        }
        users
    }

    /// Load balancers that forward to a group.
    pub fn balancers_of(&self, group: &Arn) -> BTreeSet<Arn> {
        let actions = self.actions().into_iter();
        actions
            .filter(|(_, _, action)| groups_of(action).any(|used| used == group))
            .map(|(balancer, ..)| balancer)
            .collect()
    }

    pub fn listeners_of(&self, balancer: &Arn) -> Vec<Arn> {
        let listeners = self.listeners.values().filter(|kept| kept.balancer == *balancer);
        listeners.map(|kept| kept.of.arn.clone()).collect()
    }

    pub fn rules_of(&self, listener: &Arn) -> Vec<Arn> {
        let rules = self.rules.values().filter(|kept| kept.listener == *listener);
        rules.map(|kept| kept.of.arn.clone()).collect()
    }

    pub fn delete_listener(&mut self, arn: &Arn) {
        for rule in self.rules_of(arn) {
            self.rules.remove(&rule);
            self.forget(Kind::Rule, &rule);
        }
        self.listeners.remove(arn);
        self.forget(Kind::Listener, arn);
    }

    pub fn delete_balancer(&mut self, arn: &Arn) {
        let Some(kept) = self.balancers.remove(arn) else {
            return;
        };
        self.web_acls.remove(arn);
        self.capacities.remove(arn);
        let until = self.now + self.delays.release;
        for group in kept.of.security_groups {
            self.held.insert(group, until);
        }
        for listener in self.listeners_of(arn) {
            self.delete_listener(&listener);
        }
        self.forget(Kind::Balancer, arn);
    }
}

/// Target groups of an action.
pub(super) fn groups_of(action: &Action) -> impl Iterator<Item = &Arn> {
    crate::alb::forwards_to(action)
}

/// What a call is about must exist.
pub(super) fn found<T>(found: Option<T>, code: &'static str) -> Outcome<T> {
    found.ok_or((ErrorKind::NotFound, code))
}
