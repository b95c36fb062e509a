//! Gateway API types, CRD bundles and our own CRDs.
//!
//! - [`api`]: Rust types of every kind, generated from the newest supported release.
//! - [`bundle`]: the CRDs themselves, of each supported release and channel, for validation.
//! - [`convert`]: from older versions and shapes to those types.
//! - [`own`]: our own kinds and their CRDs.
//! - [`kinds`], [`constants`], [`features`]: names that the API fixes.
//!
//! What is generated is written by `cargo xtask crds generate` from the published Go module and
//! guarded by `cargo xtask crds check`.

pub mod api;
pub mod bundle;
pub mod constants;
pub mod convert;
pub mod features;
pub mod kinds;
pub mod own;
