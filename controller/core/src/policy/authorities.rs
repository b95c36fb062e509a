//! `caCertificateRefs`: from references to trusted authorities.

use crate::certificate::{CaBundle, from_cluster_trust_bundle, from_config_map, from_secret};
use crate::lookup::{Lookup, Referrer, TrustBundle};
use gatewright_crds::api::{LocalObjectReference, ObjectReference};
use gatewright_model::key::ObjectName;

/// Group of ClusterTrustBundle.
const CERTIFICATES_GROUP: &str = "certificates.k8s.io";

/// A reference to an object with authorities, defaults applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaReference<'a> {
    /// Group.
    pub group: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Namespace; the referring object's by default. Only Gateways may name another one.
    pub namespace: Option<&'a str>,
    /// Name.
    pub name: &'a str,
}

impl<'a> From<&'a LocalObjectReference> for CaReference<'a> {
    fn from(from: &'a LocalObjectReference) -> Self {
        Self {
            group: &from.group,
            kind: &from.kind,
            namespace: None,
            name: &from.name,
        }
    }
}

impl<'a> From<&'a ObjectReference> for CaReference<'a> {
    fn from(from: &'a ObjectReference) -> Self {
        Self {
            group: &from.group,
            kind: &from.kind,
            namespace: from.namespace.as_deref(),
            name: &from.name,
        }
    }
}

/// Why a reference gives no authorities. Which condition reason that is depends on the referring
/// object: see [`CaFault::policy_reason`] and [`CaFault::listener_reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaFaultKind {
    /// Unknown or unsupported group or kind.
    Kind,
    /// In another namespace without ReferenceGrant.
    NotPermitted,
    /// The object is absent or its contents are malformed.
    Invalid,
}

/// A reference that gives no authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaFault {
    /// Position in `caCertificateRefs`.
    pub index: usize,
    /// What kind of fault.
    pub kind: CaFaultKind,
    /// What is wrong, naming the object.
    pub why: String,
}

impl CaFault {
    /// Reason of `ResolvedRefs=False` on a BackendTLSPolicy.
    pub const fn policy_reason(&self) -> &'static str {
        match self.kind {
            CaFaultKind::Kind => "InvalidKind",
            CaFaultKind::NotPermitted => "RefNotPermitted",
            CaFaultKind::Invalid => "InvalidCACertificateRef",
        }
    }

    /// Reason of `ResolvedRefs=False` on a listener (`FrontendTLSValidation.caCertificateRefs`).
    pub const fn listener_reason(&self) -> &'static str {
        match self.kind {
            CaFaultKind::Kind => "InvalidCACertificateKind",
            CaFaultKind::NotPermitted => "RefNotPermitted",
            CaFaultKind::Invalid => "InvalidCACertificateRef",
        }
    }
}

/// Authorities of the references that are valid, and the faults of the others. Without any
/// authorities the referring object must not be used: `NoValidCACertificate`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities {
    /// Certificates, sorted, without duplicates.
    pub bundle: CaBundle,
    /// Faults, in the order written.
    pub faults: Vec<CaFault>,
}

/// Resolves references to ConfigMaps and Secrets (key `ca.crt`) and ClusterTrustBundles (GEP-5075).
pub fn resolve<'a, L: Lookup>(
    lookup: &L,
    referrer: Referrer<'_>,
    references: impl IntoIterator<Item = CaReference<'a>>,
) -> Authorities {
    let mut found = Authorities::default();
    for (index, reference) in references.into_iter().enumerate() {
        match one(lookup, referrer, reference) {
            Ok(bundle) => found.bundle.extend(bundle),
            Err((kind, why)) => found.faults.push(CaFault { index, kind, why }),
        }
    }
    found.bundle.sort();
    found.bundle.dedup();
    found
}

fn one<L: Lookup>(
    lookup: &L,
    referrer: Referrer<'_>,
    reference: CaReference<'_>,
) -> Result<CaBundle, (CaFaultKind, String)> {
    let CaReference {
        group,
        kind,
        namespace,
        name,
    } = reference;
    let object = ObjectName::new(namespace.unwrap_or(referrer.namespace), name);
    let invalid = |why: String| (CaFaultKind::Invalid, why);
    let permitted = |kind: &str| {
        referrer
            .may_refer(lookup, ("", kind), &object)
            .map_err(|why| (CaFaultKind::NotPermitted, why))
    };
    match (group, kind) {
        ("", "ConfigMap") => {
            permitted(kind)?;
            let found = lookup
                .config_map(&object)
                .ok_or_else(|| invalid(format!("ConfigMap {object} does not exist")))?;
            from_config_map(found).map_err(|error| invalid(error.to_string()))
        }
        ("", "Secret") => {
            permitted(kind)?;
            let found = lookup
                .secret(&object)
                .ok_or_else(|| invalid(format!("Secret {object} does not exist")))?;
            from_secret(found).map_err(|error| invalid(error.to_string()))
        }
        (CERTIFICATES_GROUP, "ClusterTrustBundle") => {
            if namespace.is_some() {
                return Err(invalid(format!(
                    "ClusterTrustBundle {name} is not in a namespace, so none may be given"
                )));
            }
            match lookup.cluster_trust_bundle(name) {
                TrustBundle::Found(text) => {
                    from_cluster_trust_bundle(name, text).map_err(|error| invalid(error.to_string()))
                }
                TrustBundle::Missing => Err(invalid(format!("ClusterTrustBundle {name} does not exist"))),
                TrustBundle::Unavailable => Err((
                    CaFaultKind::Kind,
                    format!("ClusterTrustBundle {name} cannot be read: this cluster does not have the API"),
                )),
            }
        }
        _ => {
            let shown = if group.is_empty() { "core" } else { group };
            let why = format!(
                "kind {kind} of group {shown} holds no certificate authorities; accepted are ConfigMap and Secret \
                 of the core group and ClusterTrustBundle of {CERTIFICATES_GROUP}"
            );
            Err((CaFaultKind::Kind, why))
        }
    }
}
