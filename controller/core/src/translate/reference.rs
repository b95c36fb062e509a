//! References from routes, filters and policies to backends.

use super::outcome::RefFault;
use crate::backend::{self, AppProtocol, BackendOptions, Transport};
use crate::lookup::{Lookup, Referrer};
use crate::policy;
use gatewright_crds::api::{
    BackendObjectReference, BackendRef, GrpcBackendRef, HttpBackendRef, XBackendProtocol,
};
use gatewright_model::key::{BackendKey, BackendKind, ObjectName, RouteKind};

/// Group of XBackend.
pub(crate) const EXPERIMENTAL_GROUP: &str = "gateway.networking.x-k8s.io";

/// The fields that all backend references share, defaults applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// `group`; the core group by default.
    pub group: &'a str,
    /// `kind`; Service by default.
    pub kind: &'a str,
    /// `namespace`; the referring object's by default.
    pub namespace: Option<&'a str>,
    /// `name`.
    pub name: &'a str,
    /// `port`; needed for Services.
    pub port: Option<i32>,
}

macro_rules! reference_from {
    ($($ty:ty),*) => {$(
        impl<'a> From<&'a $ty> for Reference<'a> {
            fn from(from: &'a $ty) -> Self {
                Self {
                    group: from.group.as_deref().unwrap_or_default(),
                    kind: from.kind.as_deref().unwrap_or("Service"),
                    namespace: from.namespace.as_deref(),
                    name: &from.name,
                    port: from.port,
                }
            }
        }
    )*};
}

reference_from!(BackendObjectReference, BackendRef, GrpcBackendRef, HttpBackendRef);

/// Who resolves references, for what.
#[derive(Clone, Copy)]
pub struct Resolver<'a, L> {
    /// Where objects are found.
    pub lookup: &'a L,
    /// The referring object.
    pub referrer: Referrer<'a>,
    /// What kind of traffic is sent: decides transport and protocols.
    pub traffic: RouteKind,
    /// The operator's decisions.
    pub options: BackendOptions,
}

impl<L: Lookup> Resolver<'_, L> {
    /// Resolves a reference to the backend it names, without looking at its endpoints.
    ///
    /// # Errors
    /// The reason and words of `ResolvedRefs=False`, in the order in which the specification's rules
    /// hide one another: kind, permission, existence, protocol (`HTTPBackendRef`).
    pub fn resolve(&self, reference: Reference<'_>, field: &str) -> Result<BackendKey, RefFault> {
        let fault = |reason, why| RefFault {
            reason,
            field: field.to_owned(),
            why,
        };
        let object = ObjectName::new(
            reference.namespace.unwrap_or(self.referrer.namespace),
            reference.name,
        );
        match (reference.group, reference.kind) {
            ("", "Service") => self
                .service(&object, reference.port)
                .map_err(|(reason, why)| fault(reason, why)),
            (EXPERIMENTAL_GROUP, "XBackend") => self
                .xbackend(&object, reference.port)
                .map_err(|(reason, why)| fault(reason, why)),
            (group, kind) => {
                let shown = if group.is_empty() { "core" } else { group };
                let why = format!(
                    "kind {kind} of group {shown} cannot be a backend; accepted are Service of the core group and \
                     XBackend of {EXPERIMENTAL_GROUP}"
                );
                Err(fault("InvalidKind", why))
            }
        }
    }

    fn service(&self, object: &ObjectName, port: Option<i32>) -> Result<BackendKey, (&'static str, String)> {
        self.referrer
            .may_refer(self.lookup, ("", "Service"), object)
            .map_err(|why| ("RefNotPermitted", why))?;
        let service = self
            .lookup
            .service(object)
            .ok_or_else(|| ("BackendNotFound", format!("Service {object} does not exist")))?;
        let port = port
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port > 0)
            .ok_or_else(|| {
                (
                    "BackendNotFound",
                    format!("a port from 1 to 65535 is needed for Service {object}"),
                )
            })?;
        let transport = Transport::of(self.traffic);
        let found = backend::inspect(service, (port, transport), self.options)
            .map_err(|fault| (fault.reason(), fault.to_string()))?;
        let protocol = AppProtocol::parse(found.app_protocol);
        // Only protocols that depend on a policy need the policies to be looked up.
        let with_tls = matches!(protocol, AppProtocol::Https | AppProtocol::WebSocketTls)
            && policy::backend_tls::applies(self.lookup, object, found.port_name);
        protocol.supports(self.traffic, with_tls).map_err(|why| {
            (
                "UnsupportedProtocol",
                format!("Service {object} port {port}: {why}"),
            )
        })?;
        Ok(BackendKey {
            kind: transport.backend_kind(),
            object: object.clone(),
            port,
        })
    }

    /// GEP-4894: an XBackend is in the namespace of the route, and a reference to it has no port.
    fn xbackend(&self, object: &ObjectName, port: Option<i32>) -> Result<BackendKey, (&'static str, String)> {
        if &*object.namespace != self.referrer.namespace {
            let why = format!(
                "XBackend {object} is in another namespace; an XBackend can only be used in its own namespace {}",
                object.namespace
            );
            return Err(("RefNotPermitted", why));
        }
        if let Some(port) = port {
            let why =
                format!("port {port} is given, but the port of an XBackend is its own spec.port.number");
            return Err(("InvalidKind", why));
        }
        let found = self
            .lookup
            .xbackend(object)
            .ok_or_else(|| ("BackendNotFound", format!("XBackend {object} does not exist")))?;
        let port = backend::xbackend_port(found).ok_or_else(|| {
            (
                "BackendNotFound",
                format!("XBackend {object} has no spec.port.number"),
            )
        })?;
        let protocol = found.spec.protocol;
        let carried = match self.traffic {
            RouteKind::Udp => false,
            RouteKind::Tls | RouteKind::Tcp => true,
            RouteKind::Http => protocol != Some(XBackendProtocol::Tcp),
            RouteKind::Grpc => !matches!(
                protocol,
                Some(
                    XBackendProtocol::Tcp
                        | XBackendProtocol::Wss
                        | XBackendProtocol::Http11
                        | XBackendProtocol::Mcp
                )
            ),
        };
        if !carried {
            let name = protocol.map_or("TCP", XBackendProtocol::as_str);
            let why = format!(
                "XBackend {object} speaks {name}, which {} cannot use",
                self.traffic.as_str()
            );
            return Err(("UnsupportedProtocol", why));
        }
        Ok(BackendKey {
            kind: BackendKind::XBackend,
            object: object.clone(),
            port,
        })
    }
}
