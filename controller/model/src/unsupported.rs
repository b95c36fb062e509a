//! What a target cannot express: never a silent drop.

use crate::Str;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that a provider cannot express, or can express only roughly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unsupported {
    /// The object, as `Kind namespace/name`.
    pub object: Str,
    /// Path of the field, for example `spec.rules[0].filters[1].requestMirror`.
    pub field: Str,
    /// Why it cannot be expressed.
    pub why: Str,
    /// What to do instead; empty when there is nothing.
    pub alternative: Str,
    /// `true`: it is served, with the difference named in `why`. `false`: it is not served.
    pub approximated: bool,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.approximated {
            "is approximated"
        } else {
            "is not supported"
        };
        write!(f, "{}: {} {verb}: {}", self.object, self.field, self.why)?;
        if !self.alternative.is_empty() {
            write!(f, "; {}", self.alternative)?;
        }
        Ok(())
    }
}
