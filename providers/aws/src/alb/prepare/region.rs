//! What the region has room for, before anything is made.
//!
//! Load balancers and target groups of a region are counted by lists that are read for all Gateways anyway. Where the
//! region is full, a Gateway that has no load balancer is told so and nothing is made for it; one whose load balancer is to
//! be replaced keeps the one that it has, and its routes are served by that.

use super::standing::alike;
use super::{ElbDriver, FRESH, about, invalid};
use crate::cloud::{Balancer, Census, Cloud, Freshness, Kind};
use gatewright_aws_core::alb::settings::Settings;
use gatewright_aws_core::limits::{AlbLimits, RegionGroups, Taken};
use gatewright_aws_core::network::{BalancerKind, Scheme};
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{ErrorKind, ProviderError, Quota};
use std::time::Duration;

/// What the region has room for.
pub(super) struct Room {
    /// What is needed of the quota of load balancers.
    pub quota: Quota,
    /// Why the load balancer is not replaced although it should be.
    pub fault: Option<ProgrammingFault>,
}

impl Room {
    /// When to look again for room.
    pub fn look_again(&self) -> Option<Duration> {
        self.fault.as_ref().map(|_| Duration::from_secs(FRESH))
    }
}

impl<C: Cloud> ElbDriver<C> {
    /// Whether the region has room for the Gateway's load balancer. Settings that would need a second one where there is
    /// no room become those of the one that stands.
    ///
    /// # Errors
    /// When there is no room and none stands, or when that cannot be read.
    pub(super) async fn region(
        &self,
        gateway: &ObjectName,
        settings: &mut Settings,
        (vpc, own, limits): (&str, &[Balancer], &AlbLimits),
    ) -> Result<Room, ProviderError> {
        let limit = self.most_balancers(limits).await?;
        let stands = alike(own, (&*settings, vpc)).next().is_some();
        let needed = u64::from(!stands);
        let count = |census: Census| census.balancers(self.kind()) as u64;
        let mut there = count(self.census(Freshness::Known).await?);
        if needed > 0 && there + needed > limit {
            there = count(self.census(Freshness::Recent).await?);
        }
        let name = match self.kind() {
            BalancerKind::Application => "Application Load Balancers per Region",
            BalancerKind::Network => "Network Load Balancers per Region",
        };
        let mut room = Room {
            quota: Quota {
                name: name.into(),
                scope: "region".into(),
                used: there + needed,
                others: there.saturating_sub(own.len() as u64),
                limit,
            },
            fault: None,
        };
        if needed == 0 || there + needed <= limit {
            return Ok(room);
        }
        let why = format!(
            "the quota \"{name}\" is {limit}, the region has {there}, the Gateway needs 1 more; have the quota raised in \
             Service Quotas, or delete a load balancer that nobody needs: it is counted again every minute"
        );
        let standing = own.iter().find(|balancer| *balancer.vpc == *vpc);
        let Some(standing) = standing else {
            let error = invalid("load balancer of", &gateway.to_string(), why);
            return Err(ProviderError {
                kind: ErrorKind::QuotaExceeded,
                ..error
            });
        };
        settings.scheme = standing.scheme;
        settings
            .customer_owned_pool
            .clone_from(&standing.customer_owned_pool);
        let is = match standing.scheme {
            Scheme::Internal => "internal",
            Scheme::InternetFacing => "internet-facing",
        };
        room.quota.used = there;
        room.fault = Some(ProgrammingFault {
            reason: "NoResources".into(),
            message: format!(
                "load balancer {}: it stays {is} and serves all routes, because the one that takes its place would \
                 stand beside it for a while: {why}",
                standing.name
            ),
        });
        Ok(room)
    }

    /// What others have of quotas, on the Gateway's load balancer and in the region.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) async fn taken(
        &self,
        gateway: &ObjectName,
        (balancer, limits): (Option<&Balancer>, &AlbLimits),
    ) -> Result<Taken, ProviderError> {
        let failed = |error| about(error, "target groups of", &gateway.to_string());
        let marks = self.owner(gateway).marks();
        let own = self
            .cloud()
            .find(Kind::TargetGroup, &marks)
            .await
            .map_err(failed)?;
        let own: Vec<_> = own.into_iter().map(|tagged| tagged.arn).collect();
        let mut groups = self.census(Freshness::Known).await?.target_groups;
        // A load balancer has no more than so many, so that there is room for all of them.
        let most = limits.target_groups as usize;
        if groups.saturating_add(most) > limits.region_target_groups as usize {
            groups = self.census(Freshness::Recent).await?.target_groups;
        }
        let mut taken = match balancer {
            Some(balancer) => self.others(gateway, balancer).await?,
            None => Taken::default(),
        };
        for arn in &own {
            taken.target_groups.remove(&arn.0);
        }
        taken.region = Some(RegionGroups {
            others: groups.saturating_sub(own.len()),
            own: own.len(),
        });
        Ok(taken)
    }

    async fn census(&self, freshness: Freshness) -> Result<Census, ProviderError> {
        let census = self.cloud().census(freshness).await;
        census.map_err(|error| about(error, "resources of the region of", self.cluster()))
    }

    async fn most_balancers(&self, limits: &AlbLimits) -> Result<u64, ProviderError> {
        let most = match self.kind() {
            BalancerKind::Application => limits.balancers,
            BalancerKind::Network => {
                let limits = self.cloud().network_limits().await;
                let limits = limits.map_err(|error| about(error, "quotas of", self.cluster()))?;
                limits.balancers
            }
        };
        Ok(most.into())
    }
}
