//! Quotas and the service that tells them.
//!
//! Defaults are those of
//! [ALB](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html),
//! [NLB](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-limits.html),
//! [VPC](https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html) and
//! [ACM](https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html). The admin API sets others.

mod serve;
mod table;

pub use serve::OPERATIONS;
pub use table::*;

use crate::error::ApiError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A quota.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// `elasticloadbalancing` and so on.
    pub service: &'static str,
    /// `L-` and eight digits.
    pub code: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// What a fresh account has.
    pub default: u64,
    /// Whether AWS raises it on request.
    pub adjustable: bool,
}

/// Quotas that differ from the defaults.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    applied: BTreeMap<String, u64>,
}

impl State {
    /// The quota that applies.
    pub fn value(&self, quota: Quota) -> u64 {
        self.applied.get(quota.code).copied().unwrap_or(quota.default)
    }

    /// Sets a quota; even those that AWS does not raise, so that a test need not fill them.
    pub fn set(&mut self, code: &str, value: u64) -> Result<(), ApiError> {
        if !ALL.iter().any(|quota| quota.code == code) {
            return Err(ApiError::new(
                "NoSuchResourceException",
                format!("There is no quota {code}."),
            ));
        }
        self.applied.insert(code.to_owned(), value);
        Ok(())
    }
}
