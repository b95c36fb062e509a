//! Lists of everything of a kind.

use super::convert::{balancer, target_group};
use super::{ELB, failed};
use crate::Account;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Answer, Balancer, Listing, TargetGroup};

/// "The maximum number of results to return with this call": at most 400
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html>).
const PAGE: i32 = 400;

impl Listing for Account {
    /// Others have load balancers that we have no type for: these are left out, not an error.
    async fn all_balancers(&self) -> Answer<Vec<Balancer>> {
        let request = self.elb.describe_load_balancers().page_size(PAGE);
        let items: Vec<sdk::LoadBalancer> = request
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(failed(ELB, "DescribeLoadBalancers"))?;
        Ok(items
            .iter()
            .filter_map(|one| balancer::from_sdk(one).ok())
            .collect())
    }

    async fn all_target_groups(&self) -> Answer<Vec<TargetGroup>> {
        let request = self.elb.describe_target_groups().page_size(PAGE);
        let items: Vec<sdk::TargetGroup> = request
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(failed(ELB, "DescribeTargetGroups"))?;
        Ok(items
            .iter()
            .filter_map(|one| target_group::from_sdk(one).ok())
            .collect())
    }
}
