//! Load balancers.

use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Arn, Balancer, State};
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Ipv6, Scheme, StaticAddress};
use std::net::Ipv6Addr;

/// Scheme as the SDK takes it.
pub(in crate::cloud) const fn scheme_to_sdk(scheme: Scheme) -> sdk::LoadBalancerSchemeEnum {
    match scheme {
        Scheme::Internal => sdk::LoadBalancerSchemeEnum::Internal,
        Scheme::InternetFacing => sdk::LoadBalancerSchemeEnum::InternetFacing,
    }
}

/// Type as the SDK takes it.
pub(in crate::cloud) const fn kind_to_sdk(kind: BalancerKind) -> sdk::LoadBalancerTypeEnum {
    match kind {
        BalancerKind::Application => sdk::LoadBalancerTypeEnum::Application,
        BalancerKind::Network => sdk::LoadBalancerTypeEnum::Network,
    }
}

/// Address families as the SDK takes them.
pub(in crate::cloud) const fn addresses_to_sdk(wanted: IpAddressType) -> sdk::IpAddressType {
    match wanted {
        IpAddressType::Ipv4 => sdk::IpAddressType::Ipv4,
        IpAddressType::Dualstack => sdk::IpAddressType::Dualstack,
        IpAddressType::DualstackWithoutPublicIpv4 => sdk::IpAddressType::DualstackWithoutPublicIpv4,
    }
}

/// A load balancer that AWS describes, or which of its fields we cannot read.
pub(in crate::cloud) fn from_sdk(balancer: &sdk::LoadBalancer) -> Result<Balancer, &'static str> {
    let scheme = match balancer.scheme() {
        Some(sdk::LoadBalancerSchemeEnum::Internal) => Scheme::Internal,
        Some(sdk::LoadBalancerSchemeEnum::InternetFacing) => Scheme::InternetFacing,
        _ => return Err("Scheme"),
    };
    let ip_address_type = match balancer.ip_address_type() {
        Some(sdk::IpAddressType::Ipv4) | None => IpAddressType::Ipv4,
        Some(sdk::IpAddressType::Dualstack) => IpAddressType::Dualstack,
        Some(sdk::IpAddressType::DualstackWithoutPublicIpv4) => IpAddressType::DualstackWithoutPublicIpv4,
        Some(_) => return Err("IpAddressType"),
    };
    let kind = match balancer.r#type() {
        Some(sdk::LoadBalancerTypeEnum::Application) => BalancerKind::Application,
        Some(sdk::LoadBalancerTypeEnum::Network) => BalancerKind::Network,
        _ => return Err("Type"),
    };
    let zones = balancer.availability_zones();
    Ok(Balancer {
        arn: Arn(balancer.load_balancer_arn().ok_or("LoadBalancerArn")?.into()),
        name: balancer.load_balancer_name().ok_or("LoadBalancerName")?.into(),
        kind,
        scheme,
        vpc: balancer.vpc_id().unwrap_or_default().into(),
        ip_address_type,
        ipam_pool: balancer
            .ipam_pools()
            .and_then(sdk::IpamPools::ipv4_ipam_pool_id)
            .map(Into::into),
        customer_owned_pool: balancer.customer_owned_ipv4_pool().map(Into::into),
        subnets: zones
            .iter()
            .filter_map(|zone| zone.subnet_id().map(Into::into))
            .collect(),
        addresses: zones
            .iter()
            .filter_map(|zone| Some((zone.subnet_id()?.into(), address(zone)?)))
            .collect(),
        ipv6: Ipv6 {
            addresses: zones
                .iter()
                .filter_map(|zone| Some((zone.subnet_id()?.into(), six(zone)?)))
                .collect(),
            source_nat: balancer.enable_prefix_for_ipv6_source_nat()
                == Some(&sdk::EnablePrefixForIpv6SourceNatEnum::On),
            prefixes: zones
                .iter()
                .filter_map(|zone| {
                    let prefix = zone.source_nat_ipv6_prefixes().first()?;
                    Some((zone.subnet_id()?.into(), prefix.parse().ok()?))
                })
                .collect(),
        },
        security_groups: balancer
            .security_groups()
            .iter()
            .map(|id| Arn(id.as_str().into()))
            .collect(),
        private_link: match balancer.enforce_security_group_inbound_rules_on_private_link_traffic() {
            Some("on") => Some(true),
            Some("off") => Some(false),
            _ => None,
        },
        dns_name: balancer.dns_name().unwrap_or_default().into(),
        state: state(balancer.state()).ok_or("State")?,
    })
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAddress.html>: an Elastic IP
/// address with its allocation, or the private address of an internal load balancer.
fn address(zone: &sdk::AvailabilityZone) -> Option<StaticAddress> {
    let mut addresses = zone.load_balancer_addresses().iter();
    addresses.find_map(|address| {
        let allocation = address.allocation_id().map(Into::into);
        let ip = match &allocation {
            Some(_) => address.ip_address(),
            None => address.private_ipv4_address(),
        };
        Some(StaticAddress {
            ip: ip?.parse().ok()?,
            allocation,
        })
    })
}

/// Its IPv6 address in a zone, where AWS tells one.
fn six(zone: &sdk::AvailabilityZone) -> Option<Ipv6Addr> {
    let mut addresses = zone.load_balancer_addresses().iter();
    addresses.find_map(|address| address.ipv6_address()?.parse().ok())
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerState.html>.
fn state(state: Option<&sdk::LoadBalancerState>) -> Option<State> {
    let state = state?;
    let reason = || state.reason().unwrap_or("AWS gives no reason").into();
    Some(match state.code()? {
        sdk::LoadBalancerStateEnum::Provisioning => State::Provisioning,
        sdk::LoadBalancerStateEnum::Active => State::Active,
        sdk::LoadBalancerStateEnum::ActiveImpaired => State::Impaired(reason()),
        sdk::LoadBalancerStateEnum::Failed => State::Failed(reason()),
        _ => return None,
    })
}
