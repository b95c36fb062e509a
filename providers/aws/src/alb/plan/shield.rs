//! Protection of the load balancer by AWS Shield Advanced.
//!
//! It comes when all else is there, and goes first, before the tag that tells of it.
//!
//! A tag of the load balancer says that we asked for it, and is there before the protection: what nobody knows of would
//! stay for ever. Of the protections that are found by it, those of our name are ours.

use super::{Changes, Note, PROTECTION, Phase, Planner, TAGS, fields, resource};
use crate::alb::observed::SeenBalancer;
use crate::alb::step::Call;
use crate::cloud::Kind;
use crate::owner::{ADVANCED, SHIELD, Tags, protection_name};
use gatewright_provider_api::contract::Resource;

impl Planner<'_> {
    pub(super) fn protection_resource(&self) -> Resource {
        resource(PROTECTION, self.target.balancer.name.clone())
    }

    /// Whether the tag is one of the load balancer's, new or as it is seen: on one that stands already it comes by itself, before
    /// everything else.
    pub(super) fn is_noted(&self, seen: Option<&SeenBalancer>) -> bool {
        self.target.shield && seen.is_none_or(|seen| seen.tags.contains_key(SHIELD))
    }

    pub(super) fn shield(&mut self) {
        let seen = self.observed.balancer(&self.target.balancer.name);
        let noted = seen.is_some_and(|seen| seen.tags.contains_key(SHIELD));
        if !self.target.shield {
            if let Some(seen) = seen {
                unprotect(&mut self.changes, seen, "parameters ask for it no more");
            }
            return;
        }
        if noted && seen.is_some_and(|seen| seen.protection.is_some()) {
            return;
        }
        let balancer = self.balancer_resource();
        let mut needs = self.changes.only_made([balancer.clone()]);
        if let Some(seen) = seen
            && !noted
        {
            let of = resource(TAGS, format!("{balancer} for its protection"));
            let change = fields::change(SHIELD, None::<&str>.as_ref(), Some(&ADVANCED));
            let note = Note::update(of.clone(), vec![change], "what is to be protected is noted first");
            let tags = Tags::from([(SHIELD.into(), ADVANCED.into())]);
            let call = Call::AddTags(Kind::Balancer, vec![seen.balancer.arn.clone()], tags);
            self.push(Phase::LetGo, note, call);
            needs.push(of);
        }
        let of = self.protection_resource();
        let tags = self.owner.tags(PROTECTION, &self.target.tags);
        let call = Call::CreateProtection(protection_name(&self.target.balancer.name), tags);
        let note = Note::create(of, "parameters ask for it").needs(needs);
        self.push(Phase::LetGo, note, call);
    }
}

/// A protection goes that is ours; none otherwise.
pub(super) fn unprotect(changes: &mut Changes, seen: &SeenBalancer, why: &str) -> Option<Resource> {
    let protection = seen.protection.as_ref()?;
    if protection.name != protection_name(&seen.balancer.name) {
        return None;
    }
    let of = resource(PROTECTION, seen.balancer.name.clone());
    let call = Call::DeleteProtection(protection.id.clone(), seen.balancer.arn.clone());
    changes.push(Phase::LetGo, Note::delete(of.clone(), why), call);
    Some(of)
}
