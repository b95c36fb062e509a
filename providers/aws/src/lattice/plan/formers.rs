//! Services that others take the place of: their names are to be others, and a name cannot change.
//!
//! The successor is made first, with all that is behind it. That of no hostname is associated with the network beside its former one,
//! which goes once that serves. Of a hostname a network has one service ("Custom domain names must be unique per service network",
//! <https://docs.aws.amazon.com/vpc-lattice/latest/ug/service-custom-domain-name.html>): the former one leaves it when the successor is
//! ready, and nobody serves the hostname until AWS has associated that.

use super::services::association_of;
use super::{Note, Phase, Planner, SERVICE, TARGET_GROUP, resource};
use crate::cloud::Arn;
use crate::lattice::addresses;
use crate::lattice::cloud::{Action, Status};
use crate::lattice::observed::{SeenGroup, SeenService};
use crate::lattice::step::{Call, Id};
use crate::owner::{RESOURCE, value};
use gatewright_aws_core::lattice::{self, Service, ServiceId};
use gatewright_aws_core::target_group::TargetGroupId;
use std::collections::BTreeSet;

impl Planner<'_> {
    /// Target groups of services that serve until their successors do, or until others take them over: they stay.
    pub(super) fn groups_of_formers(&self) -> BTreeSet<Arn> {
        let wanted = self.target.services.iter();
        let formers = wanted.flat_map(|(id, wanted)| self.observed.formers(id, wanted));
        groups_behind(formers.chain(self.observed.offered()))
    }

    /// Those of services whose successors do not serve yet, or never will: their names may be somebody else's.
    pub(super) fn groups_that_wait(&self) -> BTreeSet<Arn> {
        let (target, observed) = (self.target, self.observed);
        let network = addresses::network(target, observed);
        let waits = |(id, wanted): &(&ServiceId, &Service)| {
            let successor = observed.current(id, wanted);
            !successor.is_some_and(|seen| addresses::serves(wanted, seen, network.as_ref()))
        };
        let waiting = target.services.iter().filter(waits);
        groups_behind(waiting.flat_map(|(id, wanted)| observed.formers(id, wanted)))
    }

    /// A former group gets the targets of the one that takes its place: pods come and go meanwhile. Backend, protocol and port are in
    /// the tag of both; targets of another VPC or family it would not take.
    pub(super) fn mirror(&mut self, seen: &SeenGroup) {
        let target = self.target;
        let SeenGroup { group, tags, .. } = seen;
        let of = tags.get(RESOURCE);
        let mut groups = target.target_groups.iter();
        let same = groups.find(|(id, wanted)| {
            of == Some(&value(&id.0)) && wanted.fixed.ipv6 == group.ipv6 && target.home == group.vpc
        });
        if let Some((id, wanted)) = same {
            let place = TargetGroupId(format!("{id} of {}", group.arn).into());
            self.exists(Id::TargetGroup(place.clone()), &group.arn);
            let of = resource(TARGET_GROUP, group.name.clone());
            self.sync_targets(&place, &of, wanted, seen);
        }
    }

    /// Whether a service cannot be associated yet: its former one is in the network, with the same custom domain.
    pub(super) fn is_held_up(&self, id: &ServiceId, wanted: &Service) -> bool {
        let mut formers = self.observed.formers(id, wanted);
        wanted.domain.is_some()
            && formers.any(|seen| {
                let mut associations = seen.associations.iter();
                associations.any(|found| self.is_network(&found.network))
            })
    }

    /// A service that another takes the place of.
    pub(super) fn retire(&mut self, seen: &SeenService, (id, wanted): (&ServiceId, &Service)) {
        let network = addresses::network(self.target, self.observed);
        let Some(successor) = self.observed.current(id, wanted) else {
            if self.waits_for_itself(seen, wanted) {
                self.end_service(seen, "another of the Gateway's has its name from now on");
            }
            return;
        };
        if addresses::serves(wanted, successor, network.as_ref()) {
            self.end_service(seen, "its successor serves");
        } else if self.is_held_up(id, wanted) && self.is_ready(successor, wanted) {
            let of = resource(SERVICE, seen.service.name.clone());
            for found in seen.associations.iter().filter(|of| of.status != Status::Going) {
                let what = association_of(&of, &found.network);
                let why = "its successor is ready, and a network has one service of a hostname";
                let call = Call::DissociateService(found.arn.clone());
                self.push(Phase::Delete, Note::delete(what, why), call);
            }
        }
    }

    /// Whether its successor's name is that of a service that goes only after this one: two that swap their names would wait for
    /// each other. In a row that ends at a free name, or at a service that goes by itself, nobody has to make room.
    fn waits_for_itself(&self, seen: &SeenService, successor: &Service) -> bool {
        let mut passed = BTreeSet::new();
        let mut name = &successor.name;
        while passed.insert(name) {
            if *name == seen.service.name {
                return true;
            }
            let Some(holder) = self.observed.service(name) else {
                return false;
            };
            let mut wanted = self.target.services.iter();
            let Some((_, next)) = wanted.find(|(id, _)| holder.is_for(id)) else {
                return false;
            };
            name = &next.name;
        }
        false
    }

    /// Whether a service has all that is wanted behind it.
    fn is_ready(&self, seen: &SeenService, wanted: &Service) -> bool {
        let has = |(port, listener): (&u16, &lattice::Listener)| {
            let found = seen.listener(*port, listener);
            let rules = || listener.rules.iter().map(|rule| &rule.action);
            found.is_some_and(|found| {
                found.rules.len() >= listener.rules.len()
                    && found.theirs().next().is_none()
                    && rules()
                        .chain([&listener.default])
                        .all(|action| self.is_filled(action))
            })
        };
        seen.service.status == Status::Active && wanted.listeners.iter().all(has)
    }

    /// Whether all targets of an action are registered.
    fn is_filled(&self, action: &lattice::Action) -> bool {
        let lattice::Action::Forward(groups) = action else {
            return true;
        };
        groups.keys().all(|id| {
            let Some(wanted) = self.target.target_groups.get(id) else {
                return true;
            };
            let seen = self.observed.target_group(&wanted.name);
            seen.is_some_and(|seen| {
                let registered: BTreeSet<_> = seen.registered().collect();
                wanted.targets.iter().all(|target| registered.contains(target))
            })
        })
    }
}

/// Target groups that rules of services forward to.
pub(super) fn groups_behind<'a>(services: impl Iterator<Item = &'a SeenService>) -> BTreeSet<Arn> {
    let actions = services.flat_map(|seen| &seen.listeners).flat_map(|seen| {
        let rules = seen.rules.iter().map(|rule| &rule.action);
        rules.chain([&seen.listener.default])
    });
    let groups = actions.filter_map(|action| match action {
        Action::Forward(groups) => Some(groups.keys().cloned()),
        Action::Fixed(_) | Action::Other => None,
    });
    groups.flatten().collect()
}
