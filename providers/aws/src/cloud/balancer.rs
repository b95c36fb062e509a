//! Application and Network Load Balancers.

use super::{Answer, Arn, Attributes};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Ipv6, Scheme, StaticAddress};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

/// A load balancer that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balancer {
    /// `LoadBalancerArn`.
    pub arn: Arn,
    /// `LoadBalancerName`.
    pub name: Str,
    /// `Type`.
    pub kind: BalancerKind,
    /// `Scheme`.
    pub scheme: Scheme,
    /// `VpcId`.
    pub vpc: Str,
    /// `IpAddressType`.
    pub ip_address_type: IpAddressType,
    /// `IpamPools`.
    pub ipam_pool: Option<Str>,
    /// `CustomerOwnedIpv4Pool`; it cannot change.
    pub customer_owned_pool: Option<Str>,
    /// Ids of its subnets.
    pub subnets: BTreeSet<Str>,
    /// Addresses that it keeps, by the ids of their subnets (`LoadBalancerAddresses`).
    pub addresses: BTreeMap<Str, StaticAddress>,
    /// What it has of IPv6 in its subnets, as far as AWS tells.
    pub ipv6: Ipv6,
    /// Ids of its security groups.
    pub security_groups: BTreeSet<Arn>,
    /// `EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic`; of Network Load Balancers with security groups.
    pub private_link: Option<bool>,
    /// `DNSName`.
    pub dns_name: Str,
    /// `State`.
    pub state: State,
}

/// `State` of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being set up.
    Provisioning,
    /// It serves.
    Active,
    /// It serves, but lacks what it needs to grow (`active_impaired`).
    Impaired(Str),
    /// It could not be set up: the reason.
    Failed(Str),
}

/// A load balancer to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBalancer {
    /// `Name`.
    pub name: Str,
    /// `Type`.
    pub kind: BalancerKind,
    /// `Scheme`.
    pub scheme: Scheme,
    /// `IpAddressType`.
    pub ip_address_type: IpAddressType,
    /// `IpamPools`.
    pub ipam_pool: Option<Str>,
    /// `CustomerOwnedIpv4Pool`; it cannot change.
    pub customer_owned_pool: Option<Str>,
    /// Ids of its subnets.
    pub subnets: BTreeSet<Str>,
    /// Addresses that it keeps, by the ids of their subnets.
    pub addresses: BTreeMap<Str, StaticAddress>,
    /// What it is to have of IPv6 in them.
    pub ipv6: Ipv6,
    /// Ids of its security groups.
    pub security_groups: BTreeSet<Arn>,
    /// `Tags`.
    pub tags: Tags,
}

/// Where a load balancer is to stand: all of it, what stays as it is as well ("with their existing configurations",
/// `API_SetSubnets`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Ids of its subnets.
    pub subnets: BTreeSet<Str>,
    /// Addresses that it keeps in them.
    pub addresses: BTreeMap<Str, StaticAddress>,
    /// What it has of IPv6 in them.
    pub ipv6: Ipv6,
    /// `IpAddressType`, where that changes together with it.
    pub ip_address_type: Option<IpAddressType>,
    /// Whether it gives back the blocks that it has for datagrams (`EnablePrefixForIpv6SourceNat`), for which it is dual-stack still.
    pub gives_back: bool,
}

/// Calls about load balancers.
pub trait Balancers {
    /// `DescribeLoadBalancers` by ARN. Those that do not exist are left out.
    fn balancers(&self, arns: &[Arn]) -> impl Future<Output = Answer<Vec<Balancer>>> + Send;

    /// `DescribeLoadBalancers` by name.
    fn balancer_named(&self, name: &str) -> impl Future<Output = Answer<Option<Balancer>>> + Send;

    /// `DescribeLoadBalancerAttributes`.
    fn balancer_attributes(&self, arn: &Arn) -> impl Future<Output = Answer<Attributes>> + Send;

    /// `CreateLoadBalancer`. Repeated with the same settings it answers the same ARN.
    fn create_balancer(&self, new: &NewBalancer) -> impl Future<Output = Answer<Arn>> + Send;

    /// `ModifyLoadBalancerAttributes`: sets these, leaves others.
    fn set_balancer_attributes(
        &self,
        arn: &Arn,
        attributes: &Attributes,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `SetSubnets`: to exactly these subnets, with all that it has in them.
    fn set_subnets(&self, arn: &Arn, standing: &Standing) -> impl Future<Output = Answer<()>> + Send;

    /// `SetSecurityGroups`: to exactly these ids, and whether their rules count for what comes through PrivateLink; `None`
    /// leaves that as it is.
    fn set_security_groups(
        &self,
        arn: &Arn,
        groups: &BTreeSet<Arn>,
        private_link: Option<bool>,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `SetIpAddressType`.
    fn set_ip_address_type(
        &self,
        arn: &Arn,
        wanted: IpAddressType,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `ModifyIpPools`: public IPv4 addresses come from this pool, or from AWS again.
    fn set_ipam_pool(&self, arn: &Arn, pool: Option<&str>) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteLoadBalancer`, with its listeners and rules. Succeeds when it is not there.
    fn delete_balancer(&self, arn: &Arn) -> impl Future<Output = Answer<()>> + Send;
}
