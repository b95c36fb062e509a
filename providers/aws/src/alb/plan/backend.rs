//! The group that load balancers of a cluster share, and the rules of nodes' groups that let it in.
//!
//! A load balancer says in a tag which ports it needs before rules are made for it, and rules go when no tag asks for them any
//! more, after whatever needed them is gone. The group goes with its last load balancer.

use super::{
    BACKEND_GROUP, BACKEND_RULES, Changes, Note, Phase, Planner, SECURITY_GROUP_RULES, TAGS, fields,
    resource, warming,
};
use crate::alb::observed::{Observed, SeenBalancer, SeenGroup};
use crate::alb::shared::{needed, note};
use crate::alb::step::{Call, Id, Refusal};
use crate::cloud::{Group, Kind, NewGroup};
use crate::owner::{self, PORTS, Tags};
use gatewright_aws_core::Str;
use gatewright_aws_core::access::{Backend, Ports, SharedGroup, condense, needs, of_group};
use gatewright_provider_api::contract::{FieldChange, Resource};
use std::collections::BTreeSet;

impl<'a> Planner<'a> {
    /// The shared group that the load balancer is to have.
    fn shared(&self) -> Option<&'a SharedGroup> {
        let target = self.target;
        match &target.balancer.access.backend {
            Some(Backend::Shared(shared)) => Some(shared),
            Some(Backend::Given(_)) | None => None,
        }
    }

    /// It is there before the load balancer that has it.
    pub(super) fn backend_group(&mut self) {
        let Some(wanted) = self.shared() else { return };
        let (vpc, observed) = (&self.target.balancer.vpc, self.observed);
        if let Some(seen) = observed.shared.of(vpc) {
            self.exists(Id::BackendGroup, &seen.id);
            return;
        }
        let new = NewGroup {
            name: wanted.name.clone(),
            description: "Load balancers on their way to nodes and pods".into(),
            vpc: vpc.clone(),
            tags: owner::of_all(&self.manner.cluster).tags("backend security group", &Tags::new()),
        };
        self.push(
            Phase::Build,
            Note::create(
                resource(BACKEND_GROUP, wanted.name.clone()),
                "load balancers get into nodes as it",
            ),
            Call::CreateBackendGroup(new),
        );
    }

    /// Ports that the load balancer needs at its targets.
    fn ports(&self) -> BTreeSet<Ports> {
        let mut ports = needs(self.target.target_groups.values());
        // Those that others take the place of serve until these can.
        let former = warming(self.target, self.observed);
        let former = former
            .values()
            .filter_map(|arn| self.observed.target_groups.get(arn));
        for SeenGroup { group, targets, .. } in former {
            ports.extend(of_group(&group.fixed, &group.health, targets.keys()));
        }
        condense(ports)
    }

    /// The tag that says so; none for a load balancer without the shared group.
    pub(super) fn ports_note(&self) -> Option<Str> {
        self.shared()
            .map(|_| note(&self.target.balancer.vpc, &self.ports()))
    }

    /// The same of a load balancer that exists.
    pub(super) fn note_ports(&mut self, seen: &SeenBalancer) {
        let (wanted, found) = (self.ports_note(), seen.tags.get(PORTS));
        if wanted.as_ref() == found {
            return;
        }
        let balancer = self.balancer_resource();
        let of = resource(TAGS, format!("{balancer} for ports of its targets"));
        let change = fields::change(PORTS, found, wanted.as_ref());
        let arns = vec![seen.balancer.arn.clone()];
        match wanted {
            Some(wanted) => {
                let note = Note::update(of, vec![change], "what is needed is noted first");
                let tags = Tags::from([(PORTS.into(), wanted)]);
                self.push(Phase::Build, note, Call::AddTags(Kind::Balancer, arns, tags));
            }
            None => {
                let note = Note::update(of, vec![change], "it gets into nodes as others").needs([balancer]);
                let keys = BTreeSet::from([PORTS.into()]);
                self.push(Phase::LetGo, note, Call::RemoveTags(Kind::Balancer, arns, keys));
            }
        }
    }

    /// Rules of nodes' groups.
    pub(super) fn backend_rules(&mut self) {
        if let Some(wanted) = self.shared() {
            let needed = self.needed(&self.target.balancer.vpc);
            self.admit(wanted, &condense(needed.unwrap_or_default()));
        }
        let observed = self.observed;
        for seen in observed.shared.groups.values() {
            let needed = self.needed(&seen.vpc);
            let unneeded = needed.is_none();
            refuse(&mut self.changes, observed, (&self.manner.cluster, seen), needed);
            if unneeded {
                let of = resource(BACKEND_GROUP, seen.name.clone());
                self.unwanted(Phase::DeleteBackendGroup, (Kind::SecurityGroup, &seen.id), of);
            }
        }
    }

    /// Ports that load balancers need in a VPC once this plan is carried out.
    fn needed(&self, vpc: &str) -> Option<BTreeSet<Ports>> {
        let own = self.ports_note().map(|note| Tags::from([(PORTS.into(), note)]));
        let former = self.observed.balancers.values().filter(|seen| {
            seen.balancer.name != self.target.balancer.name && self.kept.contains(&seen.balancer.arn)
        });
        let tags = former
            .map(|seen| &seen.tags)
            .chain(self.observed.shared.others.values())
            .chain(&own);
        needed(tags, vpc)
    }

    fn admit(&mut self, wanted: &SharedGroup, ports: &BTreeSet<Ports>) {
        const WHY: &str = "load balancers reach their targets this way";
        let (vpc, observed) = (&self.target.balancer.vpc, self.observed);
        let Some(seen) = observed.shared.of(vpc) else {
            let made = resource(BACKEND_GROUP, wanted.name.clone());
            for node in wanted.nodes.iter().filter(|_| !ports.is_empty()) {
                let rules = resource(BACKEND_RULES, node.clone());
                let note = Note::update(rules, added(ports), WHY).needs([made.clone()]);
                let call = Call::Admit(crate::cloud::Arn(node.clone()), ports.clone());
                self.push(Phase::Build, note, call);
            }
            return;
        };
        for node in observed.shared.nodes_in(vpc) {
            let more: BTreeSet<Ports> = ports.difference(&node.lets_in(&seen.id)).cloned().collect();
            if !more.is_empty() {
                let rules = resource(BACKEND_RULES, node.id.0.clone());
                let note = Note::update(rules, added(&more), WHY);
                self.push(Phase::Build, note, Call::Admit(node.id.clone(), more));
            }
        }
    }
}

/// Nobody wants the Gateway's load balancers any more: what only they needed goes after them.
pub(super) fn remove(changes: &mut Changes, observed: &Observed, (cluster, why): (&str, &str)) {
    for (id, seen) in &observed.shared.groups {
        let needed = needed(observed.shared.others.values(), &seen.vpc);
        let unneeded = needed.is_none();
        refuse(changes, observed, (cluster, seen), needed);
        if unneeded {
            let users = observed.balancers.values();
            let users = users.filter(|user| user.balancer.security_groups.contains(id));
            let users: Vec<Resource> = users
                .map(|user| resource(super::BALANCER, user.balancer.name.clone()))
                .collect();
            let note = Note::delete(resource(BACKEND_GROUP, seen.name.clone()), why).needs(users);
            let call = Call::Delete(Kind::SecurityGroup, id.clone());
            changes.push(Phase::DeleteBackendGroup, note, call);
        }
    }
}

/// Rules that name the group go as far as nobody needs them, and so do those of its own: it lets nobody in.
fn refuse(
    changes: &mut Changes,
    observed: &Observed,
    (cluster, seen): (&str, &Group),
    needed: Option<BTreeSet<Ports>>,
) {
    let wanted = condense(needed.unwrap_or_default());
    for node in observed.shared.nodes_in(&seen.vpc) {
        let less: BTreeSet<Ports> = node.lets_in(&seen.id).difference(&wanted).cloned().collect();
        if less.is_empty() {
            continue;
        }
        let gone = less
            .iter()
            .map(|ports| fields::change(&words(ports), Some(&true), None::<&bool>));
        let rules = resource(BACKEND_RULES, node.id.0.clone());
        let note = Note::update(rules, gone.collect(), "no load balancer needs it");
        let refusal = Refusal {
            node: node.id.clone(),
            group: seen.id.clone(),
            vpc: seen.vpc.clone(),
            cluster: cluster.into(),
            ports: less,
        };
        changes.push(Phase::DeleteBackendRules, note, Call::Refuse(refusal));
    }
    if !seen.ingress.is_empty() {
        let gone = seen
            .ingress
            .iter()
            .map(|ingress| fields::change(&ingress.to_string(), Some(&true), None::<&bool>));
        let rules = resource(SECURITY_GROUP_RULES, seen.name.clone());
        let note = Note::update(rules, gone.collect(), "nobody comes in as client");
        changes.push(
            Phase::LetGo,
            note,
            Call::Revoke(seen.id.clone(), seen.ingress.clone()),
        );
    }
}

fn added(ports: &BTreeSet<Ports>) -> Vec<FieldChange> {
    let fields = ports
        .iter()
        .map(|ports| fields::change(&words(ports), None::<&bool>, Some(&true)));
    fields.collect()
}

fn words(ports: &Ports) -> String {
    format!("{ports} from load balancers")
}
