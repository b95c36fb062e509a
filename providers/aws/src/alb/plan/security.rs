//! The security group.

use super::{Note, Phase, Planner, SECURITY_GROUP, SECURITY_GROUP_RULES, fields, resource};
use crate::alb::step::{Call, Id};
use crate::cloud::{Group, Kind, NewGroup};
use gatewright_aws_core::network::{Ingress, ManagedGroup, SecurityGroups};
use gatewright_provider_api::contract::FieldChange;
use std::collections::BTreeSet;

impl Planner<'_> {
    pub(super) fn security_group(&mut self) {
        let target = self.target;
        let wanted = match &target.balancer.security_groups {
            SecurityGroups::Managed(group) => Some(group),
            SecurityGroups::Given(_) => None,
        };
        let is_wanted = |seen: &Group| {
            wanted.is_some_and(|group| group.name == seen.name) && seen.vpc == target.balancer.vpc
        };
        let observed = self.observed;
        let existing = observed.security_groups.values().find(|seen| is_wanted(seen));
        match (wanted, existing) {
            (Some(wanted), None) => self.make_security_group(wanted),
            (Some(wanted), Some(seen)) => self.change_security_group(wanted, seen),
            (None, _) => {}
        }
        for seen in observed.security_groups.values() {
            if Some(&seen.id) != existing.map(|existing| &existing.id) {
                let of = resource(SECURITY_GROUP, seen.name.clone());
                self.unwanted(Phase::DeleteSecurityGroups, (Kind::SecurityGroup, &seen.id), of);
            }
        }
    }

    fn make_security_group(&mut self, wanted: &ManagedGroup) {
        let of = resource(SECURITY_GROUP, wanted.name.clone());
        let new = NewGroup {
            name: wanted.name.clone(),
            description: format!("Clients of Gateway {}", self.target.gateway)
                .chars()
                .take(255)
                .collect::<String>()
                .into(),
            vpc: self.target.balancer.vpc.clone(),
            tags: self.owner.tags("security group", &self.target.tags),
        };
        self.push(
            Phase::Build,
            Note::create(of.clone(), "it lets clients in"),
            Call::CreateSecurityGroup(new),
        );
        if !wanted.ingress.is_empty() {
            let rules = resource(SECURITY_GROUP_RULES, wanted.name.clone());
            self.push(
                Phase::Build,
                Note::update(rules, added(&wanted.ingress), "clients come this way").needs([of]),
                Call::Authorize(wanted.ingress.clone()),
            );
        }
    }

    fn change_security_group(&mut self, wanted: &ManagedGroup, seen: &Group) {
        self.exists(Id::SecurityGroup, &seen.id);
        let rules = resource(SECURITY_GROUP_RULES, wanted.name.clone());
        let more: BTreeSet<Ingress> = wanted.ingress.difference(&seen.ingress).cloned().collect();
        let less: BTreeSet<Ingress> = seen.ingress.difference(&wanted.ingress).cloned().collect();
        if !more.is_empty() {
            let note = Note::update(rules.clone(), added(&more), "clients come this way");
            self.push(Phase::Build, note, Call::Authorize(more));
        }
        if !less.is_empty() {
            let gone = less
                .iter()
                .map(|ingress| fields::change(&words(ingress), Some(&true), None::<&bool>));
            let note = Note::update(rules, gone.collect(), "no listener needs it");
            self.push(Phase::LetGo, note, Call::Revoke(seen.id.clone(), less));
        }
        let tags = self.owner.tags("security group", &self.target.tags);
        let of = resource(SECURITY_GROUP, wanted.name.clone());
        self.compare_tags((Kind::SecurityGroup, &seen.id), &of, &seen.tags, &tags);
    }
}

fn added(ingress: &BTreeSet<Ingress>) -> Vec<FieldChange> {
    let fields = ingress
        .iter()
        .map(|ingress| fields::change(&words(ingress), None::<&bool>, Some(&true)));
    fields.collect()
}

fn words(ingress: &Ingress) -> String {
    ingress.to_string()
}
