//! What each provider can express, and what each one does.
//!
//! The contract of providers is in [`contract`]; its executable form is behind the feature `suite`.
//!
//! The tables say, for every [`Feature`] of the provider-neutral model, whether a provider serves it,
//! serves it roughly, or cannot express it, and which vendor page says so. The feature tables of the
//! documentation are generated from them ([`document`], [`mapping`]), and [`review`] turns them into the typed
//! [`gatewright_model::unsupported::Unsupported`] entries of one load balancer: nothing is dropped
//! silently.

pub mod claim;
pub mod contract;
pub mod document;
pub mod feature;
pub mod mapping;
pub mod provider;
pub mod review;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
pub mod support;
mod tables;

pub use claim::claims;
pub use feature::Feature;
pub use provider::Provider;
pub use review::review;
pub use support::Support;

/// Target of the `tracing` spans that tell what the program does, for who exports them.
pub const TRACES: &str = "gatewright::traces";
