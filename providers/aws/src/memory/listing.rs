//! Lists of everything.

use super::Connection;
use crate::cloud::{Answer, Balancer, Listing, TargetGroup};

impl Listing for Connection {
    async fn all_balancers(&self) -> Answer<Vec<Balancer>> {
        self.read_many("DescribeLoadBalancers", (400, 0), |state| {
            Ok(state.balancers.values().map(|kept| kept.of.clone()).collect())
        })
        .await
    }

    async fn all_target_groups(&self) -> Answer<Vec<TargetGroup>> {
        self.read_many("DescribeTargetGroups", (400, 0), |state| {
            let users = state.users();
            let groups = state.target_groups.values().map(|kept| {
                let mut of = kept.of.clone();
                of.balancers = users.get(&of.arn).cloned().unwrap_or_default();
                of
            });
            Ok(groups.collect())
        })
        .await
    }
}
