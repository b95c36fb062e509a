//! Capacity that is reserved for the load balancer.
//!
//! A tag of the load balancer says that we reserve some, and is there before the reservation: one that nobody knows of would
//! cost for ever. Without the tag, what others reserved is neither read nor changed.

use super::{CAPACITY, Note, Phase, Planner, TAGS, fields, resource};
use crate::alb::observed::SeenBalancer;
use crate::alb::step::Call;
use crate::cloud::Kind;
use crate::owner::{self, RESERVED, Tags};
use gatewright_provider_api::contract::Resource;

impl Planner<'_> {
    pub(super) fn capacity_resource(&self) -> Resource {
        resource(CAPACITY, self.target.balancer.name.clone())
    }

    /// Whether the tag is one of the load balancer's, new or as it is seen: on one that stands already it comes by itself.
    pub(super) fn is_reserved(&self, seen: Option<&SeenBalancer>) -> bool {
        self.target.capacity.is_some() && seen.is_none_or(|seen| seen.tags.contains_key(owner::CAPACITY))
    }

    /// Reserved, changed, or let go.
    pub(super) fn capacity(&mut self) {
        let seen = self.observed.balancer(&self.target.balancer.name);
        let noted = seen.is_some_and(|seen| seen.tags.contains_key(owner::CAPACITY));
        let current = seen.and_then(|seen| seen.capacity.as_ref());
        let of = self.capacity_resource();
        let Some(wanted) = self.target.capacity else {
            if noted && let Some(current) = current {
                let change = fields::change("capacityUnits", Some(&current.units), None::<u32>.as_ref());
                let note = Note::update(of, vec![change], "parameters ask for it no more");
                self.push(Phase::LetGo, note, Call::SetCapacity(None));
            }
            return;
        };
        let failed = current.and_then(|current| current.failed.as_ref());
        if noted && failed.is_none() && current.is_some_and(|current| current.units == wanted) {
            return;
        }
        let balancer = self.balancer_resource();
        let mut needs = self.changes.only_made([balancer.clone()]);
        if let Some(seen) = seen
            && !noted
        {
            let of = resource(TAGS, format!("{balancer} for its capacity"));
            let change = fields::change(owner::CAPACITY, None::<&str>.as_ref(), Some(&RESERVED));
            let note = Note::update(of.clone(), vec![change], "what is to be reserved is noted first");
            let tags = Tags::from([(owner::CAPACITY.into(), RESERVED.into())]);
            let call = Call::AddTags(Kind::Balancer, vec![seen.balancer.arn.clone()], tags);
            self.push(Phase::LetGo, note, call);
            needs.push(of);
        }
        let why = match failed {
            Some(why) => format!("AWS could not provide it ({why}): it is asked for again"),
            None => "parameters ask for it".to_owned(),
        };
        let units = current.map(|current| &current.units);
        let change = fields::change("capacityUnits", units, Some(&wanted));
        let note = Note::update(of, vec![change], &why).needs(needs);
        self.push(Phase::LetGo, note, Call::SetCapacity(Some(wanted)));
    }
}
