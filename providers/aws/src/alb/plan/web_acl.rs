//! The web ACL of AWS WAF in front of the load balancer.
//!
//! A tag of the load balancer says that we put one there, and which: without it others' are left alone. One that parameters
//! name takes the place of any other.

use super::{Note, Phase, Planner, WEB_ACL, fields, resource};
use crate::alb::observed::SeenBalancer;
use crate::alb::step::Call;
use crate::owner::{self, Tags};
use gatewright_aws_core::Str;
use gatewright_provider_api::contract::Resource;

impl Planner<'_> {
    pub(super) fn web_acl_resource(&self) -> Resource {
        resource(WEB_ACL, self.target.balancer.name.clone())
    }

    /// What a new listener waits for: nobody comes in before the first web ACL is in place. One that takes the place of
    /// another holds nothing up.
    pub(super) fn guard(&self) -> Option<Resource> {
        let seen = self.observed.balancer(&self.target.balancer.name);
        let none_yet = seen.is_none_or(|seen| seen.web_acl.is_none());
        (self.target.web_acl.is_some() && none_yet).then(|| self.web_acl_resource())
    }

    /// Tags of the load balancer: a new one, or one that is seen.
    pub(super) fn balancer_tags(&self, seen: Option<&SeenBalancer>) -> Tags {
        let mut tags = self.owner.tags(super::BALANCER, &self.target.tags);
        if let Some(acl) = &self.target.web_acl {
            tags.insert(owner::WEB_ACL.into(), acl.clone());
        }
        if self.is_reserved(seen) {
            tags.insert(owner::CAPACITY.into(), owner::RESERVED.into());
        }
        // On one that stands already it is written before all else.
        if let Some(ports) = self.ports_note().filter(|_| seen.is_none()) {
            tags.insert(owner::PORTS.into(), ports);
        }
        if self.is_noted(seen) {
            tags.insert(owner::SHIELD.into(), owner::ADVANCED.into());
        }
        tags
    }

    /// Put there, replaced, or taken away.
    pub(super) fn web_acl(&mut self) {
        let seen = self.observed.balancer(&self.target.balancer.name);
        let ours = seen.and_then(|seen| seen.tags.get(owner::WEB_ACL));
        let current = seen.and_then(|seen| seen.web_acl.as_ref());
        let of = self.web_acl_resource();
        match &self.target.web_acl {
            Some(wanted) if ours == Some(wanted) && current == Some(wanted) => {}
            Some(wanted) => {
                let change = fields::change("webAcl", current, Some(wanted));
                let needs = self.changes.only_made([self.balancer_resource()]);
                let note = Note::update(of, vec![change], "parameters name it").needs(needs);
                self.push(Phase::Build, note, Call::AssociateWebAcl(wanted.clone()));
            }
            // Whichever it is: one that somebody else put there meanwhile would have been replaced, and after a change that
            // was cut off the tag still names the one before.
            None if ours.is_some() && current.is_some() => {
                let change = fields::change("webAcl", current, None::<&Str>);
                let note = Note::update(of, vec![change], "parameters name none any more");
                self.push(Phase::Build, note, Call::DisassociateWebAcl);
            }
            None => {}
        }
    }
}
