//! EC2 as far as a controller of load balancers uses it: networks, security groups, network interfaces,
//! instances, addresses and tags.
//!
//! Rules are those of the [EC2 API reference](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html);
//! codes of errors those of its
//! [list](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html).

pub(crate) mod address;
mod balancer;
mod describe;
mod filter;
mod group;
mod identifier;
mod interface;
mod network;
mod permission;
mod routing;
mod rules;
mod tags;
mod world;

pub use balancer::{BalancerKind, Fixed, Placed, Placement};
pub use group::Group;
pub use interface::{Instance, Interface};
pub use network::{Subnet, Vpc};
pub use world::Change;

use crate::error::ApiError;
use crate::input::{flag, tidy};
use crate::service::{Context, Handler};
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Tags of one resource.
pub type Tags = BTreeMap<String, String>;

/// Everything of EC2 in one account and region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The account; empty until the first world is built.
    account: String,
    region: String,
    /// How many resources were made, from which identifiers follow.
    made: u64,
    zones: BTreeMap<String, network::Zone>,
    vpcs: BTreeMap<String, Vpc>,
    subnets: BTreeMap<String, Subnet>,
    tables: BTreeMap<String, routing::RouteTable>,
    gateways: BTreeMap<String, routing::Gateway>,
    groups: BTreeMap<String, Group>,
    interfaces: BTreeMap<String, Interface>,
    instances: BTreeMap<String, Instance>,
    addresses: BTreeMap<String, address::Address>,
    /// Managed prefix lists: the identifier and the entries that a reference counts as.
    prefix_lists: BTreeMap<String, u32>,
}

/// The operations that are served.
pub const OPERATIONS: &[(&str, Handler)] = &[
    ("AllocateAddress", |a, c, i| run(a, c, i, address::allocate)),
    ("AuthorizeSecurityGroupEgress", |a, c, i| {
        run(a, c, i, rules::authorize_egress)
    }),
    ("AuthorizeSecurityGroupIngress", |a, c, i| {
        run(a, c, i, rules::authorize_ingress)
    }),
    ("CreateSecurityGroup", |a, c, i| run(a, c, i, group::create)),
    ("CreateTags", |a, c, i| run(a, c, i, tags::create)),
    ("DeleteSecurityGroup", |a, c, i| run(a, c, i, group::delete)),
    ("DeleteTags", |a, c, i| run(a, c, i, tags::delete)),
    ("DescribeAddresses", |a, c, i| run(a, c, i, address::describe)),
    ("DescribeAvailabilityZones", |a, c, i| {
        run(a, c, i, network::describe_zones)
    }),
    ("DescribeInstances", |a, c, i| {
        run(a, c, i, interface::describe_instances)
    }),
    ("DescribeInternetGateways", |a, c, i| {
        run(a, c, i, routing::describe_gateways)
    }),
    ("DescribeNetworkInterfaces", |a, c, i| {
        run(a, c, i, interface::describe)
    }),
    ("DescribeRouteTables", |a, c, i| {
        run(a, c, i, routing::describe_tables)
    }),
    ("DescribeSecurityGroupRules", |a, c, i| {
        run(a, c, i, rules::describe)
    }),
    ("DescribeSecurityGroups", |a, c, i| run(a, c, i, group::describe)),
    ("DescribeSubnets", |a, c, i| {
        run(a, c, i, network::describe_subnets)
    }),
    ("DescribeTags", |a, c, i| run(a, c, i, tags::describe)),
    ("DescribeVpcs", |a, c, i| run(a, c, i, network::describe_vpcs)),
    ("ReleaseAddress", |a, c, i| run(a, c, i, address::release)),
    ("RevokeSecurityGroupEgress", |a, c, i| {
        run(a, c, i, rules::revoke_egress)
    }),
    ("RevokeSecurityGroupIngress", |a, c, i| {
        run(a, c, i, rules::revoke_ingress)
    }),
];

/// Runs an operation on a state whose lapsed interfaces are gone. A dry run changes nothing and tells that it
/// would have worked, as every operation's `DryRun` is documented.
fn run(
    account: &mut Account,
    context: &Context,
    input: &Value,
    operation: Handler,
) -> Result<Value, ApiError> {
    account.ec2.ensure(&context.account, &context.region);
    account.ec2.sweep(context.now);
    if !flag(input, "DryRun") {
        return operation(account, context, input).map(tidy);
    }
    let before = account.ec2.clone();
    let outcome = operation(account, context, input);
    account.ec2 = before;
    outcome?;
    Err(ApiError {
        status: Some(412),
        ..ApiError::new(
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        )
    })
}

impl State {
    /// Builds the world that a fresh account starts with, once.
    pub fn ensure(&mut self, account: &str, region: &str) {
        if self.account.is_empty() {
            account.clone_into(&mut self.account);
            region.clone_into(&mut self.region);
            self.build(&world::Plan::default());
        }
    }

    /// A VPC by its identifier.
    pub fn vpc(&self, id: &str) -> Option<&Vpc> {
        self.vpcs.get(id)
    }

    /// A subnet by its identifier.
    pub fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.subnets.get(id)
    }

    /// All subnets, of which an inventory is made.
    pub fn subnets(&self) -> impl Iterator<Item = &Subnet> {
        self.subnets.values()
    }

    /// A security group by its identifier, once it can be seen: a fresh one is not found for a while
    /// ([eventual consistency](https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html)).
    pub fn group(&self, id: &str, context: &Context) -> Option<&Group> {
        self.groups.get(id).filter(|group| group.visible(context))
    }

    /// An instance by its identifier.
    pub fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.get(id)
    }

    /// The address of an instance in its VPC.
    pub fn instance_address(&self, id: &str) -> Option<std::net::Ipv4Addr> {
        let instance = self.instances.get(id)?;
        self.interfaces
            .get(&instance.interface)
            .map(|interface| interface.private)
    }

    /// The name of the zone of an instance.
    pub fn instance_zone(&self, id: &str) -> Option<&str> {
        let instance = self.instances.get(id)?;
        self.subnets
            .get(&instance.subnet)
            .map(|subnet| subnet.zone.as_str())
    }

    /// The zone of the subnet of a VPC that holds an address.
    pub fn zone_of(&self, vpc: &str, address: std::net::IpAddr) -> Option<&str> {
        self.subnets
            .values()
            .find(|subnet| {
                subnet.vpc == vpc
                    && match address {
                        std::net::IpAddr::V4(v4) => subnet.cidr.contains(&v4),
                        std::net::IpAddr::V6(v6) => subnet.ipv6.is_some_and(|range| range.contains(&v6)),
                    }
            })
            .map(|subnet| subnet.zone.as_str())
    }

    /// All security groups, of which an inventory is made.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// All network interfaces that still exist, of which an inventory is made.
    pub fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        self.interfaces.values()
    }

    /// Removes interfaces whose load balancer is gone long enough.
    fn sweep(&mut self, now: u64) {
        self.interfaces
            .retain(|_, interface| interface.gone_at.is_none_or(|at| now < at));
    }
}

#[cfg(test)]
mod tests;
