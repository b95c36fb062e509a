//! VPCs, subnets, zones, route tables and internet gateways.

use super::balancer;
use super::describe::{ById, Kind, describe};
use super::{State, Tags, tags};
use crate::error::ApiError;
use crate::input::tidy;
use crate::service::Context;
use crate::state::Account;
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// An availability zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Zone {
    /// `eu-central-1a`.
    pub name: String,
    /// `euc1-az1`.
    pub id: String,
    /// `available`, `impaired` and so on.
    pub state: String,
}

/// A virtual network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vpc {
    /// Its identifier.
    pub id: String,
    /// Its primary range.
    pub cidr: Ipv4Net,
    /// Further ranges.
    pub more: Vec<Ipv4Net>,
    /// Its IPv6 range.
    pub ipv6: Option<Ipv6Net>,
    /// Whether it is the region's default VPC.
    pub is_default: bool,
    /// Its tags.
    pub tags: Tags,
}

impl Vpc {
    /// True when an address lies in a range of this VPC.
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        match address {
            std::net::IpAddr::V4(v4) => {
                self.cidr.contains(&v4) || self.more.iter().any(|range| range.contains(&v4))
            }
            std::net::IpAddr::V6(v6) => self.ipv6.is_some_and(|range| range.contains(&v6)),
        }
    }
}

/// A part of a VPC in one zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subnet {
    /// Its identifier.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// The name of its zone.
    pub zone: String,
    /// Its range.
    pub cidr: Ipv4Net,
    /// Its IPv6 range.
    pub ipv6: Option<Ipv6Net>,
    /// The ARN of its Outpost.
    #[serde(default)]
    pub outpost: Option<String>,
    /// Whether instances get public addresses.
    pub public_addresses: bool,
    /// Addresses that others hold.
    pub held: u32,
    /// Its tags.
    pub tags: Tags,
}

/// Addresses of each subnet that AWS keeps for itself: the first four and the last
/// ([subnet sizing](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html)).
pub(super) const KEPT: u32 = 5;

impl Subnet {
    /// Addresses that a range of this length has for use.
    pub(super) fn size(&self) -> u32 {
        let hosts = 1_u64 << (32 - u32::from(self.cidr.prefix_len()));
        u32::try_from(hosts).unwrap_or(u32::MAX).saturating_sub(KEPT)
    }

    fn first(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.cidr.network()).saturating_add(KEPT - 1))
    }
}

impl State {
    /// Free addresses of a subnet.
    pub fn free_addresses(&self, subnet: &Subnet) -> u32 {
        let used = self
            .interfaces
            .values()
            .filter(|interface| interface.subnet == subnet.id)
            .count();
        subnet
            .size()
            .saturating_sub(subnet.held)
            .saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    }

    /// The first address of a subnet that nothing has.
    pub(super) fn next_address(&self, subnet: &Subnet) -> Option<Ipv4Addr> {
        if self.free_addresses(subnet) == 0 {
            return None;
        }
        let used: BTreeSet<Ipv4Addr> = self
            .interfaces
            .values()
            .filter(|interface| interface.subnet == subnet.id)
            .map(|interface| interface.private)
            .collect();
        let first = u32::from(subnet.first());
        let last = u32::from(subnet.cidr.broadcast());
        (first..last)
            .map(Ipv4Addr::from)
            .find(|address| !used.contains(address))
    }

    pub(super) fn zone_id(&self, zone: &str) -> Option<&str> {
        self.zones.get(zone).map(|zone| zone.id.as_str())
    }
}

const VPCS: Kind = Kind {
    list: "Vpcs",
    id: "VpcId",
    by_id: Some(VPC_ID),
    most: 1000,
    tags: Some("Tags"),
    filters: &[
        ("cidr", "CidrBlock"),
        (
            "cidr-block-association.association-id",
            "CidrBlockAssociationSet.AssociationId",
        ),
        (
            "cidr-block-association.cidr-block",
            "CidrBlockAssociationSet.CidrBlock",
        ),
        (
            "cidr-block-association.state",
            "CidrBlockAssociationSet.CidrBlockState.State",
        ),
        ("dhcp-options-id", "DhcpOptionsId"),
        (
            "ipv6-cidr-block-association.association-id",
            "Ipv6CidrBlockAssociationSet.AssociationId",
        ),
        (
            "ipv6-cidr-block-association.ipv6-cidr-block",
            "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock",
        ),
        (
            "ipv6-cidr-block-association.ipv6-pool",
            "Ipv6CidrBlockAssociationSet.Ipv6Pool",
        ),
        (
            "ipv6-cidr-block-association.state",
            "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State",
        ),
        ("is-default", "IsDefault"),
        ("isDefault", "IsDefault"),
        ("owner-id", "OwnerId"),
        ("state", "State"),
        ("vpc-id", "VpcId"),
    ],
};

/// How VPCs are asked for.
pub const VPC_ID: ById = ById {
    member: "VpcIds",
    prefix: "vpc-",
    malformed: "InvalidVpcID.Malformed",
    missing: "InvalidVpcID.NotFound",
    what: "vpc ID",
};

/// [DescribeVpcs](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html).
pub fn describe_vpcs(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.ec2;
    let rows = state
        .vpcs
        .values()
        .map(|vpc| {
            let associations: Vec<Value> = std::iter::once(&vpc.cidr)
                .chain(&vpc.more)
                .enumerate()
                .map(|(index, range)| {
                    json!({
                        "AssociationId": format!("vpc-cidr-assoc-{}{index}", digits(&vpc.id)),
                        "CidrBlock": range.to_string(),
                        "CidrBlockState": {"State": "associated"},
                    })
                })
                .collect();
            let ipv6: Vec<Value> = vpc
                .ipv6
                .iter()
                .map(|range| {
                    json!({
                        "AssociationId": format!("vpc-cidr-assoc-{}f", digits(&vpc.id)),
                        "Ipv6CidrBlock": range.to_string(),
                        "Ipv6CidrBlockState": {"State": "associated"},
                        "NetworkBorderGroup": state.region,
                        "Ipv6Pool": "Amazon",
                        "Ipv6AddressAttribute": "public",
                        "IpSource": "amazon",
                    })
                })
                .collect();
            json!({
                "VpcId": vpc.id,
                "OwnerId": state.account,
                "State": "available",
                "CidrBlock": vpc.cidr.to_string(),
                "CidrBlockAssociationSet": associations,
                "Ipv6CidrBlockAssociationSet": ipv6,
                "DhcpOptionsId": format!("dopt-{}", digits(&vpc.id)),
                "InstanceTenancy": "default",
                "IsDefault": vpc.is_default,
                "Tags": tags::render(&vpc.tags),
            })
        })
        .collect();
    describe(&VPCS, rows, input)
}

/// The digits of an identifier, for the identifiers of its parts.
fn digits(id: &str) -> &str {
    id.rsplit('-').next().unwrap_or(id).get(..16).unwrap_or(id)
}

const SUBNETS: Kind = Kind {
    list: "Subnets",
    id: "SubnetId",
    by_id: Some(SUBNET_ID),
    most: 1000,
    tags: Some("Tags"),
    filters: &[
        ("assign-ipv6-address-on-creation", "AssignIpv6AddressOnCreation"),
        ("availability-zone", "AvailabilityZone"),
        ("availabilityZone", "AvailabilityZone"),
        ("availability-zone-id", "AvailabilityZoneId"),
        ("availabilityZoneId", "AvailabilityZoneId"),
        ("available-ip-address-count", "AvailableIpAddressCount"),
        ("cidr", "CidrBlock"),
        ("cidr-block", "CidrBlock"),
        ("cidrBlock", "CidrBlock"),
        ("customer-owned-ipv4-pool", "CustomerOwnedIpv4Pool"),
        ("default-for-az", "DefaultForAz"),
        ("defaultForAz", "DefaultForAz"),
        ("enable-dns64", "EnableDns64"),
        ("enable-lni-at-device-index", "EnableLniAtDeviceIndex"),
        (
            "ipv6-cidr-block-association.association-id",
            "Ipv6CidrBlockAssociationSet.AssociationId",
        ),
        (
            "ipv6-cidr-block-association.ipv6-cidr-block",
            "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock",
        ),
        (
            "ipv6-cidr-block-association.state",
            "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State",
        ),
        ("ipv6-native", "Ipv6Native"),
        ("map-customer-owned-ip-on-launch", "MapCustomerOwnedIpOnLaunch"),
        ("map-public-ip-on-launch", "MapPublicIpOnLaunch"),
        ("outpost-arn", "OutpostArn"),
        ("owner-id", "OwnerId"),
        (
            "private-dns-name-options-on-launch.hostname-type",
            "PrivateDnsNameOptionsOnLaunch.HostnameType",
        ),
        ("state", "State"),
        ("subnet-arn", "SubnetArn"),
        ("subnet-id", "SubnetId"),
        ("vpc-id", "VpcId"),
    ],
};

/// How subnets are asked for.
pub const SUBNET_ID: ById = ById {
    member: "SubnetIds",
    prefix: "subnet-",
    malformed: "InvalidSubnetID.Malformed",
    missing: "InvalidSubnetID.NotFound",
    what: "subnet ID",
};

/// [DescribeSubnets](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html).
pub fn describe_subnets(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.ec2;
    let rows = state
        .subnets
        .values()
        .map(|subnet| {
            let ipv6: Vec<Value> = subnet
                .ipv6
                .iter()
                .map(|range| {
                    json!({
                        "AssociationId": format!("subnet-cidr-assoc-{}f", digits(&subnet.id)),
                        "Ipv6CidrBlock": range.to_string(),
                        "Ipv6CidrBlockState": {"State": "associated"},
                        "Ipv6AddressAttribute": "public",
                        "IpSource": "amazon",
                    })
                })
                .collect();
            tidy(json!({
                "SubnetId": subnet.id,
                "SubnetArn": state.arn(&format!("subnet/{}", subnet.id)),
                "VpcId": subnet.vpc,
                "OwnerId": state.account,
                "State": "available",
                "CidrBlock": subnet.cidr.to_string(),
                "Ipv6CidrBlockAssociationSet": ipv6,
                "AvailabilityZone": subnet.zone,
                "AvailabilityZoneId": state.zone_id(&subnet.zone),
                "AvailableIpAddressCount": state.free_addresses(subnet),
                "MapPublicIpOnLaunch": subnet.public_addresses,
                "MapCustomerOwnedIpOnLaunch": false,
                "OutpostArn": subnet.outpost,
                "AssignIpv6AddressOnCreation": subnet.ipv6.is_some(),
                "DefaultForAz": false,
                "EnableDns64": false,
                "Ipv6Native": false,
                "PrivateDnsNameOptionsOnLaunch": {
                    "HostnameType": "ip-name",
                    "EnableResourceNameDnsARecord": false,
                    "EnableResourceNameDnsAAAARecord": false,
                },
                "Tags": tags::render(&subnet.tags),
            }))
        })
        .collect();
    describe(&SUBNETS, rows, input)
}

const ZONES: Kind = Kind {
    list: "AvailabilityZones",
    id: "ZoneName",
    by_id: None,
    most: 1000,
    tags: None,
    filters: &[
        ("group-long-name", "GroupLongName"),
        ("group-name", "GroupName"),
        ("message", "Messages.Message"),
        ("opt-in-status", "OptInStatus"),
        ("parent-zone-id", "ParentZoneId"),
        ("parent-zone-name", "ParentZoneName"),
        ("region-name", "RegionName"),
        ("state", "State"),
        ("zone-id", "ZoneId"),
        ("zone-name", "ZoneName"),
        ("zone-type", "ZoneType"),
    ],
};

/// [DescribeAvailabilityZones](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html).
pub fn describe_zones(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.ec2;
    for (member, known) in [("ZoneNames", 0), ("ZoneIds", 1)] {
        for wanted in crate::input::texts(input, member) {
            let found = state.zones.values().any(|zone| {
                wanted
                    == if known == 0 {
                        zone.name.as_str()
                    } else {
                        zone.id.as_str()
                    }
            });
            if !found {
                return Err(ApiError::new(
                    "InvalidParameterValue",
                    format!("Invalid availability zone: [{wanted}]"),
                ));
            }
        }
    }
    let names = crate::input::texts(input, "ZoneNames");
    let ids = crate::input::texts(input, "ZoneIds");
    let rows = state
        .zones
        .values()
        .filter(|zone| names.is_empty() || names.contains(&zone.name.as_str()))
        .filter(|zone| ids.is_empty() || ids.contains(&zone.id.as_str()))
        .map(|zone| {
            json!({
                "ZoneName": zone.name,
                "ZoneId": zone.id,
                "State": zone.state,
                "RegionName": state.region,
                "OptInStatus": "opt-in-not-required",
                "GroupName": format!("{}-zg-1", state.region),
                "NetworkBorderGroup": state.region,
                "ZoneType": "availability-zone",
                "Messages": [],
            })
        })
        .collect();
    describe(&ZONES, rows, input)
}

/// Whether a load balancer may be reached from outside in a subnet; used by checks of schemes.
impl Subnet {
    /// Addresses that a load balancer needs free in each of its subnets
    /// ([subnets for ALBs](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html)).
    pub const NEEDED: u32 = balancer::NEEDED;
}
