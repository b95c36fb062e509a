//! Where load balancers stand: addresses, subnets, security groups.

use gatewright_model::Str;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Who can reach a load balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Only the VPC and what is connected with it.
    #[default]
    Internal,
    /// The internet.
    InternetFacing,
}

/// Address families of a load balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IpAddressType {
    /// IPv4.
    #[default]
    Ipv4,
    /// IPv4 and IPv6.
    Dualstack,
    /// IPv6 in public, IPv4 inside.
    DualstackWithoutPublicIpv4,
}

/// A subnet, as EC2 tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subnet {
    /// `subnet-…`.
    pub id: Str,
    /// Availability zone, for example `eu-central-1a`.
    pub zone: Str,
}

/// Security groups of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecurityGroups {
    /// One of our own, which lets clients in.
    Managed(ManagedGroup),
    /// Those that parameters name.
    Given(BTreeSet<Str>),
}

/// A security group of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedGroup {
    /// `GroupName`.
    pub name: Str,
    /// What it lets in.
    pub ingress: BTreeSet<Ingress>,
}

/// Traffic that a security group lets in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ingress {
    /// `tcp` or `udp`.
    pub protocol: Str,
    /// Port.
    pub port: u16,
    /// A CIDR block of IPv4 or IPv6 addresses.
    pub source: Str,
}
