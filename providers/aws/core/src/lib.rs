//! What load balancers become on AWS, decided without any IO.
//!
//! The types are AWS's own resources in canonical form, keyed by identities of ours ([`TargetGroupId`] and its
//! like) instead of ARNs: what is wanted can be written down before anything exists. The crate `gatewright-aws`
//! carries out what is decided here.
//!
//! Facts about AWS cite the page of its documentation that they come from.

pub mod access;
pub mod alb;
pub mod certificate;
pub mod lattice;
pub mod limits;
pub mod names;
pub mod network;
pub mod nlb;
pub mod secret;
pub mod tags;
pub mod target_group;
pub mod trust_store;

pub use secret::Secret;
pub use target_group::TargetGroupId;

/// Text that is shared.
pub use gatewright_model::Str;
