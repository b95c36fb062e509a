//! Stable identities of the parts of a load balancer.

use crate::Str;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// Namespace and name of a Kubernetes object. Cluster-scoped objects have an empty namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectName {
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: Str,
    /// `metadata.name`.
    pub name: Str,
}

impl ObjectName {
    /// Builds a name from borrowed parts.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Alphabetical order of `{namespace}/{name}`, which decides between objects of equal age
    /// (Gateway API v1.7.0, `HTTPRouteRule.matches`).
    ///
    /// Not the derived order: `a-b/x` comes before `a/x`, because `-` sorts before `/`.
    pub fn alphabetical(&self, other: &Self) -> Ordering {
        if self.namespace == other.namespace {
            return self.name.cmp(&other.name);
        }
        let text = self.namespace.bytes().chain(*b"/").chain(self.name.bytes());
        text.cmp(other.namespace.bytes().chain(*b"/").chain(other.name.bytes()))
    }
}

impl fmt::Display for ObjectName {
    /// `namespace/name`, or `name` alone for cluster-scoped objects.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// The object that declares a listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ListenerParent {
    /// The Gateway itself.
    Gateway(ObjectName),
    /// A ListenerSet merged into the Gateway.
    ListenerSet(ObjectName),
}

/// Identity of a listener: who declares it, and its `name` there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListenerKey {
    /// Declaring object.
    pub parent: ListenerParent,
    /// `listeners[].name`.
    pub name: Str,
}

impl fmt::Display for ListenerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parent {
            ListenerParent::Gateway(object) => write!(f, "gateway/{object}/{}", self.name),
            ListenerParent::ListenerSet(object) => write!(f, "listenerset/{object}/{}", self.name),
        }
    }
}

/// The five route kinds of the Gateway API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RouteKind {
    /// HTTPRoute.
    #[serde(rename = "HTTPRoute")]
    Http,
    /// GRPCRoute.
    #[serde(rename = "GRPCRoute")]
    Grpc,
    /// TLSRoute.
    #[serde(rename = "TLSRoute")]
    Tls,
    /// TCPRoute.
    #[serde(rename = "TCPRoute")]
    Tcp,
    /// UDPRoute.
    #[serde(rename = "UDPRoute")]
    Udp,
}

impl RouteKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Http, Self::Grpc, Self::Tls, Self::Tcp, Self::Udp];

    /// The Kubernetes `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
            Self::Tls => "TLSRoute",
            Self::Tcp => "TCPRoute",
            Self::Udp => "UDPRoute",
        }
    }
}

/// Identity of a route object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteKey {
    /// Kind of the route.
    pub kind: RouteKind,
    /// Namespace and name.
    pub object: ObjectName,
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.object)
    }
}

/// What kind of object stands behind a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BackendKind {
    /// A port of a core Service that speaks TCP.
    Service,
    /// A port of a core Service that speaks UDP: one number may be two ports with two targets.
    ServiceUdp,
    /// An experimental XBackend.
    XBackend,
}

/// Identity of a backend: an object and, for Services, one of its ports.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BackendKey {
    /// Kind of the object.
    pub kind: BackendKind,
    /// Namespace and name.
    pub object: ObjectName,
    /// Service port number, or the XBackend's own port.
    pub port: u16,
}

impl fmt::Display for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            BackendKind::Service => write!(f, "Service/{}:{}", self.object, self.port),
            BackendKind::ServiceUdp => write!(f, "Service/{}:{}/UDP", self.object, self.port),
            BackendKind::XBackend => write!(f, "XBackend/{}:{}", self.object, self.port),
        }
    }
}

/// Identity of a certificate with its private key: the Secret that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CertificateKey(pub ObjectName);

impl fmt::Display for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret/{}", self.0)
    }
}
