//! Units of recomputation.

use crate::snapshot::ObjectKey;
use gatewright_model::Str;
use gatewright_model::key::{BackendKey, ListenerKey, ObjectName, RouteKey};

/// One thing that is computed, remembered, and computed again when what it depends on changes.
///
/// A unit depends on units of earlier variants only, so that working through dirty units in their
/// order computes each at most once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// Whether a GatewayClass is ours and accepted.
    Class(Str),
    /// A Gateway with its listeners, those of its ListenerSets included.
    Gateway(ObjectName),
    /// Where a route attaches, each parent on its own.
    Parents(RouteKey),
    /// What a route's rules mean.
    Rules(RouteKey),
    /// Which listeners count a route as theirs.
    Attachment(RouteKey),
    /// HTTPRoutes and GRPCRoutes that exclude one another on a listener.
    Rivals(ListenerKey),
    /// What a route adds to load balancers.
    Contribution(RouteKey),
    /// A backend.
    Backend(BackendKey),
    /// A policy or XBackend: its conditions for each Gateway.
    Policy(ObjectKey),
    /// A load balancer.
    Balancer(ObjectName),
    /// The status of an object.
    Status(ObjectKey),
}
