//! VPCs, subnets, route tables.

use super::Ec2;
use super::describe::{Filter, Page};
use super::tag::TagSet;
use crate::calls::ec2::{DESCRIBE_ROUTE_TABLES, DESCRIBE_SUBNETS, DESCRIBE_VPCS};
use crate::wire::xml::Items;
use gatewright_aws::cloud::Answer;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// `Vpc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// `VpcId`.
    pub id: String,
    /// Its CIDR blocks that are associated, IPv4 and IPv6.
    pub blocks: BTreeSet<String>,
}

/// `Subnet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// `SubnetId`.
    pub id: String,
    /// `VpcId`.
    pub vpc: String,
    /// `AvailabilityZone`.
    pub zone: String,
    /// `CidrBlock`; empty for subnets of IPv6 addresses alone.
    pub block: String,
    /// `AvailableIpAddressCount`.
    pub free_addresses: u32,
    /// Whether a block of IPv6 addresses is associated.
    pub ipv6: bool,
    /// That block; empty without.
    pub block6: String,
    /// Whether it is of an AWS Outpost (`OutpostArn`).
    pub outpost: bool,
    /// `Tags`.
    pub tags: BTreeMap<String, String>,
}

/// `RouteTable`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// `RouteTableId`.
    pub id: String,
    /// Whether it is that of all subnets of the VPC that have none of their own.
    pub main: bool,
    /// Subnets that have it.
    pub subnets: BTreeSet<String>,
    /// Gateways (`igw-…`, `vgw-…`, `local`) of its active routes, by destination.
    pub gateways: BTreeMap<String, String>,
}

impl Ec2 {
    /// `DescribeVpcs`.
    ///
    /// # Errors
    /// By kind; an id that does not exist is none, it gives no entry.
    pub(crate) async fn vpcs(&self, filters: &[Filter]) -> Answer<Vec<Vpc>> {
        self.list::<VpcPage>(&DESCRIBE_VPCS, filters).await
    }

    /// `DescribeSubnets`.
    ///
    /// # Errors
    /// By kind.
    pub(crate) async fn subnets(&self, filters: &[Filter]) -> Answer<Vec<Subnet>> {
        self.list::<SubnetPage>(&DESCRIBE_SUBNETS, filters).await
    }

    /// `DescribeRouteTables`.
    ///
    /// # Errors
    /// By kind.
    pub(crate) async fn route_tables(&self, filters: &[Filter]) -> Answer<Vec<RouteTable>> {
        self.list::<RouteTablePage>(&DESCRIBE_ROUTE_TABLES, filters).await
    }
}

#[derive(Deserialize)]
pub(super) struct VpcPage {
    #[serde(rename = "vpcSet", default)]
    vpcs: Items<VpcXml>,
    #[serde(rename = "nextToken")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VpcXml {
    vpc_id: String,
    cidr_block: Option<String>,
    #[serde(default)]
    cidr_block_association_set: Items<Block>,
    #[serde(default)]
    ipv6_cidr_block_association_set: Items<Block6>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    cidr_block: Option<String>,
    cidr_block_state: Option<BlockState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block6 {
    ipv6_cidr_block: Option<String>,
    ipv6_cidr_block_state: Option<BlockState>,
}

/// `associating`, `associated`, `disassociating`, `disassociated`, `failing` or `failed`.
#[derive(Deserialize)]
struct BlockState {
    state: Option<String>,
}

impl BlockState {
    fn associated(state: Option<&Self>) -> bool {
        state
            .and_then(|state| state.state.as_deref())
            .is_none_or(|state| state == "associated")
    }
}

impl Block6 {
    fn associated(self) -> Option<String> {
        if BlockState::associated(self.ipv6_cidr_block_state.as_ref()) {
            self.ipv6_cidr_block
        } else {
            None
        }
    }
}

impl Page for VpcPage {
    type Entry = Vpc;

    fn take(self) -> (Vec<Vpc>, Option<String>) {
        let vpcs = self.vpcs.into_iter().map(|vpc| {
            let mut blocks: BTreeSet<String> = vpc.cidr_block.into_iter().collect();
            for block in vpc.cidr_block_association_set {
                if BlockState::associated(block.cidr_block_state.as_ref()) {
                    blocks.extend(block.cidr_block);
                }
            }
            blocks.extend(
                vpc.ipv6_cidr_block_association_set
                    .into_iter()
                    .filter_map(Block6::associated),
            );
            Vpc {
                id: vpc.vpc_id,
                blocks,
            }
        });
        (vpcs.collect(), self.next)
    }
}

#[derive(Deserialize)]
pub(super) struct SubnetPage {
    #[serde(rename = "subnetSet", default)]
    subnets: Items<SubnetXml>,
    #[serde(rename = "nextToken")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubnetXml {
    subnet_id: String,
    vpc_id: String,
    availability_zone: String,
    cidr_block: Option<String>,
    #[serde(default)]
    available_ip_address_count: u32,
    #[serde(default)]
    ipv6_cidr_block_association_set: Items<Block6>,
    outpost_arn: Option<String>,
    #[serde(default)]
    tag_set: TagSet,
}

impl Page for SubnetPage {
    type Entry = Subnet;

    fn take(self) -> (Vec<Subnet>, Option<String>) {
        let subnets = self.subnets.into_iter().map(|subnet| {
            let block6 = subnet
                .ipv6_cidr_block_association_set
                .into_iter()
                .find_map(Block6::associated);
            Subnet {
                id: subnet.subnet_id,
                vpc: subnet.vpc_id,
                zone: subnet.availability_zone,
                block: subnet.cidr_block.unwrap_or_default(),
                free_addresses: subnet.available_ip_address_count,
                ipv6: block6.is_some(),
                block6: block6.unwrap_or_default(),
                outpost: subnet.outpost_arn.is_some(),
                tags: subnet.tag_set.into_map(),
            }
        });
        (subnets.collect(), self.next)
    }
}

#[derive(Deserialize)]
pub(super) struct RouteTablePage {
    #[serde(rename = "routeTableSet", default)]
    tables: Items<RouteTableXml>,
    #[serde(rename = "nextToken")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RouteTableXml {
    route_table_id: String,
    #[serde(default)]
    association_set: Items<Association>,
    #[serde(default)]
    route_set: Items<RouteXml>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Association {
    #[serde(default)]
    main: bool,
    subnet_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RouteXml {
    destination_cidr_block: Option<String>,
    destination_ipv6_cidr_block: Option<String>,
    destination_prefix_list_id: Option<String>,
    gateway_id: Option<String>,
    state: Option<String>,
}

impl Page for RouteTablePage {
    type Entry = RouteTable;

    fn take(self) -> (Vec<RouteTable>, Option<String>) {
        let tables = self.tables.into_iter().map(|table| {
            let mut read = RouteTable {
                id: table.route_table_id,
                main: false,
                subnets: BTreeSet::new(),
                gateways: BTreeMap::new(),
            };
            for association in table.association_set {
                read.main |= association.main;
                read.subnets.extend(association.subnet_id);
            }
            for route in table.route_set {
                let destination = route
                    .destination_cidr_block
                    .or(route.destination_ipv6_cidr_block)
                    .or(route.destination_prefix_list_id);
                // "blackhole": its target is gone.
                let active = route.state.as_deref().is_none_or(|state| state == "active");
                if let (Some(destination), Some(gateway), true) = (destination, route.gateway_id, active) {
                    read.gateways.insert(destination, gateway);
                }
            }
            read
        });
        (tables.collect(), self.next)
    }
}
