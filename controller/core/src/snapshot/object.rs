//! Input objects of every kind.

use crate::status::Status;
use gatewright_crds::{api, own};
use gatewright_model::key::{ObjectName, RouteKey, RouteKind};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use thiserror::Error;

/// An object that does not have the shape of its kind.
#[derive(Debug, Error)]
#[error("{kind}: {source}")]
pub struct UnreadableObject {
    /// The kind.
    pub kind: Kind,
    /// Field and reason.
    pub source: serde_json::Error,
}

macro_rules! kinds {
    ($($name:ident($type:ty): $group:literal, $text:literal;)+) => {
        /// A kind of input object.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = concat!("`", $text, "`.")] $name,)+
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The Kubernetes `kind`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The API group; empty for the core group.
            pub const fn group(self) -> &'static str {
                match self { $(Self::$name => $group,)+ }
            }
        }

        /// An input object. Each is as large as its own kind, not as the largest of all.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Object {
            $(#[doc = concat!("`", $text, "`.")] $name($type),)+
        }

        impl Object {
            /// Reads an object of a kind from JSON in the shape of our types.
            ///
            /// # Errors
            /// [`UnreadableObject`] when the value has another shape.
            pub fn read(kind: Kind, value: Value) -> Result<Self, UnreadableObject> {
                let mut object = match kind {
                    $(Kind::$name => serde_json::from_value(value)
                        .map(Self::$name)
                        .map_err(|source| UnreadableObject { kind, source }),)+
                }?;
                object.forget();
                Ok(object)
            }

            /// Drops what nothing here reads: it can be larger than the object itself.
            fn forget(&mut self) {
                let metadata = match self { $(Self::$name(object) => &mut object.metadata,)+ };
                metadata.managed_fields = None;
                // Two states of an object are told apart by what is in them.
                metadata.resource_version = None;
                if let Some(annotations) = &mut metadata.annotations {
                    annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
                }
                match self {
                    Self::Node(node) => crate::graph::nodes::forget(node),
                    Self::Pod(pod) => crate::graph::pods::forget(pod),
                    _ => {}
                }
            }

            /// The kind.
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$name(_) => Kind::$name,)+ }
            }

            /// The metadata.
            pub const fn metadata(&self) -> &ObjectMeta {
                match self { $(Self::$name(object) => &object.metadata,)+ }
            }

            /// The object as JSON.
            ///
            /// # Errors
            /// Never for objects that were read from JSON.
            pub fn to_value(&self) -> Result<Value, serde_json::Error> {
                match self { $(Self::$name(object) => serde_json::to_value(object),)+ }
            }
        }
    };
}

kinds! {
    GatewayClass(Box<api::GatewayClass>): "gateway.networking.k8s.io", "GatewayClass";
    Gateway(Box<api::Gateway>): "gateway.networking.k8s.io", "Gateway";
    ListenerSet(Box<api::ListenerSet>): "gateway.networking.k8s.io", "ListenerSet";
    HttpRoute(Box<api::HttpRoute>): "gateway.networking.k8s.io", "HTTPRoute";
    GrpcRoute(Box<api::GrpcRoute>): "gateway.networking.k8s.io", "GRPCRoute";
    TlsRoute(Box<api::TlsRoute>): "gateway.networking.k8s.io", "TLSRoute";
    TcpRoute(Box<api::TcpRoute>): "gateway.networking.k8s.io", "TCPRoute";
    UdpRoute(Box<api::UdpRoute>): "gateway.networking.k8s.io", "UDPRoute";
    ReferenceGrant(Box<api::ReferenceGrant>): "gateway.networking.k8s.io", "ReferenceGrant";
    BackendTlsPolicy(Box<api::BackendTlsPolicy>): "gateway.networking.k8s.io", "BackendTLSPolicy";
    XBackend(Box<api::XBackend>): "gateway.networking.x-k8s.io", "XBackend";
    XBackendTrafficPolicy(Box<api::XBackendTrafficPolicy>): "gateway.networking.x-k8s.io", "XBackendTrafficPolicy";
    XTelemetryPolicy(Box<api::XTelemetryPolicy>): "gateway.networking.x-k8s.io", "XTelemetryPolicy";
    XMesh(Box<api::XMesh>): "gateway.networking.x-k8s.io", "XMesh";
    Service(Box<core::Service>): "", "Service";
    EndpointSlice(Box<discovery::EndpointSlice>): "discovery.k8s.io", "EndpointSlice";
    Secret(Box<core::Secret>): "", "Secret";
    ConfigMap(Box<core::ConfigMap>): "", "ConfigMap";
    Namespace(Box<core::Namespace>): "", "Namespace";
    Node(Box<core::Node>): "", "Node";
    Pod(Box<core::Pod>): "", "Pod";
    ClusterTrustBundle(Box<ClusterTrustBundle>): "certificates.k8s.io", "ClusterTrustBundle";
    Parameters(Box<own::SoftwareGatewayParameters>): "gatewright.dev", "SoftwareGatewayParameters";
    AwsBalancer(Box<own::AwsLoadBalancerParameters>): "gatewright.dev", "AwsLoadBalancerParameters";
    AwsLattice(Box<own::AwsLatticeParameters>): "gatewright.dev", "AwsLatticeParameters";
    AwsTargetGroup(Box<own::AwsTargetGroupParameters>): "gatewright.dev", "AwsTargetGroupParameters";
    AwsRoute(Box<own::AwsRouteParameters>): "gatewright.dev", "AwsRouteParameters";
    AwsBackend(Box<own::AwsBackend>): "gatewright.dev", "AwsBackend";
    AwsBinding(Box<own::AwsTargetGroupBinding>): "gatewright.dev", "AwsTargetGroupBinding";
}

impl Kind {
    /// The kind of a group and name.
    pub fn find(group: &str, kind: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.group() == group && known.as_str() == kind)
    }

    /// The kind of a route kind.
    pub const fn of_route(kind: RouteKind) -> Self {
        match kind {
            RouteKind::Http => Self::HttpRoute,
            RouteKind::Grpc => Self::GrpcRoute,
            RouteKind::Tls => Self::TlsRoute,
            RouteKind::Tcp => Self::TcpRoute,
            RouteKind::Udp => Self::UdpRoute,
        }
    }

    /// Whether objects of the kind get a status from here.
    pub const fn has_status(self) -> bool {
        matches!(
            self,
            Self::GatewayClass
                | Self::Gateway
                | Self::ListenerSet
                | Self::HttpRoute
                | Self::GrpcRoute
                | Self::TlsRoute
                | Self::TcpRoute
                | Self::UdpRoute
                | Self::BackendTlsPolicy
                | Self::XBackend
                | Self::XBackendTrafficPolicy
                | Self::XTelemetryPolicy
                | Self::XMesh
                | Self::AwsTargetGroup
        )
    }

    /// The route kind, if it is one.
    pub const fn route(self) -> Option<RouteKind> {
        match self {
            Self::HttpRoute => Some(RouteKind::Http),
            Self::GrpcRoute => Some(RouteKind::Grpc),
            Self::TlsRoute => Some(RouteKind::Tls),
            Self::TcpRoute => Some(RouteKind::Tcp),
            Self::UdpRoute => Some(RouteKind::Udp),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Identity of an input object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Kind.
    pub kind: Kind,
    /// Namespace and name.
    pub name: ObjectName,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl Object {
    /// Identity.
    pub fn key(&self) -> ObjectKey {
        ObjectKey {
            kind: self.kind(),
            name: name_of(self.metadata()),
        }
    }
}

impl Object {
    /// Whether it came with a status.
    pub fn has_status(&self) -> bool {
        match self {
            Self::GatewayClass(object) => object.status.is_some(),
            Self::Gateway(object) => object.status.is_some(),
            Self::ListenerSet(object) => object.status.is_some(),
            Self::HttpRoute(object) => object.status.is_some(),
            Self::GrpcRoute(object) => object.status.is_some(),
            Self::TlsRoute(object) => object.status.is_some(),
            Self::TcpRoute(object) => object.status.is_some(),
            Self::UdpRoute(object) => object.status.is_some(),
            Self::BackendTlsPolicy(object) => object.status.is_some(),
            Self::XBackendTrafficPolicy(object) => object.status.is_some(),
            Self::XTelemetryPolicy(object) => object.status.is_some(),
            Self::AwsTargetGroup(object) => object.status.is_some(),
            Self::XBackend(object) => object.status.is_some(),
            Self::XMesh(object) => object.status.is_some(),
            _ => false,
        }
    }

    /// Takes the status out of an object, so that objects that differ in it alone are equal.
    pub fn take_status(&mut self) -> Option<Status> {
        match self {
            Self::GatewayClass(object) => object.status.take().map(Status::Class),
            Self::Gateway(object) => object.status.take().map(Status::Gateway),
            Self::ListenerSet(object) => object.status.take().map(Status::ListenerSet),
            Self::HttpRoute(object) => object.status.take().map(Status::Route),
            Self::GrpcRoute(object) => object.status.take().map(Status::Route),
            Self::TlsRoute(object) => object.status.take().map(Status::Route),
            Self::TcpRoute(object) => object.status.take().map(Status::Route),
            Self::UdpRoute(object) => object.status.take().map(Status::Route),
            Self::BackendTlsPolicy(object) => object.status.take().map(Status::Policy),
            Self::XBackendTrafficPolicy(object) => object.status.take().map(Status::Policy),
            Self::XTelemetryPolicy(object) => object.status.take().map(Status::Policy),
            Self::AwsTargetGroup(object) => object.status.take().map(Status::Policy),
            Self::XBackend(object) => object.status.take().map(Status::Backend),
            Self::XMesh(object) => object.status.take().map(Status::Mesh),
            _ => None,
        }
    }
}

impl ObjectKey {
    /// The key of a route.
    pub fn of_route(route: &RouteKey) -> Self {
        Self {
            kind: Kind::of_route(route.kind),
            name: route.object.clone(),
        }
    }

    /// As a route, if it is one.
    pub fn route(&self) -> Option<RouteKey> {
        let kind = self.kind.route()?;
        Some(RouteKey {
            kind,
            object: self.name.clone(),
        })
    }
}

/// Namespace and name of an object.
pub fn name_of(metadata: &ObjectMeta) -> ObjectName {
    ObjectName::new(
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// A ClusterTrustBundle (`certificates.k8s.io`, GA in Kubernetes 1.37), as far as it is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterTrustBundle {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Specification.
    pub spec: ClusterTrustBundleSpec,
}

/// `spec` of a [`ClusterTrustBundle`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterTrustBundleSpec {
    /// PEM certificates.
    pub trust_bundle: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_makes_others_larger() {
        assert_eq!(size_of::<Object>(), 2 * size_of::<usize>());
    }
}
