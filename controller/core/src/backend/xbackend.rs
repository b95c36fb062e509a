//! XBackend (GEP-4894).
//!
//! **ExternalHostname** becomes a name to resolve. Names of the cluster or the machine are refused in
//! a cluster, as the CRD refuses `.cluster.local`.
//!
//! **EndpointSelector** selects pods by label, which are not among the objects translation knows. It
//! is resolved by what lists the pods' addresses anyway:
//!
//! 1. Services of the namespace with the label [`OWNER_LABEL`] set to [`owner_label_value`] of the
//!    XBackend. In a cluster the controller makes one such headless Service per XBackend ("Implementations
//!    MAY create a Service from the label selector for endpoint resolution").
//! 2. If there is none: Services of the namespace whose `spec.selector` contains all of `matchLabels`.
//!    Whatever such a Service selects, the XBackend selects as well, so no wrong pod is ever used; pods
//!    that no Service selects are not found. That is how it works without a cluster.
//!
//! The addresses are taken from the EndpointSlices of those Services, the port is the XBackend's own
//! (`spec.port.number`: "which endpoint port to connect to"). Of the Service nothing else plays a role:
//! not its ports, `publishNotReadyAddresses` or `trafficDistribution`.

use super::build::{Built, broken, tls_or_fault};
use super::endpoints::{Candidates, Family, Readiness};
use super::external::is_internal;
use super::service::BackendNotice;
use super::{BackendOptions, Location};
use crate::lookup::{Lookup, Referrer};
use crate::policy::{self, PolicyVerdict, certificate_ref, traffic};
use crate::translate::{EXPERIMENTAL_GROUP, Refusal, session};
use gatewright_crds::api::{XBackend, XBackendProtocol, XBackendTls, XBackendTlsMode, XBackendType};
use gatewright_model::backend::{Backend, BackendProtocol, BackendTls, Endpoints, TrafficDistribution};
use gatewright_model::key::{BackendKey, ObjectName};
use k8s_openapi::api::core::v1::Service;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

/// Label of the Service that resolves an XBackend's selector.
pub const OWNER_LABEL: &str = "gatewright.dev/xbackend";

/// Value of [`OWNER_LABEL`] for an XBackend: its name, or a hash of it when the name is too long for a
/// label value (63 characters).
pub fn owner_label_value(name: &str) -> String {
    if name.len() <= 63 {
        return name.to_owned();
    }
    let mut text = String::from("h-");
    for byte in Sha256::digest(name).iter().take(16) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// `spec.port.number`.
pub fn port(backend: &XBackend) -> Option<u16> {
    backend
        .spec
        .port
        .number
        .and_then(|port| u16::try_from(port).ok())
        .filter(|port| *port > 0)
}

/// What the condition `Accepted` says, the same for each ancestor.
pub fn verdict<L: Lookup>(lookup: &L, backend: &XBackend, options: BackendOptions) -> PolicyVerdict {
    let (_, refused) = tls(lookup, backend);
    let invalid = |message: String| Refusal {
        reason: "Invalid",
        message,
    };
    let refused = port(backend)
        .is_none()
        .then(|| invalid("spec.port.number: is needed".to_owned()))
        .or_else(|| endpoints_fault(backend, options).map(invalid))
        .or_else(|| persistence(backend).err().map(invalid))
        .or(refused);
    PolicyVerdict {
        refused,
        ..PolicyVerdict::default()
    }
}

pub(super) fn build<L: Lookup>(lookup: &L, key: &BackendKey, options: BackendOptions) -> Built {
    let Some(found) = lookup.xbackend(&key.object) else {
        return broken(key, &format!("XBackend {} does not exist", key.object));
    };
    if let Some(why) = endpoints_fault(found, options) {
        return broken(key, &why);
    }
    let session_persistence = match persistence(found) {
        Ok(session_persistence) => session_persistence,
        Err(why) => return broken(key, &why),
    };
    let (tls, fault) = match tls(lookup, found) {
        (None, None) => (None, None),
        (tls, refused) => tls_or_fault(tls, || refused.map(|refused| refused.message).unwrap_or_default()),
    };
    let (endpoints, notices) = match found.spec.r#type {
        XBackendType::ExternalHostname => (external(found, key.port, options), Vec::new()),
        XBackendType::EndpointSelector => selected(lookup, found, key, options),
    };
    let settings = traffic::effective(lookup, "XBackend", &key.object);
    let backend = Backend {
        key: key.clone(),
        protocol: protocol(found.spec.protocol),
        tls,
        endpoints,
        node_port: None,
        distribution: TrafficDistribution::Any,
        session_persistence: session_persistence.or(settings.session_persistence),
        retry_budget: settings.retry_budget,
        fault,
    };
    Built { backend, notices }
}

/// `spec.protocol`. MCP is carried by HTTP requests.
fn protocol(protocol: Option<XBackendProtocol>) -> BackendProtocol {
    match protocol {
        None | Some(XBackendProtocol::Http | XBackendProtocol::Mcp) => BackendProtocol::Auto,
        Some(XBackendProtocol::Http11) => BackendProtocol::Http1,
        Some(XBackendProtocol::Http2 | XBackendProtocol::H2c | XBackendProtocol::Grpc) => {
            BackendProtocol::Http2
        }
        Some(XBackendProtocol::Wss) => BackendProtocol::WebSocket,
        Some(XBackendProtocol::Tcp) => BackendProtocol::Stream,
    }
}

/// What is wrong with the part that says where instances are.
fn endpoints_fault(backend: &XBackend, options: BackendOptions) -> Option<String> {
    match backend.spec.r#type {
        XBackendType::EndpointSelector => {
            let labels = backend
                .spec
                .endpoint_selector
                .as_ref()
                .map(|selector| selector.match_labels.len());
            (labels.unwrap_or(0) == 0)
                .then(|| "spec.endpointSelector.matchLabels: at least one label is needed".to_owned())
        }
        XBackendType::ExternalHostname => {
            let host = hostname(backend);
            let why = if host.is_empty() {
                "is needed for type ExternalHostname"
            } else if host.parse::<IpAddr>().is_ok() {
                "must be a DNS name, not an address"
            } else if host.ends_with(".cluster.local")
                || (options.location == Location::Cluster && is_internal(&host))
            {
                "is a name of this cluster or machine; refer to the Service itself"
            } else {
                return None;
            };
            Some(format!("spec.externalHostname.hostname: \"{host}\" {why}"))
        }
    }
}

fn hostname(backend: &XBackend) -> String {
    let host = backend
        .spec
        .external_hostname
        .as_ref()
        .map(|external| external.hostname.as_str());
    host.unwrap_or_default()
        .trim_end_matches('.')
        .to_ascii_lowercase()
}

fn external(backend: &XBackend, port: u16, options: BackendOptions) -> Endpoints {
    let allow_local = options.location == Location::Standalone;
    Endpoints::Dns {
        hostname: hostname(backend).into(),
        port,
        allow_local,
    }
}

fn persistence(
    backend: &XBackend,
) -> Result<Option<Arc<gatewright_model::route::SessionPersistence>>, String> {
    let Some(spec) = &backend.spec.session_persistence else {
        return Ok(None);
    };
    if backend.spec.r#type != XBackendType::EndpointSelector {
        return Err("spec.sessionPersistence: can only be set for type EndpointSelector".to_owned());
    }
    session(spec)
        .map(Some)
        .map_err(|(field, why)| format!("spec.sessionPersistence.{field}: {why}"))
}

/// TLS towards the backend, or why every connection must fail.
fn tls<L: Lookup>(lookup: &L, backend: &XBackend) -> (Option<Arc<BackendTls>>, Option<Refusal>) {
    let none = XBackendTls {
        client_certificate_ref: None,
        mode: XBackendTlsMode::None,
        validation: None,
    };
    let XBackendTls {
        client_certificate_ref,
        mode,
        validation,
    } = backend.spec.tls.as_ref().unwrap_or(&none);
    let refuse = |reason, message: String| (None, Some(Refusal { reason, message }));
    let needs_tls = matches!(
        backend.spec.protocol,
        Some(XBackendProtocol::Http2 | XBackendProtocol::Wss)
    );
    let protocol = backend.spec.protocol.map_or("", XBackendProtocol::as_str);
    if *mode == XBackendTlsMode::None {
        if needs_tls {
            return refuse(
                "Invalid",
                format!("spec.tls.mode: protocol {protocol} needs ServerOnly or ClientAndServer"),
            );
        }
        return (None, None);
    }
    if backend.spec.protocol == Some(XBackendProtocol::H2c) {
        return refuse(
            "Invalid",
            format!("spec.tls.mode: protocol H2C is cleartext, so {mode} is not accepted"),
        );
    }
    let namespace = backend.metadata.namespace.as_deref().unwrap_or_default();
    let referrer = Referrer {
        group: EXPERIMENTAL_GROUP,
        kind: "XBackend",
        namespace,
    };
    let Some(validation) = validation else {
        return refuse(
            "Invalid",
            format!("spec.tls.validation: is needed for mode {mode}"),
        );
    };
    let found = policy::validate(lookup, referrer, validation, "spec.tls.validation");
    let Some(tls) = found.tls else {
        return (None, found.refused);
    };
    if *mode != XBackendTlsMode::ClientAndServer {
        return (Some(tls), found.unresolved);
    }
    let Some(reference) = client_certificate_ref else {
        return refuse(
            "Invalid",
            format!("spec.tls.clientCertificateRef: is needed for mode {mode}"),
        );
    };
    match certificate_ref::resolve(lookup, referrer, reference) {
        Ok(checked) => {
            let tls = BackendTls {
                client_certificate: Some(checked.certificate.key.clone()),
                ..(*tls).clone()
            };
            (Some(Arc::new(tls)), found.unresolved)
        }
        Err(fault) => {
            let fault = fault.into_refusal("InvalidClientCertificateRef");
            refuse(
                fault.reason,
                format!("spec.tls.clientCertificateRef: {}", fault.message),
            )
        }
    }
}

fn selected<L: Lookup>(
    lookup: &L,
    backend: &XBackend,
    key: &BackendKey,
    options: BackendOptions,
) -> (Endpoints, Vec<BackendNotice>) {
    let empty = BTreeMap::new();
    let wanted = backend
        .spec
        .endpoint_selector
        .as_ref()
        .map_or(&empty, |selector| &selector.match_labels);
    let services = lookup.services_in(&key.object.namespace);
    let owner = owner_label_value(&key.object.name);
    let owned = |service: &&&Service| {
        service
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(OWNER_LABEL))
            == Some(&owner)
    };
    let mut chosen: Vec<&&Service> = services.iter().filter(owned).collect();
    if chosen.is_empty() {
        chosen = services
            .iter()
            .filter(|service| selects_no_more(service, wanted))
            .collect();
    }
    let mut candidates = Candidates::default();
    let mut any_slice = false;
    let first_family = chosen.first().and_then(|service| Family::first_of(service));
    for service in chosen {
        let name = ObjectName::new(
            &key.object.namespace,
            service.metadata.name.as_deref().unwrap_or_default(),
        );
        for slice in lookup.endpoint_slices(&name) {
            any_slice |= slice.address_type != "FQDN";
            candidates.add(slice, key.port, Readiness::Ready, options.location);
        }
    }
    let mut notices = Vec::new();
    if !any_slice {
        notices.push(BackendNotice::NothingSelected(key.object.clone()));
    }
    (Endpoints::Static(candidates.choose(first_family)), notices)
}

/// Whether every pod that a Service selects has all of the wanted labels.
fn selects_no_more(service: &Service, wanted: &BTreeMap<String, String>) -> bool {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| {
        wanted
            .iter()
            .all(|(name, value)| selector.get(name) == Some(value))
    })
}
