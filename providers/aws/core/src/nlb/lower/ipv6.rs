//! IPv6 of the load balancer in its subnets, as parameters name it.
//!
//! "For internet-facing load balancer, you can specify one IPv6 address per subnet"
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>). "Specify an IPv6 prefix (/80
//! netmask) from the subnet CIDR block or auto_assigned to use an IPv6 prefix selected at random from the subnet CIDR block"
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SubnetMapping.html>).

use super::Context;
use crate::alb::lower::report::{Consequence, Place, Report};
use crate::network::{IpAddressType, Ipv6, Scheme, Subnet};
use ipnet::Ipv6Net;
use std::collections::BTreeSet;
use std::net::Ipv6Addr;

/// What it has in these subnets, for listeners that take datagrams or not. What cannot be had is reported, and AWS chooses.
pub(super) fn ipv6(
    context: &Context<'_>,
    (subnets, datagrams): (&BTreeSet<Subnet>, bool),
    report: &mut Report,
) -> Ipv6 {
    let settings = context.plain.settings;
    let gateway = format!("Gateway {}", context.plain.balancer.gateway);
    let place = Place::new(
        &gateway,
        "spec.infrastructure.parametersRef",
        Consequence::Ignored,
    );
    if settings.ip_address_type == IpAddressType::Ipv4 {
        if !settings.ipv6.is_empty() {
            let why = "ipv6: the load balancer has no IPv6 addresses";
            let _ = report.refuse(&place, why, "set ipAddressType to Dualstack, or leave ipv6 out");
        }
        return Ipv6::default();
    }
    let mut found = Ipv6 {
        source_nat: datagrams,
        ..Ipv6::default()
    };
    for (subnet, choice) in &settings.ipv6 {
        let field = format!("ipv6[subnet={subnet}]");
        if !subnets.iter().any(|one| one.id == *subnet) {
            let why = format!("{field}: the load balancer does not stand in that subnet");
            let _ = report.refuse(
                &place,
                &why,
                "name a subnet that it stands in, or leave the entry out",
            );
            continue;
        }
        let block = context.surroundings.blocks6.get(subnet);
        if let Some(address) = choice.address {
            match usable(address, (settings.scheme, block)) {
                Ok(()) => {
                    found.addresses.insert(subnet.clone(), address);
                }
                Err((why, instead)) => {
                    let _ = report.refuse(&place, &format!("{field}.address: {why}"), instead);
                }
            }
        }
        if let Some(prefix) = choice.source_nat {
            if block.is_some_and(|block| block.contains(&prefix)) {
                found.prefixes.insert(subnet.clone(), prefix);
            } else {
                let why = format!("{field}.sourceNatPrefix: {prefix} is not in {}", words(block));
                let _ = report.refuse(
                    &place,
                    &why,
                    "name a block of 80 bits of the subnet, or leave it out",
                );
            }
        }
    }
    found.source_nat |= !found.prefixes.is_empty();
    found
}

/// Why an address cannot be had, and what helps.
fn usable(
    address: Ipv6Addr,
    (scheme, block): (Scheme, Option<&Ipv6Net>),
) -> Result<(), (String, &'static str)> {
    if scheme == Scheme::Internal {
        return Err((
            "an internal load balancer has the IPv6 addresses that AWS chooses".to_owned(),
            "set scheme to InternetFacing, or leave it out",
        ));
    }
    if block.is_some_and(|block| block.contains(&address)) {
        return Ok(());
    }
    Err((
        format!("{address} is not in {}", words(block)),
        "name a free address of the subnet, or leave it out",
    ))
}

fn words(block: Option<&Ipv6Net>) -> String {
    block.map_or_else(
        || "the subnet, which has no block of IPv6 addresses".to_owned(),
        |block| format!("{block} of the subnet"),
    )
}
