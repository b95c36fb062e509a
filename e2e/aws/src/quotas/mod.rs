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
use crate::state::Account;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A quota.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// `elasticloadbalancing` and so on.
    pub service: &'static str,
    /// `L-` and eight digits.
    pub code: &'static str,
    /// What load balancing itself calls it, where its own state holds it.
    pub limit: Option<&'static str>,
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
    /// The quota that applies; those of load balancing are in its own state.
    pub fn value(&self, quota: Quota) -> u64 {
        self.applied.get(quota.code).copied().unwrap_or(quota.default)
    }
}

/// The quota that applies in an account.
pub fn applied(account: &Account, quota: Quota) -> u64 {
    match quota.limit {
        Some(name) => account.elb.limits.get(name),
        None => account.quotas.value(quota),
    }
}

/// Sets a quota; even those that AWS does not raise, so that a test need not fill them.
///
/// # Errors
///
/// When there is no quota of this code.
pub fn set(account: &mut Account, code: &str, value: u64) -> Result<(), ApiError> {
    let known = ALL.iter().find(|quota| quota.code == code);
    let quota = known
        .ok_or_else(|| ApiError::new("NoSuchResourceException", format!("There is no quota {code}.")))?;
    match quota.limit {
        Some(name) => {
            account.elb.limits.set(name, value);
        }
        None => {
            account.quotas.applied.insert(code.to_owned(), value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_of_load_balancing_are_the_same_everywhere() {
        let mut account = Account::default();
        for quota in ALL {
            assert_eq!(applied(&account, *quota), quota.default, "{}", quota.name);
        }
        set(&mut account, RULES_PER_ALB.code, 7).unwrap();
        assert_eq!(account.elb.limits.get("rules-per-application-load-balancer"), 7);
        set(&mut account, SECURITY_GROUPS.code, 9).unwrap();
        assert_eq!(applied(&account, SECURITY_GROUPS), 9);
        assert!(set(&mut account, "L-00000000", 1).is_err());
    }
}
