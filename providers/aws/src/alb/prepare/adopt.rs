//! A load balancer that exists and is to be a Gateway's: its owner gives it over by the tags that mark ownership. What
//! the parameters do not name stays as it is.

use super::{ElbDriver, about, invalid};
use crate::cloud::{Balancer, Cloud, Kind};
use crate::owner::Owner;
use gatewright_aws_core::alb::settings::Settings;
use gatewright_aws_core::network::{BalancerKind, Scheme};
use gatewright_crds::own::AwsLoadBalancerParametersSpec;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::ProviderError;

const KIND: &str = "load balancer";

impl<C: Cloud> ElbDriver<C> {
    /// The load balancer that parameters name; `None`: they name none.
    ///
    /// # Errors
    /// When it is not there, or not given over.
    pub(super) async fn adopted(
        &self,
        gateway: &ObjectName,
        parameters: &AwsLoadBalancerParametersSpec,
    ) -> Result<Option<Balancer>, ProviderError> {
        let Some(name) = parameters.adopt.as_deref() else {
            return Ok(None);
        };
        if self.kind() != BalancerKind::Application {
            let message = "adopt: only Application Load Balancers can be taken over".to_owned();
            return Err(invalid(KIND, name, message));
        }
        let found = self.cloud().balancer_named(name).await;
        let Some(found) = found.map_err(|error| about(error, KIND, name))? else {
            let message = "adopt: it does not exist in this account and region".to_owned();
            return Err(invalid(KIND, name, message));
        };
        if found.kind != BalancerKind::Application {
            return Err(invalid(
                KIND,
                name,
                "adopt: it is no Application Load Balancer".to_owned(),
            ));
        }
        let owner = Owner {
            cluster: self.cluster().into(),
            gateway: gateway.clone(),
        };
        let arns = std::slice::from_ref(&found.arn);
        let failed = |error| about(error, "tags of load balancer", name);
        let mut tags = self.cloud().tags(arns).await.map_err(failed)?;
        if tags.get(&found.arn).is_some_and(|tags| owner.owns(tags)) {
            return Ok(Some(found));
        }
        // It may have been given over since they were read.
        let now = self.cloud().tags_now(Kind::Balancer, arns).await;
        tags = now.map_err(failed)?;
        let tags = tags.remove(&found.arn).unwrap_or_default();
        if owner.owns(&tags) {
            return Ok(Some(found));
        }
        let marks = owner.marks().into_iter();
        let missing: Vec<String> = marks
            .filter(|(key, value)| tags.get(key) != Some(value))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let message = format!(
            "adopt: its owner has not given it over: it lacks the tags {}",
            missing.join(" and ")
        );
        Err(invalid(KIND, name, message))
    }
}

/// Takes over what the parameters do not name.
///
/// # Errors
/// What they name and cannot change, in words.
pub(super) fn inherit(
    settings: &mut Settings,
    parameters: &AwsLoadBalancerParametersSpec,
    adopted: &Balancer,
) -> Result<(), String> {
    if parameters.scheme.is_some() && settings.scheme != adopted.scheme {
        let is = match adopted.scheme {
            Scheme::Internal => "Internal",
            Scheme::InternetFacing => "InternetFacing",
        };
        return Err(format!(
            "adopt: its scheme is {is} and cannot change; set scheme to that, or leave it out"
        ));
    }
    if parameters.vpc.as_deref().is_some_and(|vpc| *vpc != *adopted.vpc) {
        return Err(format!(
            "adopt: it stands in {}; set vpc to that, or leave it out",
            adopted.vpc
        ));
    }
    let asks_pool = parameters.customer_owned_ipv4_pool.is_some();
    if asks_pool && settings.customer_owned_pool != adopted.customer_owned_pool {
        let is = adopted.customer_owned_pool.as_deref().unwrap_or("none");
        return Err(format!(
            "adopt: its pool of customer-owned addresses is {is} and cannot change; set customerOwnedIpv4Pool to that, or leave it \
             out"
        ));
    }
    settings.name = Some(adopted.name.clone());
    settings.scheme = adopted.scheme;
    if parameters.ip_address_type.is_none() {
        settings.ip_address_type = adopted.ip_address_type;
    }
    settings
        .customer_owned_pool
        .clone_from(&adopted.customer_owned_pool);
    if parameters.ipam_pool.is_none() {
        settings.ipam_pool.clone_from(&adopted.ipam_pool);
    }
    if parameters.security_groups.is_none() && parameters.source_ranges.is_none() {
        let groups = adopted.security_groups.iter().map(|group| group.0.clone());
        settings.security_groups = Some(groups.collect());
    }
    Ok(())
}
