//! What a Network Load Balancer depends on beside its Gateway. What users set is what they set for an Application Load
//! Balancer: [`crate::alb::settings::Settings`].

use crate::Str;
use crate::alb::settings;
use crate::limits::NlbLimits;
use gatewright_model::key::ObjectName;
use ipnet::{IpNet, Ipv6Net};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// An Application Load Balancer that a port leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Its ARN.
    pub arn: Str,
    /// Whether its listener of that port takes HTTPS from everybody, so that its health can be asked for so: one that wants
    /// certificates of clients is asked in plain, which it refuses with 400.
    pub https: bool,
}

/// An Elastic IP address that is found by its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// `AllocationId`.
    pub allocation: Str,
    /// The subnet in which the Gateway's load balancer has it; none when it is free.
    pub at: Option<Str>,
}

/// What is found in the account and the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// VPC, subnets and nodes.
    pub place: settings::Surroundings,
    /// Blocks of IPv4 addresses of the subnets, by id.
    pub blocks: BTreeMap<Str, IpNet>,
    /// Blocks of IPv6 addresses of those that have one, by id.
    pub blocks6: BTreeMap<Str, Ipv6Net>,
    /// Elastic IP addresses of the account, as far as the Gateway asks for them, each with its `AllocationId`.
    pub elastic: BTreeMap<IpAddr, Str>,
    /// Elastic IP addresses with the tags that the Gateway asks for, that are free or its load balancer's.
    pub tagged: BTreeMap<IpAddr, Tagged>,
    /// Application Load Balancers of Gateways that ports lead to, by Gateway and port, as far as they listen there.
    pub gateways: BTreeMap<(ObjectName, u16), Behind>,
    /// Which of its two names the load balancer has. "You can't use an IPv4 target group with a UDP listener for a dualstack load
    /// balancer" (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/create-listener.html>), and no IPv6 one for another: while
    /// a load balancer takes datagrams it cannot become dual-stack, or end to be. Then another one comes beside it, of the other name.
    pub beside: bool,
    /// Quotas.
    pub limits: NlbLimits,
}
