//! Target groups: one for each distinct backend and way to talk to it within a service.
//!
//! <https://docs.aws.amazon.com/vpc-lattice/latest/ug/target-groups.html>

use super::service::On;
use crate::alb::lower::report::{Place, Report};
use crate::alb::settings::Family;
use crate::lattice::{CheckVersion, Health, TargetGroup, names};
use crate::target_group::{Fixed, ProtocolVersion, Target, TargetAddress, TargetGroupId, TargetKind};
use gatewright_model::backend::{Backend, BackendProtocol, Endpoint, Endpoints};
use gatewright_model::key::RouteKind;
use gatewright_provider_api::Feature;
use std::collections::{BTreeMap, BTreeSet};

/// How a rule talks to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// HTTP of this version. Listeners and groups need not speak the same: "VPC Lattice manages the entire process of
    /// upgrading and downgrading between protocols and versions" (listeners.html).
    Http(ProtocolVersion),
    /// What comes in, unread.
    Tcp,
}

/// Why a backend cannot be a target group.
pub(super) struct Unfit(pub Feature);

impl Way {
    /// The way of a route's requests to a backend.
    pub(super) fn http(backend: &Backend, kind: RouteKind) -> Result<Self, Unfit> {
        check(backend)?;
        if kind == RouteKind::Grpc {
            return Ok(Self::Http(ProtocolVersion::Grpc));
        }
        match backend.protocol {
            BackendProtocol::Http2 => Ok(Self::Http(ProtocolVersion::Http2)),
            BackendProtocol::WebSocket => Err(Unfit(Feature::WebSocketBackend)),
            BackendProtocol::Auto | BackendProtocol::Http1 | BackendProtocol::Stream => {
                Ok(Self::Http(ProtocolVersion::Http1))
            }
        }
    }

    /// The way of a route's connections to a backend.
    pub(super) fn stream(backend: &Backend) -> Result<Self, Unfit> {
        check(backend)?;
        Ok(Self::Tcp)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Http(ProtocolVersion::Http1) => "http1",
            Self::Http(ProtocolVersion::Http2) => "http2",
            Self::Http(ProtocolVersion::Grpc) => "grpc",
            Self::Tcp => "tcp",
        }
    }

    fn fixed(self, port: u16, ipv6: bool) -> Fixed {
        let (protocol, version) = match self {
            Self::Http(version) => ("HTTP", Some(version)),
            Self::Tcp => ("TCP", None),
        };
        Fixed {
            protocol: protocol.into(),
            version,
            port,
            kind: TargetKind::Ip,
            ipv6,
            control_port: None,
        }
    }
}

fn check(backend: &Backend) -> Result<(), Unfit> {
    if backend.tls.is_some() {
        return Err(Unfit(Feature::BackendTls));
    }
    match &backend.endpoints {
        Endpoints::Static(_) => Ok(()),
        Endpoints::Dns { .. } => Err(Unfit(Feature::ExternalBackend)),
    }
}

/// Collects the groups that rules forward to.
#[derive(Default)]
pub(super) struct Groups {
    found: BTreeMap<TargetGroupId, TargetGroup>,
}

impl Groups {
    pub(super) fn into_map(self) -> BTreeMap<TargetGroupId, TargetGroup> {
        self.found
    }

    /// The group of a backend that is fit.
    pub(super) fn of_backend(
        &mut self,
        backend: &Backend,
        way: Way,
        on: &On<'_>,
        (place, report): (&Place, &mut Report),
    ) -> TargetGroupId {
        let id = TargetGroupId(format!("{} {}/{}", on.id, backend.key, way.word()).into());
        if !self.found.contains_key(&id) {
            let group = group(&id, backend, way, on, (place, report));
            self.found.insert(id.clone(), group);
        }
        id
    }

    /// A group without targets, which answers 503 (assumed, as the pages are silent): the share of invalid backends.
    pub(super) fn empty(&mut self, way: Way, on: &On<'_>) -> TargetGroupId {
        let id = TargetGroupId(format!("{} empty/{}", on.id, way.word()).into());
        self.found.entry(id.clone()).or_insert_with(|| {
            let fixed = way.fixed(80, false);
            TargetGroup {
                name: names::target_group(on.stem, &id, None, (&fixed, &on.context.surroundings.vpc)),
                fixed,
                health: Health::Off,
                targets: BTreeSet::new(),
                tags: on.tags.clone(),
            }
        });
        id
    }
}

fn group(
    id: &TargetGroupId,
    backend: &Backend,
    way: Way,
    on: &On<'_>,
    (place, report): (&Place, &mut Report),
) -> TargetGroup {
    let surroundings = on.context.surroundings;
    let endpoints: &[Endpoint] = match &backend.endpoints {
        Endpoints::Static(endpoints) => endpoints,
        Endpoints::Dns { .. } => &[],
    };
    let ipv6 = is_ipv6(endpoints, on.context.settings.family);
    let fixed = way.fixed(backend.key.port, ipv6);
    let of_family = endpoints
        .iter()
        .filter(|endpoint| endpoint.address.is_ipv6() == ipv6);
    let mut targets: BTreeSet<Target> = of_family
        .map(|endpoint| Target {
            id: TargetAddress::Ip(endpoint.address),
            port: endpoint.port,
            zone: None,
            quic_server: None,
        })
        .collect();
    let most = surroundings.limits.targets as usize;
    let all = targets.len();
    if all > most {
        let difference = format!(
            "a target group has at most {most} targets, and {} has {all}: the first ones by address serve",
            backend.key
        );
        let _ = report.approximate(place, &difference);
        targets = targets.into_iter().take(most).collect();
    }
    TargetGroup {
        name: names::target_group(on.stem, id, Some(&backend.key), (&fixed, &surroundings.vpc)),
        fixed,
        health: health(backend, way, on),
        targets,
        tags: on.tags.clone(),
    }
}

/// gRPC targets are checked by HTTP alone, and TCP ones not unless users say so (`API_HealthCheckConfig`, tls-listeners.html).
/// Targets of HTTP/2 alone do not answer checks of HTTP/1.1.
fn health(backend: &Backend, way: Way, on: &On<'_>) -> Health {
    let settings = on.context.settings;
    let own = settings.backends.get(&backend.key.object);
    let (usual, version) = match way {
        Way::Http(ProtocolVersion::Http1) => (true, CheckVersion::Http1),
        Way::Http(ProtocolVersion::Http2) => (true, CheckVersion::Http2),
        Way::Http(ProtocolVersion::Grpc) => (own.is_some(), CheckVersion::Http2),
        Way::Tcp => (own.is_some(), CheckVersion::Http1),
    };
    let wanted = own.unwrap_or(&settings.health);
    if wanted.enabled.unwrap_or(usual) {
        Health::On(wanted.check.clone(), wanted.version.unwrap_or(version))
    } else {
        Health::Off
    }
}

/// The family of a backend's group: that of the settings, unless all endpoints are of the other.
fn is_ipv6(endpoints: &[Endpoint], wanted: Family) -> bool {
    let wanted = wanted == Family::V6;
    let others = endpoints
        .iter()
        .all(|endpoint| endpoint.address.is_ipv6() != wanted);
    if endpoints.is_empty() || !others {
        wanted
    } else {
        !wanted
    }
}
