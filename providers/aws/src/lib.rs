//! Load balancers on AWS: what exists, what differs from what is wanted, and the calls that lead there.
//!
//! [`cloud`] is AWS as this crate needs it, in types of our own: with AWS's SDK it is implemented elsewhere, and
//! in memory under the feature `testing`. [`alb`] is the driver of Application and Network Load Balancers, by the
//! contract of providers, [`nlb`] what is its own of the latter; what a Gateway becomes is decided before, in `gatewright-aws-core`.
//!
//! No state of our own: what exists is found by its tags ([`owner`]), so that any process can take over after any
//! call of another.

pub mod alb;
pub mod cloud;
#[cfg(test)]
mod goldens;
pub mod lattice;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
pub mod nlb;
pub mod owner;
mod pools;
pub mod swept;

pub use gatewright_aws_core::network::BalancerKind;
