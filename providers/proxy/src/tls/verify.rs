//! Verification of backends' certificates (Gateway API v1.7.0, `BackendTLSPolicy.spec.validation`).

use gatewright_model::backend::SubjectAltName;
use gatewright_model::certificate::TrustAnchors;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::{Arc, OnceLock};
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The system's certificate authorities cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the system's certificate store holds no usable authority{0}")]
pub struct SystemRootsError(String);

/// The authorities to trust. Unusable ones among several are skipped with a warning.
pub fn anchors(trust: &TrustAnchors) -> Result<Arc<RootCertStore>, SystemRootsError> {
    match trust {
        TrustAnchors::System => system_roots(),
        TrustAnchors::Certificates(certificates) => {
            let mut roots = RootCertStore::empty();
            let ders = certificates.iter().map(|der| CertificateDer::from(der.to_vec()));
            let (_, ignored) = roots.add_parsable_certificates(ders);
            if ignored > 0 {
                tracing::warn!(
                    ignored,
                    "certificate authorities that cannot be parsed are ignored"
                );
            }
            Ok(Arc::new(roots))
        }
    }
}

/// The system's store, read once. There is no built-in fallback: what is trusted is the operator's
/// choice.
fn system_roots() -> Result<Arc<RootCertStore>, SystemRootsError> {
    static ROOTS: OnceLock<Result<Arc<RootCertStore>, SystemRootsError>> = OnceLock::new();
    ROOTS
        .get_or_init(|| {
            let loaded = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(loaded.certs);
            if roots.is_empty() {
                let cause = loaded
                    .errors
                    .first()
                    .map(|error| format!(": {error}"))
                    .unwrap_or_default();
                return Err(SystemRootsError(cause));
            }
            Ok(Arc::new(roots))
        })
        .clone()
}

/// What the name in a backend's certificate must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The name that is sent as SNI.
    ServerName,
    /// Any of these; the SNI is not compared (`validation.subjectAltNames`).
    AnyOf(Vec<SubjectAltName>),
}

/// A verifier for trusted authorities and expected names.
pub fn verifier(roots: Arc<RootCertStore>, expected: Expected) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    match expected {
        Expected::ServerName => {
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(super::provider()))
                .build()
                .map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
                .map_err(|error| Error::General(error.to_string()))
        }
        Expected::AnyOf(names) => Ok(Arc::new(Checked {
            roots: Some(roots),
            names,
            algorithms: algorithms(),
        })),
    }
}

/// A verifier that takes any certificate. The backend still proves that it holds the key.
pub fn unverified() -> Arc<dyn ServerCertVerifier> {
    Arc::new(Checked {
        roots: None,
        names: Vec::new(),
        algorithms: algorithms(),
    })
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    super::provider().signature_verification_algorithms
}

/// Chain by the web PKI rules, names by the policy's list.
#[derive(Debug)]
struct Checked {
    /// `None` checks neither chain nor names.
    roots: Option<Arc<RootCertStore>>,
    names: Vec<SubjectAltName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Checked {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(roots) = &self.roots else {
            return Ok(ServerCertVerified::assertion());
        };
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, self.algorithms.all)?;
        if self.names.iter().any(|name| carries(end_entity, &parsed, name)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::NotValidForName))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a certificate carries a subject alternative name.
fn carries(der: &CertificateDer<'_>, parsed: &ParsedCertificate<'_>, wanted: &SubjectAltName) -> bool {
    match wanted {
        SubjectAltName::Hostname(name) => match name.strip_prefix("*.") {
            // A wildcard in the policy asks for that wildcard in the certificate, or for a name one
            // label below it.
            Some(parent) => any_name(der, |candidate| match candidate {
                GeneralName::DNSName(dns) => dns
                    .split_once('.')
                    .is_some_and(|(first, rest)| !first.is_empty() && rest.eq_ignore_ascii_case(parent)),
                _ => false,
            }),
            None => ServerName::try_from(&**name).is_ok_and(|name| verify_server_name(parsed, &name).is_ok()),
        },
        // URIs are compared byte for byte (SPIFFE ID section 2: no normalisation).
        SubjectAltName::Uri(uri) => any_name(
            der,
            |candidate| matches!(candidate, GeneralName::URI(found) if **found == **uri),
        ),
    }
}

fn any_name(der: &CertificateDer<'_>, test: impl Fn(&GeneralName<'_>) -> bool) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return false;
    };
    match certificate.subject_alternative_name() {
        Ok(Some(extension)) => extension.value.general_names.iter().any(test),
        _ => false,
    }
}
