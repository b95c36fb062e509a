//! Reading a snapshot while recording what was asked.

use super::{Dep, Kind, Object, ObjectKey, Snapshot};
use crate::lookup::{CrossReference, Lookup, TrustBundle};
use gatewright_crds::api::{self, BackendTlsPolicy, XBackend, XBackendTrafficPolicy};
use gatewright_crds::own::{self, AwsBackend, AwsRouteParameters};
use gatewright_model::key::ObjectName;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Labels of a namespace that does not exist.
static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

/// A snapshot as seen by one computation.
#[derive(Debug)]
pub struct View<'a> {
    snapshot: &'a Snapshot,
    asked: RefCell<BTreeSet<Dep>>,
}

macro_rules! getters {
    ($($method:ident: $variant:ident -> $type:ty;)+) => {
        $(
            #[doc = concat!("A ", stringify!($variant), ".")]
            pub fn $method(&self, name: &ObjectName) -> Option<&'a $type> {
                match self.object(Kind::$variant, name)? {
                    Object::$variant(object) => Some(object),
                    _ => None,
                }
            }
        )+
    };
}

impl<'a> View<'a> {
    /// A view that has not been asked anything.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            asked: RefCell::default(),
        }
    }

    /// The questions asked.
    pub fn asked(self) -> BTreeSet<Dep> {
        self.asked.into_inner()
    }

    /// Records a question that something else answers.
    pub(crate) fn note(&self, dep: Dep) {
        self.asked.borrow_mut().insert(dep);
    }

    /// An object of a kind.
    pub fn object(&self, kind: Kind, name: &ObjectName) -> Option<&'a Object> {
        self.note(Dep::Object(ObjectKey {
            kind,
            name: name.clone(),
        }));
        self.snapshot.get(kind, name).map(|object| &**object)
    }

    getters! {
        gateway_class: GatewayClass -> api::GatewayClass;
        gateway: Gateway -> api::Gateway;
        listener_set: ListenerSet -> api::ListenerSet;
        http_route: HttpRoute -> api::HttpRoute;
        grpc_route: GrpcRoute -> api::GrpcRoute;
        tls_route: TlsRoute -> api::TlsRoute;
        tcp_route: TcpRoute -> api::TcpRoute;
        udp_route: UdpRoute -> api::UdpRoute;
        backend_tls_policy: BackendTlsPolicy -> BackendTlsPolicy;
        traffic_policy: XBackendTrafficPolicy -> XBackendTrafficPolicy;
        telemetry_policy: XTelemetryPolicy -> api::XTelemetryPolicy;
        namespace_object: Namespace -> Namespace;
        parameters: Parameters -> own::SoftwareGatewayParameters;
        aws_lattice: AwsLattice -> own::AwsLatticeParameters;
        aws_balancer: AwsBalancer -> own::AwsLoadBalancerParameters;
    }

    /// Labels of a namespace. One that does not exist (files without Namespace objects) has only the
    /// label that the API server gives every namespace, which is checked by name.
    pub fn namespace_labels(&self, namespace: &str) -> &'a BTreeMap<String, String> {
        let name = ObjectName::new("", namespace);
        self.namespace_object(&name)
            .and_then(|found| found.metadata.labels.as_ref())
            .unwrap_or(&NO_LABELS)
    }

    /// The objects that an index lists, by name.
    pub fn listed(&self, dep: Dep) -> Vec<&'a Object> {
        let objects = self
            .snapshot
            .index()
            .list(&dep)
            .into_iter()
            .flat_map(|(kind, names)| names.iter().filter_map(move |name| self.snapshot.get(kind, name)))
            .map(|object| &**object)
            .collect();
        self.note(dep);
        objects
    }
}

macro_rules! listed {
    ($view:expr, $dep:expr, $variant:ident) => {
        $view
            .listed($dep)
            .into_iter()
            .filter_map(|object| match object {
                $crate::snapshot::Object::$variant(object) => Some(&**object),
                _ => None,
            })
            .collect()
    };
}
pub(crate) use listed;

impl Lookup for View<'_> {
    fn service(&self, name: &ObjectName) -> Option<&Service> {
        match self.object(Kind::Service, name)? {
            Object::Service(object) => Some(object),
            _ => None,
        }
    }

    fn services_in(&self, namespace: &str) -> Vec<&Service> {
        listed!(self, Dep::ServicesIn(namespace.into()), Service)
    }

    fn endpoint_slices(&self, service: &ObjectName) -> Vec<&EndpointSlice> {
        listed!(self, Dep::SlicesOf(service.clone()), EndpointSlice)
    }

    fn config_map(&self, name: &ObjectName) -> Option<&ConfigMap> {
        match self.object(Kind::ConfigMap, name)? {
            Object::ConfigMap(object) => Some(object),
            _ => None,
        }
    }

    fn secret(&self, name: &ObjectName) -> Option<&Secret> {
        match self.object(Kind::Secret, name)? {
            Object::Secret(object) => Some(object),
            _ => None,
        }
    }

    fn cluster_trust_bundle(&self, name: &str) -> TrustBundle<'_> {
        if !self.snapshot.trust_bundles {
            return TrustBundle::Unavailable;
        }
        match self.object(Kind::ClusterTrustBundle, &ObjectName::new("", name)) {
            Some(Object::ClusterTrustBundle(bundle)) => TrustBundle::Found(&bundle.spec.trust_bundle),
            _ => TrustBundle::Missing,
        }
    }

    fn xbackend(&self, name: &ObjectName) -> Option<&XBackend> {
        match self.object(Kind::XBackend, name)? {
            Object::XBackend(object) => Some(object),
            _ => None,
        }
    }

    fn aws_route(&self, name: &ObjectName) -> Option<&AwsRouteParameters> {
        match self.object(Kind::AwsRoute, name)? {
            Object::AwsRoute(object) => Some(object),
            _ => None,
        }
    }

    fn aws_backend(&self, name: &ObjectName) -> Option<&AwsBackend> {
        match self.object(Kind::AwsBackend, name)? {
            Object::AwsBackend(object) => Some(object),
            _ => None,
        }
    }

    fn backend_tls_policies(&self, service: &ObjectName) -> Vec<&BackendTlsPolicy> {
        listed!(self, Dep::TlsPoliciesOf(service.clone()), BackendTlsPolicy)
    }

    fn traffic_policies(&self, kind: &str, backend: &ObjectName) -> Vec<&XBackendTrafficPolicy> {
        listed!(
            self,
            Dep::TrafficPoliciesOf(kind.into(), backend.clone()),
            XBackendTrafficPolicy
        )
    }

    /// GEP-709: a grant in the referent's namespace names both sides; a `to` without name covers all.
    fn granted(&self, reference: &CrossReference<'_>) -> bool {
        let grants: Vec<&api::ReferenceGrant> =
            listed!(self, Dep::GrantsIn(reference.to_namespace.into()), ReferenceGrant);
        grants.iter().any(|grant| {
            let from = grant.spec.from.iter().any(|from| {
                from.group == reference.from_group
                    && from.kind == reference.from_kind
                    && from.namespace == reference.from_namespace
            });
            from && grant.spec.to.iter().any(|to| {
                to.group == reference.to_group
                    && to.kind == reference.to_kind
                    && to
                        .name
                        .as_deref()
                        .is_none_or(|name| name.is_empty() || name == reference.to_name)
            })
        })
    }
}
