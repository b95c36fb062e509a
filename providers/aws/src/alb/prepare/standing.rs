//! Where a Gateway's load balancer stands already: there it stays. Pods take addresses of the same subnets all day, and a
//! subnet that has few left for them does not take a load balancer away that has its addresses.

use super::{ElbDriver, about};
use crate::cloud::{Arn, Cloud, Kind, SubnetDetails};
use crate::owner::Owner;
use gatewright_aws_core::Str;
use gatewright_aws_core::network::{Scheme, Subnet};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::ProviderError;
use std::collections::BTreeSet;

impl<C: Cloud> ElbDriver<C> {
    /// Ids of the subnets of the Gateway's load balancers of this scheme in this VPC.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) async fn standing(
        &self,
        gateway: &ObjectName,
        (scheme, vpc): (Scheme, &str),
    ) -> Result<BTreeSet<Str>, ProviderError> {
        let owner = Owner {
            cluster: self.cluster().into(),
            gateway: gateway.clone(),
        };
        let failed = |error| about(error, "load balancers of", &gateway.to_string());
        let tagged = self.cloud().find(Kind::Balancer, &owner.marks()).await;
        let arns: Vec<Arn> = tagged
            .map_err(failed)?
            .into_iter()
            .map(|tagged| tagged.arn)
            .collect();
        let found = if arns.is_empty() {
            Vec::new()
        } else {
            self.cloud().balancers(&arns).await.map_err(failed)?
        };
        let same = found.into_iter().filter(|balancer| {
            balancer.kind == self.kind() && balancer.scheme == scheme && *balancer.vpc == *vpc
        });
        Ok(same.flat_map(|balancer| balancer.subnets).collect())
    }
}

/// These of a VPC's subnets.
pub(super) fn subnets(ids: &BTreeSet<Str>, of_vpc: &[SubnetDetails]) -> BTreeSet<Subnet> {
    let its = of_vpc.iter().filter(|subnet| ids.contains(&subnet.id));
    its.map(|subnet| Subnet {
        id: subnet.id.clone(),
        zone: subnet.zone.clone(),
    })
    .collect()
}
