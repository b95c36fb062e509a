//! Services: from a port to the instances behind it.

use super::endpoints::{Candidates, Family, Readiness};
use super::external::external;
use super::{AppProtocol, BackendOptions};
use gatewright_model::Str;
use gatewright_model::backend::{Endpoints, TrafficDistribution};
use gatewright_model::key::{BackendKey, BackendKind, ObjectName, RouteKind};
use k8s_openapi::api::core::v1::{Service, ServicePort};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use std::fmt;
use thiserror::Error;

/// What carries the bytes of a Service port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// What routes of a kind need.
    pub const fn of(kind: RouteKind) -> Self {
        match kind {
            RouteKind::Udp => Self::Udp,
            RouteKind::Http | RouteKind::Grpc | RouteKind::Tls | RouteKind::Tcp => Self::Tcp,
        }
    }

    /// `spec.ports[].protocol`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }

    /// The kind of key that backends over it have.
    pub const fn backend_kind(self) -> BackendKind {
        match self {
            Self::Tcp => BackendKind::Service,
            Self::Udp => BackendKind::ServiceUdp,
        }
    }
}

/// Why a reference to a Service leads nowhere. The text starts with the Service's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BackendFault {
    /// No such port.
    #[error("Service {service} has no port {port}; it has {found}")]
    NoPort {
        /// Namespace and name.
        service: ObjectName,
        /// Port of the reference.
        port: u16,
        /// Ports it has.
        found: String,
    },
    /// The port exists for another transport only.
    #[error("Service {service} port {port} speaks {found}; {needed} is needed")]
    Transport {
        /// Namespace and name.
        service: ObjectName,
        /// Port of the reference.
        port: u16,
        /// Protocol found.
        found: String,
        /// Protocol needed.
        needed: &'static str,
    },
    /// ExternalName that may not be used.
    #[error("Service {service} {why}")]
    ExternalName {
        /// Namespace and name.
        service: ObjectName,
        /// Why not.
        why: String,
    },
}

impl BackendFault {
    /// Reason of `ResolvedRefs=False` on the route (`RouteConditionResolvedRefs`).
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoPort { .. } => "BackendNotFound",
            Self::Transport { .. } => "UnsupportedProtocol",
            Self::ExternalName { .. } => "InvalidKind",
        }
    }
}

/// Something about a usable backend that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendNotice {
    /// No EndpointSlice belongs to the Service at all.
    NoEndpointSlices(ObjectName),
    /// No Service of the namespace leads to pods that an XBackend selects.
    NothingSelected(ObjectName),
    /// There are EndpointSlices, but none lists the port under the Service's port name.
    NoMatchingPort {
        /// The Service.
        service: ObjectName,
        /// Name of its port; empty for an unnamed one.
        port: Str,
    },
    /// Addresses that a proxy in a cluster does not connect to were left out.
    RefusedAddresses {
        /// The Service.
        service: ObjectName,
        /// The addresses, in words.
        addresses: String,
    },
}

impl BackendNotice {
    /// Reason of the route's own condition about backends without endpoints.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoEndpointSlices(_) | Self::NothingSelected(_) => "NoEndpointSlices",
            Self::NoMatchingPort { .. } => "NoMatchingEndpointPort",
            Self::RefusedAddresses { .. } => "EndpointAddressesRefused",
        }
    }
}

impl fmt::Display for BackendNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpointSlices(service) => write!(
                f,
                "Service {service} has no EndpointSlice (label kubernetes.io/service-name: {}), so requests are \
                 answered with 503",
                service.name
            ),
            Self::NothingSelected(backend) => write!(
                f,
                "no Service with EndpointSlices selects pods with the labels of XBackend {backend}, so requests are \
                 answered with 503"
            ),
            Self::NoMatchingPort { service, port } if port.is_empty() => write!(
                f,
                "no EndpointSlice of Service {service} has an unnamed port, as the Service's port is; names must be equal"
            ),
            Self::NoMatchingPort { service, port } => write!(
                f,
                "no EndpointSlice of Service {service} has a port named \"{port}\", as the Service's port is; names must be equal"
            ),
            Self::RefusedAddresses { service, addresses } => write!(
                f,
                "EndpointSlices of Service {service} list {addresses}: loopback, link-local and metadata addresses are \
                 not used in a cluster"
            ),
        }
    }
}

/// A Service port that can be a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceBackend {
    /// Identity.
    pub key: BackendKey,
    /// `spec.ports[].name`, which a policy's `sectionName` refers to; empty when unnamed.
    pub port_name: Str,
    /// What it speaks.
    pub app_protocol: AppProtocol,
    /// Where its instances are.
    pub endpoints: Endpoints,
    /// Port of every node that leads to it, if it has one.
    pub node_port: Option<u16>,
    /// How near instances are preferred.
    pub distribution: TrafficDistribution,
    /// What the owner should know.
    pub notices: Vec<BackendNotice>,
}

/// What a Service says about one of its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortFacts<'a> {
    /// `name`; empty when unnamed.
    pub port_name: &'a str,
    /// `appProtocol`.
    pub app_protocol: Option<&'a str>,
    /// `nodePort`.
    pub node_port: Option<u16>,
}

/// Checks that a Service has a port that can be a backend, without looking at its endpoints.
///
/// # Errors
/// [`BackendFault`]: the reference is invalid.
pub fn inspect(
    service: &Service,
    (port, transport): (u16, Transport),
    options: BackendOptions,
) -> Result<PortFacts<'_>, BackendFault> {
    let spec = service.spec.as_ref();
    let ports = spec.and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let is_external = spec.is_some_and(|spec| spec.type_.as_deref() == Some("ExternalName"));
    // The ports of an ExternalName Service are optional; the reference's counts then.
    let found = if is_external && ports.is_empty() {
        None
    } else {
        Some(find_port(&name_of(service), ports, port, transport)?)
    };
    if is_external {
        let target = spec
            .and_then(|spec| spec.external_name.as_deref())
            .unwrap_or_default();
        external(target, port, options).map_err(|why| BackendFault::ExternalName {
            service: name_of(service),
            why,
        })?;
    }
    Ok(PortFacts {
        port_name: found.and_then(|port| port.name.as_deref()).unwrap_or_default(),
        app_protocol: found.and_then(|port| port.app_protocol.as_deref()),
        node_port: found
            .and_then(|port| u16::try_from(port.node_port?).ok())
            .filter(|port| *port > 0),
    })
}

fn name_of(service: &Service) -> ObjectName {
    ObjectName::new(
        service.metadata.namespace.as_deref().unwrap_or_default(),
        service.metadata.name.as_deref().unwrap_or_default(),
    )
}

/// Resolves one port of a Service. `slices` are the EndpointSlices that name it in their label
/// `kubernetes.io/service-name`; they are all there is to headless and selector-less Services too.
///
/// # Errors
/// [`BackendFault`]: the reference is invalid.
pub fn resolve<'a>(
    service: &Service,
    slices: impl IntoIterator<Item = &'a EndpointSlice>,
    (port, transport): (u16, Transport),
    options: BackendOptions,
) -> Result<ServiceBackend, BackendFault> {
    let name = name_of(service);
    let facts = inspect(service, (port, transport), options)?;
    let spec = service.spec.as_ref();
    let port_name: Str = facts.port_name.into();
    let mut backend = ServiceBackend {
        key: BackendKey {
            kind: transport.backend_kind(),
            object: name.clone(),
            port,
        },
        port_name: port_name.clone(),
        app_protocol: AppProtocol::parse(facts.app_protocol),
        endpoints: Endpoints::Static(Vec::new()),
        node_port: facts.node_port,
        distribution: distribution(service),
        notices: Vec::new(),
    };
    if spec.is_some_and(|spec| spec.type_.as_deref() == Some("ExternalName")) {
        let target = spec
            .and_then(|spec| spec.external_name.as_deref())
            .unwrap_or_default();
        backend.endpoints = external(target, port, options)
            .map_err(|why| BackendFault::ExternalName { service: name, why })?;
        return Ok(backend);
    }
    let ignores_readiness = spec.is_some_and(|spec| spec.publish_not_ready_addresses == Some(true));
    let readiness = if ignores_readiness {
        Readiness::Ignored
    } else {
        Readiness::Ready
    };
    let mut candidates = Candidates::default();
    let (mut any_slice, mut any_port) = (false, false);
    for slice in slices {
        // A slice of type FQDN has no addresses (deprecated since Kubernetes 1.35).
        if slice.address_type == "FQDN" {
            continue;
        }
        any_slice = true;
        for number in numbers(slice, &port_name, transport) {
            any_port = true;
            candidates.add(slice, number, readiness, options.location);
        }
        // The placeholder slice of a Service without pods has no ports.
        any_port |= slice.endpoints.is_empty();
    }
    let refused = candidates
        .refused()
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    let endpoints = candidates.choose(Family::first_of(service));
    if !any_slice {
        backend
            .notices
            .push(BackendNotice::NoEndpointSlices(name.clone()));
    } else if !any_port {
        backend.notices.push(BackendNotice::NoMatchingPort {
            service: name.clone(),
            port: port_name,
        });
    }
    if !refused.is_empty() {
        backend.notices.push(BackendNotice::RefusedAddresses {
            service: name,
            addresses: refused,
        });
    }
    backend.endpoints = Endpoints::Static(endpoints);
    Ok(backend)
}

/// Port numbers of a slice's instances for a port of their Service.
pub(super) fn numbers<'a>(
    slice: &'a EndpointSlice,
    port_name: &'a str,
    transport: Transport,
) -> impl Iterator<Item = u16> + 'a {
    let ports = slice.ports.iter().flatten();
    ports
        .filter(move |port| {
            let same_name = port.name.as_deref().unwrap_or_default() == port_name;
            let same_transport = port.protocol.as_deref().unwrap_or("TCP") == transport.as_str();
            same_name && same_transport
        })
        // A port without number is not valid in the slice of a Service (discovery/v1 EndpointPort.port).
        .filter_map(|port| u16::try_from(port.port?).ok().filter(|number| *number > 0))
}

fn find_port<'a>(
    service: &ObjectName,
    ports: &'a [ServicePort],
    port: u16,
    transport: Transport,
) -> Result<&'a ServicePort, BackendFault> {
    let protocol = |found: &ServicePort| found.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
    let mut other = None;
    for candidate in ports.iter().filter(|candidate| candidate.port == i32::from(port)) {
        if protocol(candidate) == transport.as_str() {
            return Ok(candidate);
        }
        other = Some(protocol(candidate));
    }
    let service = service.clone();
    if let Some(found) = other {
        return Err(BackendFault::Transport {
            service,
            port,
            found,
            needed: transport.as_str(),
        });
    }
    let list: Vec<String> = ports.iter().map(|port| port.port.to_string()).collect();
    let found = if list.is_empty() {
        "none".to_owned()
    } else {
        list.join(", ")
    };
    Err(BackendFault::NoPort { service, port, found })
}

/// `spec.trafficDistribution`, or the annotation that came before it. Unknown values are ignored, as
/// "implementations can use this field as a hint".
fn distribution(service: &Service) -> TrafficDistribution {
    let field = service
        .spec
        .as_ref()
        .and_then(|spec| spec.traffic_distribution.as_deref());
    let annotation = || {
        let mode = service
            .metadata
            .annotations
            .as_ref()?
            .get("service.kubernetes.io/topology-mode")?;
        mode.eq_ignore_ascii_case("auto")
            .then_some(TrafficDistribution::PreferSameZone)
    };
    match field {
        Some("PreferClose" | "PreferSameZone") => TrafficDistribution::PreferSameZone,
        Some("PreferSameNode") => TrafficDistribution::PreferSameNode,
        Some(_) => TrafficDistribution::Any,
        None => annotation().unwrap_or_default(),
    }
}
