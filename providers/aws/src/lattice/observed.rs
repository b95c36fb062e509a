//! What exists for one Gateway.

use super::cloud::{
    Listener, Network, Rule, Service as Exists, ServiceAssociation, Status, TargetGroup, TargetStatus,
    VpcAssociation,
};
use crate::cloud::Arn;
use crate::owner::{ADOPTED, RESOURCE, Tags, offered_away, value};
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::names::PREFIX;
use gatewright_aws_core::lattice::{Listener as Wanted, Service, ServiceId};
use gatewright_aws_core::target_group::Target;
use std::collections::BTreeMap;

/// What exists for one Gateway, by its tags, and what others added to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Service networks.
    pub networks: BTreeMap<Arn, SeenNetwork>,
    /// Services.
    pub services: BTreeMap<Arn, SeenService>,
    /// Target groups.
    pub target_groups: BTreeMap<Arn, SeenGroup>,
    /// Certificates that were imported, with their tags.
    pub certificates: BTreeMap<Arn, Tags>,
}

/// Who may call, and what is logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenAccess {
    /// Auth policy.
    pub policy: Option<Str>,
    /// Destinations of access logs, by the ARN of their subscription.
    pub logs: BTreeMap<Arn, Str>,
}

/// A service network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenNetwork {
    /// The network.
    pub network: Network,
    /// Who may call, and what is logged.
    pub access: SeenAccess,
    /// VPCs.
    pub vpcs: Vec<VpcAssociation>,
    /// Its tags.
    pub tags: Tags,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenService {
    /// The service.
    pub service: Exists,
    /// Who may call, and what is logged.
    pub access: SeenAccess,
    /// Networks that it is associated with.
    pub associations: Vec<ServiceAssociation>,
    /// Its listeners, those of others too.
    pub listeners: Vec<SeenListener>,
    /// Its tags.
    pub tags: Tags,
}

/// A listener of one of our services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenListener {
    /// The listener.
    pub listener: Listener,
    /// Its rules by priority, those of others too.
    pub rules: Vec<Rule>,
    /// In a service that was taken over: how names of our rules begin. All else in it is to go.
    pub adopted: Option<Str>,
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenGroup {
    /// The group.
    pub group: TargetGroup,
    /// Its targets.
    pub targets: BTreeMap<Target, TargetStatus>,
    /// Its tags.
    pub tags: Tags,
}

impl Observed {
    /// The network of this name.
    pub fn network(&self, name: &str) -> Option<&SeenNetwork> {
        self.networks.values().find(|seen| &*seen.network.name == name)
    }

    /// The service of this name, whatever it is for.
    pub fn service(&self, name: &str) -> Option<&SeenService> {
        self.services.values().find(|seen| &*seen.service.name == name)
    }

    /// The service that is wanted.
    pub fn current(&self, id: &ServiceId, wanted: &Service) -> Option<&SeenService> {
        self.services.values().find(|seen| seen.is(id, wanted))
    }

    /// Services that were for the same and have other names.
    pub fn formers<'a>(
        &'a self,
        id: &'a ServiceId,
        wanted: &'a Service,
    ) -> impl Iterator<Item = &'a SeenService> {
        let all = self.services.values();
        all.filter(move |seen| seen.is_for(id) && !seen.is(id, wanted))
    }

    /// Services that are offered to others.
    pub fn offered(&self) -> impl Iterator<Item = &SeenService> {
        let all = self.services.values();
        all.filter(|seen| seen.offered().is_some())
    }

    /// The target group of this name.
    pub fn target_group(&self, name: &str) -> Option<&SeenGroup> {
        self.target_groups.values().find(|seen| &*seen.group.name == name)
    }
}

impl SeenService {
    /// Whether it was made for this.
    pub fn is_for(&self, id: &ServiceId) -> bool {
        self.tags.get(RESOURCE) == Some(&resource(id))
    }

    /// Whether it is the one that is wanted. Users can give a name to another hostname: then it is that of another service, by its
    /// tag and its custom domain, neither of which alone would do, as others may change tags.
    pub fn is(&self, id: &ServiceId, wanted: &Service) -> bool {
        let domain = self.service.domain.as_deref().filter(|domain| !domain.is_empty());
        self.service.name == wanted.name && (self.is_for(id) || domain == wanted.domain.as_deref())
    }

    /// Whether it was somebody else's.
    pub fn is_adopted(&self) -> bool {
        self.tags.contains_key(ADOPTED)
    }

    /// Whom it is offered to: it is left alone from then on.
    pub fn offered(&self) -> Option<&Str> {
        offered_away(&self.tags)
    }

    /// The listener that is wanted. One that others made has the name that they gave it.
    pub fn listener(&self, port: u16, wanted: &Wanted) -> Option<&SeenListener> {
        let mut listeners = self.listeners.iter();
        listeners.find(|seen| {
            let SeenListener {
                listener, adopted, ..
            } = seen;
            let fits = listener.port == port && listener.protocol == Some(wanted.protocol);
            seen.is_ours() && (listener.name == wanted.name || (adopted.is_some() && fits))
        })
    }

    /// Whether clients of a network reach it.
    pub fn is_reached(&self, network: &Arn) -> bool {
        self.service.status == Status::Active
            && self
                .associations
                .iter()
                .any(|of| of.network == *network && of.status == Status::Active)
    }
}

/// The tag of a service that says what it is for.
pub fn resource(id: &ServiceId) -> Str {
    value(&format!("service {id}"))
}

impl SeenListener {
    /// Whether it is ours: we made it, or took it over.
    pub fn is_ours(&self) -> bool {
        self.adopted.is_some() || self.listener.name.starts_with(PREFIX)
    }

    /// How names of our rules begin.
    pub fn prefix(&self) -> &str {
        self.adopted.as_deref().unwrap_or(PREFIX)
    }

    /// Whether we made a rule.
    pub fn made(&self, rule: &Rule) -> bool {
        rule.name.starts_with(self.prefix())
    }

    /// Rules that a former owner made, and that serve until ours can.
    pub fn theirs(&self) -> impl DoubleEndedIterator<Item = &Rule> {
        let all = self.rules.iter();
        all.filter(move |rule| self.adopted.is_some() && !self.made(rule))
    }
}

impl SeenGroup {
    /// Targets that are registered.
    pub fn registered(&self) -> impl Iterator<Item = &Target> {
        let registered = self
            .targets
            .iter()
            .filter(|(_, status)| **status != TargetStatus::Draining);
        registered.map(|(target, _)| target)
    }

    /// Whether a target is healthy.
    pub fn is_healthy(&self) -> bool {
        self.targets
            .values()
            .any(|status| *status == TargetStatus::Healthy)
    }
}
