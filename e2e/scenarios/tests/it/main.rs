//! Scenarios, one file each. They need a cluster with Gatewright: `cargo xtask scenarios` brings both.

// JSON values are indexed: what is not there is null.
#![allow(clippy::indexing_slicing)]

mod argo_rollouts;
mod conflicting_kinds;
mod cross_namespace;
mod definitions_removed;
mod ecosystem;
mod external_auth;
mod external_dns;
mod invalid_among_valid;
mod large_secret;
mod late_secrets;
mod limits_of_a_route;
mod many_listeners;
mod namespace_deleted;
mod overlapping_tls;
mod partially_invalid;
mod retry_budget;
mod session_persistence;
mod supported_version;
mod weights;
