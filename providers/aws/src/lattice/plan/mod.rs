//! Finding the changes that lead from what exists to what is wanted. Pure.
//!
//! What takes a place is made before what it replaces goes, in the order of [`ORDER`]: a service is associated with the
//! network, and the network with the VPC, when everything behind it is there. Deletions come last, in reverse. What AWS
//! ends in its own time (associations, targets that drain) is begun, and what hangs on it goes the next time. What serves in
//! another network, or behind another target group, goes on until its successor does.

mod access;
pub(super) mod adopt;
mod certificates;
mod formers;
mod groups;
mod rules;
mod services;
mod tags;
mod warm;

pub(super) use rules::LAST;

use super::cloud::Kind;
use super::observed::Observed;
use super::step::{Call, Id, Ledger, Step};
use crate::cloud::Arn;
use crate::owner::{Owner, Tags};
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::{Network, Target};
use gatewright_aws_core::target_group::TargetGroupId;
use gatewright_provider_api::contract::{Action, Change, FieldChange, Plan, Resource};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of resources, in order of creation; deletion is the reverse.
pub const ORDER: [&str; 13] = [
    CERTIFICATE,
    NETWORK,
    TARGET_GROUP,
    TARGETS,
    SERVICE,
    AUTH_POLICY,
    ACCESS_LOG,
    LISTENER,
    RULE_ORDER,
    RULE,
    SERVICE_ASSOCIATION,
    VPC_ASSOCIATION,
    TAGS,
];

pub(super) const CERTIFICATE: &str = "certificate";
pub(super) const NETWORK: &str = "service network";
pub(super) const TARGET_GROUP: &str = "target group";
pub(super) const TARGETS: &str = "targets";
pub(super) const SERVICE: &str = "service";
pub(super) const AUTH_POLICY: &str = "auth policy";
pub(super) const ACCESS_LOG: &str = "access log";
pub(super) const LISTENER: &str = "listener";
pub(super) const RULE_ORDER: &str = "rule order";
pub(super) const RULE: &str = "rule";
pub(super) const SERVICE_ASSOCIATION: &str = "service association";
pub(super) const VPC_ASSOCIATION: &str = "VPC association";
pub(super) const TAGS: &str = "tags";

/// The changes. `None` wants nothing.
pub fn plan(cluster: &Str, target: Option<&Target>, observed: &Observed) -> Plan<Step> {
    let mut changes = Changes::default();
    match target {
        Some(target) => {
            let warming = warm::warming(target, observed);
            for (id, former) in &warming {
                changes
                    .ledger
                    .note(Id::TargetGroup(warm::place(id)), former.clone());
            }
            let for_now = warm::for_now(target, &warming);
            let for_now = adopt::for_now(for_now, observed, &changes.ledger);
            let mut planner = Planner {
                owner: Owner {
                    cluster: cluster.clone(),
                    gateway: target.gateway.clone(),
                },
                target: &for_now,
                observed,
                changes: &mut changes,
                warming,
            };
            planner.certificates();
            planner.network();
            planner.target_groups();
            planner.services();
            planner.vpc();
        }
        None => groups::remove(observed, &mut changes),
    }
    changes.into_plan()
}

/// When something happens within a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// What must go before something of its place can be made: a port has one listener.
    Room,
    Build,
    LetGo,
    Delete,
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

/// Changes on their way into a plan.
#[derive(Default)]
struct Changes {
    phased: Vec<((Phase, usize), Change<Step>)>,
    ledger: Ledger,
    /// What is made or changed in this plan: others must wait for it.
    made: BTreeSet<Resource>,
}

impl Changes {
    fn push(&mut self, phase: Phase, note: Note, call: Call) {
        if note.action == Action::Create {
            self.made.insert(note.resource.clone());
        }
        let position = ORDER
            .iter()
            .position(|kind| *kind == note.resource.kind)
            .unwrap_or(ORDER.len());
        let place = match phase {
            Phase::Delete => ORDER.len().saturating_sub(position),
            Phase::Room | Phase::Build | Phase::LetGo => position,
        };
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
        self.phased.push(((phase, place), change));
    }

    /// Those of these resources that this plan makes.
    fn only_made(&self, resources: impl IntoIterator<Item = Resource>) -> Vec<Resource> {
        resources
            .into_iter()
            .filter(|resource| self.made.contains(resource))
            .collect()
    }

    fn into_plan(mut self) -> Plan<Step> {
        self.phased.sort_by_key(|(place, _)| *place);
        Plan {
            changes: self.phased.into_iter().map(|(_, change)| change).collect(),
        }
    }
}

/// A plan in the making.
struct Planner<'a> {
    owner: Owner,
    target: &'a Target,
    observed: &'a Observed,
    changes: &'a mut Changes,
    /// Target groups that serve until others can, by those that take their places.
    warming: BTreeMap<TargetGroupId, Arn>,
}

impl Planner<'_> {
    fn push(&mut self, phase: Phase, note: Note, call: Call) {
        self.changes.push(phase, note, call);
    }

    fn exists(&self, id: Id, arn: &Arn) {
        self.changes.ledger.note(id, arn.clone());
    }

    fn delete(&mut self, note: Note, (kind, arn): (Kind, &Arn)) {
        self.push(Phase::Delete, note, Call::Delete(kind, arn.clone()));
    }

    /// Tags of what has none of those that a Gateway asks for: they are not compared, which would be a call for each.
    fn marks(&self, what: &str) -> Tags {
        self.owner.tags(what, &Tags::new())
    }

    /// Tags of a service or of one of its target groups: those of its own are over those of the Gateway.
    fn tags_with(&self, what: &str, own: &BTreeMap<Str, Str>) -> Tags {
        let mut given = self.target.tags.clone();
        given.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
        self.owner.tags(what, &given)
    }

    /// The network in words of changes; none for one of somebody else.
    fn network_resource(&self) -> Option<Resource> {
        match &self.target.network {
            Network::Own { name, .. } => Some(resource(NETWORK, name.clone())),
            Network::Given(_) | Network::None => None,
        }
    }
}

fn resource(kind: &'static str, id: impl Into<Str>) -> Resource {
    Resource { kind, id: id.into() }
}

/// A field that changes; both sides in JSON.
fn change<A: Serialize, B: Serialize>(field: &str, from: Option<&A>, to: Option<&B>) -> FieldChange {
    FieldChange {
        field: field.to_owned(),
        from: from.map(json),
        to: to.map(json),
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}
