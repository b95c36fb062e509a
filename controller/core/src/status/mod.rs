//! Statuses: findings put into words, and merged with what is in the object already.
//!
//! Every function here is pure: the time is an argument, the existing status is an argument, and
//! equal arguments give equal statuses. What others wrote stays as it is.

pub mod class;
pub mod condition;
pub mod entries;
pub mod gateway;
pub mod listener;
pub mod listener_set;
pub mod mesh;
pub mod policy;
pub mod programming;
pub mod route;
pub mod shortfall;
pub mod standing;

pub use condition::{Truth, Wanted, merge};
pub use programming::{AssignedAddress, ListenerOutcome, Planned, Programming, ProgrammingFault};
pub use shortfall::Shortfall;

use gatewright_crds::api::{
    GatewayClassStatus, GatewayStatus, ListenerSetStatus, ListenerStatus, PolicyStatus, RouteStatus,
    XBackendStatus, XMeshStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;

/// Our own condition of routes: some backends have fewer endpoints than their owner may expect. Only
/// present when true.
pub const BACKENDS_WITHOUT_ENDPOINTS: &str = "gatewright.dev/BackendsWithoutEndpoints";

/// The status of an object of any kind that has one here.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Status {
    /// GatewayClass.
    Class(GatewayClassStatus),
    /// Gateway.
    Gateway(GatewayStatus),
    /// ListenerSet.
    ListenerSet(ListenerSetStatus),
    /// A route of any kind.
    Route(RouteStatus),
    /// BackendTLSPolicy, XBackendTrafficPolicy or XTelemetryPolicy.
    Policy(PolicyStatus),
    /// XBackend.
    Backend(XBackendStatus),
    /// XMesh.
    Mesh(XMeshStatus),
}

impl Status {
    /// What is ours in it, for server-side apply: a field that another manager owns must not be applied, or
    /// it would become ours as well. `None` for kinds whose lists are atomic (routes, policies): these are
    /// written whole.
    pub fn applied(&self) -> Option<Self> {
        let own = |conditions: &Option<Vec<Condition>>| {
            conditions.as_ref().map(|all| {
                let own = all.iter().filter(|found| condition::is_owned(&found.type_));
                own.cloned().collect::<Vec<_>>()
            })
        };
        let listeners = |all: &Option<Vec<ListenerStatus>>| {
            all.as_ref().map(|all| {
                let own = all.iter().cloned().map(|mut listener| {
                    listener
                        .conditions
                        .retain(|found| condition::is_owned(&found.type_));
                    listener
                });
                own.collect::<Vec<_>>()
            })
        };
        match self {
            Self::Class(status) => Some(Self::Class(GatewayClassStatus {
                conditions: own(&status.conditions),
                ..status.clone()
            })),
            Self::Gateway(status) => Some(Self::Gateway(GatewayStatus {
                conditions: own(&status.conditions),
                listeners: listeners(&status.listeners),
                ..status.clone()
            })),
            Self::ListenerSet(status) => Some(Self::ListenerSet(ListenerSetStatus {
                conditions: own(&status.conditions),
                listeners: listeners(&status.listeners),
            })),
            Self::Mesh(status) => Some(Self::Mesh(XMeshStatus {
                conditions: own(&status.conditions),
                ..status.clone()
            })),
            Self::Route(_) | Self::Policy(_) | Self::Backend(_) => None,
        }
    }

    /// Whether it is what the CRDs of GatewayClass, Gateway and XMesh give to objects that nobody has looked
    /// at: conditions with status `Unknown` since 1970.
    pub fn is_default(&self) -> bool {
        let (conditions, more) = match self {
            Self::Class(GatewayClassStatus {
                conditions,
                supported_features,
            }) => (conditions, supported_features.is_some()),
            Self::Gateway(GatewayStatus {
                addresses,
                attached_listener_sets,
                conditions,
                listeners,
            }) => {
                let more = addresses.is_some() || attached_listener_sets.is_some() || listeners.is_some();
                (conditions, more)
            }
            Self::Mesh(XMeshStatus {
                conditions,
                supported_features,
            }) => (conditions, supported_features.is_some()),
            _ => return false,
        };
        let blank = |found: &Condition| {
            found.status == "Unknown"
                && found.observed_generation.is_none()
                && found.last_transition_time.0 == jiff::Timestamp::UNIX_EPOCH
        };
        !more && conditions.iter().flatten().all(blank)
    }
}

/// When and for which generation a status is written.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// `metadata.generation`; files have none.
    pub generation: Option<i64>,
    /// Now.
    pub at: jiff::Timestamp,
}

impl Stamp {
    /// Merges conditions with this stamp.
    pub fn merge(self, existing: &[Condition], wanted: Vec<Wanted>) -> Vec<Condition> {
        merge(existing, wanted, self.generation, self.at)
    }
}

#[cfg(test)]
mod tests;
