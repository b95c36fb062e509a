//! Everything of a kind, whoever made it: a page has hundreds, so that a list takes fewer calls than descriptions.

use super::{Answer, Balancer, TargetGroup};
use gatewright_aws_core::network::BalancerKind;
use std::future::Future;

/// How much is in a region, whoever made it, of what quotas of the region count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Application Load Balancers.
    pub applications: usize,
    /// Network Load Balancers.
    pub networks: usize,
    /// Target groups of both.
    pub target_groups: usize,
}

impl Census {
    /// Counts.
    pub fn of(balancers: impl IntoIterator<Item = BalancerKind>, target_groups: usize) -> Self {
        let mut census = Self {
            target_groups,
            ..Self::default()
        };
        for kind in balancers {
            match kind {
                BalancerKind::Application => census.applications += 1,
                BalancerKind::Network => census.networks += 1,
            }
        }
        census
    }

    /// Load balancers of a kind.
    pub const fn balancers(&self, kind: BalancerKind) -> usize {
        match kind {
            BalancerKind::Application => self.applications,
            BalancerKind::Network => self.networks,
        }
    }
}

/// How old a count may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// As old as what is known of resources: somebody's later creation is told by AWS when it refuses ours.
    Known,
    /// A minute at most: before something is refused for it.
    Recent,
}

/// Lists of an account and region.
pub trait Listing {
    /// `DescribeLoadBalancers` without a filter: those of the types that we make.
    fn all_balancers(&self) -> impl Future<Output = Answer<Vec<Balancer>>> + Send;

    /// `DescribeTargetGroups` without a filter: those that [`super::TargetGroups`] can tell of.
    fn all_target_groups(&self) -> impl Future<Output = Answer<Vec<TargetGroup>>> + Send;

    /// How much there is of both.
    fn census(&self, _: Freshness) -> impl Future<Output = Answer<Census>> + Send
    where
        Self: Sync,
    {
        async move {
            let balancers = self.all_balancers().await?;
            let groups = self.all_target_groups().await?;
            let kinds = balancers.iter().map(|balancer| balancer.kind);
            Ok(Census::of(kinds, groups.len()))
        }
    }
}
