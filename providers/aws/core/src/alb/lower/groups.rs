//! Target groups: one for each distinct backend and way to talk to it, however many rules use it.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html>

use super::context::{Context, On};
use crate::Str;
use crate::alb::settings::{Family, Node, TargetSettings};
use crate::names;
use crate::network::IpAddressType;
use crate::target_group::{
    Fixed, ProtocolVersion, Target, TargetAddress, TargetGroup, TargetGroupId, TargetKind,
};
use gatewright_model::backend::{Backend, BackendProtocol, Endpoint, Endpoints};
use gatewright_model::key::{BackendKey, RouteKind};
use gatewright_provider_api::Feature;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

/// How a rule talks to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Way {
    /// `ProtocolVersion`.
    pub version: ProtocolVersion,
    /// Seconds for which a client stays with a target.
    pub sticky_s: Option<u32>,
}

/// Why a backend cannot be a target group.
pub(crate) enum Unfit {
    /// A feature that an ALB does not have.
    Feature(Feature),
    /// In words.
    Because(String),
}

/// The version of the protocol for a route's requests to a backend.
pub(crate) fn version(kind: RouteKind, backend: &Backend, on: &On<'_>) -> Result<ProtocolVersion, Unfit> {
    if kind == RouteKind::Grpc {
        return Ok(ProtocolVersion::Grpc);
    }
    match backend.protocol {
        // "The only supported listener protocol is HTTPS", of the protocol version HTTP2.
        BackendProtocol::Http2 if on.origin.https => Ok(ProtocolVersion::Http2),
        BackendProtocol::Http2 => Err(Unfit::Feature(Feature::Http2Backend)),
        BackendProtocol::Auto
        | BackendProtocol::Http1
        | BackendProtocol::WebSocket
        | BackendProtocol::Stream => Ok(ProtocolVersion::Http1),
    }
}

/// Whether a backend can be a target group at all.
pub(crate) fn check(backend: &Backend, context: &Context<'_>) -> Result<(), Unfit> {
    if backend.tls.is_some() {
        return Err(Unfit::Feature(Feature::BackendTls));
    }
    let Endpoints::Static(endpoints) = &backend.endpoints else {
        return Err(Unfit::Feature(Feature::ExternalBackend));
    };
    match settings(&backend.key, context).kind {
        TargetKind::Instance if backend.node_port.is_none() => Err(Unfit::Because(
            "targets are nodes, and the Service has no node port: its type must be NodePort or LoadBalancer"
                .to_owned(),
        )),
        // "You can't use an IPv6 target group with an IPv4 load balancer" (load-balancer-target-groups.html).
        TargetKind::Ip
            if family(endpoints, context) == Family::V6
                && context.settings.ip_address_type == IpAddressType::Ipv4 =>
        {
            Err(Unfit::Because(
                "targets with IPv6 addresses need a load balancer whose ipAddressType is Dualstack"
                    .to_owned(),
            ))
        }
        _ => Ok(()),
    }
}

/// Collects the groups that rules forward to.
#[derive(Default)]
pub(crate) struct Groups {
    found: BTreeMap<TargetGroupId, TargetGroup>,
    /// ARNs of those that somebody else keeps.
    given: BTreeMap<TargetGroupId, Str>,
}

impl Groups {
    /// Groups that are made, and ARNs of those that somebody else keeps.
    pub(crate) fn into_maps(self) -> (BTreeMap<TargetGroupId, TargetGroup>, BTreeMap<TargetGroupId, Str>) {
        (self.found, self.given)
    }

    /// One that somebody else keeps.
    pub(super) fn give(&mut self, id: TargetGroupId, arn: Str) {
        self.given.insert(id, arn);
    }

    /// One that is made, once for each id.
    pub(super) fn add(&mut self, id: TargetGroupId, group: impl FnOnce() -> TargetGroup) {
        self.found.entry(id).or_insert_with(group);
    }

    /// The group of a backend that [`check`] found fit.
    pub(crate) fn of_backend(&mut self, backend: &Backend, way: Way, context: &Context<'_>) -> TargetGroupId {
        let mut id = format!("{}/{}", backend.key, word(way.version));
        if let Some(seconds) = way.sticky_s {
            let _ = write!(id, "/sticky-{seconds}");
        }
        let id = TargetGroupId(id.into());
        self.found
            .entry(id.clone())
            .or_insert_with(|| group(&id, backend, way, context));
        id
    }

    /// A group without targets, which answers 503: the share of invalid backends.
    pub(crate) fn empty(&mut self, version: ProtocolVersion, context: &Context<'_>) -> TargetGroupId {
        let id = TargetGroupId(format!("empty/{}", word(version)).into());
        self.found.entry(id.clone()).or_insert_with(|| {
            let fixed = Fixed {
                protocol: "HTTP".into(),
                version: Some(version),
                port: 80,
                kind: TargetKind::Ip,
                ipv6: false,
                control_port: None,
            };
            TargetGroup {
                name: names::target_group(context.name, &id, None, &fixed),
                fixed,
                health: crate::target_group::HealthCheck::default(),
                attributes: BTreeMap::new(),
                targets: BTreeSet::new(),
            }
        });
        id
    }
}

const fn word(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::Http1 => "http1",
        ProtocolVersion::Http2 => "http2",
        ProtocolVersion::Grpc => "grpc",
    }
}

pub(crate) fn settings<'a>(backend: &BackendKey, context: &Context<'a>) -> &'a TargetSettings {
    let settings = context.settings;
    settings
        .services
        .get(&backend.object)
        .unwrap_or(&settings.targets)
}

fn group(id: &TargetGroupId, backend: &Backend, way: Way, context: &Context<'_>) -> TargetGroup {
    let settings = settings(&backend.key, context);
    let TargetSettings {
        kind,
        tls,
        node_labels: _,
        unfit: _,
        health,
        attributes,
        control_port,
        client_ip: _,
        proxy_protocol: _,
    } = settings;
    let mut health = health.clone();
    // Of Network Load Balancers; reported with the Gateway.
    if health.protocol.as_deref() == Some("TCP") {
        health.protocol = None;
    }
    // AWS's default is HTTP, which a server that speaks TLS alone does not answer.
    if *tls && health.protocol.is_none() {
        health.protocol = Some("HTTPS".into());
    }
    if way.version == ProtocolVersion::Grpc && !context.settings.services.contains_key(&backend.key.object) {
        // Paths and codes of HTTP mean nothing to a gRPC server: those of all groups are for HTTP.
        health.path = None;
        health.codes = None;
    }
    let mut attributes = attributes.clone();
    if let Some(seconds) = way.sticky_s {
        attributes.extend(stickiness(seconds));
    }
    let fixed = Fixed {
        protocol: if *tls { "HTTPS" } else { "HTTP" }.into(),
        version: Some(way.version),
        port: backend.key.port,
        kind: *kind,
        ipv6: match &backend.endpoints {
            Endpoints::Static(endpoints) => {
                *kind == TargetKind::Ip && family(endpoints, context) == Family::V6
            }
            Endpoints::Dns { .. } => false,
        },
        control_port: *control_port,
    };
    TargetGroup {
        name: names::target_group(context.name, id, Some(&backend.key), &fixed),
        targets: targets(backend, settings, context),
        fixed,
        health,
        attributes,
    }
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>
fn stickiness(seconds: u32) -> [(Str, Str); 3] {
    [
        ("stickiness.enabled".into(), "true".into()),
        ("stickiness.type".into(), "lb_cookie".into()),
        (
            "stickiness.lb_cookie.duration_seconds".into(),
            seconds.to_string().into(),
        ),
    ]
}

pub(crate) fn targets(
    backend: &Backend,
    settings: &TargetSettings,
    context: &Context<'_>,
) -> BTreeSet<Target> {
    targets_of(backend, settings, (context, context.settings.family))
}

/// The same, of this family unless all endpoints are of the other.
pub(crate) fn targets_of(
    backend: &Backend,
    settings: &TargetSettings,
    (context, wanted): (&Context<'_>, Family),
) -> BTreeSet<Target> {
    if settings.kind == TargetKind::Instance {
        let Some(port) = backend.node_port else {
            return BTreeSet::new();
        };
        let wanted = &settings.node_labels;
        let chosen = |node: &&Node| {
            wanted
                .iter()
                .all(|(key, value)| node.labels.get(key) == Some(value))
        };
        let of_node = |node: &Node| Target {
            id: TargetAddress::Id(node.instance.clone()),
            port,
            zone: None,
            quic_server: None,
        };
        let nodes = context.surroundings.nodes.values().filter(chosen);
        return nodes.map(of_node).collect();
    }
    let Endpoints::Static(endpoints) = &backend.endpoints else {
        return BTreeSet::new();
    };
    let of_endpoint = |endpoint: &Endpoint| Target {
        id: TargetAddress::Ip(endpoint.address),
        port: endpoint.port,
        zone: zone(endpoint.address, context),
        quic_server: None,
    };
    let family = family_of(endpoints, wanted);
    let of_it = endpoints.iter().filter(|endpoint| is_of(endpoint, family));
    of_it.map(of_endpoint).collect()
}

fn is_of(endpoint: &Endpoint, family: Family) -> bool {
    endpoint.address.is_ipv6() == (family == Family::V6)
}

/// The family of a backend's group: that of the settings, unless all endpoints are of the other.
pub(crate) fn family(endpoints: &[Endpoint], context: &Context<'_>) -> Family {
    family_of(endpoints, context.settings.family)
}

/// The family of a group that is to have this one.
pub(crate) fn family_of(endpoints: &[Endpoint], wanted: Family) -> Family {
    let other = match wanted {
        Family::V4 => Family::V6,
        Family::V6 => Family::V4,
    };
    if !endpoints.is_empty() && endpoints.iter().all(|endpoint| is_of(endpoint, other)) {
        other
    } else {
        wanted
    }
}

/// "If the target type is `ip` and the IP address is outside the VPC, this parameter is required": `all`
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetDescription.html>).
fn zone(address: IpAddr, context: &Context<'_>) -> Option<Str> {
    let blocks = &context.surroundings.blocks;
    let outside = !blocks.is_empty() && !blocks.iter().any(|block| block.contains(&address));
    outside.then(|| "all".into())
}
