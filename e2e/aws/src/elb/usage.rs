//! Which load balancer uses which target groups, and the limits on that.

use super::State;
use super::balancer::{Balancer, Kind};
use super::group::Group;
use super::wire::Action;
use super::{arn, group};
use crate::error::ApiError;
use std::collections::BTreeSet;

/// Where target groups are to be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    /// Load balancer.
    pub balancer: &'a Balancer,
    /// Protocol of the listener.
    pub protocol: &'a str,
    /// The rule that stops using what it uses.
    pub replaced: Option<&'a str>,
}

/// Target groups of an action.
pub(super) fn groups_of(action: &Action) -> impl Iterator<Item = String> + use<> {
    let forward = action.forward_config.clone().unwrap_or_default();
    forward
        .target_groups
        .into_iter()
        .filter_map(|weighted| weighted.target_group_arn)
}

/// Whether a load balancer may use target groups.
///
/// # Errors
///
/// `TargetGroupNotFound`, `IncompatibleProtocols`, `InvalidConfigurationRequest`, `TargetGroupAssociationLimit`,
/// `TooManyUniqueTargetGroupsPerLoadBalancer`, `TooManyTargets`.
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
    room(state, &all)
}

/// Whether the targets of a load balancer's groups are not too many.
///
/// # Errors
///
/// `TooManyTargets`.
pub(super) fn room(state: &State, groups: &BTreeSet<String>) -> Result<(), ApiError> {
    let groups: Vec<&Group> = groups.iter().filter_map(|arn| state.groups.get(arn)).collect();
    let application = |group: &&Group| matches!(group.protocol.as_deref(), Some("HTTP" | "HTTPS") | None);
    let most = state.limits.get(if groups.iter().any(application) {
        "targets-per-application-load-balancer"
    } else {
        "targets-per-network-load-balancer"
    });
    if groups.iter().map(|group| weight(group)).sum::<u64>() > most {
        let message = format!("You have reached the limit of {most} targets per load balancer");
        return Err(ApiError::new("TooManyTargets", message));
    }
    Ok(())
}

/// "Each Application Load Balancer that is a target of the Network Load Balancer counts as 50 targets if cross-zone load
/// balancing is off or 100 targets if it is on" (network/load-balancer-limits).
fn weight(group: &Group) -> u64 {
    let cross = group
        .attributes
        .get("load_balancing.cross_zone.enabled")
        .is_some_and(|value| value == "true");
    let each = match (group.kind.as_str(), cross) {
        ("alb", true) => 100,
        ("alb", false) => 50,
        _ => 1,
    };
    group.targets.len() as u64 * each
}

/// Listeners and target groups of NLBs (network/load-balancer-target-groups, "Routing configuration").
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
    // "You can't use an IPv4 target group with a UDP listener for a dualstack load balancer." (network/create-target-group)
    let datagrams = ["UDP", "TCP_UDP"].contains(&site.protocol);
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
