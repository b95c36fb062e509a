//! Addresses that go over from a load balancer to the one that takes its place.
//!
//! "An Elastic IP address can be associated with a single instance or network interface at a time", and a load balancer in each
//! zone has an interface of its own
//! (<https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eips.html>): the successor cannot be made with an address that
//! its predecessor has, and both cannot have it while one takes the place of the other. So the successor is made without
//! those addresses, and gets them when it serves and its predecessor has drained: zone by zone, the predecessor leaves and
//! the successor comes with the address. Clients of one address are cut off for the time of these calls, all others are
//! served. The last one is that of the zone which the predecessor cannot leave: it goes when that goes.
//!
//! A block from which datagrams come to targets is of one load balancer as well, and changes in place: the successor gets the one that
//! its predecessor has when that is gone, and another one of AWS's choice until then.
//!
//! In a single zone none of that is possible: a load balancer never leaves its only zone. Then nothing is replaced, the
//! predecessor serves on, and the Gateway says why.

use super::{Note, Phase, Planner, fields, resource, standing};
use crate::alb::observed::{Observed, SeenBalancer};
use crate::alb::step::Call;
use crate::cloud::Standing;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::network::{StaticAddress, kept};
use ipnet::Ipv6Net;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Addresses that are wanted and that a load balancer still has whose place is taken.
pub fn held(target: &Target, observed: &Observed) -> BTreeSet<StaticAddress> {
    let wanted = kept(&target.balancer.addresses, &target.balancer.ipv6);
    wanted
        .map(|(_, address)| address)
        .filter(|address| former(target, observed).any(|seen| has(seen, address)))
        .collect()
}

/// Load balancers that the wanted one takes the place of.
fn former<'a>(target: &Target, observed: &'a Observed) -> impl Iterator<Item = &'a SeenBalancer> {
    let name = target.balancer.name.clone();
    let all = observed.balancers.values();
    all.filter(move |seen| seen.balancer.name != name)
}

fn has(seen: &SeenBalancer, address: &StaticAddress) -> bool {
    let mut all = kept(&seen.balancer.addresses, &seen.balancer.ipv6);
    all.any(|(_, found)| found == *address)
}

/// Whether addresses can go over while both load balancers stand.
pub fn can_move(target: &Target) -> bool {
    target.balancer.subnets.len() > 1
}

/// The target without the addresses that it cannot have yet, and these.
pub(super) fn for_now<'a>(
    target: Cow<'a, Target>,
    observed: &Observed,
) -> (Cow<'a, Target>, BTreeSet<StaticAddress>) {
    let target = without_held_blocks(target, observed);
    let held = held(&target, observed);
    if held.is_empty() || !can_move(&target) {
        return (target, BTreeSet::new());
    }
    let mut target = target.into_owned();
    target
        .balancer
        .addresses
        .retain(|_, address| !held.contains(&*address));
    let is_held = |ip: IpAddr| held.iter().any(|address| address.ip == ip);
    target
        .balancer
        .ipv6
        .addresses
        .retain(|_, ip| !is_held(IpAddr::V6(*ip)));
    (Cow::Owned(target), held)
}

/// The target without blocks for datagrams that a load balancer has whose place is taken.
fn without_held_blocks<'a>(mut target: Cow<'a, Target>, observed: &Observed) -> Cow<'a, Target> {
    let held: BTreeSet<Ipv6Net> = former(&target, observed)
        .flat_map(|seen| seen.balancer.ipv6.prefixes.values().copied())
        .collect();
    let mut wanted = target.balancer.ipv6.prefixes.values();
    if wanted.any(|block| held.contains(block)) {
        let prefixes = &mut target.to_mut().balancer.ipv6.prefixes;
        prefixes.retain(|_, block| !held.contains(block));
    }
    target
}

/// Addresses in words.
pub fn words<'a>(addresses: impl IntoIterator<Item = &'a StaticAddress>) -> String {
    let all: Vec<String> = addresses
        .into_iter()
        .map(|address| address.ip.to_string())
        .collect();
    all.join(", ")
}

impl Planner<'_> {
    /// Has a load balancer whose place is taken let go of an address, so that its successor gets it. Answers whether it is
    /// to stay for that.
    pub(super) fn hand_over(&mut self, seen: &SeenBalancer) -> bool {
        let balancer = &seen.balancer;
        let mut carried = kept(&balancer.addresses, &balancer.ipv6);
        let Some((zone, _)) = carried.find(|(_, address)| self.moving.contains(address)) else {
            return false;
        };
        let current = self.observed.balancer(&self.target.balancer.name);
        let busy =
            current.is_none_or(|current| standing::next(&self.target.balancer, &current.balancer).is_some());
        if busy {
            return true;
        }
        if balancer.subnets.len() < 2 {
            return false;
        }
        let subnets: BTreeSet<Str> = balancer
            .subnets
            .iter()
            .filter(|id| *id != zone)
            .cloned()
            .collect();
        let mut addresses = balancer.addresses.clone();
        addresses.remove(zone);
        let mut ipv6 = balancer.ipv6.clone();
        ipv6.addresses.remove(zone);
        ipv6.prefixes.remove(zone);
        let change = fields::change("subnets", Some(&balancer.subnets), Some(&subnets));
        let leaving: BTreeSet<StaticAddress> = kept(&balancer.addresses, &balancer.ipv6)
            .filter(|(at, address)| *at == zone && self.moving.contains(address))
            .map(|(_, address)| address)
            .collect();
        let why = format!(
            "its successor serves: {} goes over to that, which it cannot have at the same time",
            words(&leaving)
        );
        let of = resource(super::BALANCER, balancer.name.clone());
        let standing = Standing {
            subnets,
            addresses,
            ipv6,
            ..Standing::default()
        };
        let call = Call::LeaveSubnets(balancer.arn.clone(), standing);
        self.push(Phase::LetGo, Note::update(of, vec![change], &why), call);
        true
    }
}
