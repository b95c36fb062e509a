//! What each field of the Gateway API becomes at a provider: the rows of the mapping tables of the documentation.
//!
//! Whether a field is served, roughly or not at all is not said here but in the capability tables
//! ([`Provider::support`]): a row names the features that a field needs, and takes their words. Tests hold that every
//! feature has a row, and that every field of the CRDs is in one.

mod aws_alb;
mod aws_lattice;
mod aws_nlb;
mod page;
pub mod words;

use crate::feature::Feature;
use crate::provider::Provider;
pub use page::aws;
use words::Words;

/// What one field, or all fields below one, become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Kind of the object, for example `HTTPRoute`.
    pub kind: &'static str,
    /// Its path, with `[]` for lists; it stands for all fields below it that have no longer row. Where only a value
    /// is meant, ` = ` and the value follow.
    pub field: &'static str,
    /// What it becomes.
    pub becomes: Becomes,
    /// Goldens that show it, by their path below `providers/aws/core/goldens`, without their ending.
    pub proofs: &'static [&'static str],
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// Something in the provider's API.
    Field {
        /// Operation and field in the provider's words.
        api: &'static str,
        /// What it needs; all of it is served, at least roughly.
        features: &'static [Feature],
    },
    /// The controller heeds it; the provider has no field for it.
    Controller(&'static str),
    /// These features it cannot express, each with its reason.
    Unsupported(&'static [Feature]),
    /// It cannot be expressed, and no feature stands for it.
    Refused(Words),
    /// It is served roughly, and no feature stands for it.
    Roughly {
        /// Operation and field in the provider's words.
        api: &'static str,
        /// What differs.
        difference: &'static str,
    },
}

impl Row {
    /// The field without a value.
    pub fn path(&self) -> &'static str {
        self.field.split(" = ").next().unwrap_or(self.field)
    }

    /// Whether it stands for a field.
    pub fn covers(&self, kind: &str, field: &str) -> bool {
        self.kind == kind
            && field
                .strip_prefix(self.path())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }

    /// The features that it names.
    pub const fn features(&self) -> &'static [Feature] {
        match self.becomes {
            Becomes::Field { features, .. } | Becomes::Unsupported(features) => features,
            Becomes::Controller(_) | Becomes::Refused(_) | Becomes::Roughly { .. } => &[],
        }
    }
}

impl Provider {
    /// Its rows, in the order of the documentation; none when it has no table.
    pub const fn mapping(self) -> Option<&'static [Row]> {
        match self {
            Self::AwsAlb => Some(aws_alb::ROWS),
            Self::AwsLattice => Some(aws_lattice::ROWS),
            Self::AwsNlb => Some(aws_nlb::ROWS),
            _ => None,
        }
    }
}

/// A field that the provider's API has.
const fn field(
    kind: &'static str,
    path: &'static str,
    api: &'static str,
    proofs: &'static [&'static str],
) -> Row {
    uses(kind, path, (api, &[]), proofs)
}

/// The same, of features.
const fn uses(
    kind: &'static str,
    field: &'static str,
    (api, features): (&'static str, &'static [Feature]),
    proofs: &'static [&'static str],
) -> Row {
    Row {
        kind,
        field,
        becomes: Becomes::Field { api, features },
        proofs,
    }
}

/// A field that the controller heeds.
const fn heeded(
    kind: &'static str,
    field: &'static str,
    how: &'static str,
    proofs: &'static [&'static str],
) -> Row {
    Row {
        kind,
        field,
        becomes: Becomes::Controller(how),
        proofs,
    }
}

/// A field that cannot be expressed.
const fn lacks(
    kind: &'static str,
    field: &'static str,
    features: &'static [Feature],
    proofs: &'static [&'static str],
) -> Row {
    Row {
        kind,
        field,
        becomes: Becomes::Unsupported(features),
        proofs,
    }
}

/// A field that cannot be expressed, and for which there is no feature.
const fn refused(
    kind: &'static str,
    field: &'static str,
    words: Words,
    proofs: &'static [&'static str],
) -> Row {
    Row {
        kind,
        field,
        becomes: Becomes::Refused(words),
        proofs,
    }
}

/// A field that is served with a difference, and for which there is no feature.
const fn roughly(
    kind: &'static str,
    field: &'static str,
    (api, difference): (&'static str, &'static str),
    proofs: &'static [&'static str],
) -> Row {
    Row {
        kind,
        field,
        becomes: Becomes::Roughly { api, difference },
        proofs,
    }
}

#[cfg(test)]
mod tests;
