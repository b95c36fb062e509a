//! Everything of a kind, whoever made it: a page has hundreds, so that a list takes fewer calls than descriptions.

use super::{Answer, Balancer, TargetGroup};
use std::future::Future;

/// Lists of an account and region.
pub trait Listing {
    /// `DescribeLoadBalancers` without a filter: those of the types that we make.
    fn all_balancers(&self) -> impl Future<Output = Answer<Vec<Balancer>>> + Send;

    /// `DescribeTargetGroups` without a filter: those that [`super::TargetGroups`] can tell of.
    fn all_target_groups(&self) -> impl Future<Output = Answer<Vec<TargetGroup>>> + Send;
}
