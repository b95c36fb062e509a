//! Addresses that the load balancer keeps (`spec.addresses`).
//!
//! "You can specify one Elastic IP address per subnet if you need static IP addresses for your internet-facing load
//! balancer. For internal load balancers, you can specify one private IP address per subnet from the IPv4 range of the
//! subnet" (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SubnetMapping.html>). A load
//! balancer with such addresses stands in as many zones as it has addresses: its name leads to no others.

use super::Context;
use crate::Str;
use crate::alb::lower::report::{Consequence, Place, Report};
use crate::network::{Scheme, StaticAddress, Subnet};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Where the load balancer stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stand {
    /// Its subnets.
    pub subnets: BTreeSet<Subnet>,
    /// Its addresses, by subnet.
    pub addresses: BTreeMap<Str, StaticAddress>,
}

/// The subnets and addresses. Addresses that cannot be had are reported, and the load balancer stands without them.
pub(super) fn stand(context: &Context<'_>, report: &mut Report) -> Stand {
    let gateway = format!("Gateway {}", context.plain.balancer.gateway);
    let subnets = &context.surroundings.place.subnets;
    let mut free: Vec<&Subnet> = subnets.iter().collect();
    let mut addresses = BTreeMap::new();
    let mut asked = BTreeSet::new();
    for (index, request) in context.plain.balancer.addresses.iter().enumerate() {
        let Some(value) = &request.value else { continue };
        let place = Place::new(
            &gateway,
            &format!("spec.addresses[{index}]"),
            Consequence::Ignored,
        );
        let Ok(ip) = value.parse::<IpAddr>() else {
            let why = format!("{value} is not an IP address: the load balancer has a name that it is given");
            let _ = report.refuse(&place, &why, "use type IPAddress, or no address");
            continue;
        };
        if !asked.insert(ip) {
            continue;
        }
        match choose(ip, &free, context) {
            Ok((at, allocation)) => {
                let subnet = free.remove(at);
                addresses.insert(subnet.id.clone(), StaticAddress { ip, allocation });
            }
            Err(why) => {
                let instead = "use an Elastic IP address of the account and region for each zone, of an internal load \
                               balancer a free address of its subnets";
                let _ = report.refuse(&place, &why, instead);
            }
        }
    }
    let kept = |subnet: &&Subnet| addresses.is_empty() || addresses.contains_key(&subnet.id);
    Stand {
        subnets: subnets.iter().filter(kept).cloned().collect(),
        addresses,
    }
}

/// Which of the free subnets gets an address, by position, and its allocation.
fn choose(ip: IpAddr, free: &[&Subnet], context: &Context<'_>) -> Result<(usize, Option<Str>), String> {
    match context.plain.settings.scheme {
        Scheme::InternetFacing => {
            let Some(allocation) = context.surroundings.elastic.get(&ip) else {
                return Err(format!(
                    "{ip} is no Elastic IP address of the account in this region"
                ));
            };
            if free.is_empty() {
                let zones = context.surroundings.place.subnets.len();
                return Err(format!(
                    "{ip} is one too many: there are subnets in {zones} zones, each has one address"
                ));
            }
            Ok((0, Some(allocation.clone())))
        }
        Scheme::Internal => {
            let holds = |subnet: &&Subnet| {
                let block = context.surroundings.blocks.get(&subnet.id);
                block.is_some_and(|block| block.contains(&ip))
            };
            match free.iter().position(holds) {
                Some(at) => Ok((at, None)),
                None => Err(format!(
                    "{ip} is not in a subnet of the load balancer, or another address is in the same"
                )),
            }
        }
    }
}
