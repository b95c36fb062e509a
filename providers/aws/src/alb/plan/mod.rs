//! Finding the changes that lead from what exists to what is wanted. Pure.
//!
//! What takes a place is made before what it replaces goes. The order: certificates, trust stores, security groups, target groups
//! with their targets, load balancer, its web ACL, listeners, rules, its capacity and protection; then everything that lets go; then deletions in reverse.
//! The one exception: where the quota of rules has no room for the new beside the old, as many old ones go first as
//! are needed.

mod backend;
mod balancer;
mod capacity;
mod certificates;
mod fields;
mod given;
mod groups;
mod listeners;
mod matching;
mod moving;
mod priorities;
mod removal;
mod returned;
mod rules;
mod security;
mod shield;
mod standing;
mod steady;
mod tags;
mod trust_stores;
mod warm;
mod web_acl;
mod words;

pub use balancer::retired_at;
pub use moving::{can_move, held, words as addresses_in_words};
pub(super) use standing::next as next_standing;
pub use warm::warming;

use super::canonical::GroupArns;
use super::observed::Observed;
use super::step::{Call, Id, Ledger, Step};
use crate::cloud::{Arn, Kind};
use crate::owner::Owner;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::network::StaticAddress;
use gatewright_provider_api::contract::{Action, Change, FieldChange, Plan, Resource};
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of resources, in order of creation; deletion is the reverse.
pub const ORDER: [&str; 18] = [
    CERTIFICATE,
    TRUST_STORE,
    BACKEND_GROUP,
    SECURITY_GROUP,
    SECURITY_GROUP_RULES,
    TARGET_GROUP,
    TARGET_GROUP_ATTRIBUTES,
    TARGETS,
    BALANCER,
    BALANCER_ATTRIBUTES,
    WEB_ACL,
    LISTENER,
    LISTENER_ATTRIBUTES,
    LISTENER_CERTIFICATES,
    RULE_ORDER,
    RULE,
    CAPACITY,
    PROTECTION,
];

pub(super) const CERTIFICATE: &str = "certificate";
pub(super) const TRUST_STORE: &str = "trust store";
pub(super) const BACKEND_GROUP: &str = "shared security group";
pub(super) const BACKEND_RULES: &str = "rules for load balancers";
pub(super) const PRIVATE_LINK: &str = "PrivateLink rules";
pub(super) const SECURITY_GROUP: &str = "security group";
pub(super) const SECURITY_GROUP_RULES: &str = "security group rules";
pub(super) const TARGET_GROUP: &str = "target group";
pub(super) const TARGET_GROUP_ATTRIBUTES: &str = "target group attributes";
pub(super) const TARGETS: &str = "targets";
pub(super) const BALANCER: &str = "load balancer";
pub(super) const BALANCER_ATTRIBUTES: &str = "load balancer attributes";
pub(super) const WEB_ACL: &str = "web ACL";
pub(super) const CAPACITY: &str = "capacity";
pub(super) const PROTECTION: &str = "protection";
pub(super) const LISTENER: &str = "listener";
pub(super) const LISTENER_ATTRIBUTES: &str = "listener attributes";
pub(super) const LISTENER_CERTIFICATES: &str = "listener certificates";
pub(super) const RULE_ORDER: &str = "rule order";
pub(super) const RULE: &str = "rule";
pub(super) const TAGS: &str = "tags";

/// What a plan depends on beside what is wanted and what exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// The cluster's name.
    pub cluster: Str,
    /// Seconds that a replaced load balancer stays after its successor took over: clients find the new address
    /// by then.
    pub drain_s: u64,
}

/// The changes. `None` wants nothing.
pub fn plan(manner: &Manner, target: Option<&Target>, observed: &Observed) -> Plan<Step> {
    let observed = &*given::without(target, observed);
    match target {
        Some(target) => {
            let target = steady::steady(target, observed);
            let (target, moving) = moving::for_now(target, observed);
            let mut planner = Planner::new(manner, &target, observed);
            planner.moving = moving;
            planner.certificates();
            planner.trust_stores();
            planner.backend_group();
            planner.security_group();
            planner.target_groups();
            planner.balancer();
            planner.web_acl();
            planner.capacity();
            planner.shield();
            planner.listeners();
            planner.tags();
            planner.retirement();
            planner.backend_rules();
            planner.returned();
            planner.leftovers();
            planner.changes.into_plan()
        }
        None => removal::remove(manner, observed),
    }
}

/// When something happens within a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Build,
    RuleOrder,
    /// Rules that must make room.
    Room,
    Rules,
    Edits,
    LetGo,
    DeleteRules,
    DeleteListeners,
    /// What the load balancer could not become with listeners that go.
    Readdress,
    DeleteBalancers,
    DeleteTargetGroups,
    DeleteSecurityGroups,
    DeleteBackendRules,
    DeleteBackendGroup,
    DeleteTrustStores,
    DeleteCertificates,
}

/// Changes on their way into a plan.
#[derive(Default)]
struct Changes {
    phased: Vec<(Phase, Change<Step>)>,
    ledger: Ledger,
    /// What is made in this plan: others must wait for it.
    made: BTreeSet<Resource>,
    /// Who lets go of what, by which change.
    released: BTreeMap<(Arn, Arn), Resource>,
}

/// A change without its step.
struct Note {
    action: Action,
    resource: Resource,
    fields: Vec<FieldChange>,
    why: String,
    needs: Vec<Resource>,
}

impl Note {
    fn create(resource: Resource, why: &str) -> Self {
        Self::new(Action::Create, resource, why)
    }

    fn delete(resource: Resource, why: &str) -> Self {
        Self::new(Action::Delete, resource, why)
    }

    fn update(resource: Resource, fields: Vec<FieldChange>, why: &str) -> Self {
        Self {
            fields,
            ..Self::new(Action::Update, resource, why)
        }
    }

    fn new(action: Action, resource: Resource, why: &str) -> Self {
        Self {
            action,
            resource,
            fields: Vec::new(),
            why: why.to_owned(),
            needs: Vec::new(),
        }
    }

    fn needs(mut self, needs: impl IntoIterator<Item = Resource>) -> Self {
        self.needs.extend(needs);
        self
    }
}

impl Changes {
    fn push(&mut self, phase: Phase, note: Note, call: Call) {
        if note.action == Action::Create {
            self.made.insert(note.resource.clone());
        }
        let change = Change {
            action: note.action,
            resource: note.resource,
            fields: note.fields,
            why: note.why,
            needs: note.needs,
            step: Step {
                call,
                ledger: self.ledger.clone(),
            },
        };
        self.phased.push((phase, change));
    }

    /// Those of these resources that this plan makes.
    fn only_made(&self, resources: impl IntoIterator<Item = Resource>) -> Vec<Resource> {
        resources
            .into_iter()
            .filter(|resource| self.made.contains(resource))
            .collect()
    }

    fn release(&mut self, holder: &Arn, held: &Arn, by: &Resource) {
        self.released.insert((holder.clone(), held.clone()), by.clone());
    }

    fn into_plan(mut self) -> Plan<Step> {
        self.phased.sort_by_key(|(phase, _)| *phase);
        Plan {
            changes: self.phased.into_iter().map(|(_, change)| change).collect(),
        }
    }
}

/// A plan in the making.
struct Planner<'a> {
    manner: &'a Manner,
    owner: Owner,
    target: &'a Target,
    observed: &'a Observed,
    changes: Changes,
    /// Wanted target groups that exist.
    groups: GroupArns,
    /// Tags that differ, by what is to be done about them.
    tagging: BTreeMap<tags::Difference, Vec<tags::Tagged>>,
    /// Load balancers of before that stay for now.
    kept: BTreeSet<Arn>,
    /// Target groups that serve until others can.
    warming: BTreeSet<Arn>,
    /// Load balancers and listeners that go, by which change.
    ended: BTreeMap<Arn, Resource>,
    /// Addresses that the load balancer gets when those before it let go of them.
    moving: BTreeSet<StaticAddress>,
    /// What nobody wants.
    left: Vec<removal::Left>,
}

impl<'a> Planner<'a> {
    fn new(manner: &'a Manner, target: &'a Target, observed: &'a Observed) -> Self {
        Self {
            manner,
            owner: Owner {
                cluster: manner.cluster.clone(),
                gateway: target.gateway.clone(),
            },
            target,
            observed,
            changes: Changes::default(),
            groups: GroupArns::new(),
            tagging: BTreeMap::new(),
            kept: BTreeSet::new(),
            warming: BTreeSet::new(),
            ended: BTreeMap::new(),
            moving: BTreeSet::new(),
            left: Vec::new(),
        }
    }

    fn push(&mut self, phase: Phase, note: Note, call: Call) {
        self.changes.push(phase, note, call);
    }

    fn exists(&self, id: Id, arn: &Arn) {
        self.changes.ledger.note(id, arn.clone());
    }

    /// Names of existing target groups, for words.
    fn names(&self) -> BTreeMap<Arn, Str> {
        words::group_names(self.observed)
    }

    fn delete(&mut self, phase: Phase, note: Note, (kind, arn): (Kind, &Arn)) {
        let call = removal::call(self.observed, (kind, arn));
        self.push(phase, note, call);
    }
}

/// Whether it belongs to all load balancers of a cluster.
pub fn is_shared(resource: &Resource) -> bool {
    [BACKEND_GROUP, BACKEND_RULES].contains(&resource.kind)
}

fn resource(kind: &'static str, id: impl Into<Str>) -> Resource {
    Resource { kind, id: id.into() }
}
