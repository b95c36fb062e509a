//! Application Load Balancers, and the resources that they share with Network Load Balancers.

pub mod before;
pub mod compact;
pub mod fit;
pub mod listener;
pub mod lower;
pub mod rule;
pub mod settings;

use crate::access::Access;
use crate::network::{BalancerKind, IpAddressType, Ipv6, Scheme, SecurityGroups, StaticAddress, Subnet};
use crate::target_group::{TargetGroup, TargetGroupId};
use crate::trust_store::{TrustStore, TrustStoreId};
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use listener::{Certificate, CertificateId, Listener};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What one Gateway becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The Gateway.
    pub gateway: ObjectName,
    /// The load balancer.
    pub balancer: Balancer,
    /// Its listeners, by port.
    pub listeners: BTreeMap<u16, Listener>,
    /// Groups that its rules forward to.
    pub target_groups: BTreeMap<TargetGroupId, TargetGroup>,
    /// ARNs of groups that its rules forward to and somebody else keeps: nothing of them is read, changed or deleted.
    pub given_groups: BTreeMap<TargetGroupId, Str>,
    /// Certificates that its listeners show.
    pub certificates: BTreeMap<CertificateId, Certificate>,
    /// Trust stores that its listeners check clients by.
    pub trust_stores: BTreeMap<TrustStoreId, TrustStore>,
    /// Web ACL in front of the load balancer, by ARN.
    pub web_acl: Option<Str>,
    /// Whether AWS Shield Advanced protects the load balancer.
    pub shield: bool,
    /// `MinimumLoadBalancerCapacity`: units that are reserved for the load balancer.
    pub capacity: Option<u32>,
    /// Tags of everything made for it, beside those that mark ownership.
    pub tags: BTreeMap<Str, Str>,
}

/// A load balancer that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balancer {
    /// `Name`: at most 32 letters, digits and hyphens. It follows from what cannot change, so that a
    /// replacement has another.
    pub name: Str,
    /// `Type`; cannot change.
    #[serde(default, skip_serializing_if = "BalancerKind::is_application")]
    pub kind: BalancerKind,
    /// `Scheme`; cannot change.
    pub scheme: Scheme,
    /// `VpcId`, of its subnets, target groups and security groups; cannot change.
    pub vpc: Str,
    /// `IpAddressType`.
    pub ip_address_type: IpAddressType,
    /// `IpamPools.Ipv4IpamPoolId`: where its public IPv4 addresses come from. Of Application Load Balancers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipam_pool: Option<Str>,
    /// `CustomerOwnedIpv4Pool`; cannot change. Of Application Load Balancers on an AWS Outpost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_owned_pool: Option<Str>,
    /// One subnet for each zone; at least two, of a Network Load Balancer one, on an AWS Outpost one.
    pub subnets: BTreeSet<Subnet>,
    /// Addresses that it keeps, by the ids of their subnets. Of Network Load Balancers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addresses: BTreeMap<Str, StaticAddress>,
    /// What it has of IPv6 in them. Of dual-stack Network Load Balancers.
    #[serde(default, skip_serializing_if = "Ipv6::is_unset")]
    pub ipv6: Ipv6,
    /// Security groups.
    pub security_groups: SecurityGroups,
    /// What else it has of security groups.
    #[serde(default)]
    pub access: Access,
    /// Attributes that are set; others are left as they are.
    pub attributes: BTreeMap<Str, Str>,
}
