//! One load balancer: the translation of one Gateway.

use crate::Str;
use crate::backend::Backend;
use crate::certificate::Certificate;
use crate::key::{BackendKey, CertificateKey, ListenerKey, ObjectName, RouteKey};
use crate::listener::Listener;
use crate::route::{HttpRoute, StreamRoute};
use crate::telemetry::Tracing;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything a provider needs to program one Gateway.
///
/// Formats for people (JSON, YAML) name the parts by their keys and redact secrets, so that they are
/// read back only where there are none; binary formats carry everything and are read back equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// The Gateway.
    pub gateway: ObjectName,
    /// Its `gatewayClassName`.
    pub class: Str,
    /// The class's `controllerName`.
    pub controller: Str,
    /// Requested addresses, in the order written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRequest>,
    /// Labels and annotations for what is created.
    pub infrastructure: Infrastructure,
    /// Programmable listeners.
    #[serde(with = "crate::parts")]
    pub listeners: BTreeMap<ListenerKey, Arc<Listener>>,
    /// HTTPRoutes and GRPCRoutes that at least one of the listeners accepted.
    #[serde(with = "crate::parts")]
    pub http_routes: BTreeMap<RouteKey, Arc<HttpRoute>>,
    /// TLSRoutes, TCPRoutes and UDPRoutes that at least one of the listeners accepted.
    #[serde(with = "crate::parts")]
    pub stream_routes: BTreeMap<RouteKey, Arc<StreamRoute>>,
    /// Backends that the routes and filters name.
    #[serde(with = "crate::parts")]
    pub backends: BTreeMap<BackendKey, Arc<Backend>>,
    /// Certificates that the listeners and backends name.
    #[serde(with = "crate::parts")]
    pub certificates: BTreeMap<CertificateKey, Arc<Certificate>>,
    /// Client certificate for TLS backends (`Gateway.spec.tls.backend.clientCertificateRef`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_client_certificate: Option<CertificateKey>,
    /// Tracing settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Arc<Tracing>>,
}

impl LoadBalancer {
    /// The load balancer of a Gateway without listeners, and so without all that hangs on them.
    pub fn bare(gateway: ObjectName, class: &str, controller: &str) -> Self {
        Self {
            gateway,
            class: class.into(),
            controller: controller.into(),
            addresses: Vec::new(),
            infrastructure: Infrastructure::default(),
            listeners: BTreeMap::new(),
            http_routes: BTreeMap::new(),
            stream_routes: BTreeMap::new(),
            backends: BTreeMap::new(),
            certificates: BTreeMap::new(),
            backend_client_certificate: None,
            tracing: None,
        }
    }
}

/// `spec.addresses[]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AddressRequest {
    /// `IPAddress`, `Hostname`, or a domain-prefixed type.
    pub kind: Str,
    /// Value; `None` asks for any address of that type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Str>,
    /// Required routability; empty for the provider's default (GEP-5093).
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub routability: Str,
}

/// `spec.infrastructure`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Infrastructure {
    /// Labels for created resources.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Str, Str>,
    /// Annotations for created resources.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<Str, Str>,
}
