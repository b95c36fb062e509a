//! Network Load Balancers: what is their own before they are wanted. The driver is that of [`crate::alb`].

use crate::alb::{Request, quotas};
use crate::cloud::{Answer, Arn, Cloud, Kind, State, SubnetDetails};
use crate::owner::Owner;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::settings::{self, Settings};
use gatewright_aws_core::network::{BalancerKind, Scheme};
use gatewright_aws_core::nlb::fit::fit;
use gatewright_aws_core::nlb::lower::lower_and_wait;
use gatewright_aws_core::nlb::settings::Surroundings;
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// Until a certificate that is missing is looked for again.
const LOOK: Duration = Duration::from_secs(60);

/// A Gateway, lowered with what surrounds it.
///
/// # Errors
/// When that cannot be read.
pub async fn request<C: Cloud>(
    cloud: &C,
    (balancer, settings): (&LoadBalancer, &Settings),
    (place, subnets): (settings::Surroundings, &[SubnetDetails]),
) -> Answer<Request> {
    let asked: BTreeSet<IpAddr> = balancer
        .addresses
        .iter()
        .filter_map(|address| address.value.as_deref()?.parse().ok())
        .collect();
    let elastic = if asked.is_empty() || settings.scheme == Scheme::Internal {
        BTreeMap::new()
    } else {
        cloud.elastic_addresses(&asked).await?
    };
    let surroundings = Surroundings {
        blocks: subnets
            .iter()
            .filter_map(|subnet| Some((subnet.id.clone(), subnet.block.parse().ok()?)))
            .collect(),
        elastic,
        gateways: gateways(cloud, settings).await?,
        limits: cloud.network_limits().await?,
        place,
    };
    let (fitted, mut unsupported) = fit(balancer, settings, &surroundings);
    unsupported.extend(fitted.left_out);
    let missing = settings
        .ports
        .values()
        .filter_map(|port| port.gateway.as_ref())
        .find(|gateway| !surroundings.gateways.contains_key(*gateway));
    let (_, waits) = lower_and_wait(balancer, settings, &surroundings);
    Ok(Request {
        look_again: waits.certificates.then_some(LOOK),
        fault: fault(&unsupported).or_else(|| missing.map(waiting)),
        target: fitted.target,
        unsupported,
        quotas: quotas(&fitted.needs),
    })
}

/// Application Load Balancers of the Gateways that ports lead to: those that have a listener on the port.
async fn gateways<C: Cloud>(cloud: &C, settings: &Settings) -> Answer<BTreeMap<ObjectName, Str>> {
    let mut found = BTreeMap::new();
    for (port, wanted) in &settings.ports {
        let Some(gateway) = &wanted.gateway else { continue };
        let owner = Owner {
            cluster: settings.cluster.clone(),
            gateway: gateway.clone(),
        };
        let tagged = cloud.find(Kind::Balancer, &owner.marks()).await?;
        let arns: Vec<Arn> = tagged.into_iter().map(|tagged| tagged.arn).collect();
        for balancer in cloud.balancers(&arns).await? {
            if balancer.kind != BalancerKind::Application || !matches!(balancer.state, State::Active) {
                continue;
            }
            let listeners = cloud.listeners(&balancer.arn).await?;
            if listeners.iter().any(|listener| listener.port == *port) {
                found.insert(gateway.clone(), balancer.arn.0.clone());
            }
        }
    }
    Ok(found)
}

/// It may be on its way.
fn waiting(gateway: &ObjectName) -> ProgrammingFault {
    ProgrammingFault {
        reason: "Pending".into(),
        message: format!("Gateway {gateway} has no active Application Load Balancer with the listener yet"),
    }
}

/// An address that was asked for and cannot be had: `GatewayReasonAddressNotUsable`, "the provided addresses cannot be
/// used".
fn fault(unsupported: &[Unsupported]) -> Option<ProgrammingFault> {
    let refused: Vec<String> = unsupported
        .iter()
        .filter(|item| !item.approximated && item.field.starts_with("spec.addresses["))
        .map(|item| format!("{}: {}; {}", item.field, item.why, item.alternative))
        .collect();
    (!refused.is_empty()).then(|| ProgrammingFault {
        reason: "AddressNotUsable".into(),
        message: refused.join("; "),
    })
}
