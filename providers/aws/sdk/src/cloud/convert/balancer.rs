//! Load balancers.

use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Arn, Balancer, State};
use gatewright_aws_core::network::{IpAddressType, Scheme};

/// Scheme as the SDK takes it.
pub(in crate::cloud) const fn scheme_to_sdk(scheme: Scheme) -> sdk::LoadBalancerSchemeEnum {
    match scheme {
        Scheme::Internal => sdk::LoadBalancerSchemeEnum::Internal,
        Scheme::InternetFacing => sdk::LoadBalancerSchemeEnum::InternetFacing,
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
    let zones = balancer.availability_zones();
    Ok(Balancer {
        arn: Arn(balancer.load_balancer_arn().ok_or("LoadBalancerArn")?.into()),
        name: balancer.load_balancer_name().ok_or("LoadBalancerName")?.into(),
        scheme,
        vpc: balancer.vpc_id().unwrap_or_default().into(),
        ip_address_type,
        subnets: zones
            .iter()
            .filter_map(|zone| zone.subnet_id().map(Into::into))
            .collect(),
        security_groups: balancer
            .security_groups()
            .iter()
            .map(|id| Arn(id.as_str().into()))
            .collect(),
        dns_name: balancer.dns_name().unwrap_or_default().into(),
        state: state(balancer.state()).ok_or("State")?,
    })
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
