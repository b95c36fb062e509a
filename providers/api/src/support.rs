//! How well a provider serves a feature.

use serde::Serialize;

/// Verdict on one feature. Texts are fit for conditions and for the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Support {
    /// Served as the Gateway API says.
    Full,
    /// Served with the difference named.
    Approximate {
        /// What differs.
        difference: &'static str,
    },
    /// Cannot be expressed.
    None {
        /// Why.
        why: &'static str,
        /// What to do instead; empty when there is nothing.
        instead: &'static str,
    },
}

/// Shorthand of the tables.
pub(crate) const fn approximate(difference: &'static str) -> Support {
    Support::Approximate { difference }
}

/// What helps against everything that a cloud's load balancer cannot do.
pub const USE_SOFTWARE: &str = "use a class of gatewright.dev/software for this route";

/// Shorthand of the tables.
pub(crate) const fn none(why: &'static str) -> Support {
    Support::None {
        why,
        instead: USE_SOFTWARE,
    }
}

/// Shorthand of the tables.
pub(crate) const fn none_but(why: &'static str, instead: &'static str) -> Support {
    Support::None { why, instead }
}
