//! Listeners of a load balancer: one for each port, whatever number of Gateway listeners share it.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>

use super::rule::{Action, Rule};
use crate::secret::Secret;
use crate::trust_store::TrustStoreId;
use gatewright_model::Str;
use gatewright_model::key::CertificateKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A listener that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Port.
    pub port: u16,
    /// What it takes.
    #[serde(default, skip_serializing_if = "Transport::is_http")]
    pub transport: Transport,
    /// How it terminates TLS; `HTTP`, or `TCP`, without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,
    /// `ListenerAttributes` that are set; others are left as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<Str, Str>,
    /// What no rule matches.
    pub default: Action,
    /// Rules, the first that matches serves; their priorities follow from the order.
    pub rules: Vec<Rule>,
}

/// What a listener takes. With [`ListenerTls`], HTTP is `HTTPS` and TCP is `TLS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Transport {
    /// Requests; the only one of an Application Load Balancer.
    #[default]
    Http,
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
    /// Both, to the same targets.
    TcpUdp,
    /// Datagrams of QUIC, by the server's id in them.
    Quic,
    /// Connections, and datagrams of QUIC.
    TcpQuic,
}

impl Transport {
    /// Whether it is the default.
    pub fn is_http(&self) -> bool {
        *self == Self::Http
    }

    /// Whether it takes datagrams of which nothing is known: QUIC has rules of its own.
    pub const fn is_udp(self) -> bool {
        matches!(self, Self::Udp | Self::TcpUdp)
    }

    /// `Protocol` of a listener.
    pub const fn protocol(self, tls: bool) -> &'static str {
        match (self, tls) {
            (Self::Http, false) => "HTTP",
            (Self::Http, true) => "HTTPS",
            (Self::Tcp, false) => "TCP",
            (Self::Tcp, true) => "TLS",
            (Self::Udp, _) => "UDP",
            (Self::TcpUdp, _) => "TCP_UDP",
            (Self::Quic, _) => "QUIC",
            (Self::TcpQuic, _) => "TCP_QUIC",
        }
    }

    /// What a `Protocol` is, and whether it terminates TLS. `None` for those that are neither of an Application nor of
    /// a Network Load Balancer.
    pub fn of(protocol: &str) -> Option<(Self, bool)> {
        Some(match protocol {
            "HTTP" => (Self::Http, false),
            "HTTPS" => (Self::Http, true),
            "TCP" => (Self::Tcp, false),
            "TLS" => (Self::Tcp, true),
            "UDP" => (Self::Udp, false),
            "TCP_UDP" => (Self::TcpUdp, false),
            "QUIC" => (Self::Quic, false),
            "TCP_QUIC" => (Self::TcpQuic, false),
            _ => return None,
        })
    }
}

/// TLS of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerTls {
    /// `SslPolicy`.
    pub policy: Str,
    /// Certificate for clients that name no host of the others.
    pub default: CertificateId,
    /// Further ones, chosen by SNI.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub others: BTreeSet<CertificateId>,
    /// `AlpnPolicy`, of a Network Load Balancer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpn: Option<Str>,
    /// `MutualAuthentication`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<MutualAuthentication>,
}

impl ListenerTls {
    /// The trust store that clients are checked by.
    pub const fn trust_store(&self) -> Option<&TrustStoreId> {
        match &self.clients {
            Some(MutualAuthentication::Verify(verification)) => Some(&verification.store),
            Some(MutualAuthentication::Passthrough) | None => None,
        }
    }
}

/// `MutualAuthentication`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MutualAuthentication {
    /// Client certificates are passed on in headers, unchecked.
    Passthrough,
    /// They are checked.
    Verify(Verification),
}

/// How client certificates are checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// By which authorities.
    pub store: TrustStoreId,
    /// `IgnoreClientCertificateExpiry`.
    pub ignore_expiry: bool,
    /// `AdvertiseTrustStoreCaNames`: clients are told which authorities are known.
    pub advertise: bool,
}

/// Which certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CertificateId {
    /// From a Secret, imported into ACM.
    Imported(CertificateKey),
    /// In ACM already.
    Arn(Str),
}

/// A certificate that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// To be imported into ACM.
    Import(Import),
    /// In ACM already.
    Existing,
}

/// A certificate of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The server's own certificate, PEM.
    pub certificate: Str,
    /// The rest of its chain, PEM; empty without.
    pub chain: Str,
    /// Its key, PEM.
    pub key: Secret,
    /// SHA-256 over certificate, chain and key's public half, in a tag: ACM does not give keys back, and rotation
    /// must be seen without one.
    pub fingerprint: Str,
}
