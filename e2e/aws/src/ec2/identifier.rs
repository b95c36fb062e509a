//! Identifiers: a prefix and 17 hexadecimal digits, as
//! [resource IDs](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html) are; they follow from
//! the account, the region and a count, so that a run is repeatable.

use super::State;
use sha2::{Digest, Sha256};
use std::fmt::Write;

impl State {
    /// The next identifier with a prefix such as `sg-`.
    pub(super) fn identifier(&mut self, prefix: &str) -> String {
        self.made += 1;
        let seed = format!("{} {} {prefix} {}", self.account, self.region, self.made);
        let mut id = format!("{prefix}0");
        for byte in Sha256::digest(seed).iter().take(8) {
            // Writing to a text cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        id
    }

    /// A name in AWS's scheme.
    pub(super) fn arn(&self, rest: &str) -> String {
        format!(
            "arn:{}:ec2:{}:{}:{rest}",
            crate::service::partition(&self.region),
            self.region,
            self.account
        )
    }
}

/// True for an identifier of the given prefix: 8 or 17 hexadecimal digits.
pub(super) fn well_formed(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|digits| {
        (digits.len() == 8 || digits.len() == 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}
