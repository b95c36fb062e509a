//! The load balancer, and those that it replaces.

use super::{
    BACKEND_GROUP, BALANCER, BALANCER_ATTRIBUTES, Note, PRIVATE_LINK, Phase, Planner, SECURITY_GROUP, fields,
    listeners, moving, resource, shield, standing,
};
use crate::alb::addresses::serves;
use crate::alb::observed::SeenBalancer;
use crate::alb::step::{Call, Id};
use crate::cloud::{Arn, Attributes, Kind};
use crate::owner::{RETIRED, Tags};
use gatewright_aws_core::Str;
use gatewright_aws_core::access::Backend;
use gatewright_aws_core::network::SecurityGroups;
use gatewright_provider_api::contract::Resource;
use std::collections::BTreeSet;

/// Whether rules of security groups count for what comes through PrivateLink, in words of changes.
const ENFORCED: &str = "enforceOnPrivateLink";

impl Planner<'_> {
    /// The wanted load balancer in words of changes.
    pub(super) fn balancer_resource(&self) -> Resource {
        resource(BALANCER, self.target.balancer.name.clone())
    }

    pub(super) fn balancer(&mut self) {
        match self.observed.balancer(&self.target.balancer.name) {
            None => self.make_balancer(),
            Some(seen) => self.change_balancer(seen),
        }
    }

    fn make_balancer(&mut self) {
        let wanted = &self.target.balancer;
        let of = self.balancer_resource();
        let (_, groups) = self.wanted_groups();
        let why = if self.observed.balancers.is_empty() {
            "the Gateway has none".to_owned()
        } else {
            let why = "what cannot change differs: it takes the place of the one before";
            // An address is on one load balancer alone.
            let held = moving::held(self.target, self.observed);
            match (self.moving.is_empty(), held.is_empty()) {
                (false, _) => {
                    let later = moving::words(&self.moving);
                    format!("{why}, and gets {later} from that later, zone by zone")
                }
                (true, false) => {
                    let address = moving::words(&held);
                    format!(
                        "{why}, which has {address}: in a single zone that cannot go over, and AWS refuses it"
                    )
                }
                (true, true) => why.to_owned(),
            }
        };
        let note = Note::create(of.clone(), &why).needs(self.changes.only_made(groups));
        let tags = self.balancer_tags(None);
        self.push(Phase::Build, note, Call::CreateBalancer(wanted.clone(), tags));
        if !wanted.attributes.is_empty() {
            let (set, fields) = fields::attributes(&wanted.attributes, &Attributes::new());
            let attributes = resource(BALANCER_ATTRIBUTES, wanted.name.clone());
            let note = Note::update(attributes, fields, "they are wanted so").needs([of.clone()]);
            self.push(Phase::Build, note, Call::SetBalancerAttributes(set));
        }
        // They count unless somebody says otherwise (API_SetSecurityGroups).
        if wanted.access.private_link == Some(false) {
            let link = resource(PRIVATE_LINK, wanted.name.clone());
            let change = fields::change(ENFORCED, Some(&true), Some(&false));
            let note = Note::update(link, vec![change], "they are wanted so").needs([of]);
            self.push(Phase::Build, note, Call::SetSecurityGroups(wanted.clone()));
        }
    }

    fn change_balancer(&mut self, seen: &SeenBalancer) {
        let wanted = &self.target.balancer;
        let balancer = &seen.balancer;
        let arn = &balancer.arn;
        let of = self.balancer_resource();
        self.exists(Id::Balancer, arn);
        let next = standing::next(wanted, balancer);
        let with_it = next.as_ref().and_then(|next| next.ip_address_type);
        let (phase, ended) = self.readdressing(seen);
        if let Some(next) = next {
            let (changes, why) = standing::words(balancer, &next);
            let note = Note::update(of.clone(), changes, why).needs(ended.clone());
            self.push(phase, note, Call::SetSubnets(next));
        }
        self.note_ports(seen);
        self.change_security_groups(seen);
        if wanted.ip_address_type != balancer.ip_address_type && with_it.is_none() {
            let change = fields::change(
                "ipAddressType",
                Some(&balancer.ip_address_type),
                Some(&wanted.ip_address_type),
            );
            let note = Note::update(of.clone(), vec![change], "its kind of addresses differs").needs(ended);
            self.push(phase, note, Call::SetIpAddressType(wanted.ip_address_type));
        }
        if wanted.ipam_pool != balancer.ipam_pool {
            let change = fields::change("ipamPool", balancer.ipam_pool.as_ref(), wanted.ipam_pool.as_ref());
            let note = Note::update(of.clone(), vec![change], "the pool of its addresses differs");
            self.push(Phase::Build, note, Call::SetIpamPool(wanted.ipam_pool.clone()));
        }
        let (set, fields) = fields::attributes(&wanted.attributes, &seen.attributes);
        if !set.is_empty() {
            let attributes = resource(BALANCER_ATTRIBUTES, wanted.name.clone());
            let note = Note::update(attributes, fields, "they differ");
            self.push(Phase::Build, note, Call::SetBalancerAttributes(set));
        }
        let tags = self.balancer_tags(Some(seen));
        self.compare_tags((Kind::Balancer, arn), &of, &seen.tags, &tags);
        // It was about to be replaced, and is wanted again.
        if seen.tags.contains_key(RETIRED) {
            let change = fields::change(RETIRED, seen.tags.get(RETIRED), None::<&Str>);
            let note = Note::update(of, vec![change], "it is wanted again");
            let keys = BTreeSet::from([RETIRED.into()]);
            self.push(
                Phase::Build,
                note,
                Call::RemoveTags(Kind::Balancer, vec![arn.clone()], keys),
            );
        }
    }

    /// When its type of addresses changes, and which listeners go before: those that take datagrams keep it. Where some are to
    /// stay it cannot change, and AWS says so.
    fn readdressing(&self, seen: &SeenBalancer) -> (Phase, Vec<Resource>) {
        let mut wanted = self.target.listeners.values();
        let same = self.target.balancer.ip_address_type == seen.balancer.ip_address_type;
        if same || wanted.any(|listener| listener.transport.is_udp()) {
            return (Phase::Build, Vec::new());
        }
        let ours = seen.listeners.iter().filter(|seen| seen.ours);
        let ended: Vec<Resource> = ours
            .filter(|seen| seen.listener.transport.is_udp())
            .map(|seen| listeners::of(seen.listener.port))
            .collect();
        if ended.is_empty() {
            return (Phase::Build, ended);
        }
        (Phase::Readdress, ended)
    }

    fn change_security_groups(&mut self, seen: &SeenBalancer) {
        let wanted = &self.target.balancer;
        let balancer = &seen.balancer;
        let (groups, made) = self.wanted_groups();
        let mut changes = Vec::new();
        if groups.as_ref() != Some(&balancer.security_groups) {
            let to: Vec<String> = match &groups {
                Some(groups) => groups.iter().map(ToString::to_string).collect(),
                None => made.iter().map(|made| made.id.to_string()).collect(),
            };
            changes.push(fields::change(
                "securityGroups",
                Some(&balancer.security_groups),
                Some(&to),
            ));
        }
        let link = wanted.access.private_link;
        if link.is_some() && link != balancer.private_link {
            changes.push(fields::change(
                ENFORCED,
                balancer.private_link.as_ref(),
                link.as_ref(),
            ));
        }
        if changes.is_empty() {
            return;
        }
        let of = self.balancer_resource();
        let note = Note::update(of.clone(), changes, "its security groups differ")
            .needs(self.changes.only_made(made));
        for group in &balancer.security_groups {
            self.changes.release(&balancer.arn, group, &of);
        }
        self.push(Phase::Build, note, Call::SetSecurityGroups(wanted.clone()));
    }

    /// Security groups that the load balancer is to have, as far as they exist all, and those of them that are ours.
    fn wanted_groups(&self) -> (Option<BTreeSet<Arn>>, Vec<Resource>) {
        let wanted = &self.target.balancer;
        let ledger = &self.changes.ledger;
        let mut made = Vec::new();
        let mut groups: Option<BTreeSet<Arn>> = match &wanted.security_groups {
            SecurityGroups::Managed(group) => {
                made.push(resource(SECURITY_GROUP, group.name.clone()));
                ledger.get(&Id::SecurityGroup).map(|arn| BTreeSet::from([arn]))
            }
            SecurityGroups::Given(ids) => Some(ids.iter().cloned().map(Arn).collect()),
        };
        match &wanted.access.backend {
            Some(Backend::Shared(shared)) => {
                made.push(resource(BACKEND_GROUP, shared.name.clone()));
                groups = groups
                    .zip(ledger.get(&Id::BackendGroup))
                    .map(|(mut groups, arn)| {
                        groups.insert(arn);
                        groups
                    });
            }
            Some(Backend::Given(ids)) => {
                if let Some(groups) = &mut groups {
                    groups.extend(ids.iter().cloned().map(Arn));
                }
            }
            None => {}
        }
        (groups, made)
    }

    /// Load balancers of before: they stay until the new one serves and its address has spread, then they go.
    pub(super) fn retirement(&mut self) {
        let observed = self.observed;
        let current = observed.balancer(&self.target.balancer.name);
        let former = observed
            .balancers
            .values()
            .filter(|seen| seen.balancer.name != self.target.balancer.name);
        for seen in former {
            let arn = &seen.balancer.arn;
            let of = resource(BALANCER, seen.balancer.name.clone());
            if !current.is_some_and(|current| serves(self.target, observed, current)) {
                self.kept.insert(arn.clone());
                continue;
            }
            match retired_at(&seen.tags) {
                _ if self.manner.drain_s == 0 => self.end_or_hand_over(of, seen),
                Some(since) if observed.now >= since.saturating_add(self.manner.drain_s) => {
                    self.end_or_hand_over(of, seen);
                }
                Some(_) => {
                    self.kept.insert(arn.clone());
                }
                None => {
                    self.kept.insert(arn.clone());
                    let now: Str = observed.now.to_string().into();
                    let change = fields::change(RETIRED, seen.tags.get(RETIRED), Some(&now));
                    let tags = Tags::from([(RETIRED.into(), now)]);
                    self.push(
                        Phase::LetGo,
                        Note::update(
                            of,
                            vec![change],
                            "its successor serves: clients find that one from now on",
                        ),
                        Call::AddTags(Kind::Balancer, vec![arn.clone()], tags),
                    );
                }
            }
        }
    }

    /// What it has and its successor is to have goes over first.
    fn end_or_hand_over(&mut self, of: Resource, seen: &SeenBalancer) {
        let arn = &seen.balancer.arn;
        if self.hand_over(seen) {
            self.kept.insert(arn.clone());
        } else {
            self.end(of, arn);
        }
    }

    fn end(&mut self, of: Resource, arn: &Arn) {
        const WHY: &str = "its successor serves";
        self.ended.insert(arn.clone(), of.clone());
        let seen = self.observed.balancers.get(arn);
        let protection = seen.and_then(|seen| shield::unprotect(&mut self.changes, seen, WHY));
        let note = Note::delete(of, WHY).needs(protection);
        self.delete(Phase::DeleteBalancers, note, (Kind::Balancer, arn));
    }
}

/// When a load balancer's successor took over.
pub fn retired_at(tags: &Tags) -> Option<u64> {
    tags.get(RETIRED)?.parse().ok()
}
