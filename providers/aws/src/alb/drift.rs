//! What others changed of what was in place.

use super::observed::Observed;
use super::plan::{self, Manner, is_shared};
use gatewright_aws_core::alb::Target;
use gatewright_provider_api::contract::Change;

/// What leads back to what was in place, but for what load balancers of a cluster share: it differs while another Gateway of
/// ours is worked on.
pub fn drift(manner: &Manner, before: &Target, observed: &Observed) -> Vec<Change<()>> {
    let changes = plan::plan(manner, Some(before), observed).changes.into_iter();
    let others = changes.filter(|change| !is_shared(&change.resource));
    others.map(Change::without_step).collect()
}
