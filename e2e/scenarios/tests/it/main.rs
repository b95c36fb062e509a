//! Scenarios, one file each. They need a cluster with Gatewright: `cargo xtask scenarios` brings both.

// JSON values are indexed: what is not there is null.
#![allow(clippy::indexing_slicing)]

mod cross_namespace;
mod definitions_removed;
mod invalid_among_valid;
mod large_secret;
mod limits_of_a_route;
mod many_listeners;
mod namespace_deleted;
mod partially_invalid;
