//! Where a load balancer stands, and what it has there: from what there is to what is wanted, call by call.
//!
//! What it has in a subnet stays as it is while it stands in it: its Elastic IP address
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/availability-zones.html>), and an IPv6 address likewise ("with their
//! existing configurations", `API_SetSubnets`). So it leaves the subnet first, while it stays in another, and comes back with the
//! new one. A load balancer that becomes dual-stack gets its IPv6 addresses in the call that makes it so: it had none. The blocks from which
//! datagrams come to targets change in place (`EnablePrefixForIpv6SourceNat` and `SourceNatIpv6Prefix` of `SetSubnets`). They are
//! switched off while it is dual-stack ("The IP address type must be dualstack"), then it ends to be that, then it goes to other subnets,
//! which may have no IPv6.

use super::fields;
use crate::cloud::{self, Standing};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::Balancer;
use gatewright_aws_core::network::{IpAddressType, Ipv6, StaticAddress};
use gatewright_provider_api::contract::FieldChange;
use std::collections::{BTreeMap, BTreeSet};

/// Where it stands next on the way to where it is wanted; none when it stands there.
pub(in crate::alb) fn next(wanted: &Balancer, seen: &cloud::Balancer) -> Option<Standing> {
    if seen.ip_address_type.is_dual() && !wanted.ip_address_type.is_dual() {
        return seen.ipv6.source_nat.then(|| without_blocks(seen));
    }
    let ids: BTreeSet<Str> = wanted.subnets.iter().map(|subnet| subnet.id.clone()).collect();
    let (wrong, kept): (BTreeSet<&Str>, BTreeSet<&Str>) = ids
        .intersection(&seen.subnets)
        .partition(|id| differs(id, wanted, seen));
    let alone = wrong.len() == 1 && ids.len() == 1 && ids == seen.subnets;
    if wrong.is_empty() || alone {
        let ipv6 = ipv6((&ids, None), wanted, seen);
        let ip_address_type = together(&ipv6, wanted, seen);
        let same = ids == seen.subnets
            && wrong.is_empty()
            && ip_address_type.is_none()
            && !sources_differ(&ipv6, wanted, seen);
        return (!same).then(|| Standing {
            subnets: ids,
            addresses: wanted.addresses.clone(),
            ipv6,
            ip_address_type,
            gives_back: false,
        });
    }
    let missing = ids.difference(&seen.subnets);
    let mut subnets: BTreeSet<Str> = kept.into_iter().chain(missing).cloned().collect();
    let mut addresses: BTreeMap<Str, StaticAddress> = wanted.addresses.clone();
    addresses.retain(|id, _| subnets.contains(id));
    // It never leaves all at once. Where nothing can stay as it is wanted, a subnet stays that is not wanted any more, or
    // one with another address.
    let stays: Option<&Str> = if ids.intersection(&seen.subnets).all(|id| wrong.contains(id)) {
        let unwanted = seen.subnets.difference(&ids).next();
        // The last one: the first may be the only one whose address another subnet waits for.
        unwanted.or_else(|| wrong.iter().next_back().copied())
    } else {
        None
    };
    if let Some(id) = stays {
        subnets.insert(id.clone());
        if let Some(address) = seen.addresses.get(id) {
            addresses.insert(id.clone(), address.clone());
        }
    }
    let ipv6 = ipv6((&subnets, stays), wanted, seen);
    Some(Standing {
        ip_address_type: together(&ipv6, wanted, seen),
        subnets,
        addresses,
        ipv6,
        gives_back: false,
    })
}

/// As it stands, but for the blocks from which datagrams come.
fn without_blocks(seen: &cloud::Balancer) -> Standing {
    Standing {
        subnets: seen.subnets.clone(),
        addresses: seen.addresses.clone(),
        ipv6: Ipv6 {
            addresses: seen.ipv6.addresses.clone(),
            ..Ipv6::default()
        },
        ip_address_type: None,
        gives_back: true,
    }
}

/// Whether what it has in a subnet is not what it is to keep there, so that it leaves. An address of IPv6 that nobody asks for is
/// one that AWS chose.
fn differs(id: &Str, wanted: &Balancer, seen: &cloud::Balancer) -> bool {
    let has_ipv6 = wanted.ip_address_type.is_dual() && seen.ip_address_type.is_dual();
    let six = wanted.ipv6.addresses.get(id);
    seen.addresses.get(id) != wanted.addresses.get(id)
        || (has_ipv6 && six.is_some() && six != seen.ipv6.addresses.get(id))
}

/// What it has of IPv6 in subnets, one of which may stay just as it is: what is wanted there, else what it has.
fn ipv6((subnets, stays): (&BTreeSet<Str>, Option<&Str>), wanted: &Balancer, seen: &cloud::Balancer) -> Ipv6 {
    if !wanted.ip_address_type.is_dual() {
        return Ipv6::default();
    }
    let source_nat = wanted.ipv6.source_nat || seen.ipv6.source_nat;
    let mut found = Ipv6 {
        source_nat,
        ..Ipv6::default()
    };
    for id in subnets {
        let stands = seen.subnets.contains(id);
        let wanted_address = wanted.ipv6.addresses.get(id).filter(|_| stays != Some(id));
        let has = seen.ipv6.addresses.get(id).filter(|_| stands);
        if let Some(address) = wanted_address.or(has) {
            found.addresses.insert(id.clone(), *address);
        }
        let has = seen.ipv6.prefixes.get(id).filter(|_| stands);
        if let Some(prefix) = wanted.ipv6.prefixes.get(id).or(has).filter(|_| source_nat) {
            found.prefixes.insert(id.clone(), *prefix);
        }
    }
    found
}

/// Its type of addresses, where that changes in the same call: with what only a dual-stack load balancer has.
fn together(next: &Ipv6, wanted: &Balancer, seen: &cloud::Balancer) -> Option<IpAddressType> {
    let becomes = wanted.ip_address_type.is_dual() && !seen.ip_address_type.is_dual();
    (becomes && !next.is_unset()).then_some(wanted.ip_address_type)
}

/// Whether the blocks from which datagrams come are to be others. Where nobody asks for any, they stay.
fn sources_differ(next: &Ipv6, wanted: &Balancer, seen: &cloud::Balancer) -> bool {
    let mut blocks = next.prefixes.iter();
    let other = blocks.any(|(id, block)| seen.ipv6.prefixes.get(id) != Some(block));
    wanted.ipv6.source_nat && (other || !seen.ipv6.source_nat)
}

/// What changes, and why, in words of changes.
pub(super) fn words(seen: &cloud::Balancer, next: &Standing) -> (Vec<FieldChange>, &'static str) {
    let mut changes = Vec::new();
    let mut why = "its subnets differ";
    if next.subnets != seen.subnets {
        changes.push(fields::change(
            "subnets",
            Some(&seen.subnets),
            Some(&next.subnets),
        ));
    }
    if next.addresses != seen.addresses {
        changes.push(fields::change(
            "addresses",
            Some(&seen.addresses),
            Some(&next.addresses),
        ));
    }
    if next.ipv6 != seen.ipv6 {
        changes.push(fields::change("ipv6", Some(&seen.ipv6), Some(&next.ipv6)));
        if changes.len() == 1 {
            why = "what it has of IPv6 differs";
        }
    }
    if let Some(addresses) = next.ip_address_type {
        changes.push(fields::change(
            "ipAddressType",
            Some(&seen.ip_address_type),
            Some(&addresses),
        ));
    }
    (changes, why)
}

#[cfg(test)]
mod tests;
