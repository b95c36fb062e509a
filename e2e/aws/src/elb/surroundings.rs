//! What load balancers need of other services: subnets, security groups, instances, certificates.
//!
//! Codes are those that the pages of the operations list, with these words: `SubnetNotFound` "The specified subnet does
//! not exist."; `InvalidSecurityGroup` "The specified security group does not exist."; `InvalidSubnet` "The specified
//! subnet is out of available addresses."; `InvalidConfigurationRequest` "The requested configuration is not valid.":
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSubnets.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSecurityGroups.html>. No page says
//! which rule answers the last one: assumed for what no other listed code is for. Messages are assumed, too.

use super::balancer::{Kind, Zone};
use crate::ec2::{BalancerKind, Fixed, Placement};
use crate::error::ApiError;
use crate::service::Context;
use crate::state::Account;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Where the subnets of a load balancer are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Their VPC.
    pub vpc: String,
    /// Their zones, one subnet in each.
    pub zones: Vec<Zone>,
    /// Whether all have an IPv6 range.
    pub ipv6: bool,
    /// Whether it is on an Outpost.
    pub outpost: bool,
}

/// Subnets by their ids: of one VPC, one in each zone.
///
/// `API_CreateLoadBalancer`: "You can specify only one subnet per Availability Zone"; "\[Application Load
/// Balancers\] You must specify subnets from at least two Availability Zones"; "\[Application Load Balancers on Outposts\] You must
/// specify one Outpost subnet".
///
/// # Errors
///
/// `SubnetNotFound`, `InvalidConfigurationRequest`, `ValidationError`.
pub(super) fn place(
    account: &mut Account,
    context: &Context,
    kind: Kind,
    ids: &[String],
) -> Result<Place, ApiError> {
    account.ec2.ensure(&context.account, &context.region);
    let mut vpcs = BTreeSet::new();
    let mut zones: Vec<Zone> = Vec::new();
    let mut ipv6 = true;
    let mut outpost = false;
    for id in ids {
        let subnet = account.ec2.subnet(id);
        let subnet = subnet
            .ok_or_else(|| ApiError::new("SubnetNotFound", format!("The subnet ID '{id}' does not exist")))?;
        if zones.iter().any(|zone| zone.name == subnet.zone) {
            let message =
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
            return Err(ApiError::new("InvalidConfigurationRequest", message));
        }
        vpcs.insert(subnet.vpc.clone());
        ipv6 &= subnet.ipv6.is_some();
        outpost |= subnet.outpost.is_some();
        zones.push(Zone {
            name: subnet.zone.clone(),
            subnet: id.clone(),
            allocation: None,
            public: None,
            private: None,
            ipv6: None,
            source_nat: None,
        });
    }
    let application = kind == Kind::Application;
    if application && outpost && zones.len() != 1 {
        return Err(ApiError::validation("You must specify one Outpost subnet"));
    }
    let least = if application && !outpost { 2 } else { 1 };
    if zones.len() < least {
        return Err(ApiError::validation(format!(
            "At least {least} subnets in {least} different Availability Zones must be specified"
        )));
    }
    zones.sort_by(|a, b| a.name.cmp(&b.name));
    match (vpcs.pop_first(), vpcs.is_empty()) {
        (Some(vpc), true) => Ok(Place {
            vpc,
            zones,
            ipv6,
            outpost,
        }),
        _ => Err(ApiError::new(
            "InvalidConfigurationRequest",
            "All subnets must belong to the same VPC",
        )),
    }
}

/// Security groups of a VPC; none given: its default one. `API_CreateLoadBalancer` lists `InvalidSecurityGroup`; what a
/// group of another VPC answers is not documented.
///
/// # Errors
///
/// `InvalidSecurityGroup`, `InvalidConfigurationRequest`.
pub(super) fn groups(
    account: &Account,
    context: &Context,
    vpc: &str,
    ids: &[String],
) -> Result<Vec<String>, ApiError> {
    if ids.is_empty() {
        let mut all = account.ec2.groups();
        let default = all.find(|group| group.vpc == vpc && group.name == "default");
        return Ok(default.map(|group| group.id.clone()).into_iter().collect());
    }
    for id in ids {
        let Some(group) = account.ec2.group(id, context) else {
            return Err(ApiError::new(
                "InvalidSecurityGroup",
                format!("The security group '{id}' does not exist"),
            ));
        };
        if group.vpc != vpc {
            let message = format!("One or more security groups are invalid: '{id}' is not in VPC '{vpc}'");
            return Err(ApiError::new("InvalidConfigurationRequest", message));
        }
    }
    Ok(ids.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect())
}

/// What is attached to the network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attached<'a> {
    /// The load balancer's short name.
    pub owner: &'a str,
    /// Its kind.
    pub kind: Kind,
    /// Whether it is internet-facing.
    pub internet_facing: bool,
    /// Its zones.
    pub zones: &'a [Zone],
    /// Its security groups.
    pub groups: &'a [String],
    /// Addresses that were chosen, by subnet.
    pub fixed: &'a BTreeMap<String, Fixed>,
}

/// Notes the chosen addresses in the zones.
pub(super) fn choose(account: &Account, zones: &mut [Zone], fixed: &BTreeMap<String, Fixed>) {
    for zone in zones {
        let Some(chosen) = fixed.get(&zone.subnet) else {
            continue;
        };
        zone.allocation.clone_from(&chosen.allocation);
        zone.private = chosen.private;
        zone.public = chosen
            .allocation
            .as_ref()
            .and_then(|allocation| account.ec2.elastic(allocation));
    }
}

/// Gives a load balancer its network interfaces. `InvalidSubnet`: "The specified subnet is out of available addresses."
/// (`API_CreateLoadBalancer`, `API_SetSubnets`).
///
/// # Errors
///
/// `InvalidSubnet` when a subnet is out of addresses.
pub(super) fn attach(
    account: &mut Account,
    context: &Context,
    attached: Attached<'_>,
) -> Result<(), ApiError> {
    let placement = Placement {
        owner: attached.owner.to_owned(),
        kind: match attached.kind {
            Kind::Application => BalancerKind::Application,
            Kind::Network => BalancerKind::Network,
        },
        internet_facing: attached.internet_facing,
        subnets: attached.zones.iter().map(|zone| zone.subnet.clone()).collect(),
        groups: attached.groups.to_vec(),
        fixed: attached.fixed.clone(),
    };
    account.ec2.place_load_balancer(&placement, context).map(|_| ())
}

/// Takes them away.
pub(super) fn release(account: &mut Account, context: &Context, owner: &str) {
    account.ec2.release_load_balancer(owner, context);
}

/// A VPC must exist: `API_CreateTargetGroup`, "The identifier of the virtual private cloud (VPC)". What another one
/// answers is not documented.
///
/// # Errors
///
/// `ValidationError`.
pub(super) fn vpc(account: &mut Account, context: &Context, id: &str) -> Result<(), ApiError> {
    account.ec2.ensure(&context.account, &context.region);
    match account.ec2.vpc(id) {
        Some(_) => Ok(()),
        None => Err(ApiError::validation(format!("The VPC ID '{id}' is not found"))),
    }
}

/// Whether an address lies in a VPC. Loopback addresses do: the network of a simulated VPC is this machine.
pub(super) fn within(account: &Account, vpc: &str, address: IpAddr) -> bool {
    address.is_loopback() || account.ec2.vpc(vpc).is_some_and(|vpc| vpc.contains(address))
}

/// An instance that can be a target.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its VPC.
    pub vpc: String,
    /// Whether it runs.
    pub running: bool,
}

/// An instance.
pub(super) fn instance(account: &Account, id: &str) -> Option<Node> {
    let instance = account.ec2.instance(id)?;
    let subnet = account.ec2.subnet(&instance.subnet)?;
    Some(Node {
        vpc: subnet.vpc.clone(),
        running: instance.state == "running",
    })
}

/// A certificate must exist and be issued. `API_CreateListener`, `API_ModifyListener`, `API_AddListenerCertificates`:
/// `CertificateNotFound`, "The specified certificate does not exist."
///
/// # Errors
///
/// `CertificateNotFound`; `UnsupportedCertificate` for one that is not issued, as users of AWS report it: the
/// reference has no code for it.
pub(super) fn certificate(account: &Account, context: &Context, arn: &str) -> Result<(), ApiError> {
    let region = format!(":acm:{}:{}:certificate/", context.region, context.account);
    let found = account.acm.certificate(arn).filter(|_| arn.contains(&region));
    let Some(certificate) = found else {
        return Err(ApiError::new(
            "CertificateNotFound",
            format!("Certificate '{arn}' not found"),
        ));
    };
    if certificate.status(context) == "ISSUED" {
        return Ok(());
    }
    Err(ApiError::new(
        "UnsupportedCertificate",
        format!(
            "The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a \
             supported key size."
        ),
    ))
}

/// Tells ACM which certificates a load balancer uses.
pub(super) fn use_certificates(account: &mut Account, balancer: &str) {
    let listeners = account.elb.listeners_of(balancer);
    let arns: BTreeSet<String> = listeners
        .flat_map(|listener| listener.certificates.iter().cloned())
        .collect();
    account.acm.set_used_by(balancer, arns);
}
