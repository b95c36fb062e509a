//! What others changed of what was in place.

use super::observed::{Observed, SeenBalancer};
use super::plan::{self, Manner, is_shared};
use crate::owner::RESOURCE;
use gatewright_aws_core::alb::Target;
use gatewright_provider_api::contract::Change;
use std::borrow::Cow;

/// What leads back to what was in place, but for what is nobody's doing:
///
/// - what load balancers of a cluster share differs while another Gateway of ours is worked on;
/// - a load balancer that its owner gives over was not made for the Gateway.
pub fn drift(manner: &Manner, before: &Target, observed: &Observed) -> Vec<Change<()>> {
    let observed = without_given(before, observed);
    let changes = plan::plan(manner, Some(before), &observed).changes.into_iter();
    let others = changes.filter(|change| !is_shared(&change.resource));
    others.map(Change::without_step).collect()
}

/// Without load balancers that were marked as ours by their owners.
fn without_given<'a>(before: &Target, observed: &'a Observed) -> Cow<'a, Observed> {
    let mut observed = Cow::Borrowed(observed);
    let is_given =
        |seen: &SeenBalancer| seen.balancer.name != before.balancer.name && !seen.tags.contains_key(RESOURCE);
    if observed.balancers.values().any(is_given) {
        observed.to_mut().balancers.retain(|_, seen| !is_given(seen));
    }
    observed
}
