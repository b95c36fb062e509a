//! Read access to the objects that others refer to.
//!
//! Translation asks for objects by name through [`Lookup`] and never iterates over the world, so that
//! whoever implements it can record what an answer depended on and recompute only that.

use crate::certificate::{CertificateError, CheckedCertificate, check};
use gatewright_crds::api::{BackendTlsPolicy, XBackend, XBackendTrafficPolicy};
use gatewright_crds::own::{AwsBackend, AwsRouteParameters};
use gatewright_model::key::ObjectName;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use std::sync::Arc;

/// What referring objects may ask for. Answers to one question are in a stable order.
pub trait Lookup {
    /// A Service.
    fn service(&self, name: &ObjectName) -> Option<&Service>;

    /// All Services of a namespace.
    fn services_in(&self, namespace: &str) -> Vec<&Service>;

    /// The EndpointSlices that name a Service in their label `kubernetes.io/service-name`.
    fn endpoint_slices(&self, service: &ObjectName) -> Vec<&EndpointSlice>;

    /// A ConfigMap.
    fn config_map(&self, name: &ObjectName) -> Option<&ConfigMap>;

    /// A Secret.
    fn secret(&self, name: &ObjectName) -> Option<&Secret>;

    /// A ClusterTrustBundle.
    fn cluster_trust_bundle(&self, name: &str) -> TrustBundle<'_>;

    /// An XBackend.
    fn xbackend(&self, name: &ObjectName) -> Option<&XBackend>;

    /// An AwsRouteParameters.
    fn aws_route(&self, name: &ObjectName) -> Option<&AwsRouteParameters>;

    /// An AwsBackend.
    fn aws_backend(&self, name: &ObjectName) -> Option<&AwsBackend>;

    /// The BackendTLSPolicies with a targetRef to a Service.
    fn backend_tls_policies(&self, service: &ObjectName) -> Vec<&BackendTlsPolicy>;

    /// The XBackendTrafficPolicies with a targetRef to a backend of a kind (`Service` or `XBackend`).
    fn traffic_policies(&self, kind: &str, backend: &ObjectName) -> Vec<&XBackendTrafficPolicy>;

    /// Whether a ReferenceGrant in the target's namespace allows a cross-namespace reference.
    fn granted(&self, reference: &CrossReference<'_>) -> bool;

    /// The certificate of a Secret, checked; `None` when there is no such Secret. Implementations may
    /// remember the result, which depends on the Secret alone.
    fn certificate(&self, name: &ObjectName) -> Option<Result<Arc<CheckedCertificate>, CertificateError>> {
        self.secret(name).map(|secret| check(secret).map(Arc::new))
    }
}

/// The answer for a ClusterTrustBundle (GEP-5075, "API Availability").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustBundle<'a> {
    /// The cluster does not have the API: the kind is unsupported.
    Unavailable,
    /// There is no such bundle.
    Missing,
    /// Its `spec.trustBundle`.
    Found(&'a str),
}

/// A reference from one namespace into another, as ReferenceGrants see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossReference<'a> {
    /// Group of the referring object.
    pub from_group: &'a str,
    /// Kind of the referring object.
    pub from_kind: &'a str,
    /// Namespace of the referring object.
    pub from_namespace: &'a str,
    /// Group of the referent; empty for the core group.
    pub to_group: &'a str,
    /// Kind of the referent.
    pub to_kind: &'a str,
    /// Namespace of the referent.
    pub to_namespace: &'a str,
    /// Name of the referent.
    pub to_name: &'a str,
}

/// The object that refers, for grants and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Referrer<'a> {
    /// Group.
    pub group: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Namespace.
    pub namespace: &'a str,
}

impl<'a> Referrer<'a> {
    /// An object of the Gateway API's stable group.
    pub const fn gateway_api(kind: &'a str, namespace: &'a str) -> Self {
        Self {
            group: "gateway.networking.k8s.io",
            kind,
            namespace,
        }
    }

    /// Whether a reference to another object is allowed: within the namespace always, across
    /// namespaces with a ReferenceGrant (GEP-709).
    ///
    /// # Errors
    /// Words for the message of `RefNotPermitted`.
    pub fn may_refer(
        &self,
        lookup: &impl Lookup,
        (group, kind): (&str, &str),
        to: &ObjectName,
    ) -> Result<(), String> {
        if &*to.namespace == self.namespace {
            return Ok(());
        }
        let reference = CrossReference {
            from_group: self.group,
            from_kind: self.kind,
            from_namespace: self.namespace,
            to_group: group,
            to_kind: kind,
            to_namespace: &to.namespace,
            to_name: &to.name,
        };
        if lookup.granted(&reference) {
            return Ok(());
        }
        Err(format!(
            "{kind} {to} is in another namespace and no ReferenceGrant there allows a reference from {} in namespace {}",
            self.kind, self.namespace
        ))
    }
}

#[cfg(test)]
pub(crate) mod testing;
