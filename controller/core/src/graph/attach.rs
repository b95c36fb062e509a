//! Attaching one parentRef of a route to the listeners of a Gateway.

use super::facts::{GatewayFacts, ListenerFacts};
use crate::snapshot::View;
use crate::translate::Refusal;
use gatewright_crds::api::ParentReference;
use gatewright_crds::constants::route::reason;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerParent, ObjectName, RouteKind};
use gatewright_model::route::{Attachment, RouteHost};

/// A route as far as attachment is concerned.
#[derive(Clone, Debug)]
pub struct RouteView<'a> {
    /// Kind.
    pub kind: RouteKind,
    /// Namespace.
    pub namespace: &'a str,
    /// Hostnames, parsed; empty when it has none.
    pub hostnames: &'a [HostPattern],
}

/// What a parentRef of a route names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The declaring object.
    pub object: ListenerParent,
    /// `sectionName`.
    pub section: Option<String>,
    /// `port`.
    pub port: Option<i32>,
}

impl Parent {
    /// Reads a parentRef; `None` when it names neither a Gateway nor a ListenerSet (a Service of a mesh, say).
    pub fn read(reference: &ParentReference, own_namespace: &str) -> Option<Self> {
        let ParentReference {
            group,
            kind,
            name,
            namespace,
            port,
            section_name,
        } = reference;
        if group.as_deref().unwrap_or(super::GROUP) != super::GROUP {
            return None;
        }
        let object = ObjectName::new(namespace.as_deref().unwrap_or(own_namespace), name);
        let object = match kind.as_deref().unwrap_or("Gateway") {
            "Gateway" => ListenerParent::Gateway(object),
            "ListenerSet" => ListenerParent::ListenerSet(object),
            _ => return None,
        };
        Some(Self {
            object,
            section: section_name.clone(),
            port: *port,
        })
    }
}

/// Attaches a route to the listeners that a parentRef selects. A parentRef to a Gateway never reaches
/// listeners of its ListenerSets, nor the other way round (GEP-1713).
///
/// # Errors
/// The reason and message of `Accepted=False` (`RouteConditionReason`): one accepting listener suffices.
pub fn attach(
    view: &View<'_>,
    route: &RouteView<'_>,
    parent: &Parent,
    gateway: &GatewayFacts,
) -> Result<Vec<Attachment>, Refusal> {
    if let ListenerParent::ListenerSet(set) = &parent.object
        && let Some(refusal) = gateway
            .sets
            .iter()
            .find(|node| node.name == *set)
            .and_then(|node| node.refused.as_ref())
    {
        return Err(Refusal {
            reason: reason::NO_MATCHING_PARENT,
            message: format!("ListenerSet {set} is not accepted: {}", refusal.message),
        });
    }
    let selected: Vec<&ListenerFacts> = gateway
        .listeners_of(&parent.object)
        .filter(|listener| {
            parent
                .section
                .as_deref()
                .is_none_or(|section| *listener.key.name == *section)
        })
        .filter(|listener| parent.port.is_none_or(|port| i32::from(listener.port) == port))
        .collect();
    if selected.is_empty() {
        return Err(no_matching_parent(parent, gateway));
    }
    let mut reasons: Vec<String> = Vec::new();
    let allowed: Vec<&ListenerFacts> = selected
        .into_iter()
        .filter(|listener| match disallowed(view, route, listener) {
            None => true,
            Some(why) => {
                reasons.push(format!("listener {} {why}", listener.key.name));
                false
            }
        })
        .collect();
    if allowed.is_empty() {
        let message = crate::translate::join(reasons.iter().cloned(), reasons.len());
        return Err(Refusal {
            reason: reason::NOT_ALLOWED_BY_LISTENERS,
            message,
        });
    }
    let mut attachments = Vec::with_capacity(allowed.len());
    for listener in &allowed {
        let hosts = hosts(route, listener);
        if !hosts.is_empty() {
            attachments.push(Attachment {
                listener: listener.key.clone(),
                hosts,
            });
        }
    }
    attachments.shrink_to_fit();
    if attachments.is_empty() {
        let wanted: Vec<String> = route.hostnames.iter().map(ToString::to_string).collect();
        let offered: Vec<String> = allowed
            .iter()
            .map(|listener| listener.hostname.to_string())
            .collect();
        return Err(Refusal {
            reason: reason::NO_MATCHING_LISTENER_HOSTNAME,
            message: format!(
                "spec.hostnames: {} match no listener; the listeners serve {}",
                crate::translate::join(wanted.iter().cloned(), wanted.len()),
                crate::translate::join(offered.iter().cloned(), offered.len())
            ),
        });
    }
    Ok(attachments)
}

/// The hostnames that a route serves on a listener (`HTTPRouteSpec.hostnames`): the intersection, or the
/// listener's own when the route names none. TCP and UDP have none at all.
fn hosts(route: &RouteView<'_>, listener: &ListenerFacts) -> Vec<RouteHost> {
    if matches!(route.kind, RouteKind::Tcp | RouteKind::Udp) {
        return vec![RouteHost {
            effective: HostPattern::Any,
            original: HostPattern::Any,
        }];
    }
    if route.hostnames.is_empty() {
        return vec![RouteHost {
            effective: listener.hostname.clone(),
            original: HostPattern::Any,
        }];
    }
    let mut hosts: Vec<RouteHost> = route
        .hostnames
        .iter()
        .filter_map(|host| {
            let effective = listener.hostname.intersect(host)?;
            Some(RouteHost {
                effective,
                original: host.clone(),
            })
        })
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts.shrink_to_fit();
    hosts
}

/// Why a listener does not take a route, whatever its hostnames.
fn disallowed(view: &View<'_>, route: &RouteView<'_>, listener: &ListenerFacts) -> Option<String> {
    if !listener.attachable {
        return Some("is not accepted".to_owned());
    }
    if !listener.kinds.contains(&route.kind) {
        let kinds: Vec<&str> = listener.kinds.iter().map(|kind| kind.as_str()).collect();
        let kinds = if kinds.is_empty() {
            "no kind".to_owned()
        } else {
            kinds.join(", ")
        };
        return Some(format!(
            "of protocol {} takes {kinds}, not {}",
            listener.protocol,
            route.kind.as_str()
        ));
    }
    if !listener.namespaces.allows(view, route.namespace) {
        return Some(format!(
            "takes routes {}, not from {}",
            listener.namespaces.describe(),
            route.namespace
        ));
    }
    None
}

fn no_matching_parent(parent: &Parent, gateway: &GatewayFacts) -> Refusal {
    let found: Vec<String> = gateway
        .listeners_of(&parent.object)
        .map(|listener| format!("{} (port {})", listener.key.name, listener.port))
        .collect();
    let wanted = match (&parent.section, parent.port) {
        (Some(section), Some(port)) => format!("sectionName {section} with port {port}"),
        (Some(section), None) => format!("sectionName {section}"),
        (None, Some(port)) => format!("port {port}"),
        (None, None) => "any listener".to_owned(),
    };
    Refusal {
        reason: reason::NO_MATCHING_PARENT,
        message: format!(
            "parentRef: no listener matches {wanted}; there are {}",
            crate::translate::join(found.iter().cloned(), found.len())
        ),
    }
}
