//! What can be changed of a load balancer: its subnets, security groups and type of addresses.

use super::addresses::{check_addresses, check_datagrams, choose_ipv6, pools, source_nat, subnets};
use super::balancer::{Balancer, Kind, attach};
use super::{arn, surroundings};
use crate::error::ApiError;
use crate::input::{text, texts, tidy};
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `API_SetSubnets`.
pub(super) fn set_subnets(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let balancer = named(account, input)?;
    let chosen = subnets(input, balancer.kind, &balancer.scheme)?;
    let mut place = surroundings::place(account, context, balancer.kind, &chosen.subnets)?;
    surroundings::choose(account, &mut place.zones, &chosen.fixed);
    for zone in &mut place.zones {
        let Some(there) = balancer.zones.iter().find(|there| there.subnet == zone.subnet) else {
            continue;
        };
        let same = there.allocation == zone.allocation && there.private == zone.private;
        if chosen.fixed.contains_key(&zone.subnet) && !same {
            let message = format!(
                "The addresses of subnet '{}' cannot be changed while it is enabled for the load balancer",
                zone.subnet
            );
            return Err(ApiError::new("InvalidConfigurationRequest", message));
        }
        *zone = there.clone();
    }
    if place.vpc != balancer.vpc {
        let message = "The subnets must be of the VPC of the load balancer";
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    let addresses = text(input, "IpAddressType")
        .unwrap_or(&balancer.ip_address_type)
        .to_owned();
    check_addresses(balancer.kind, &balancer.scheme, &addresses, &place)?;
    let source_nat = source_nat(input, balancer.kind, &addresses)?;
    check_datagrams(account, &balancer, (&addresses, source_nat))?;
    let six = (&mut place.zones[..], &chosen);
    let own = (Some(&balancer), true);
    choose_ipv6(account, six, (&balancer.scheme, &addresses, source_nat), own)?;
    attach(
        account,
        context,
        (
            &Balancer {
                zones: place.zones.clone(),
                ..balancer.clone()
            },
            &chosen.fixed,
        ),
    )?;
    let changed = account.elb.balancer_mut(&balancer.arn)?;
    changed.zones = place.zones;
    changed.ip_address_type = addresses;
    changed.source_nat = source_nat;
    let told = changed.told(context.now);
    Ok(tidy(json!({
        "AvailabilityZones": told.get("AvailabilityZones"),
        "IpAddressType": told.get("IpAddressType"),
        "EnablePrefixForIpv6SourceNat": told.get("EnablePrefixForIpv6SourceNat"),
    })))
}

/// `API_SetSecurityGroups`: "The specified security groups override the previously associated security groups."
pub(super) fn set_security_groups(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let balancer = named(account, input)?;
    let asked: Vec<String> = texts(input, "SecurityGroups")
        .into_iter()
        .map(ToOwned::to_owned)
        .collect();
    if asked.is_empty() {
        return Err(ApiError::validation("A security group must be specified"));
    }
    if balancer.kind == Kind::Network && balancer.security_groups.is_empty() {
        let message = "You cannot set security groups of a Network Load Balancer that was created without";
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    let enforced = text(input, "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic");
    // "[Network Load Balancers] Indicates whether to evaluate inbound security group rules for traffic sent to a Network Load
    // Balancer through Amazon Web Services PrivateLink."
    if balancer.kind == Kind::Application && enforced.is_some() {
        let message = "PrivateLink traffic can only be configured for Network Load Balancers";
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    let groups = surroundings::groups(account, context, &balancer.vpc, &asked)?;
    attach(
        account,
        context,
        (
            &Balancer {
                security_groups: groups.clone(),
                ..balancer.clone()
            },
            &BTreeMap::new(),
        ),
    )?;
    let changed = account.elb.balancer_mut(&balancer.arn)?;
    changed.security_groups.clone_from(&groups);
    if let Some(enforced) = enforced {
        changed.private_link = Some(enforced.to_owned());
    }
    let enforced = changed.enforced();
    Ok(tidy(json!({
        "SecurityGroupIds": groups,
        "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic": enforced,
    })))
}

/// `API_SetIpAddressType`.
pub(super) fn set_ip_address_type(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let balancer = named(account, input)?;
    let ids: Vec<String> = balancer.zones.iter().map(|zone| zone.subnet.clone()).collect();
    let place = surroundings::place(account, context, balancer.kind, &ids)?;
    let addresses = text(input, "IpAddressType").unwrap_or("ipv4");
    check_addresses(balancer.kind, &balancer.scheme, addresses, &place)?;
    check_datagrams(account, &balancer, (addresses, balancer.source_nat))?;
    if addresses != "dualstack" && balancer.source_nat {
        // "The IP address type must be dualstack": they are switched off with it, by `SetSubnets` (assumed).
        let message = "IPv6 prefixes for source NAT need a dualstack load balancer";
        return Err(ApiError::new("InvalidConfigurationRequest", message));
    }
    let changed = account.elb.balancer_mut(&balancer.arn)?;
    addresses.clone_into(&mut changed.ip_address_type);
    if addresses != "dualstack" {
        changed.zones.iter_mut().for_each(|zone| zone.ipv6 = None);
    }
    Ok(json!({"IpAddressType": addresses}))
}

/// `API_ModifyIpPools`. That a pool exists is not checked: the simulator has none of IPAM.
pub(super) fn modify_ip_pools(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let balancer = named(account, input)?;
    let removed = texts(input, "RemoveIpamPools").contains(&"ipv4");
    let pools = match (pools(input, balancer.kind, &balancer.scheme)?, removed) {
        (Some(pools), false) => Some(pools),
        (None, true) => None,
        _ => {
            return Err(ApiError::validation(
                "You must specify either IpamPools or RemoveIpamPools",
            ));
        }
    };
    let changed = account.elb.balancer_mut(&balancer.arn)?;
    changed.pools = pools;
    Ok(tidy(json!({"IpamPools": changed.pools})))
}

fn named(account: &Account, input: &Value) -> Result<Balancer, ApiError> {
    let arn = text(input, "LoadBalancerArn").unwrap_or_default();
    arn::check(arn, "loadbalancer")?;
    account.elb.balancer(arn).cloned()
}
