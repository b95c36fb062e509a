//! Backends: from Services, EndpointSlices and XBackends to addresses.
//!
//! A backend is computed once per Service port (or XBackend) and shared by every load balancer that
//! routes to it, so nothing here depends on a Gateway. What does depend on who refers to it, such as
//! whether a route of some kind can use the port's protocol, is asked of [`AppProtocol`].

mod app_protocol;
mod build;
mod endpoints;
mod external;
mod service;
mod warming;
mod xbackend;

pub use app_protocol::AppProtocol;
pub use build::{Built, build};
pub use service::{BackendFault, BackendNotice, PortFacts, ServiceBackend, Transport, inspect, resolve};
pub use warming::warming;
pub use xbackend::{OWNER_LABEL, owner_label_value, port as xbackend_port, verdict as xbackend_verdict};

use serde::{Deserialize, Serialize};

/// Decisions of the operator about backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendOptions {
    /// Whether Services of type ExternalName may be used.
    pub external_names: ExternalNames,
    /// Where the proxy runs.
    pub location: Location,
}

/// Whether Services of type ExternalName may be used. They let whoever may write a Service reach
/// names that a ReferenceGrant or a network policy would deny (CVE-2021-25740), and the
/// specification says that implementations SHOULD NOT support them (`BackendObjectReference.kind`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternalNames {
    /// References to them are invalid.
    #[default]
    Refuse,
    /// They are resolved by DNS.
    Allow,
}

/// Where the proxy runs, which decides what addresses a tenant may make it connect to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Location {
    /// In a cluster: loopback, link-local and metadata addresses are refused.
    #[default]
    Cluster,
    /// On a person's machine, from files that the person wrote: every address may be used.
    Standalone,
}

#[cfg(test)]
mod build_tests;
#[cfg(test)]
mod tests;
