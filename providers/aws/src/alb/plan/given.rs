//! Load balancers that their owners marked as a Gateway's, and that it has not taken over: nothing of them is touched, and
//! they do not go with it. `adopt` may be written after the tags, or never.

use crate::alb::observed::{Observed, SeenBalancer, SeenListener};
use crate::owner::RESOURCE;
use gatewright_aws_core::alb::Target;
use std::borrow::Cow;

/// What exists without those that are only given.
pub(super) fn without<'a>(target: Option<&Target>, observed: &'a Observed) -> Cow<'a, Observed> {
    let named = target.map(|target| &target.balancer.name);
    let is_given = |seen: &SeenBalancer| named != Some(&seen.balancer.name) && !is_taken(seen);
    let mut observed = Cow::Borrowed(observed);
    if observed.balancers.values().any(is_given) {
        observed.to_mut().balancers.retain(|_, seen| !is_given(seen));
    }
    observed
}

/// What we make or take over says what it is for, and has listeners or rules of ours; somebody may have edited one of the two.
fn is_taken(seen: &SeenBalancer) -> bool {
    let ours = |listener: &SeenListener| listener.ours || listener.rules.iter().any(|rule| rule.ours);
    seen.tags.contains_key(RESOURCE) || seen.listeners.iter().any(ours)
}
