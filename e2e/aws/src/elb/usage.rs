//! Which load balancer uses which target groups, and the limits on that.
//!
//! Codes and their words: the errors of `API_CreateListener`, `API_CreateRule`, `API_ModifyListener` and `API_ModifyRule`
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>), and of
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html>. Figures:
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html> (`guide/` below),
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-limits.html> (`network/` below).

use super::State;
use super::balancer::{Balancer, Kind};
use super::group::Group;
use super::limits::{REGISTRATIONS_OF_TARGET, TARGETS_OF_GROUP};
use super::wire::Action;
use super::{arn, group};
use crate::error::ApiError;
use std::collections::{BTreeMap, BTreeSet};

/// Where target groups are to be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    /// Load balancer.
    pub balancer: &'a Balancer,
    /// Protocol of the listener.
    pub protocol: &'a str,
    /// The rule that stops using what it uses.
    pub replaced: Option<&'a str>,
    /// Of which address type clients are, where the rule says so.
    pub source: Option<&'a str>,
}

/// Target groups of an action.
pub(super) fn groups_of(action: &Action) -> impl Iterator<Item = String> + use<> {
    let forward = action.forward_config.clone().unwrap_or_default();
    forward
        .target_groups
        .into_iter()
        .filter_map(|weighted| weighted.target_group_arn)
}

/// Whether a load balancer may use target groups. `TargetGroupAssociationLimit`: "You've reached the limit on the
/// number of load balancers per target group", which is 1 (`guide/load-balancer-limits`).
/// `TooManyUniqueTargetGroupsPerLoadBalancer`: "the limit on the number of unique target groups per load balancer
/// across all listeners. If a target group is used by multiple actions for a load balancer, it is counted as only one
/// use."
///
/// # Errors
///
/// `TargetGroupNotFound`, `IncompatibleProtocols`, `InvalidConfigurationRequest`, `TargetGroupAssociationLimit`,
/// `TooManyUniqueTargetGroupsPerLoadBalancer`, `TooManyTargets`, `TooManyRegistrationsForTargetId`.
pub(super) fn check(state: &State, groups: &BTreeSet<String>, site: Site<'_>) -> Result<(), ApiError> {
    for arn in groups {
        arn::check(arn, "targetgroup")?;
        let found = state.groups.get(arn).ok_or_else(|| group::missing(arn))?;
        compatible(found, site)?;
        if found
            .balancer
            .as_ref()
            .is_some_and(|other| *other != site.balancer.arn)
        {
            let message = format!(
                "The following target groups cannot be associated with more than one load balancer: {arn}"
            );
            return Err(ApiError::new("TargetGroupAssociationLimit", message));
        }
    }
    let mut all = used(state, &site.balancer.arn, site.replaced);
    let before = all.len();
    all.extend(groups.iter().cloned());
    // Of Network Load Balancers there is no such quota (network/load-balancer-limits).
    let most = match site.balancer.kind {
        Kind::Application => state.limits.get("target-groups-per-application-load-balancer"),
        Kind::Network => u64::MAX,
    };
    if all.len() as u64 > most && all.len() > before {
        let message = format!("You have reached the limit of {most} unique target groups per load balancer");
        return Err(ApiError::new("TooManyUniqueTargetGroupsPerLoadBalancer", message));
    }
    room(state, &all, Some(site.balancer))
}

/// Whether the targets of a load balancer's groups, or of a group that none uses yet, are not too many.
/// `TooManyTargets`: "You've reached the limit on the number of targets."
///
/// # Errors
///
/// `TooManyTargets`, `TooManyRegistrationsForTargetId`.
pub(super) fn room(
    state: &State,
    groups: &BTreeSet<String>,
    balancer: Option<&Balancer>,
) -> Result<(), ApiError> {
    let groups: Vec<&Group> = groups.iter().filter_map(|arn| state.groups.get(arn)).collect();
    let web = |group: &&Group| matches!(group.protocol.as_deref(), Some("HTTP" | "HTTPS") | None);
    let kind = match balancer {
        Some(balancer) => balancer.kind,
        None if groups.iter().any(web) => Kind::Application,
        None => Kind::Network,
    };
    let too_many = |most: u64, per: &str| {
        let message = format!("You have reached the limit of {most} targets per {per}");
        Err(ApiError::new("TooManyTargets", message))
    };
    let most = state.limits.get(match kind {
        Kind::Application => "targets-per-application-load-balancer",
        Kind::Network => "targets-per-network-load-balancer",
    });
    let crosses = |group: &Group| crosses(group, balancer);
    let all: u64 = groups
        .iter()
        .map(|group| group.targets.len() as u64 * weight(group, crosses(group)))
        .sum();
    if all > most {
        return too_many(most, "load balancer");
    }
    match kind {
        Kind::Application => registrations(state, &groups),
        Kind::Network => {
            let most = state
                .limits
                .get("targets-per-availability-zone-per-network-load-balancer");
            if in_fullest_zone(&groups, crosses) > most {
                return too_many(most, "Availability Zone per load balancer");
            }
            Ok(())
        }
    }
}

/// Whether the targets of a group are not too many: "Targets per Target Group per Region (instances or IP addresses)"
/// (`guide/load-balancer-limits`). The code of the error is that of other limits of targets: assumed.
///
/// # Errors
///
/// `TooManyTargets`.
pub(super) fn room_in_group(state: &State, group: &Group) -> Result<(), ApiError> {
    let most = state.limits.get(TARGETS_OF_GROUP);
    if ["ip", "instance"].contains(&group.kind.as_str()) && group.targets.len() as u64 > most {
        let message = format!("You have reached the limit of {most} targets per target group");
        return Err(ApiError::new("TooManyTargets", message));
    }
    Ok(())
}

/// "You've reached the limit on the number of times a target can be registered with a load balancer."
/// (`TooManyRegistrationsForTargetId`): each of its ports in each target group is one.
fn registrations(state: &State, groups: &[&Group]) -> Result<(), ApiError> {
    let most = state.limits.get(REGISTRATIONS_OF_TARGET);
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    for target in groups.iter().flat_map(|group| &group.targets) {
        *times.entry(&target.id).or_default() += 1;
    }
    match times.iter().find(|(_, times)| **times > most) {
        Some((id, _)) => {
            let message = format!("You have reached the limit of {most} registrations for target '{id}'");
            Err(ApiError::new("TooManyRegistrationsForTargetId", message))
        }
        None => Ok(()),
    }
}

/// Targets of the zone that has most: "If a target is registered with N target groups, it counts as N targets toward this
/// limit." "If cross-zone load balancing is enabled, the maximum number of targets per load balancer is 500, regardless of
/// the number of Availability Zones" (network/load-balancer-limits). What is in no zone counts for each.
fn in_fullest_zone(groups: &[&Group], crosses: impl Fn(&Group) -> bool) -> u64 {
    let mut everywhere = 0;
    let mut zones: BTreeMap<&str, u64> = BTreeMap::new();
    for group in groups {
        let crosses = crosses(group);
        let each = weight(group, crosses);
        for target in &group.targets {
            match target.zone.as_deref() {
                Some(zone) if !crosses && zone != "all" => *zones.entry(zone).or_default() += each,
                _ => everywhere += each,
            }
        }
    }
    everywhere + zones.into_values().max().unwrap_or_default()
}

/// Whether a target group's requests cross zones: by its own attribute, else by that of its load balancer
/// (network/edit-target-group-attributes).
fn crosses(group: &Group, balancer: Option<&Balancer>) -> bool {
    let key = "load_balancing.cross_zone.enabled";
    let own = group.attributes.get(key).map(String::as_str);
    let of_balancer = || {
        balancer
            .and_then(|balancer| balancer.attributes.get(key))
            .map(String::as_str)
    };
    match own {
        Some("true") => true,
        Some("false") => false,
        _ => of_balancer() == Some("true"),
    }
}

/// "Each Application Load Balancer that is a target of the Network Load Balancer counts as 50 targets if cross-zone load
/// balancing is off or 100 targets if it is on" (network/load-balancer-limits).
fn weight(group: &Group, crosses: bool) -> u64 {
    match (group.kind.as_str(), crosses) {
        ("alb", true) => 100,
        ("alb", false) => 50,
        _ => 1,
    }
}

/// Listeners and target groups of NLBs (network/load-balancer-target-groups, "Routing configuration").
/// `IncompatibleProtocols`: "The specified configuration is not valid with this protocol." That other mismatches answer
/// `InvalidConfigurationRequest` is not documented.
fn compatible_below_http(group: &Group, site: Site<'_>) -> Result<(), ApiError> {
    let protocol = group.protocol.as_deref().unwrap_or_default();
    let fits = match (site.protocol, group.kind.as_str()) {
        (_, "lambda") => false,
        ("TCP" | "TLS", "alb") => ["TCP", "TLS"].contains(&protocol),
        (_, "alb") => false,
        ("TCP", _) => ["TCP", "TCP_UDP"].contains(&protocol),
        ("TLS", _) => ["TCP", "TLS"].contains(&protocol),
        ("UDP", _) => ["UDP", "TCP_UDP"].contains(&protocol),
        (own, _) => own == protocol,
    };
    if !fits {
        let message = format!(
            "The protocol '{protocol}' of target group '{}' is not supported by {} listeners",
            group.arn, site.protocol
        );
        return Err(ApiError::new("IncompatibleProtocols", message));
    }
    // "To add a listener with UDP protocol to a dual stack NLB, 'enablePrefixForIpv6SourceNat' must be set to true"
    // (`addListener` of `NetworkLoadBalancer` in aws/aws-cdk; its code is assumed).
    let dual = site.balancer.ip_address_type == "dualstack";
    if dual && ["UDP", "TCP_UDP"].contains(&site.protocol) && !site.balancer.source_nat {
        let message = "A UDP listener of a dualstack load balancer needs IPv6 prefixes for source NAT";
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    // "You can't use an IPv4 target group with a UDP listener for a dualstack load balancer." (network/create-target-group)
    // But for clients with IPv4: "With listener rules, a single dual-stack NLB sends IPv6 client traffic to IPv6 targets and
    // IPv4 client traffic to IPv4 targets" (the announcement of rules, 2026-07-22).
    let datagrams = ["UDP", "TCP_UDP"].contains(&site.protocol) && site.source != Some("ipv4");
    if datagrams && site.balancer.ip_address_type == "dualstack" && group.ip_address_type != "ipv6" {
        let message = "An IPv4 target group cannot be used with a UDP listener for a dualstack load balancer";
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    // "You must use an IPv6 target group with a dualstack load balancer": an IPv6 group needs one.
    if group.ip_address_type == "ipv6" && site.balancer.ip_address_type != "dualstack" {
        let message = "An IPv6 target group must be used with a dualstack load balancer";
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    Ok(())
}

/// ALBs route to HTTP and HTTPS target groups and Lambda functions. `guide/target-group-protocol-version`: for gRPC
/// "the only supported listener protocol is HTTPS".
fn compatible(group: &Group, site: Site<'_>) -> Result<(), ApiError> {
    let incompatible = |what: String| Err(ApiError::new("IncompatibleProtocols", what));
    let network = site.balancer.kind == Kind::Network;
    if network {
        compatible_below_http(group, site)?;
    }
    if group.kind == "lambda" {
        return Ok(());
    }
    let protocol = group.protocol.as_deref().unwrap_or_default();
    if !network && !["HTTP", "HTTPS"].contains(&protocol) {
        return incompatible(format!(
            "The protocol '{protocol}' of target group '{}' is not supported by {} listeners",
            group.arn, site.protocol
        ));
    }
    if group.protocol_version.as_deref() == Some("GRPC") && site.protocol != "HTTPS" {
        return incompatible(format!(
            "Target group '{}' has protocol version GRPC, which needs an HTTPS listener",
            group.arn
        ));
    }
    // What a group of another VPC answers is not documented.
    if group.vpc.as_ref().is_some_and(|vpc| *vpc != site.balancer.vpc) {
        let message = format!(
            "Target group '{}' is in a different VPC than load balancer '{}'",
            group.arn, site.balancer.arn
        );
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    Ok(())
}

/// Whether target groups that a rule uses already may stay when its listener changes to a protocol.
///
/// # Errors
///
/// As [`check`].
pub(super) fn still_compatible(
    state: &State,
    groups: &BTreeSet<String>,
    site: Site<'_>,
) -> Result<(), ApiError> {
    groups
        .iter()
        .filter_map(|arn| state.groups.get(arn))
        .try_for_each(|group| compatible(group, site))
}

/// Target groups that the rules of a load balancer name, but for one rule.
fn used(state: &State, balancer: &str, but: Option<&str>) -> BTreeSet<String> {
    let listeners = state.listeners_of(balancer);
    let rules = listeners.flat_map(|listener| state.rules_of(&listener.arn));
    let rules = rules.filter(|rule| Some(rule.arn.as_str()) != but);
    rules
        .flat_map(|rule| rule.actions.iter().flat_map(groups_of))
        .collect()
}

impl State {
    /// Notes which target groups a load balancer uses after its rules changed.
    pub(super) fn recount(&mut self, balancer: &str) {
        let now = used(self, balancer, None);
        let Some(own) = self.balancers.get_mut(balancer) else {
            return;
        };
        let before = std::mem::replace(&mut own.groups, now.clone());
        self.changed.balancers.insert(balancer.to_owned());
        for arn in before.difference(&now).chain(now.difference(&before)) {
            if let Some(group) = self.groups.get_mut(arn) {
                group.balancer = now.contains(arn).then(|| balancer.to_owned());
                self.changed.groups.insert(arn.clone());
            }
        }
    }
}
