//! Services, their listeners, and their association with the network.

use super::adopt;
use super::certificates::of as certificate_of;
use super::{LISTENER, Note, Phase, Planner, SERVICE, SERVICE_ASSOCIATION, TARGET_GROUP, change, resource};
use crate::cloud::Arn;
use crate::lattice::addresses::is_named;
use crate::lattice::apply::auth;
use crate::lattice::cloud::{self, Kind, Status};
use crate::lattice::observed::{SeenListener, SeenService};
use crate::lattice::step::{Call, Id};
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::{Action, Listener, Network, Service, ServiceId};
use gatewright_aws_core::target_group::TargetGroupId;
use gatewright_provider_api::contract::Resource;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Planner<'_> {
    pub(super) fn services(&mut self) {
        let (target, observed) = (self.target, self.observed);
        for (id, wanted) in &target.services {
            match observed.current(id, wanted) {
                Some(seen) if seen.service.status == Status::Going => {}
                // Whoever takes it over finds it as it is.
                Some(seen) if seen.offered().is_some() => {}
                // It was not taken over.
                Some(seen) if wanted.adopt.is_some() && !seen.is_for(id) => {}
                Some(seen) => self.change_service(id, wanted, seen),
                None if wanted.adopt.is_some() => self.take_over(id, wanted),
                // Another of the Gateway's has its name, and goes first.
                None if observed.service(&wanted.name).is_some() => {}
                None => self.make_service(id, wanted),
            }
        }
        for seen in observed.services.values() {
            let is_wanted = target.services.iter().any(|(id, wanted)| seen.is(id, wanted));
            if is_wanted || seen.offered().is_some() {
                continue;
            }
            match target.services.iter().find(|(id, _)| seen.is_for(id)) {
                Some(successor) => self.retire(seen, successor),
                None => self.end_service(seen, "no route serves its host any more"),
            }
        }
    }

    fn make_service(&mut self, id: &ServiceId, wanted: &Service) {
        let of = resource(SERVICE, wanted.name.clone());
        let certificate = wanted.certificate.as_ref().map(certificate_of);
        let note = Note::create(of.clone(), &format!("it serves {}", words(id)))
            .needs(self.changes.only_made(certificate));
        let tags = self.tags_with(&format!("service {id}"), &wanted.tags);
        self.push(
            Phase::Build,
            note,
            Call::CreateService(id.clone(), Arc::new(wanted.clone()), tags),
        );
        self.make_access((&Id::Service(id.clone()), &of), &wanted.access);
        for (port, listener) in &wanted.listeners {
            self.make_listener((id, *port), listener, &of, Phase::Build);
        }
        self.associate((id, wanted), &of, &[]);
    }

    fn change_service(&mut self, id: &ServiceId, wanted: &Service, seen: &SeenService) {
        let of = resource(SERVICE, wanted.name.clone());
        let arn = &seen.service.arn;
        self.exists(Id::Service(id.clone()), arn);
        let kept = seen
            .is_adopted()
            .then(|| adopt::access(&wanted.access, &seen.access));
        let access = kept.as_ref().unwrap_or(&wanted.access);
        self.change_access((&Id::Service(id.clone()), arn, &of), access, &seen.access);
        self.change_fields(wanted, seen, &of);
        for (port, listener) in &wanted.listeners {
            match seen.listener(*port, listener) {
                Some(seen) => self.change_listener((id, *port), listener, seen, &of),
                None => {
                    // Another protocol: a port has one listener, so that the one before goes first.
                    let before = seen
                        .listeners
                        .iter()
                        .find(|seen| seen.is_ours() && seen.listener.port == *port);
                    if let Some(before) = before {
                        let note = Note::delete(
                            listener_of(&of, *port),
                            "its protocol differs, which cannot change",
                        );
                        self.push(
                            Phase::Room,
                            note,
                            Call::DeleteListener(before.listener.arn.clone()),
                        );
                    }
                    self.make_listener((id, *port), listener, &of, Phase::Build);
                }
            }
        }
        for seen in seen.listeners.iter().filter(|seen| seen.is_ours()) {
            let port = seen.listener.port;
            if !wanted.listeners.contains_key(&port) {
                let note = Note::delete(listener_of(&of, port), "the Gateway has no such port for it");
                self.push(
                    Phase::Delete,
                    note,
                    Call::DeleteListener(seen.listener.arn.clone()),
                );
            }
        }
        self.associate((id, wanted), &of, &seen.associations);
        let tags = self.tags_with(&format!("service {id}"), &wanted.tags);
        self.compare_tags((Kind::Service, arn), &of, &seen.tags, &tags);
    }

    /// Certificate and authentication.
    fn change_fields(&mut self, wanted: &Service, seen: &SeenService, of: &Resource) {
        let arn = &seen.service.arn;
        let auth = if seen.is_adopted() && wanted.access.policy.is_none() {
            seen.service.auth
        } else {
            auth(&wanted.access)
        };
        if seen.service.auth != auth {
            let differs = change("authType", Some(&seen.service.auth), Some(&auth));
            self.authenticate((of, auth), differs, Call::UpdateService(arn.clone(), None, auth));
        }
        let Some(id) = &wanted.certificate else {
            return;
        };
        let certificate = self.changes.ledger.get(&Id::Certificate(id.clone()));
        if certificate.is_none() || certificate != seen.service.certificate {
            let made = certificate_of(id);
            let to = certificate.map_or_else(|| made.to_string(), |arn| arn.to_string());
            let differs = change("certificateArn", seen.service.certificate.as_ref(), Some(&to));
            let note = Note::update(of.clone(), vec![differs], "it shows another certificate")
                .needs(self.changes.only_made([made]));
            let call = Call::UpdateService(arn.clone(), Some(id.clone()), seen.service.auth);
            self.push(Phase::Build, note, call);
        }
    }

    fn make_listener(
        &mut self,
        (id, port): (&ServiceId, u16),
        wanted: &Listener,
        of: &Resource,
        phase: Phase,
    ) {
        let what = listener_of(of, port);
        let mut needs = self.changes.only_made([of.clone()]);
        needs.extend(self.groups_made(&wanted.default));
        let tags = self.marks(&format!("listener {port}"));
        let mut bare = wanted.clone();
        bare.rules.clear();
        let note = Note::create(what.clone(), "the Gateway listens there").needs(needs);
        let call = Call::CreateListener(id.clone(), port, Arc::new(bare), tags);
        self.push(phase, note, call);
        self.make_rules((id, port), wanted, &what);
    }

    fn change_listener(
        &mut self,
        (id, port): (&ServiceId, u16),
        wanted: &Listener,
        seen: &SeenListener,
        of: &Resource,
    ) {
        let what = listener_of(of, port);
        self.exists(Id::Listener(id.clone(), port), &seen.listener.arn);
        // Rules that the new default action makes superfluous go later; new ones come before it.
        self.change_rules((id, port), wanted, seen, &what);
        if !self.same_action(&wanted.default, &seen.listener.default) {
            let differs = change(
                "defaultAction",
                Some(&self.action_words(&seen.listener.default)),
                Some(&self.wanted_words(&wanted.default)),
            );
            let note = Note::update(what, vec![differs], "what no rule matches is answered otherwise")
                .needs(self.groups_made(&wanted.default));
            let call = Call::SetDefault(seen.listener.arn.clone(), wanted.default.clone());
            self.push(Phase::LetGo, note, call);
        }
    }

    /// The association with the network comes when everything behind it is there.
    fn associate(
        &mut self,
        (id, wanted): (&ServiceId, &Service),
        of: &Resource,
        seen: &[cloud::ServiceAssociation],
    ) {
        if wanted.standalone {
            // Others associate it with networks of theirs.
            let is_ours =
                |network: &Arn| self.is_network(network) || self.observed.networks.contains_key(network);
            let ours: Vec<_> = seen
                .iter()
                .filter(|found| found.status != Status::Going && is_ours(&found.network))
                .collect();
            for association in ours {
                let what = association_of(of, &association.network);
                let note = Note::delete(what, "it is to be in no network");
                let call = Call::DissociateService(association.arn.clone());
                self.push(Phase::Delete, note, call);
            }
            return;
        }
        let network = self.network_resource();
        let is_wanted = |arn: &Arn| self.is_network(arn);
        let current = seen.iter().find(|association| is_wanted(&association.network));
        // Those of a service that was somebody else's are theirs, but for networks of the Gateway's own.
        let may_end = |arn: &Arn| wanted.adopt.is_none() || self.observed.networks.contains_key(arn);
        let other: Vec<_> = seen
            .iter()
            .filter(|association| !is_wanted(&association.network) && association.status != Status::Going)
            .filter(|association| may_end(&association.network))
            .cloned()
            .collect();
        match current.map(|association| (&association.status, &association.arn)) {
            Some((Status::Failed(why), arn)) => {
                let what = association_of(of, &Arn("its network".into()));
                let note = Note::delete(what, &format!("it failed ({why}) and is made again"));
                let call = Call::DissociateService(arn.clone());
                self.push(Phase::Delete, note, call);
            }
            Some(_) => {}
            // Its former one leaves the network first.
            None if self.is_held_up(id, wanted) => {}
            None => {
                let given = match &self.target.network {
                    Network::Own { .. } | Network::None => None,
                    Network::Given(given) => Some(Arn(given.clone())),
                };
                let name = network.as_ref().map(|network| network.id.clone());
                let name = name.or_else(|| given.as_ref().map(|given| given.0.clone()));
                let what = association_of(of, &Arn(name.unwrap_or_default()));
                let needs = self.changes.only_made(network.into_iter().chain([of.clone()]));
                let tags = self.marks(&format!("association of service {id}"));
                let note = Note::create(what, "clients of the network are to reach it").needs(needs);
                self.push(
                    Phase::Build,
                    note,
                    Call::AssociateService(id.clone(), given, tags),
                );
            }
        }
        // Clients of the former network are served until those of the new one are.
        let serves = current.is_some_and(|association| association.status == Status::Active);
        for association in other.into_iter().filter(|_| serves) {
            let what = association_of(of, &association.network);
            let note = Note::delete(what, "the Gateway is in another network");
            let call = Call::DissociateService(association.arn.clone());
            self.push(Phase::Delete, note, call);
        }
    }

    /// Whether this is the network that services are to be in.
    pub(super) fn is_network(&self, arn: &Arn) -> bool {
        match &self.target.network {
            Network::Own { .. } => self.changes.ledger.get(&Id::Network).as_ref() == Some(arn),
            Network::Given(given) => is_named(arn, given),
            Network::None => false,
        }
    }

    /// First clients let go of it, then it goes.
    pub(super) fn end_service(&mut self, seen: &SeenService, why: &str) {
        let of = resource(SERVICE, seen.service.name.clone());
        for association in seen
            .associations
            .iter()
            .filter(|found| found.status != Status::Going)
        {
            let note = Note::delete(association_of(&of, &association.network), why);
            self.push(
                Phase::Delete,
                note,
                Call::DissociateService(association.arn.clone()),
            );
        }
        if seen.associations.is_empty() && seen.service.status != Status::Going {
            self.delete(Note::delete(of, why), (Kind::Service, &seen.service.arn));
        }
    }

    /// Target groups of an action that this plan makes.
    pub(super) fn groups_made(&self, action: &Action) -> Vec<Resource> {
        let Action::Forward(groups) = action else {
            return Vec::new();
        };
        let names = groups.keys().filter_map(|id| {
            let group = self.target.target_groups.get(id)?;
            Some(resource(TARGET_GROUP, group.name.clone()))
        });
        self.changes.only_made(names)
    }

    /// Whether an action is as wanted. With one group its weight says nothing.
    pub(super) fn same_action(&self, wanted: &Action, seen: &cloud::Action) -> bool {
        match (wanted, seen) {
            (Action::Fixed(wanted), cloud::Action::Fixed(seen)) => wanted == seen,
            (Action::Forward(wanted), cloud::Action::Forward(seen)) => {
                let known: Option<BTreeMap<Arn, u16>> = wanted
                    .iter()
                    .map(|(id, weight)| {
                        let arn = self.changes.ledger.get(&Id::TargetGroup(id.clone()))?;
                        Some((arn, *weight))
                    })
                    .collect();
                known.is_some_and(|known| {
                    known == *seen || (known.len() == 1 && seen.len() == 1 && known.keys().eq(seen.keys()))
                })
            }
            _ => false,
        }
    }

    /// An action that is wanted, in the words of one that exists.
    pub(super) fn wanted_words(&self, wanted: &Action) -> String {
        match wanted {
            Action::Forward(groups) => {
                let name = |id: &TargetGroupId| -> Str {
                    let seen = self.changes.ledger.get(&Id::TargetGroup(id.clone()));
                    let seen = seen.and_then(|arn| self.observed.target_groups.get(&arn));
                    let wanted = self.target.target_groups.get(id);
                    let name = seen
                        .map(|seen| &seen.group.name)
                        .or(wanted.map(|wanted| &wanted.name));
                    name.cloned().unwrap_or_else(|| id.0.clone())
                };
                let words = groups
                    .iter()
                    .map(|(id, weight)| format!("{} x{weight}", name(id)));
                words.collect::<Vec<_>>().join(", ")
            }
            Action::Fixed(status) => status.to_string(),
        }
    }

    /// An action that exists, for a person.
    pub(super) fn action_words(&self, seen: &cloud::Action) -> String {
        match seen {
            cloud::Action::Forward(groups) => {
                let name = |arn: &Arn| -> Str {
                    let known = self.observed.target_groups.get(arn);
                    known.map_or_else(|| arn.0.clone(), |seen| seen.group.name.clone())
                };
                let words: Vec<String> = groups
                    .iter()
                    .map(|(arn, weight)| format!("{} x{weight}", name(arn)))
                    .collect();
                words.join(", ")
            }
            cloud::Action::Fixed(status) => status.to_string(),
            cloud::Action::Other => "something that only others make".to_owned(),
        }
    }
}

fn words(id: &ServiceId) -> String {
    if *id == ServiceId::own() {
        "what names no host, and is the Gateway's address".to_owned()
    } else {
        id.to_string()
    }
}

pub(super) fn listener_of(of: &Resource, port: u16) -> Resource {
    resource(LISTENER, format!("{port} of {}", of.id))
}

pub(super) fn association_of(of: &Resource, network: &Arn) -> Resource {
    resource(SERVICE_ASSOCIATION, format!("{} with {network}", of.id))
}
