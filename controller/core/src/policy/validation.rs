//! How a TLS backend is validated: shared by BackendTLSPolicy and XBackend.

use super::authorities;
use crate::lookup::{Lookup, Referrer};
use crate::translate::{Refusal, join};
use gatewright_crds::api::{BackendTlsValidation, SubjectAltName as ApiSan, SubjectAltNameType};
use gatewright_model::backend::{BackendTls, SubjectAltName};
use gatewright_model::certificate::TrustAnchors;
use std::sync::Arc;

/// What a validation block means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFindings {
    /// The model's part; `None` when connections must fail.
    pub tls: Option<Arc<BackendTls>>,
    /// `Accepted=False`: `NoValidCACertificate` or `Invalid`.
    pub refused: Option<Refusal>,
    /// `ResolvedRefs=False`: `InvalidCACertificateRef`, `InvalidKind` or `RefNotPermitted`.
    pub unresolved: Option<Refusal>,
}

/// Evaluates a validation block at a path such as `spec.validation`.
///
/// `BackendTLSPolicyValidation`: references that are invalid are left out; when all are, the object
/// is not accepted and connections fail.
pub fn validate<L: Lookup>(
    lookup: &L,
    referrer: Referrer<'_>,
    validation: &BackendTlsValidation,
    path: &str,
) -> TlsFindings {
    let BackendTlsValidation {
        ca_certificate_refs,
        hostname,
        subject_alt_names,
        well_known_ca_certificates,
    } = validation;
    let refuse = |reason, message: String| TlsFindings {
        tls: None,
        refused: Some(Refusal {
            reason,
            message: format!("{path}.{message}"),
        }),
        unresolved: None,
    };
    let references = ca_certificate_refs.as_deref().unwrap_or_default();
    let well_known = well_known_ca_certificates.as_deref().unwrap_or_default();
    let mut unresolved = None;
    let trust = match (references, well_known) {
        ([], "System") => TrustAnchors::System,
        ([], "") => {
            return refuse(
                "Invalid",
                "caCertificateRefs: either it or wellKnownCACertificates is needed".to_owned(),
            );
        }
        ([], other) => {
            return refuse(
                "Invalid",
                format!("wellKnownCACertificates: \"{other}\" is not known; accepted is \"System\""),
            );
        }
        (_, well_known) if !well_known.is_empty() => {
            return refuse(
                "Invalid",
                "caCertificateRefs: excludes wellKnownCACertificates; give one of them".to_owned(),
            );
        }
        (references, _) => {
            let found = authorities::resolve(lookup, referrer, references.iter().map(Into::into));
            unresolved = found.faults.first().map(|first| Refusal {
                reason: first.policy_reason(),
                message: join(
                    found
                        .faults
                        .iter()
                        .map(|fault| format!("{path}.caCertificateRefs[{}]: {}", fault.index, fault.why)),
                    found.faults.len(),
                ),
            });
            if found.bundle.is_empty() {
                let message = format!("{path}.caCertificateRefs: none of them gives a certificate authority");
                let refused = Some(Refusal {
                    reason: "NoValidCACertificate",
                    message,
                });
                return TlsFindings {
                    tls: None,
                    refused,
                    unresolved,
                };
            }
            TrustAnchors::Certificates(found.bundle)
        }
    };
    let mut names = Vec::new();
    for (index, name) in subject_alt_names.iter().flatten().enumerate() {
        match alt_name(name) {
            Some(name) => names.push(name),
            None => {
                return refuse(
                    "Invalid",
                    format!(
                        "subjectAltNames[{index}]: needs \"hostname\" for type Hostname or \"uri\" for type URI"
                    ),
                );
            }
        }
    }
    let tls = BackendTls {
        hostname: hostname.to_ascii_lowercase().into(),
        trust: Some(trust),
        subject_alt_names: names,
        client_certificate: None,
    };
    TlsFindings {
        tls: Some(Arc::new(tls)),
        refused: None,
        unresolved,
    }
}

fn alt_name(name: &ApiSan) -> Option<SubjectAltName> {
    let ApiSan {
        hostname,
        r#type,
        uri,
    } = name;
    match r#type {
        SubjectAltNameType::Hostname => {
            let hostname = hostname.as_deref().filter(|text| !text.is_empty())?;
            Some(SubjectAltName::Hostname(hostname.to_ascii_lowercase().into()))
        }
        SubjectAltNameType::Uri => {
            let uri = uri.as_deref().filter(|text| !text.is_empty())?;
            Some(SubjectAltName::Uri(uri.into()))
        }
    }
}
