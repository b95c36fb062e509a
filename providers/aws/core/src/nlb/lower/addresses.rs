//! Addresses that the load balancer keeps (`spec.addresses`, or Elastic IP addresses by their tags).
//!
//! "You can specify one Elastic IP address per subnet if you need static IP addresses for your internet-facing load
//! balancer. For internal load balancers, you can specify one private IP address per subnet from the IPv4 range of the
//! subnet" (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SubnetMapping.html>). A load
//! balancer with such addresses stands in as many zones as it has addresses: its name leads to no others.

use super::Context;
use crate::Str;
use crate::alb::lower::report::{Consequence, Place, Report};
use crate::network::{Scheme, StaticAddress, Subnet};
use crate::nlb::settings::Tagged;
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
    if asked.is_empty() && !context.plain.settings.elastic_tags.is_empty() {
        addresses = tagged(context, &gateway, report);
    }
    let kept = |subnet: &&Subnet| addresses.is_empty() || addresses.contains_key(&subnet.id);
    Stand {
        subnets: subnets.iter().filter(kept).cloned().collect(),
        addresses,
    }
}

/// Elastic IP addresses by their tags: each stays where the load balancer has it already, then the free ones follow, the lowest
/// allocation first.
fn tagged(context: &Context<'_>, gateway: &str, report: &mut Report) -> BTreeMap<Str, StaticAddress> {
    let place = Place::new(gateway, "spec.infrastructure.parametersRef", Consequence::Ignored);
    let subnets = &context.surroundings.place.subnets;
    if context.plain.settings.scheme == Scheme::Internal {
        let why = "elasticIpTags: an internal load balancer has no Elastic IP addresses";
        let _ = report.refuse(
            &place,
            why,
            "set scheme to InternetFacing, or leave elasticIpTags out",
        );
        return BTreeMap::new();
    }
    let own = |(ip, found): (&IpAddr, &Tagged)| StaticAddress {
        ip: *ip,
        allocation: Some(found.allocation.clone()),
    };
    let all = &context.surroundings.tagged;
    let mut chosen: BTreeMap<Str, StaticAddress> = BTreeMap::new();
    for found in all {
        if let Some(at) = &found.1.at
            && subnets.iter().any(|subnet| subnet.id == *at)
        {
            chosen.entry(at.clone()).or_insert_with(|| own(found));
        }
    }
    let taken: BTreeSet<IpAddr> = chosen.values().map(|address| address.ip).collect();
    let mut free: Vec<(&IpAddr, &Tagged)> = all.iter().filter(|(ip, _)| !taken.contains(*ip)).collect();
    free.sort_by_key(|(_, found)| &found.allocation);
    let mut free = free.into_iter();
    for subnet in subnets {
        if !chosen.contains_key(&subnet.id)
            && let Some(found) = free.next()
        {
            chosen.insert(subnet.id.clone(), own(found));
        }
    }
    if chosen.len() < subnets.len() {
        let why = format!(
            "elasticIpTags: {} Elastic IP addresses with these tags are free or the load balancer's, and there are subnets in {} \
             zones: it stands in as many zones as it has addresses",
            chosen.len(),
            subnets.len()
        );
        let instead = "tag one address for each zone, or name fewer subnets";
        let _ = report.refuse(&place, &why, instead);
    }
    chosen
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
