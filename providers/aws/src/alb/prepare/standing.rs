//! Where a Gateway's load balancer stands already: there it stays. Pods take addresses of the same subnets all day, and a
//! subnet that has few left for them does not take a load balancer away that has its addresses.

use super::{ElbDriver, about};
use crate::cloud::{Arn, Balancer, Cloud, Kind, SubnetDetails};
use crate::owner::Owner;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::settings::Settings;
use gatewright_aws_core::network::{BalancerKind, Subnet};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::ProviderError;
use std::collections::BTreeSet;

impl<C: Cloud> ElbDriver<C> {
    /// The Gateway's load balancers of the driver's kind, and the one that it took over: a search may not show that yet.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) async fn own(
        &self,
        gateway: &ObjectName,
        adopted: Option<&Balancer>,
    ) -> Result<Vec<Balancer>, ProviderError> {
        let failed = |error| about(error, "load balancers of", &gateway.to_string());
        let tagged = self
            .cloud()
            .find(Kind::Balancer, &self.owner(gateway).marks())
            .await;
        let arns: Vec<Arn> = tagged
            .map_err(failed)?
            .into_iter()
            .map(|tagged| tagged.arn)
            .collect();
        let mut found = if arns.is_empty() {
            Vec::new()
        } else {
            self.cloud().balancers(&arns).await.map_err(failed)?
        };
        found.retain(|balancer| balancer.kind == self.kind());
        if let Some(adopted) = adopted
            && !found.iter().any(|balancer| balancer.arn == adopted.arn)
        {
            found.push(adopted.clone());
        }
        Ok(found)
    }

    pub(super) fn owner(&self, gateway: &ObjectName) -> Owner {
        Owner {
            cluster: self.cluster().into(),
            gateway: gateway.clone(),
        }
    }
}

/// Those in this VPC with the scheme and, of Application Load Balancers, the pool of customer-owned addresses that are wanted:
/// neither can change.
pub(super) fn alike<'a>(
    own: &'a [Balancer],
    (settings, vpc): (&'a Settings, &'a str),
) -> impl Iterator<Item = &'a Balancer> {
    own.iter().filter(move |balancer| {
        balancer.scheme == settings.scheme
            && (balancer.kind == BalancerKind::Network
                || balancer.customer_owned_pool == settings.customer_owned_pool)
            && *balancer.vpc == *vpc
    })
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
