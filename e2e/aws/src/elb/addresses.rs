//! Where a load balancer stands and which addresses it has, as calls ask for it.

use super::balancer::{Balancer, Kind, Zone};
use super::surroundings::Place;
use crate::ec2::Fixed;
use crate::error::ApiError;
use crate::input::{list, text, texts};
use crate::state::Account;
use ipnet::Ipv6Net;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// Subnets of a call with the addresses that are chosen for them.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) subnets: Vec<String>,
    pub(super) fixed: BTreeMap<String, Fixed>,
    /// What is chosen of IPv6.
    pub(super) six: BTreeMap<String, Six>,
}

/// IPv6 of a subnet mapping.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Six {
    /// `IPv6Address`.
    address: Option<Ipv6Addr>,
    /// `SourceNatIpv6Prefix`, unless it is `auto_assigned`.
    block: Option<Ipv6Net>,
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
        asked.six.insert(subnet.to_owned(), six(mapping)?);
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

/// `API_SubnetMapping`: "IPv6Address: \[Network Load Balancers\] The IPv6 address", "SourceNatIpv6Prefix: \[Network Load Balancers with
/// UDP listeners\] The IPv6 prefix to use for source NAT. Specify an IPv6 prefix (/80 netmask) from the subnet CIDR block or
/// auto_assigned to use an IPv6 prefix selected at random from the subnet CIDR block".
fn six(mapping: &Value) -> Result<Six, ApiError> {
    let address = text(mapping, "IPv6Address").map(|address| {
        address
            .parse()
            .map_err(|_| ApiError::validation(format!("The IPv6 address '{address}' is not valid")))
    });
    let block = text(mapping, "SourceNatIpv6Prefix").filter(|block| *block != "auto_assigned");
    let block = block.map(|block| {
        let parsed = block
            .parse()
            .ok()
            .filter(|block: &Ipv6Net| block.prefix_len() == 80);
        parsed.ok_or_else(|| {
            ApiError::validation(format!("The IPv6 prefix '{block}' must be a block of 80 bits"))
        })
    });
    Ok(Six {
        address: address.transpose()?,
        block: block.transpose()?,
    })
}

/// `EnablePrefixForIpv6SourceNat`: "Indicates whether to use an IPv6 prefix from each subnet for source NAT. The IP address type must be
/// dualstack. The default value is off" (`API_CreateLoadBalancer`, `API_SetSubnets`).
///
/// # Errors
///
/// `InvalidConfigurationRequest` (assumed).
pub(super) fn source_nat(input: &Value, kind: Kind, addresses: &str) -> Result<bool, ApiError> {
    let asked = text(input, "EnablePrefixForIpv6SourceNat");
    // Also where it is switched off (assumed).
    if asked.is_some() && (kind != Kind::Network || addresses != "dualstack") {
        let message = "IPv6 prefixes for source NAT need a dualstack Network Load Balancer";
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    Ok(asked == Some("on"))
}

/// Notes in the zones what is chosen of IPv6, of a load balancer that may exist and, when it stands, keeps what it has. "For internet-facing load
/// balancer, you can specify one IPv6 address per subnet" (`API_SetSubnets`); what it has in a subnet stays as it is while it is
/// enabled, but for the prefix (assumed: `updateSDKLoadBalancerWithSubnetMappings` of the AWS Load Balancer Controller sets prefixes of
/// enabled subnets, and addresses together with dual stack alone). No two have an address or a prefix (assumed of prefixes).
///
/// # Errors
///
/// `InvalidConfigurationRequest`, `ResourceInUse` (which code it is, is assumed).
pub(super) fn choose_ipv6(
    account: &Account,
    (zones, asked): (&mut [Zone], &Asked),
    (scheme, addresses, source_nat): (&str, &str, bool),
    (of, stands): (Option<&Balancer>, bool),
) -> Result<(), ApiError> {
    let refuse = |message: String| Err(ApiError::new("InvalidConfigurationRequest", message));
    let dual = addresses == "dualstack";
    let others = account.elb.balancers.values();
    let others = others.filter(|other| of.is_none_or(|of| of.arn != other.arn));
    let others: Vec<&Zone> = others.flat_map(|other| &other.zones).collect();
    let taken: BTreeSet<Ipv6Net> = others.iter().filter_map(|zone| zone.source_nat).collect();
    for zone in zones {
        let six = asked.six.get(&zone.subnet).copied().unwrap_or_default();
        let of_zone = |of: &&Zone| of.subnet == zone.subnet;
        let there = of.filter(|_| stands).and_then(|of| of.zones.iter().find(of_zone));
        let subnet = account.ec2.subnet(&zone.subnet);
        let range = subnet.and_then(|subnet| subnet.ipv6).filter(|_| dual);
        if let Some(address) = six.address {
            if scheme != "internet-facing" || !range.is_some_and(|range| range.contains(&address)) {
                return refuse(format!(
                    "The IPv6 address '{address}' cannot be used in subnet '{}'",
                    zone.subnet
                ));
            }
            let was_dual = of.is_some_and(|of| of.ip_address_type == "dualstack");
            if was_dual && there.is_some_and(|there| there.ipv6 != Some(address)) {
                return refuse(format!(
                    "The addresses of subnet '{}' cannot be changed while it is enabled for the load balancer",
                    zone.subnet
                ));
            }
            if others.iter().any(|zone| zone.ipv6 == Some(address)) {
                let message = format!("The IPv6 address '{address}' is already in use");
                return Err(ApiError::new("ResourceInUse", message));
            }
        }
        if let Some(block) = six.block
            && !(source_nat && range.is_some_and(|range| range.contains(&block)))
        {
            return refuse(format!(
                "The IPv6 prefix '{block}' cannot be used for source NAT in subnet '{}'",
                zone.subnet
            ));
        }
        if let Some(block) = six.block.filter(|block| taken.contains(block)) {
            let message = format!("The IPv6 prefix '{block}' is already in use");
            return Err(ApiError::new("ResourceInUse", message));
        }
        let stays = there.and_then(|there| there.ipv6);
        zone.ipv6 = six.address.or(stays).filter(|_| dual);
        let stays = there.and_then(|there| there.source_nat);
        let block = six
            .block
            .or(stays)
            .or_else(|| range.and_then(|range| free_block(range, &taken)));
        zone.source_nat = block.filter(|_| source_nat);
    }
    Ok(())
}

/// The last one of 80 bits that nobody has.
fn free_block(range: Ipv6Net, taken: &BTreeSet<Ipv6Net>) -> Option<Ipv6Net> {
    let [a, b, c, d, ..] = range.network().segments();
    let numbers = (0..=u16::MAX).rev();
    let mut blocks =
        numbers.filter_map(|number| Ipv6Net::new(Ipv6Addr::new(a, b, c, d, number, 0, 0, 0), 80).ok());
    blocks.find(|block| !taken.contains(block))
}

/// What stays as it is while listeners take datagrams: its type, as "You can't use an IPv4 target group with a UDP listener for a
/// dualstack load balancer" (network/create-listener) and no IPv6 one for another; and prefixes for source NAT, which they need
/// (`addListener` of `NetworkLoadBalancer` in aws/aws-cdk: "To add a listener with UDP protocol to a dual stack NLB,
/// 'enablePrefixForIpv6SourceNat' must be set to true").
///
/// # Errors
///
/// `InvalidConfigurationRequest` (assumed).
pub(super) fn check_datagrams(
    account: &Account,
    balancer: &Balancer,
    (addresses, source_nat): (&str, bool),
) -> Result<(), ApiError> {
    let mut listeners = account.elb.listeners_of(&balancer.arn);
    if !listeners.any(|listener| ["UDP", "TCP_UDP"].contains(&listener.protocol.as_str())) {
        return Ok(());
    }
    let refuse = |message: &str| Err(ApiError::new("InvalidConfigurationRequest", message));
    if addresses != balancer.ip_address_type {
        return refuse("The IP address type cannot be changed while the load balancer has UDP listeners");
    }
    if addresses == "dualstack" && !source_nat {
        return refuse("UDP listeners of a dualstack load balancer need IPv6 prefixes for source NAT");
    }
    Ok(())
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
