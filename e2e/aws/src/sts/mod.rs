//! Who calls: STS as far as controllers use it.
//!
//! [API reference](https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html). Credentials carry their
//! account as AWS's own do, and session tokens carry the role, so that nothing has to be looked up.

mod identity;
mod keys;
mod role;

pub use identity::{DEFAULT_ACCOUNT, Identity, account_of, authenticate};
pub use keys::{Keys, Secret};

use crate::service::Handler;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What STS keeps in an account and region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// How many credentials were given.
    made: u64,
    /// Roles that nobody may assume.
    pub refused_roles: BTreeSet<String>,
}

/// The operations that are served.
pub const OPERATIONS: &[(&str, Handler)] = &[
    ("AssumeRole", role::assume),
    ("AssumeRoleWithWebIdentity", role::assume_with_web_identity),
    ("GetAccessKeyInfo", identity::access_key_info),
    ("GetCallerIdentity", identity::caller_identity),
];

#[cfg(test)]
mod tests;
