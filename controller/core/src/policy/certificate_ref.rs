//! References to Secrets with a certificate: of listeners, and the client certificates for backends.

use crate::certificate::CheckedCertificate;
use crate::lookup::{Lookup, Referrer};
use crate::translate::Refusal;
use gatewright_crds::api::SecretObjectReference;
use gatewright_model::key::ObjectName;
use std::sync::Arc;

/// Why a reference gives no certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateRefFault {
    /// In another namespace without ReferenceGrant. Comes before existence: whoever may not refer to
    /// a Secret must not learn whether it exists (test GatewaySecretMissingReferenceGrant).
    NotPermitted(String),
    /// Absent, of another kind, or unusable.
    Invalid(String),
}

impl CertificateRefFault {
    /// As a condition; `invalid` is the reason that the referring object uses for unusable ones:
    /// `InvalidCertificateRef` for listeners, `InvalidClientCertificateRef` for Gateways.
    pub fn into_refusal(self, invalid: &'static str) -> Refusal {
        match self {
            Self::NotPermitted(message) => Refusal {
                reason: "RefNotPermitted",
                message,
            },
            Self::Invalid(message) => Refusal {
                reason: invalid,
                message,
            },
        }
    }
}

/// Resolves a reference to a Secret and checks what it holds.
///
/// # Errors
/// [`CertificateRefFault`], naming the object.
pub fn resolve<L: Lookup>(
    lookup: &L,
    referrer: Referrer<'_>,
    reference: &SecretObjectReference,
) -> Result<Arc<CheckedCertificate>, CertificateRefFault> {
    let SecretObjectReference {
        group,
        kind,
        name,
        namespace,
    } = reference;
    let (group, kind) = (
        group.as_deref().unwrap_or_default(),
        kind.as_deref().unwrap_or("Secret"),
    );
    if (group, kind) != ("", "Secret") {
        let shown = if group.is_empty() { "core" } else { group };
        return Err(CertificateRefFault::Invalid(format!(
            "kind {kind} of group {shown} holds no certificate; accepted is Secret of the core group"
        )));
    }
    let object = ObjectName::new(namespace.as_deref().unwrap_or(referrer.namespace), name);
    referrer
        .may_refer(lookup, ("", "Secret"), &object)
        .map_err(CertificateRefFault::NotPermitted)?;
    match lookup.certificate(&object) {
        Some(Ok(certificate)) => Ok(certificate),
        Some(Err(error)) => Err(CertificateRefFault::Invalid(error.to_string())),
        None => Err(CertificateRefFault::Invalid(format!(
            "Secret {object} does not exist"
        ))),
    }
}

/// The client certificate that a Gateway shows to TLS backends
/// (`Gateway.spec.tls.backend.clientCertificateRef`, GEP-3155).
///
/// # Errors
/// `ResolvedRefs=False` of the Gateway: `InvalidClientCertificateRef` or `RefNotPermitted`. The
/// Gateway stays accepted.
pub fn gateway_client_certificate<L: Lookup>(
    lookup: &L,
    gateway_namespace: &str,
    reference: &SecretObjectReference,
) -> Result<Arc<CheckedCertificate>, Refusal> {
    resolve(
        lookup,
        Referrer::gateway_api("Gateway", gateway_namespace),
        reference,
    )
    .map_err(|fault| {
        let mut refusal = fault.into_refusal("InvalidClientCertificateRef");
        refusal.message = format!("spec.tls.backend.clientCertificateRef: {}", refusal.message);
        refusal
    })
}
