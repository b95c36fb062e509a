//! VPCs, subnets and security groups (EC2).

use super::{Answer, Arn};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::access::Ports;
use gatewright_aws_core::network::Ingress;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::IpAddr;

/// `DescribeVpcs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// `VpcId`.
    pub id: Str,
    /// Its CIDR blocks, IPv4 and IPv6.
    pub blocks: BTreeSet<Str>,
}

/// `DescribeSubnets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetDetails {
    /// `SubnetId`.
    pub id: Str,
    /// `VpcId`.
    pub vpc: Str,
    /// `AvailabilityZone`.
    pub zone: Str,
    /// `CidrBlock`; empty for subnets of IPv6 addresses alone.
    pub block: Str,
    /// `AvailableIpAddressCount`.
    pub free_addresses: u32,
    /// Whether it has a block of IPv6 addresses.
    pub ipv6: bool,
    /// That block; empty without.
    pub block6: Str,
    /// Whether it is of an AWS Outpost (`OutpostArn`).
    pub outpost: bool,
    /// Whether its route table, or its VPC's main one, has a route to an internet gateway.
    pub public: bool,
    /// `Tags`.
    pub tags: Tags,
}

/// A security group that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `GroupId`.
    pub id: Arn,
    /// `GroupName`.
    pub name: Str,
    /// `VpcId`.
    pub vpc: Str,
    /// What it lets in, as far as our form can say: one entry for each port and CIDR block.
    pub ingress: BTreeSet<Ingress>,
    /// Security groups that it lets in, with ports of TCP and UDP; rules of other forms are left out.
    pub from_groups: BTreeSet<(Arn, Ports)>,
    /// `Tags`.
    pub tags: Tags,
}

/// An Elastic IP address of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElasticAddress {
    /// `PublicIp`.
    pub ip: IpAddr,
    /// `AllocationId`.
    pub allocation: Str,
    /// Whether something has it (`AssociationId`).
    pub used: bool,
}

impl Group {
    /// Where it lets another group in.
    pub fn lets_in(&self, group: &Arn) -> BTreeSet<Ports> {
        let from = self.from_groups.iter().filter(|(from, _)| from == group);
        from.map(|(_, ports)| ports.clone()).collect()
    }
}

/// A security group to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// `GroupName`.
    pub name: Str,
    /// `Description`: letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`, at most 255.
    pub description: Str,
    /// `VpcId`.
    pub vpc: Str,
    /// `TagSpecifications`.
    pub tags: Tags,
}

/// Calls to EC2.
pub trait Network {
    /// `DescribeVpcs` by id.
    fn vpc(&self, id: &str) -> impl Future<Output = Answer<Option<Vpc>>> + Send;

    /// `DescribeSubnets` and `DescribeRouteTables` of a VPC.
    fn subnets(&self, vpc: &str) -> impl Future<Output = Answer<Vec<SubnetDetails>>> + Send;

    /// `DescribeAddresses` by public address: the allocation of each. Those that are not ours are left out.
    fn elastic_addresses(
        &self,
        addresses: &BTreeSet<IpAddr>,
    ) -> impl Future<Output = Answer<BTreeMap<IpAddr, Str>>> + Send;

    /// `DescribeAddresses` by tags, each with the values that are accepted; none of a tag accept any.
    fn elastic_addresses_tagged(
        &self,
        tags: &BTreeMap<Str, BTreeSet<Str>>,
    ) -> impl Future<Output = Answer<Vec<ElasticAddress>>> + Send;

    /// `DescribeSecurityGroups` by id. Those that do not exist are left out.
    fn security_groups(&self, ids: &[Arn]) -> impl Future<Output = Answer<Vec<Group>>> + Send;

    /// `DescribeSecurityGroups` by VPC and name.
    fn security_group_named(
        &self,
        vpc: &str,
        name: &str,
    ) -> impl Future<Output = Answer<Option<Group>>> + Send;

    /// `CreateSecurityGroup`; it lets nothing in.
    fn create_security_group(&self, new: &NewGroup) -> impl Future<Output = Answer<Arn>> + Send;

    /// `AuthorizeSecurityGroupIngress`. What is let in already does no harm.
    fn authorize(&self, group: &Arn, ingress: &BTreeSet<Ingress>) -> impl Future<Output = Answer<()>> + Send;

    /// `RevokeSecurityGroupIngress`. What is not let in does no harm.
    fn revoke(&self, group: &Arn, ingress: &BTreeSet<Ingress>) -> impl Future<Output = Answer<()>> + Send;

    /// `DescribeSecurityGroups` by the tag that gives groups of nodes over to a cluster ([`NODES`](crate::owner::NODES)).
    fn node_groups(&self, cluster: &str) -> impl Future<Output = Answer<Vec<Group>>> + Send;

    /// `AuthorizeSecurityGroupIngress`: a group lets another in. What is let in already does no harm.
    fn admit(
        &self,
        group: &Arn,
        from: &Arn,
        ports: &BTreeSet<Ports>,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `RevokeSecurityGroupIngress`: it does no more. What is not let in does no harm.
    fn refuse(
        &self,
        group: &Arn,
        from: &Arn,
        ports: &BTreeSet<Ports>,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteSecurityGroup`.
    fn delete_security_group(&self, group: &Arn) -> impl Future<Output = Answer<()>> + Send;
}
