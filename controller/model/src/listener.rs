//! Listeners: where a load balancer accepts traffic.

use crate::Str;
use crate::certificate::TrustAnchors;
use crate::filter::ExternalAuth;
use crate::hostname::HostPattern;
use crate::key::{CertificateKey, ListenerKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Protocol of a listener (`listeners[].protocol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// Cleartext HTTP/1.1 and HTTP/2 with prior knowledge.
    Http,
    /// HTTP over terminated TLS.
    Https,
    /// TLS, terminated or passed through.
    Tls,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// As the Gateway API writes it (`ProtocolType`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Tls => "TLS",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }

    /// Whether requests are HTTP.
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

/// One programmable listener: accepted, without conflict, with every reference it needs resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Identity.
    pub key: ListenerKey,
    /// Port, 1 to 65535.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// Hostname (SNI and Host) this listener serves.
    pub hostname: HostPattern,
    /// TLS settings; present for HTTPS and TLS, absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,
    /// Filters that run before routing, in order (`listeners[].filters`, GEP-5224).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<ListenerFilter>,
}

/// How a listener treats TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerTls {
    /// Handshake here, cleartext behind it.
    Terminate(TlsTermination),
    /// Encrypted bytes go to the backend; the SNI alone is read.
    Passthrough,
}

/// Settings of a terminating listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsTermination {
    /// Certificates to choose from by SNI; the first is the default. Empty only where the provider finds them by hostname.
    pub certificates: Vec<CertificateKey>,
    /// Client certificate validation, when asked for (`Gateway.spec.tls.frontend`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_validation: Option<Arc<ClientValidation>>,
    /// Implementation-specific `tls.options`, as written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<Str, Str>,
}

/// Validation of client certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientValidation {
    /// What happens to a client without a valid certificate.
    pub mode: ClientValidationMode,
    /// Accepted certificate authorities.
    pub trust: TrustAnchors,
}

/// `tls.frontend.*.validation.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientValidationMode {
    /// The handshake fails without a valid certificate.
    AllowValidOnly,
    /// The connection is accepted also when the certificate is missing or invalid.
    AllowInsecureFallback,
}

/// A filter that runs before routing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerFilter {
    /// Ask an external authorization server.
    ExternalAuth(Arc<ExternalAuth>),
}
