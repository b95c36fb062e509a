//! Where load balancers stand: addresses, subnets, security groups.

use gatewright_model::Str;
use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// `Type` of a load balancer; cannot change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BalancerKind {
    /// Application Load Balancer.
    #[default]
    Application,
    /// Network Load Balancer.
    Network,
}

impl BalancerKind {
    /// Whether it is the default.
    pub fn is_application(&self) -> bool {
        *self == Self::Application
    }
}

/// An address that a Network Load Balancer has for good in one of its subnets (`SubnetMapping`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StaticAddress {
    /// The address itself.
    pub ip: IpAddr,
    /// `AllocationId` of an Elastic IP address; none for a private address of an internal load balancer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<Str>,
}

/// IPv6 of a dual-stack Network Load Balancer in its subnets, by their ids (`SubnetMapping`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6 {
    /// `IPv6Address`: those that it keeps. AWS chooses others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addresses: BTreeMap<Str, Ipv6Addr>,
    /// `EnablePrefixForIpv6SourceNat`: whether it has a block of each subnet, from which datagrams come to targets.
    #[serde(default)]
    pub source_nat: bool,
    /// `SourceNatIpv6Prefix`: these blocks. AWS chooses others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prefixes: BTreeMap<Str, Ipv6Net>,
}

impl Ipv6 {
    /// Whether nothing is said.
    pub fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// Addresses of both families that a load balancer keeps, each with the id of its subnet. One of IPv6 has no allocation.
pub fn kept<'a>(
    addresses: &'a BTreeMap<Str, StaticAddress>,
    ipv6: &'a Ipv6,
) -> impl Iterator<Item = (&'a Str, StaticAddress)> {
    let four = addresses
        .iter()
        .map(|(subnet, address)| (subnet, address.clone()));
    let six = ipv6.addresses.iter().map(|(subnet, ip)| {
        let address = StaticAddress {
            ip: IpAddr::V6(*ip),
            allocation: None,
        };
        (subnet, address)
    });
    four.chain(six)
}

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

impl IpAddressType {
    /// What a load balancer of this kind has in its place: "\[Network Load Balancers\] The possible values are ipv4 and dualstack"
    /// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>).
    #[must_use]
    pub const fn of(self, kind: BalancerKind) -> Self {
        match (kind, self) {
            (BalancerKind::Network, Self::DualstackWithoutPublicIpv4) => Self::Ipv4,
            _ => self,
        }
    }

    /// Whether it has addresses of IPv6.
    pub const fn is_dual(self) -> bool {
        !matches!(self, Self::Ipv4)
    }
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
    /// `tcp`, `udp`, or one of [`TOO_LONG`].
    pub protocol: Str,
    /// Port; 0 of [`TOO_LONG`].
    pub port: u16,
    /// A CIDR block of IPv4 or IPv6 addresses, or the id of a managed prefix list (`pl-…`).
    pub source: Str,
}

/// `icmp` and `icmpv6`: of these the one message that tells a sender that its packet is too long, "Fragmentation Needed"
/// (RFC 792, type 3, code 4) and "Packet Too Big" (RFC 4443 section 3.2, type 2, code 0)
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html#path_mtu_discovery>).
pub const TOO_LONG: [&str; 2] = ["icmp", "icmpv6"];

impl Ingress {
    /// Whether it lets in the message about packets that are too long.
    pub fn is_too_long(&self) -> bool {
        TOO_LONG.contains(&&*self.protocol)
    }
}

impl fmt::Display for Ingress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            protocol,
            port,
            source,
        } = self;
        if self.is_too_long() {
            write!(f, "{protocol} about packets that are too long from {source}")
        } else {
            write!(f, "{protocol}/{port} from {source}")
        }
    }
}
