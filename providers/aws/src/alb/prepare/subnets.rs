//! Where a load balancer stands: one subnet for each zone.
//!
//! "Application Load Balancers", "Subnets for your load balancer":
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html>: at least two
//! zones, of Network Load Balancers one, one subnet for each, with a block of at least /27 and eight free addresses; on an AWS
//! Outpost one subnet ("You must specify one Outpost subnet",
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>).

use crate::cloud::SubnetDetails;
use gatewright_aws_core::Str;
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Scheme, Subnet};
use gatewright_crds::own::aws::SubnetChoice;
use std::collections::{BTreeMap, BTreeSet};

/// Tag of subnets for internet-facing load balancers, as EKS and its guides set it.
const PUBLIC: &str = "kubernetes.io/role/elb";

/// Tag of subnets for internal load balancers.
const INTERNAL: &str = "kubernetes.io/role/internal-elb";

/// Beginning of the tag that says whose cluster a subnet is for.
const CLUSTER: &str = "kubernetes.io/cluster/";

/// Free addresses that a load balancer needs in a subnet.
const FREE: u32 = 8;

/// What decides.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Name of the cluster.
    pub cluster: &'a str,
    /// Who can reach the load balancer.
    pub scheme: Scheme,
    /// Its address families.
    pub ip_address_type: IpAddressType,
    /// Its kind.
    pub kind: BalancerKind,
    /// What users chose.
    pub choice: Option<&'a SubnetChoice>,
    /// Whether it has addresses of an AWS Outpost's pool, and so stands on the Outpost.
    pub outpost: bool,
    /// Subnets that the load balancer stands in: it stays there, unless users choose others. It has its addresses, so that
    /// it matters no more how many are free.
    pub standing: &'a BTreeSet<Str>,
}

/// Chooses of the subnets of a VPC.
///
/// # Errors
/// Why there are not two zones, with what was found, in words.
pub fn choose(subnets: &[SubnetDetails], place: &Place<'_>) -> Result<BTreeSet<Subnet>, String> {
    if let Some(ids) = place.choice.and_then(|choice| choice.ids.as_deref()) {
        return named(subnets, ids, place);
    }
    let tags = place.choice.and_then(|choice| choice.tags.as_ref());
    let candidates: Vec<&SubnetDetails> = match tags {
        Some(tags) => subnets.iter().filter(|subnet| has(subnet, tags)).collect(),
        None => discovered(subnets, place),
    };
    let what = match (tags, place.scheme) {
        (Some(_), _) => "with the tags of spec.subnets.tags".to_owned(),
        (None, Scheme::InternetFacing) => format!("tagged {PUBLIC}, or with a route to an internet gateway,"),
        (None, Scheme::Internal) => format!("tagged {INTERNAL}, or without a route to an internet gateway,"),
    };
    let found = candidates.len();
    let wants_ipv6 = place.ip_address_type != IpAddressType::Ipv4;
    let usable = candidates
        .into_iter()
        .filter(|subnet| subnet.free_addresses >= FREE || place.standing.contains(&subnet.id))
        .filter(|subnet| subnet.ipv6 || !wants_ipv6);
    let mut zones: BTreeMap<&str, &SubnetDetails> = BTreeMap::new();
    for subnet in usable {
        let best = zones.entry(&subnet.zone).or_insert(subnet);
        if rank(subnet, place) < rank(best, place) {
            *best = subnet;
        }
    }
    if let Some(found) = on_outpost(&zones, place)? {
        return Ok(found);
    }
    if zones.len() < least(place.kind) {
        let ipv6 = if wants_ipv6 {
            " and a block of IPv6 addresses"
        } else {
            ""
        };
        return Err(format!(
            "a load balancer needs subnets in {} with {FREE} free addresses{ipv6}; of {found} {what} such ones \
             are in {} (of {} subnets in the VPC, {} of them tagged for other clusters): name them in spec.subnets.ids of AwsLoadBalancerParameters, or tag \
             them",
            zones_of(place.kind),
            match zones.keys().next() {
                Some(zone) => format!("zone {zone} alone"),
                None => "no zone".to_owned(),
            },
            subnets.len(),
            subnets
                .iter()
                .filter(|subnet| is_others(subnet, place.cluster))
                .count()
        ));
    }
    Ok(zones.into_values().map(subnet).collect())
}

/// Zones that a load balancer stands in at least.
const fn least(kind: BalancerKind) -> usize {
    match kind {
        BalancerKind::Application => 2,
        BalancerKind::Network => 1,
    }
}

const fn zones_of(kind: BalancerKind) -> &'static str {
    match kind {
        BalancerKind::Application => "two zones",
        BalancerKind::Network => "one zone",
    }
}

/// The subnet of an Outpost; none when neither the settings nor the subnets are of one.
fn on_outpost(
    zones: &BTreeMap<&str, &SubnetDetails>,
    place: &Place<'_>,
) -> Result<Option<BTreeSet<Subnet>>, String> {
    if place.kind == BalancerKind::Network || !(place.outpost || zones.values().any(|subnet| subnet.outpost))
    {
        return Ok(None);
    }
    let mut found = zones.values();
    match (found.next(), found.next()) {
        (Some(only), None) if only.outpost => Ok(Some(BTreeSet::from([subnet(only)]))),
        (Some(only), None) => Err(format!(
            "customerOwnedIpv4Pool: {} is of no AWS Outpost: name the subnet of the Outpost in spec.subnets.ids",
            only.id
        )),
        (None, _) => Err(
            "customerOwnedIpv4Pool: no subnet of an AWS Outpost was found: name it in spec.subnets.ids"
                .to_owned(),
        ),
        (Some(_), Some(_)) => {
            let ids: Vec<&str> = zones.values().map(|subnet| &*subnet.id).collect();
            Err(format!(
                "a load balancer on an AWS Outpost stands in one subnet, of the Outpost; found are {}: name that one in \
                 spec.subnets.ids",
                ids.join(", ")
            ))
        }
    }
}

/// Whether subnets that were chosen are of an Outpost.
pub(super) fn of_outpost(subnets: &[SubnetDetails], chosen: &BTreeSet<Subnet>) -> bool {
    let is_chosen = |id: &Str| chosen.iter().any(|subnet| subnet.id == *id);
    subnets
        .iter()
        .any(|subnet| subnet.outpost && is_chosen(&subnet.id))
}

/// Those that users name.
fn named(subnets: &[SubnetDetails], ids: &[String], place: &Place<'_>) -> Result<BTreeSet<Subnet>, String> {
    let kind = place.kind;
    let mut zones: BTreeMap<&str, &SubnetDetails> = BTreeMap::new();
    for id in ids {
        let Some(found) = subnets.iter().find(|subnet| *subnet.id == **id) else {
            return Err(format!("spec.subnets.ids: {id} is not in the VPC"));
        };
        if let Some(other) = zones.insert(&found.zone, found) {
            return Err(format!(
                "spec.subnets.ids: {} and {id} are both in zone {}; accepted is one subnet for each zone",
                other.id, found.zone
            ));
        }
    }
    if let Some(found) = on_outpost(&zones, place)? {
        return Ok(found);
    }
    if zones.len() < least(kind) {
        return Err(format!(
            "spec.subnets.ids: a load balancer needs subnets in {}",
            zones_of(kind)
        ));
    }
    Ok(zones.into_values().map(subnet).collect())
}

/// Those with the role's tag; where no subnet has it, those that are reached as the scheme wants. Subnets of an Outpost for a load
/// balancer on it alone.
fn discovered<'a>(subnets: &'a [SubnetDetails], place: &Place<'_>) -> Vec<&'a SubnetDetails> {
    let role = match place.scheme {
        Scheme::InternetFacing => PUBLIC,
        Scheme::Internal => INTERNAL,
    };
    let here = || subnets.iter().filter(|subnet| subnet.outpost == place.outpost);
    let free = || here().filter(|subnet| !is_others(subnet, place.cluster));
    let is_set = |subnet: &&SubnetDetails| {
        subnet
            .tags
            .get(role)
            .is_some_and(|value| matches!(&**value, "" | "1"))
    };
    let mut found: Vec<_> = free().filter(is_set).collect();
    if found.is_empty() {
        let public = place.scheme == Scheme::InternetFacing;
        found = free().filter(|subnet| subnet.public == public).collect();
    }
    let known: BTreeSet<&Str> = found.iter().map(|subnet| &subnet.id).collect();
    let standing: Vec<_> = here()
        .filter(|subnet| place.standing.contains(&subnet.id) && !known.contains(&subnet.id))
        .collect();
    found.extend(standing);
    found
}

/// Whether a subnet is for other clusters alone.
fn is_others(subnet: &SubnetDetails, cluster: &str) -> bool {
    let mut clusters = subnet
        .tags
        .keys()
        .filter_map(|key| key.strip_prefix(CLUSTER))
        .peekable();
    clusters.peek().is_some() && clusters.all(|name| name != cluster)
}

/// That where the load balancer stands first, then those for this cluster, then by id, so that the choice stays.
fn rank<'a>(subnet: &'a SubnetDetails, place: &Place<'_>) -> (bool, bool, &'a Str) {
    let ours = subnet.tags.contains_key(&*format!("{CLUSTER}{}", place.cluster));
    (!place.standing.contains(&subnet.id), !ours, &subnet.id)
}

fn has(subnet: &SubnetDetails, tags: &BTreeMap<String, Vec<String>>) -> bool {
    tags.iter().all(|(key, values)| {
        let found = subnet.tags.get(key.as_str());
        found.is_some_and(|found| values.is_empty() || values.iter().any(|value| **value == **found))
    })
}

fn subnet(details: &SubnetDetails) -> Subnet {
    Subnet {
        id: details.id.clone(),
        zone: details.zone.clone(),
    }
}
