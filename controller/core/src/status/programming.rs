//! What the data plane made of a load balancer: the outcome that statuses report.

use super::shortfall::Shortfall;
use gatewright_model::Str;
use gatewright_model::key::ListenerKey;
use std::collections::BTreeMap;

/// Outcome for one Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Programming {
    /// Outcome per listener; one that is absent is still pending.
    pub listeners: BTreeMap<ListenerKey, ListenerOutcome>,
    /// Addresses that lead to the Gateway.
    pub addresses: Vec<AssignedAddress>,
    /// Names that single hostnames of routes are reached by, where a hostname has one of its own.
    pub names: BTreeMap<Str, Str>,
    /// Identifiers of what serves single hostnames in a cloud, `*` for what names no host.
    pub resources: BTreeMap<Str, Str>,
    /// A fault of the Gateway as a whole.
    pub fault: Option<ProgrammingFault>,
    /// What the provider cannot express.
    pub shortfall: Shortfall,
    /// What differs between what is wanted and what exists; `None` where nobody plans.
    pub plan: Option<Planned>,
}

/// Our own condition of Gateways that a cloud serves: whether what exists is what is wanted.
pub const PLAN: &str = "gatewright.dev/Plan";

/// Our own condition of routes: the names that their hostnames are reached by, for DNS. Only present where hostnames have
/// names of their own, and when true.
pub const NAMES: &str = "gatewright.dev/Names";

/// Our own condition of routes: the cloud's identifiers of what serves their hostnames, for tools of the cloud. Only present where
/// hostnames have something of their own, and when true.
pub const RESOURCES: &str = "gatewright.dev/Resources";

/// What is left to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Whether nothing is; `None`: what exists could not be read.
    pub done: Option<bool>,
    /// Reason of the condition.
    pub reason: Str,
    /// Counts and the first reasons, in words.
    pub message: String,
}

/// Outcome for one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenerOutcome {
    /// It accepts traffic.
    Programmed,
    /// It does not.
    Failed {
        /// Reason of `Programmed=False`; `PortUnavailable` makes `Accepted` false as well.
        reason: Str,
        /// In words.
        message: String,
    },
}

/// A fault that keeps a whole Gateway from being programmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgrammingFault {
    /// Reason of `Programmed=False`: `AddressNotUsable`, `AddressNotAssigned`, `NoResources`, `Pending`
    /// or `Invalid` (`GatewayConditionReason`).
    pub reason: Str,
    /// In words.
    pub message: String,
}

/// `status.addresses[]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssignedAddress {
    /// Type, for example `IPAddress`.
    pub kind: Str,
    /// Value.
    pub value: Str,
    /// Routability; empty for the provider's default (GEP-5093).
    pub routability: Str,
}
