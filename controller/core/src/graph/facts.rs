//! What routes need to know of a Gateway.
//!
//! Kept apart from [`GatewayNode`] so that a rotated certificate or a changed filter, which no route
//! cares about, does not make all routes of a Gateway be looked at again.

use super::allowed::NamespaceRule;
use super::gateway::GatewayNode;
use super::listener_set::SetNode;
use gatewright_model::Str;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ListenerParent, ObjectName, RouteKind};

/// A Gateway of ours as routes see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayFacts {
    /// Namespace and name.
    pub name: ObjectName,
    /// Controller name of the class.
    pub controller: Str,
    /// Listeners of the Gateway, then of its ListenerSets in order of precedence.
    pub listeners: Vec<ListenerFacts>,
    /// ListenerSets that name it.
    pub sets: Vec<SetNode>,
    /// Whether it takes routes with `useDefaultGateways` (GEP-3793).
    pub is_default: bool,
}

/// A listener as routes see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerFacts {
    /// Identity.
    pub key: ListenerKey,
    /// Port.
    pub port: u16,
    /// Protocol as written.
    pub protocol: Str,
    /// Hostname.
    pub hostname: HostPattern,
    /// Which namespaces may attach routes.
    pub namespaces: NamespaceRule,
    /// Route kinds that may attach.
    pub kinds: Vec<RouteKind>,
    /// Whether routes may attach at all.
    pub attachable: bool,
}

impl GatewayFacts {
    /// Extracts the facts.
    pub fn of(node: &GatewayNode) -> Self {
        let listeners = node.listeners.iter().map(|listener| ListenerFacts {
            key: listener.key.clone(),
            port: listener.port,
            protocol: listener.protocol_text.clone(),
            hostname: listener.hostname.clone(),
            namespaces: listener.namespaces.clone(),
            kinds: listener.kinds.clone(),
            attachable: listener.is_attachable(),
        });
        Self {
            name: node.name.clone(),
            controller: node.controller.clone(),
            listeners: listeners.collect(),
            sets: node.sets.clone(),
            is_default: node.is_default,
        }
    }

    /// Listeners that the Gateway itself or a given ListenerSet declares.
    pub fn listeners_of<'a>(&'a self, parent: &'a ListenerParent) -> impl Iterator<Item = &'a ListenerFacts> {
        self.listeners
            .iter()
            .filter(move |listener| listener.key.parent == *parent)
    }
}
