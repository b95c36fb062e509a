//! Identity of the parts that travel.

use crate::wire;
use gatewright_model::key::{
    BackendKey, BackendKind, CertificateKey, ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind,
};
use std::fmt;
use thiserror::Error;

/// Identity of a part within its Gateway.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartKey {
    /// Everything of the load balancer outside of its maps.
    Head,
    /// [`crate::GatewaySettings`].
    Settings,
    /// A listener.
    Listener(ListenerKey),
    /// A route of any kind.
    Route(RouteKey),
    /// A backend.
    Backend(BackendKey),
    /// A certificate.
    Certificate(CertificateKey),
}

/// The other side sent an identity that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// A kind of part that this version does not know.
    #[error("unknown kind of part {0}: the other side is newer")]
    Kind(i32),
    /// A port outside of 0 to 65535.
    #[error("port {0} is not a port")]
    Port(u32),
    /// Nothing where an identity must be.
    #[error("the identity is missing")]
    Missing,
}

impl PartKey {
    /// As it travels.
    pub fn to_wire(&self) -> wire::PartKey {
        use wire::Kind;
        let key = |kind: Kind, object: &ObjectName| wire::PartKey {
            kind: kind.into(),
            namespace: object.namespace.to_string(),
            name: object.name.to_string(),
            ..wire::PartKey::default()
        };
        match self {
            Self::Head => wire::PartKey {
                kind: Kind::Head.into(),
                ..wire::PartKey::default()
            },
            Self::Settings => wire::PartKey {
                kind: Kind::Settings.into(),
                ..wire::PartKey::default()
            },
            Self::Listener(ListenerKey { parent, name }) => {
                let (kind, object) = match parent {
                    ListenerParent::Gateway(object) => (Kind::GatewayListener, object),
                    ListenerParent::ListenerSet(object) => (Kind::ListenerSetListener, object),
                };
                wire::PartKey {
                    section: name.to_string(),
                    ..key(kind, object)
                }
            }
            Self::Route(RouteKey { kind, object }) => {
                let kind = match kind {
                    RouteKind::Http => Kind::HttpRoute,
                    RouteKind::Grpc => Kind::GrpcRoute,
                    RouteKind::Tls => Kind::TlsRoute,
                    RouteKind::Tcp => Kind::TcpRoute,
                    RouteKind::Udp => Kind::UdpRoute,
                };
                key(kind, object)
            }
            Self::Backend(BackendKey { kind, object, port }) => {
                let kind = match kind {
                    BackendKind::Service => Kind::Service,
                    BackendKind::ServiceUdp => Kind::ServiceUdp,
                    BackendKind::XBackend => Kind::XBackend,
                };
                wire::PartKey {
                    port: u32::from(*port),
                    ..key(kind, object)
                }
            }
            Self::Certificate(CertificateKey(object)) => key(Kind::Certificate, object),
        }
    }

    /// From what travelled.
    pub fn from_wire(key: &wire::PartKey) -> Result<Self, KeyError> {
        use wire::Kind;
        let object = || ObjectName::new(&key.namespace, &key.name);
        let kind = Kind::try_from(key.kind).map_err(|_| KeyError::Kind(key.kind))?;
        let listener = |parent| {
            Self::Listener(ListenerKey {
                parent,
                name: key.section.as_str().into(),
            })
        };
        let route = |kind| {
            Self::Route(RouteKey {
                kind,
                object: object(),
            })
        };
        let backend = |kind| {
            let port = u16::try_from(key.port).map_err(|_| KeyError::Port(key.port))?;
            Ok(Self::Backend(BackendKey {
                kind,
                object: object(),
                port,
            }))
        };
        Ok(match kind {
            Kind::Unspecified => return Err(KeyError::Missing),
            Kind::Head => Self::Head,
            Kind::Settings => Self::Settings,
            Kind::GatewayListener => listener(ListenerParent::Gateway(object())),
            Kind::ListenerSetListener => listener(ListenerParent::ListenerSet(object())),
            Kind::HttpRoute => route(RouteKind::Http),
            Kind::GrpcRoute => route(RouteKind::Grpc),
            Kind::TlsRoute => route(RouteKind::Tls),
            Kind::TcpRoute => route(RouteKind::Tcp),
            Kind::UdpRoute => route(RouteKind::Udp),
            Kind::Service => backend(BackendKind::Service)?,
            Kind::ServiceUdp => backend(BackendKind::ServiceUdp)?,
            Kind::XBackend => backend(BackendKind::XBackend)?,
            Kind::Certificate => Self::Certificate(CertificateKey(object())),
        })
    }
}

impl fmt::Display for PartKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("Gateway"),
            Self::Settings => f.write_str("SoftwareGatewayParameters"),
            Self::Listener(key) => write!(f, "{key}"),
            Self::Route(key) => write!(f, "{key}"),
            Self::Backend(key) => write!(f, "{key}"),
            Self::Certificate(key) => write!(f, "{key}"),
        }
    }
}
