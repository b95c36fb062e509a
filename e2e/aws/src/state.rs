//! All that exists, by account and region.

use crate::{acm, ec2, elb, lattice, quotas, s3, shield, sts, waf};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most pairs of account and region that are kept.
pub const MOST_ACCOUNTS: usize = 4096;

/// Everything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct World {
    /// By account and region, as `123456789012/eu-central-1`.
    pub accounts: BTreeMap<String, Account>,
    /// Addresses of load balancers on this machine, by ARN, counted from the first of their network.
    pub addresses: BTreeMap<String, u32>,
}

/// What an account has in a region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Elastic Load Balancing.
    pub elb: elb::State,
    /// EC2.
    pub ec2: ec2::State,
    /// ACM.
    pub acm: acm::State,
    /// S3.
    pub s3: s3::State,
    /// VPC Lattice.
    pub lattice: lattice::State,
    /// AWS Shield: of the region `us-east-1` alone.
    pub shield: shield::State,
    /// AWS WAF.
    pub waf: waf::State,
    /// STS.
    pub sts: sts::State,
    /// Quotas.
    pub quotas: quotas::State,
}

/// Key of an account and region in [`World::accounts`].
pub fn place(account: &str, region: &str) -> String {
    format!("{account}/{region}")
}
