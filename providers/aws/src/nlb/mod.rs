//! Network Load Balancers: what is their own before they are wanted. The driver is that of [`crate::alb`].

use crate::alb::{Request, quotas};
use crate::cloud::{Answer, Arn, Balancer, Cloud, Kind, State, SubnetDetails};
use crate::owner::Owner;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::settings::{self, Settings};
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Scheme};
use gatewright_aws_core::nlb::fit::fit;
use gatewright_aws_core::nlb::lower::{Outline, lower_and_wait, outline};
use gatewright_aws_core::nlb::settings::{Behind, Surroundings, Tagged};
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// Until a certificate that is missing is looked for again.
const LOOK: Duration = Duration::from_secs(60);

/// A Gateway, lowered with what surrounds it; `own` are its load balancers.
///
/// # Errors
/// When that cannot be read.
pub async fn request<C: Cloud>(
    cloud: &C,
    (balancer, settings): (&LoadBalancer, &Settings),
    (place, subnets, own): (settings::Surroundings, &[SubnetDetails], &[Balancer]),
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
        blocks6: subnets
            .iter()
            .filter_map(|subnet| Some((subnet.id.clone(), subnet.block6.parse().ok()?)))
            .collect(),
        elastic,
        tagged: if asked.is_empty() {
            tagged(cloud, &balancer.gateway, settings).await?
        } else {
            BTreeMap::new()
        },
        gateways: gateways(cloud, settings).await?,
        beside: beside(cloud, (balancer, settings), (&place.vpc, own)).await?,
        limits: cloud.network_limits().await?,
        place,
    };
    let (fitted, mut unsupported) = fit(balancer, settings, &surroundings);
    unsupported.extend(fitted.left_out);
    let missing = settings
        .ports
        .iter()
        .filter_map(|(port, settings)| Some((settings.gateway.clone()?, *port)))
        .find(|key| !surroundings.gateways.contains_key(key));
    let (_, waits) = lower_and_wait(balancer, settings, &surroundings);
    Ok(Request {
        look_again: waits.certificates.then_some(LOOK),
        fault: fault(&unsupported).or_else(|| missing.as_ref().map(waiting)),
        target: fitted.target,
        unsupported,
        quotas: quotas(&fitted.needs),
    })
}

/// Which of its two names the load balancer has: that of one that stands as is wanted or can become so, else that of none that
/// stands.
async fn beside<C: Cloud>(
    cloud: &C,
    (balancer, settings): (&LoadBalancer, &Settings),
    (vpc, own): (&str, &[Balancer]),
) -> Answer<bool> {
    let Outline { names, datagrams } = outline(balancer, settings, vpc);
    let [first, second] = names.map(|name| own.iter().find(|balancer| balancer.name == name));
    let wanted = settings.ip_address_type.of(BalancerKind::Network);
    let is = |balancer: &Balancer| balancer.ip_address_type == wanted;
    match (first, second) {
        (Some(first), Some(second)) if is(first) || is(second) => Ok(!is(first)),
        (Some(standing), _) => Ok(!can_become(cloud, standing, (wanted, datagrams)).await?),
        (None, Some(standing)) => can_become(cloud, standing, (wanted, datagrams)).await,
        (None, None) => Ok(false),
    }
}

/// Whether a load balancer can have addresses of this type in place: while it takes datagrams it keeps its own. Where it is to
/// take none any more, their listeners go first.
async fn can_become<C: Cloud>(
    cloud: &C,
    balancer: &Balancer,
    (wanted, datagrams): (IpAddressType, bool),
) -> Answer<bool> {
    if balancer.ip_address_type == wanted || !datagrams {
        return Ok(true);
    }
    let listeners = cloud.listeners(&balancer.arn).await?;
    Ok(!listeners.iter().any(|listener| listener.transport.is_udp()))
}

/// Elastic IP addresses with the tags that parameters name: those that nobody has, and those of the Gateway's own load
/// balancers.
async fn tagged<C: Cloud>(
    cloud: &C,
    gateway: &ObjectName,
    settings: &Settings,
) -> Answer<BTreeMap<IpAddr, Tagged>> {
    if settings.elastic_tags.is_empty() || settings.scheme == Scheme::Internal {
        return Ok(BTreeMap::new());
    }
    let owner = Owner {
        cluster: settings.cluster.clone(),
        gateway: gateway.clone(),
    };
    let own = cloud.find(Kind::Balancer, &owner.marks()).await?;
    let arns: Vec<Arn> = own.into_iter().map(|tagged| tagged.arn).collect();
    let mut at: BTreeMap<IpAddr, Str> = BTreeMap::new();
    for balancer in cloud.balancers(&arns).await? {
        for (subnet, address) in balancer.addresses {
            at.insert(address.ip, subnet);
        }
    }
    let all = cloud.elastic_addresses_tagged(&settings.elastic_tags).await?;
    let usable = all.into_iter().filter_map(|found| {
        let at = at.get(&found.ip).cloned();
        let tagged = Tagged {
            allocation: found.allocation,
            at,
        };
        (!found.used || tagged.at.is_some()).then_some((found.ip, tagged))
    });
    Ok(usable.collect())
}

/// Application Load Balancers of the Gateways that ports lead to, with the ports that they have a listener on. A group leads to
/// "an Application Load Balancer with a listener on the same port"
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/application-load-balancer-target.html>).
async fn gateways<C: Cloud>(cloud: &C, settings: &Settings) -> Answer<BTreeMap<(ObjectName, u16), Behind>> {
    let mut found = BTreeMap::new();
    let named = settings.ports.values().filter_map(|port| port.gateway.as_ref());
    for gateway in named.collect::<BTreeSet<&ObjectName>>() {
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
            for listener in cloud.listeners(&balancer.arn).await? {
                let tls = listener.tls.as_ref();
                let behind = Behind {
                    arn: balancer.arn.0.clone(),
                    https: tls.is_some_and(|tls| tls.clients.trust_store().is_none()),
                };
                found.insert((gateway.clone(), listener.port), behind);
            }
        }
    }
    Ok(found)
}

/// It may be on its way.
fn waiting((gateway, port): &(ObjectName, u16)) -> ProgrammingFault {
    ProgrammingFault {
        reason: "Pending".into(),
        message: format!(
            "Gateway {gateway} has no active Application Load Balancer with a listener on port {port} yet"
        ),
    }
}

/// An address that was asked for and cannot be had: `GatewayReasonAddressNotUsable`, "the provided addresses cannot be
/// used".
fn fault(unsupported: &[Unsupported]) -> Option<ProgrammingFault> {
    let refused: Vec<String> = unsupported
        .iter()
        .filter(|item| !item.approximated)
        .filter(|item| {
            let by_parameters = ["elasticIpTags", "ipv6"];
            item.field.starts_with("spec.addresses[")
                || by_parameters.iter().any(|field| item.why.starts_with(field))
        })
        .map(|item| format!("{}: {}; {}", item.field, item.why, item.alternative))
        .collect();
    (!refused.is_empty()).then(|| ProgrammingFault {
        reason: "AddressNotUsable".into(),
        message: refused.join("; "),
    })
}
