//! Gateways as proxies in a Kubernetes cluster.
//!
//! [`mod@lower`] says what a Gateway becomes, purely; [`cluster`] knows what exists; [`mod@plan`] finds what
//! differs; [`driver`] carries that out and nothing else, by the contract of providers. Addresses come from
//! the Service or the nodes ([`addresses`]). Shared fleets: `docs/adr/0007-shared-fleet-addresses.md`.
//!
//! # Permissions
//!
//! | group | resources | verbs | where |
//! |---|---|---|---|
//! | core | services, serviceaccounts, configmaps | get, list, watch, create, patch, delete | namespaces with Gateways, and the controller's |
//! | core | pods | list, watch | the same |
//! | apps | deployments, daemonsets | get, list, watch, create, patch, delete | namespaces with Gateways, and the controller's |
//! | policy | poddisruptionbudgets | get, list, watch, create, patch, delete | namespaces with Gateways, and the controller's |
//! | autoscaling | horizontalpodautoscalers | get, list, watch, create, patch, delete | namespaces with Gateways, and the controller's |
//!
//! `create` is needed because an apply makes what is missing.

pub mod addresses;
pub mod cluster;
pub mod compare;
#[cfg(test)]
mod contract_tests;
pub mod driver;
pub mod kind;
pub mod lower;
pub mod moving;
pub mod names;
pub mod plan;
pub mod ports;
mod provider;
pub mod sessions;
pub mod settings;
#[cfg(test)]
mod testing;

pub use provider::SoftwareProvider;
pub use settings::{Input, Place, Served, Settings};
