//! One table per provider. A new [`Feature`] does not compile until every table has a word on it.

use crate::feature::Feature;
use crate::support::Support;

pub mod aws_alb;
pub mod aws_lattice;
pub mod azure_appgw;
pub mod gcp;
pub mod layer4;

/// The bundled proxy executes the model itself.
pub const fn software(_: Feature) -> Support {
    Support::Full
}
