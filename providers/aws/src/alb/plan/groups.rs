//! Target groups and their targets.

use super::{Note, Phase, Planner, TARGET_GROUP, TARGET_GROUP_ATTRIBUTES, TARGETS, fields, resource};
use crate::alb::addresses::backend;
use crate::alb::observed::SeenGroup;
use crate::alb::step::{CHUNK, Call, Group, Id};
use crate::cloud::{Arn, Attributes, Kind, NewTargetGroup};
use crate::owner::{RESOURCE, value};
use gatewright_aws_core::Str;
use gatewright_aws_core::target_group::{HealthCheck, Target, TargetGroup, TargetGroupId, TargetKind};
use gatewright_provider_api::contract::{FieldChange, Resource};
use std::collections::BTreeSet;

impl Planner<'_> {
    pub(super) fn target_groups(&mut self) {
        let (target, observed) = (self.target, self.observed);
        for (id, arn) in &target.given_groups {
            let arn = Arn(arn.clone());
            self.exists(Id::TargetGroup(id.clone()), &arn);
            self.groups.insert(id.clone(), arn);
        }
        for (id, wanted) in &target.target_groups {
            match observed.target_group(&wanted.name) {
                None => self.make_target_group(id, wanted),
                Some(seen) => self.change_target_group(id, wanted, seen),
            }
        }
        for (arn, seen) in &observed.target_groups {
            if !target
                .target_groups
                .values()
                .any(|wanted| wanted.name == seen.group.name)
            {
                let of = resource(TARGET_GROUP, seen.group.name.clone());
                self.unwanted(Phase::DeleteTargetGroups, (Kind::TargetGroup, arn), of);
            }
        }
    }

    fn make_target_group(&mut self, id: &TargetGroupId, wanted: &TargetGroup) {
        let of = of(wanted);
        let new = NewTargetGroup {
            name: wanted.name.clone(),
            fixed: wanted.fixed.clone(),
            vpc: match wanted.fixed.kind {
                TargetKind::Lambda => "".into(),
                TargetKind::Ip | TargetKind::Instance | TargetKind::Alb => self.target.balancer.vpc.clone(),
            },
            health: wanted.health.clone(),
            tags: self.owner.tags(&id.0, &self.target.tags),
        };
        self.push(
            Phase::Build,
            Note::create(of.clone(), &format!("routes lead to {id}")),
            Call::CreateTargetGroup(id.clone(), new),
        );
        if !wanted.attributes.is_empty() {
            let (set, fields) = fields::attributes(&wanted.attributes, &Attributes::new());
            let attributes = resource(TARGET_GROUP_ATTRIBUTES, wanted.name.clone());
            let note = Note::update(attributes, fields, "they are wanted so").needs([of.clone()]);
            self.push(
                Phase::Build,
                note,
                Call::SetTargetGroupAttributes(id.clone(), set),
            );
        }
        self.register(
            (&Group::Wanted(id.clone()), &wanted.name),
            &wanted.targets,
            vec![of],
        );
    }

    fn change_target_group(&mut self, id: &TargetGroupId, wanted: &TargetGroup, seen: &SeenGroup) {
        let arn = &seen.group.arn;
        self.exists(Id::TargetGroup(id.clone()), arn);
        self.groups.insert(id.clone(), arn.clone());
        let of = of(wanted);
        let health = health(&wanted.health, &seen.group.health);
        if !health.is_empty() {
            let note = Note::update(of.clone(), health, "its health check differs");
            self.push(
                Phase::Build,
                note,
                Call::SetHealthCheck(arn.clone(), wanted.health.clone()),
            );
        }
        let (set, fields) = fields::attributes(&wanted.attributes, &seen.attributes);
        if !set.is_empty() {
            let attributes = resource(TARGET_GROUP_ATTRIBUTES, wanted.name.clone());
            let note = Note::update(attributes, fields, "they differ");
            self.push(
                Phase::Build,
                note,
                Call::SetTargetGroupAttributes(id.clone(), set),
            );
        }
        self.sync_targets(&Group::Wanted(id.clone()), wanted, seen);
        let tags = self.owner.tags(&id.0, &self.target.tags);
        self.compare_tags((Kind::TargetGroup, arn), &of, &seen.tags, &tags);
    }

    /// New targets come before old ones go, but in a group that holds one function alone.
    fn sync_targets(&mut self, group: &Group, wanted: &TargetGroup, seen: &SeenGroup) {
        let registered: BTreeSet<Target> = seen.registered().cloned().collect();
        let missing: BTreeSet<Target> = wanted.targets.difference(&registered).cloned().collect();
        let alone = wanted.fixed.kind == TargetKind::Lambda;
        if !alone {
            self.register((group, &seen.group.name), &missing, Vec::new());
        }
        self.deregister(wanted, seen, &registered);
        if alone {
            self.register((group, &seen.group.name), &missing, Vec::new());
        }
    }

    fn deregister(&mut self, wanted: &TargetGroup, seen: &SeenGroup, registered: &BTreeSet<Target>) {
        let gone: Vec<Target> = registered.difference(&wanted.targets).cloned().collect();
        for chunk in gone.chunks(CHUNK) {
            let chunk: BTreeSet<Target> = chunk.iter().cloned().collect();
            let fields = chunk
                .iter()
                .map(|target| fields::change(&words(target), Some(&true), None::<&bool>));
            let note = Note::update(
                resource(TARGETS, seen.group.name.clone()),
                fields.collect(),
                "they are not ready any more",
            );
            self.push(
                Phase::Build,
                note,
                Call::Deregister(seen.group.arn.clone(), chunk),
            );
        }
    }

    fn register(&mut self, (group, name): (&Group, &Str), targets: &BTreeSet<Target>, needs: Vec<Resource>) {
        let targets: Vec<&Target> = targets.iter().collect();
        for chunk in targets.chunks(CHUNK) {
            let chunk: BTreeSet<Target> = chunk.iter().copied().cloned().collect();
            let fields = chunk
                .iter()
                .map(|target| fields::change(&words(target), None::<&bool>, Some(&true)));
            let of = resource(TARGETS, name.clone());
            let note = Note::update(of, fields.collect(), "they are ready").needs(needs.clone());
            self.push(Phase::Build, note, Call::Register(group.clone(), chunk));
        }
    }

    /// Former groups of a load balancer that still serves get the same targets as those that take their place:
    /// pods come and go meanwhile. Under another kind of load balancer that is a group of the same backend.
    pub(super) fn mirror(&mut self, seen: &SeenGroup) {
        let target = self.target;
        let Some(of) = seen.tags.get(RESOURCE) else {
            return;
        };
        let same = target.target_groups.iter().find(|(id, _)| *of == value(&id.0));
        let alike = || {
            let mut groups = target.target_groups.iter();
            groups.find(|(id, wanted)| {
                // Only groups of QUIC take targets with ids of servers.
                let plain = wanted.targets.iter().all(|target| target.quic_server.is_none());
                plain && backend(of) == backend(&value(&id.0))
            })
        };
        if let Some((_, wanted)) = same.or_else(alike)
            && wanted.fixed.kind == seen.group.fixed.kind
        {
            self.sync_targets(&Group::Former(seen.group.arn.clone()), wanted, seen);
        }
    }

    /// What a rule that forwards to these groups must wait for, if this plan makes them: a group without its
    /// targets would answer 503.
    pub(super) fn waits_for<'i>(&self, ids: impl Iterator<Item = &'i TargetGroupId>) -> Vec<Resource> {
        let mut needs = Vec::new();
        for wanted in ids.filter_map(|id| self.target.target_groups.get(id)) {
            let of = of(wanted);
            if self.changes.made.contains(&of) {
                if !wanted.targets.is_empty() {
                    needs.push(resource(TARGETS, wanted.name.clone()));
                }
                needs.push(of);
            }
        }
        needs
    }
}

fn of(wanted: &TargetGroup) -> Resource {
    resource(TARGET_GROUP, wanted.name.clone())
}

fn words(target: &Target) -> String {
    use gatewright_aws_core::target_group::TargetAddress;
    let id = match &target.id {
        TargetAddress::Ip(address) => address.to_string(),
        TargetAddress::Id(id) => id.to_string(),
    };
    format!("{id} port {}", target.port)
}

/// What of a health check differs, of what is wanted in a certain way.
fn health(wanted: &HealthCheck, seen: &HealthCheck) -> Vec<FieldChange> {
    let HealthCheck {
        protocol,
        port,
        path,
        codes,
        interval_s,
        timeout_s,
        healthy,
        unhealthy,
    } = wanted;
    let mut changes = Vec::new();
    let mut compare = |field: &str, wanted: Option<String>, seen: Option<String>| {
        if wanted.is_some() && wanted != seen {
            changes.push(fields::change(field, seen.as_ref(), wanted.as_ref()));
        }
    };
    let text = |value: &Option<Str>| value.as_ref().map(ToString::to_string);
    compare("health.protocol", text(protocol), text(&seen.protocol));
    compare("health.port", text(port), text(&seen.port));
    compare("health.path", text(path), text(&seen.path));
    compare("health.codes", text(codes), text(&seen.codes));
    let number = |value: Option<u16>| value.map(|value| value.to_string());
    compare("health.interval", number(*interval_s), number(seen.interval_s));
    compare("health.timeout", number(*timeout_s), number(seen.timeout_s));
    let small = |value: Option<u8>| number(value.map(u16::from));
    compare("health.healthy", small(*healthy), small(seen.healthy));
    compare("health.unhealthy", small(*unhealthy), small(seen.unhealthy));
    changes
}
