//! What the engine remembers of each unit.

use super::delta::Parts;
use crate::backend::BackendNotice;
use crate::graph::facts::GatewayFacts;
use crate::graph::gateway::GatewayNode;
use crate::graph::nodes::NodeFacts;
use crate::graph::parameters::{AwsBackend, AwsRoute};
use crate::graph::route::{RouteParents, RouteRules};
use crate::small_set::SmallSet;
use gatewright_crds::own::AwsTargetGroupParametersSpec;
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{Backend, Endpoint};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{BackendKey, CertificateKey, ListenerKey, ObjectName, RouteKey};
use gatewright_model::route::{HttpRoute, StreamRoute};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A Gateway.
#[derive(Debug, Default)]
pub struct GatewayState {
    /// What it is; `None` when it is not ours, while routes still have to leave it.
    pub node: Option<Arc<GatewayNode>>,
    /// The part of it that routes look at.
    pub facts: Option<Arc<GatewayFacts>>,
    /// HTTPRoutes and GRPCRoutes that add to it.
    pub http_routes: BTreeMap<RouteKey, Arc<HttpRoute>>,
    /// Stream routes that add to it.
    pub stream_routes: BTreeMap<RouteKey, Arc<StreamRoute>>,
    /// How many routes and parts of the Gateway name a backend.
    pub backends: BTreeMap<BackendKey, usize>,
    /// Client certificates that its backends bring along.
    pub backend_certificates: BTreeMap<BackendKey, CertificateKey>,
    /// Settings of single Services, where the provider takes such.
    pub target_groups: BTreeMap<ObjectName, Arc<AwsTargetGroupParametersSpec>>,
    /// What rules of its routes name in filters of type ExtensionRef, by route and rule, where the provider takes such.
    pub extensions: BTreeMap<(RouteKey, u32), AwsRoute>,
    /// What their backend references name of our own kinds, by route, rule and position, where the provider takes such.
    pub own_backends: BTreeMap<(RouteKey, u32, u32), AwsBackend>,
    /// Nodes that may take traffic, where the provider makes them targets.
    pub nodes: Arc<BTreeMap<gatewright_model::Str, NodeFacts>>,
    /// Instances that wait for the load balancer to find them healthy, by backend.
    pub warming: Arc<BTreeMap<BackendKey, Vec<Endpoint>>>,
    /// Parts that differ from `balancer`.
    pub changed: Parts,
    /// Whether `node` differs from what `balancer` was made of.
    pub node_changed: bool,
    /// The load balancer as last announced.
    pub balancer: Option<Arc<LoadBalancer>>,
}

impl GatewayState {
    /// Whether its provider is told of more than its own settings.
    pub fn has_surroundings(&self) -> bool {
        !(self.target_groups.is_empty()
            && self.extensions.is_empty()
            && self.own_backends.is_empty()
            && self.nodes.is_empty()
            && self.warming.is_empty())
    }

    /// Whether nothing needs to be remembered any more.
    pub fn is_empty(&self) -> bool {
        self.node.is_none()
            && self.http_routes.is_empty()
            && self.stream_routes.is_empty()
            && self.backends.is_empty()
            && self.balancer.is_none()
    }
}

/// A route.
#[derive(Debug, Default)]
pub struct RouteState {
    /// Its parents.
    pub parents: RouteParents,
    /// Its rules; `None` when it leads to no Gateway of ours.
    pub rules: Option<Arc<RouteRules>>,
    /// Where it is.
    pub places: Arc<Places>,
    /// The rules as last added to them.
    pub contributed: Option<Arc<RouteRules>>,
}

/// Where a route is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Listeners that count it, whether or not a rival takes its place there.
    pub listeners: SmallSet<ListenerKey>,
    /// Gateways it adds to.
    pub gateways: SmallSet<ObjectName>,
}

impl Hash for Places {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.listeners.iter().for_each(|listener| listener.hash(hasher));
        self.gateways.iter().for_each(|gateway| gateway.hash(hasher));
    }
}

/// The routes of a listener.
#[derive(Debug, Default)]
pub struct ListenerRoutes {
    /// Those it would accept.
    pub routes: SmallSet<RouteKey>,
    /// Those of them that lose against an older route of another kind, with a hostname they lost.
    pub losers: BTreeMap<RouteKey, HostPattern>,
}

impl ListenerRoutes {
    /// `attachedRoutes`: routes that are attached and accepted; `refused` are those that the provider does not serve.
    pub fn attached_without(&self, refused: &[&RouteKey]) -> usize {
        let refused = refused
            .iter()
            .filter(|route| self.routes.contains(*route) && !self.losers.contains_key(**route));
        self.routes
            .len()
            .saturating_sub(self.losers.len())
            .saturating_sub(refused.count())
    }
}

/// A backend.
#[derive(Debug, Default)]
pub struct BackendState {
    /// The model's part.
    pub backend: Option<Arc<Backend>>,
    /// What its users should know.
    pub notices: Vec<BackendNotice>,
    /// Gateways that need it.
    pub gateways: SmallSet<ObjectName>,
    /// Routes that name it.
    pub routes: SmallSet<RouteKey>,
}
