//! From a backend's key to the model's backend.

use super::xbackend;
use super::{BackendNotice, BackendOptions, Transport, resolve};
use crate::lookup::Lookup;
use crate::policy::{backend_tls, traffic};
use gatewright_model::Str;
use gatewright_model::backend::{Backend, BackendProtocol, BackendTls, Endpoints, TrafficDistribution};
use gatewright_model::key::{BackendKey, BackendKind};
use std::sync::Arc;

/// A backend and what its owner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The model's part.
    pub backend: Backend,
    /// Why it may have fewer endpoints than expected.
    pub notices: Vec<BackendNotice>,
}

/// Builds the backend that a resolved reference names. Depends on the Service or XBackend, its
/// EndpointSlices and the policies that target it, and on no route or Gateway.
pub fn build<L: Lookup>(lookup: &L, key: &BackendKey, options: BackendOptions) -> Built {
    match key.kind {
        BackendKind::Service => service(lookup, key, Transport::Tcp, options),
        BackendKind::ServiceUdp => service(lookup, key, Transport::Udp, options),
        BackendKind::XBackend => xbackend::build(lookup, key, options),
    }
}

fn service<L: Lookup>(lookup: &L, key: &BackendKey, transport: Transport, options: BackendOptions) -> Built {
    let found = lookup
        .service(&key.object)
        .ok_or_else(|| format!("Service {} does not exist", key.object));
    let slices = lookup.endpoint_slices(&key.object);
    let resolved = found.and_then(|service| {
        resolve(service, slices, (key.port, transport), options).map_err(|fault| fault.to_string())
    });
    let resolved = match resolved {
        Ok(resolved) => resolved,
        Err(why) => return broken(key, &why),
    };
    let policy = match transport {
        Transport::Tcp => backend_tls::effective(lookup, &key.object, &resolved.port_name),
        Transport::Udp => None,
    };
    let (tls, fault) = match policy {
        None => (None, None),
        Some(policy) => tls_or_fault(policy.findings.tls, || {
            format!("BackendTLSPolicy {} is invalid", policy.policy)
        }),
    };
    let settings = traffic::effective(lookup, "Service", &key.object);
    let backend = Backend {
        key: key.clone(),
        protocol: resolved.app_protocol.protocol(),
        tls,
        endpoints: resolved.endpoints,
        node_port: resolved.node_port,
        distribution: resolved.distribution,
        session_persistence: settings.session_persistence,
        retry_budget: settings.retry_budget,
        fault,
    };
    Built {
        backend,
        notices: resolved.notices,
    }
}

/// TLS as asked for, or the fault that makes every connection fail: never cleartext instead of TLS
/// ("Connections using an invalid CACertificateRef MUST fail, and the client MUST receive an HTTP 5xx
/// error response", `BackendTLSPolicyValidation.caCertificateRefs`).
pub(super) fn tls_or_fault(
    tls: Option<Arc<BackendTls>>,
    why: impl FnOnce() -> String,
) -> (Option<Arc<BackendTls>>, Option<Str>) {
    let fault = tls.is_none().then(|| Str::from(why()));
    (tls, fault)
}

/// A backend that answers nothing but errors.
pub(super) fn broken(key: &BackendKey, why: &str) -> Built {
    let backend = Backend {
        key: key.clone(),
        protocol: BackendProtocol::Auto,
        tls: None,
        endpoints: Endpoints::Static(Vec::new()),
        node_port: None,
        distribution: TrafficDistribution::Any,
        session_persistence: None,
        retry_budget: None,
        fault: Some(why.into()),
    };
    Built {
        backend,
        notices: Vec::new(),
    }
}
