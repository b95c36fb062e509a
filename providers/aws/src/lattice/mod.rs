//! The driver of VPC Lattice.
//!
//! [`mod@observe`] reads what exists, [`mod@plan`] finds the changes, [`driver`] carries them out one by one and tells
//! the addresses ([`addresses`]). [`cloud`] is AWS as it needs it.
//!
//! Networks, services and target groups are ours by their tags. Within a service of ours a listener or rule is ours by its
//! name ([`names::PREFIX`](gatewright_aws_core::lattice::names::PREFIX)): reading tags of each would be a call for each.
//! In a service that was somebody else's all is ours ([`mod@plan`], `adopt`).

pub mod addresses;
mod apply;
pub mod cloud;
pub mod driver;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
pub mod observe;
pub mod observed;
pub mod plan;
mod pools;
pub mod prepare;
pub mod step;
pub mod swept;
#[cfg(test)]
mod tests;

pub use driver::{LatticeDriver, Request, Settings};
pub use observed::Observed;
pub use step::Step;
