//! Where a load balancer stands and which addresses it has, as calls ask for it.

use super::balancer::Kind;
use super::surroundings::Place;
use crate::ec2::Fixed;
use crate::error::ApiError;
use crate::input::{list, text, texts};
use serde_json::Value;
use std::collections::BTreeMap;

/// Subnets of a call with the addresses that are chosen for them.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) subnets: Vec<String>,
    pub(super) fixed: BTreeMap<String, Fixed>,
}

/// Subnets by `Subnets` or `SubnetMappings`.
pub(super) fn subnets(input: &Value, kind: Kind, scheme: &str) -> Result<Asked, ApiError> {
    let (plain, mapped) = (texts(input, "Subnets"), list(input, "SubnetMappings"));
    if !plain.is_empty() && !mapped.is_empty() {
        return Err(ApiError::validation(
            "You must specify either subnets or subnet mappings, but not both",
        ));
    }
    if plain.is_empty() && mapped.is_empty() {
        return Err(ApiError::validation(
            "You must specify either subnets or subnet mappings",
        ));
    }
    for mapping in mapped {
        let own = [
            "AllocationId",
            "PrivateIPv4Address",
            "IPv6Address",
            "SourceNatIpv6Prefix",
        ];
        if kind == Kind::Application && own.iter().any(|member| mapping.get(member).is_some()) {
            let message = "You can't specify addresses for the subnets of an Application Load Balancer";
            return Err(ApiError::new("InvalidConfigurationRequest", message));
        }
    }
    let mut asked = Asked {
        subnets: plain.into_iter().map(ToOwned::to_owned).collect(),
        ..Asked::default()
    };
    for mapping in mapped {
        let Some(subnet) = text(mapping, "SubnetId") else {
            return Err(ApiError::validation("A subnet mapping must have a subnet ID"));
        };
        let fixed = fixed(mapping, scheme)?;
        asked.subnets.push(subnet.to_owned());
        if fixed != Fixed::default() {
            asked.fixed.insert(subnet.to_owned(), fixed);
        }
    }
    Ok(asked)
}

/// `API_SubnetMapping`: "AllocationId: \[Network Load Balancers\] The allocation ID of the Elastic IP address for an
/// internet-facing load balancer", "PrivateIPv4Address: \[Network Load Balancers\] The private IPv4 address for an internal
/// load balancer".
fn fixed(mapping: &Value, scheme: &str) -> Result<Fixed, ApiError> {
    let refuse = |message: &str| Err(ApiError::new("InvalidConfigurationRequest", message));
    let (allocation, private) = (text(mapping, "AllocationId"), text(mapping, "PrivateIPv4Address"));
    if allocation.is_some() && scheme != "internet-facing" {
        return refuse("An Elastic IP address is for internet-facing load balancers");
    }
    if private.is_some() && scheme != "internal" {
        return refuse("A private IPv4 address is for internal load balancers");
    }
    if mapping.get("IPv6Address").is_some() || mapping.get("SourceNatIpv6Prefix").is_some() {
        return refuse("IPv6 addresses of subnets are not served by the simulator");
    }
    let private = private
        .map(|address| {
            address.parse().map_err(|_| {
                ApiError::validation(format!("The private IPv4 address '{address}' is not valid"))
            })
        })
        .transpose()?;
    Ok(Fixed {
        allocation: allocation.map(ToOwned::to_owned),
        private,
    })
}

/// Address types by scheme and subnets. `API_CreateLoadBalancer` says that internal load balancers must use
/// `ipv4`; `guide/application-load-balancers#ip-address-type` has internal dual-stack ones, which are served here.
pub(super) fn check_addresses(
    kind: Kind,
    scheme: &str,
    addresses: &str,
    place: &Place,
) -> Result<(), ApiError> {
    // "\[Network Load Balancers\] The possible values are ipv4 and dualstack."
    if kind == Kind::Network && addresses == "dualstack-without-public-ipv4" {
        return Err(ApiError::validation(
            "The IP address type of a Network Load Balancer must be ipv4 or dualstack",
        ));
    }
    if addresses != "ipv4" && !place.ipv6 {
        return Err(ApiError::validation(
            "You must specify subnets with an associated IPv6 CIDR block.",
        ));
    }
    if addresses == "dualstack-without-public-ipv4" && scheme == "internal" {
        let message =
            "The IP address type 'dualstack-without-public-ipv4' needs an internet-facing load balancer";
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    Ok(())
}

/// `IpamPools`: "\[Application Load Balancers\] The IPAM pools to use with the load balancer", of public IPv4 addresses, so that
/// an internal one has none (assumed).
pub(super) fn pools(input: &Value, kind: Kind, scheme: &str) -> Result<Option<Value>, ApiError> {
    let pools = input
        .get("IpamPools")
        .filter(|pools| text(pools, "Ipv4IpamPoolId").is_some());
    if pools.is_some() && (kind != Kind::Application || scheme != "internet-facing") {
        let message = "IPAM pools are for internet-facing Application Load Balancers";
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    Ok(pools.cloned())
}

/// `CustomerOwnedIpv4Pool`: "\[Application Load Balancers on Outposts\] The ID of the customer-owned address pool (CoIP pool)"
/// (`API_CreateLoadBalancer`), so that others have none (assumed, with its code). That a pool exists is not checked: the simulator has
/// none. No other operation takes it: it cannot change.
pub(super) fn customer_owned(input: &Value, kind: Kind, place: &Place) -> Result<Option<String>, ApiError> {
    let pool = text(input, "CustomerOwnedIpv4Pool");
    if pool.is_some() && (kind != Kind::Application || !place.outpost) {
        let message = "A customer-owned address pool is for Application Load Balancers on Outposts";
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    Ok(pool.map(ToOwned::to_owned))
}
