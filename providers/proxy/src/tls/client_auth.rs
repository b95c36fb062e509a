//! Validation of client certificates (Gateway API v1.7.0, `Gateway.spec.tls.frontend`, GEP-91).

use crate::runtime::ClientCertificate;
use crate::tls::verify::{SystemRootsError, anchors};
use gatewright_model::certificate::TrustAnchors;
use gatewright_model::listener::{ClientValidation, ClientValidationMode};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Why client certificates cannot be validated.
#[derive(Debug, Error)]
pub enum ClientAuthError {
    /// No usable authority.
    #[error("client validation: {0}")]
    Verifier(String),
    /// The system's store cannot be read.
    #[error("client validation: {0}")]
    System(#[from] SystemRootsError),
}

/// A verifier for the settings of a listener.
pub fn verifier(settings: &ClientValidation) -> Result<Arc<dyn ClientCertVerifier>, ClientAuthError> {
    let roots = anchors(&settings.trust)?;
    let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(super::provider()));
    let builder = match settings.mode {
        ClientValidationMode::AllowValidOnly => builder,
        ClientValidationMode::AllowInsecureFallback => builder.allow_unauthenticated(),
    };
    let strict = builder
        .build()
        .map_err(|error| ClientAuthError::Verifier(error.to_string()))?;
    Ok(match settings.mode {
        ClientValidationMode::AllowValidOnly => strict,
        ClientValidationMode::AllowInsecureFallback => Arc::new(Lenient(strict)),
    })
}

/// `AllowInsecureFallback`: the connection goes on when the certificate is missing or not valid.
/// The client must still prove that it holds the key of the certificate it shows.
#[derive(Debug)]
struct Lenient(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Lenient {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Without hints clients send a certificate of any authority.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Err(error) = self.0.verify_client_cert(end_entity, intermediates, now) {
            tracing::debug!(%error, "client certificate is not valid; the connection goes on without it");
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// What a listener knows about validation, to describe a client's certificate after the handshake.
#[derive(Clone, Debug)]
pub struct ClientAuth {
    /// Accepts or refuses in the handshake.
    pub verifier: Arc<dyn ClientCertVerifier>,
    /// Strict verifier to ask again after a lenient handshake; `None` when the handshake was strict.
    recheck: Option<Arc<dyn ClientCertVerifier>>,
    /// Identity of the settings: sessions are resumed within it only.
    pub identity: [u8; 32],
}

impl ClientAuth {
    /// Builds both verifiers.
    pub fn new(settings: &ClientValidation) -> Result<Self, ClientAuthError> {
        let recheck = match settings.mode {
            ClientValidationMode::AllowValidOnly => None,
            ClientValidationMode::AllowInsecureFallback => Some(verifier(&ClientValidation {
                mode: ClientValidationMode::AllowValidOnly,
                trust: settings.trust.clone(),
            })?),
        };
        Ok(Self {
            verifier: verifier(settings)?,
            recheck,
            identity: identity(settings),
        })
    }

    /// Describes the certificate that a client showed.
    pub fn describe(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Option<ClientCertificate> {
        let (leaf, intermediates) = chain.split_first()?;
        let verified = match &self.recheck {
            None => true,
            Some(strict) => strict.verify_client_cert(leaf, intermediates, now).is_ok(),
        };
        Some(describe(leaf, verified))
    }
}

/// Identity of validation settings: equal for equal mode and authorities.
pub fn identity(settings: &ClientValidation) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update([match settings.mode {
        ClientValidationMode::AllowValidOnly => 1,
        ClientValidationMode::AllowInsecureFallback => 2,
    }]);
    match &settings.trust {
        TrustAnchors::System => digest.update([0]),
        TrustAnchors::Certificates(anchors) => {
            for anchor in anchors {
                digest.update((anchor.len() as u64).to_be_bytes());
                digest.update(anchor);
            }
        }
    }
    digest.finalize().into()
}

fn describe(leaf: &CertificateDer<'_>, verified: bool) -> ClientCertificate {
    let fingerprint = Sha256::digest(leaf)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
    let (mut subject, mut names) = (String::new(), Vec::new());
    if let Ok((_, parsed)) = X509Certificate::from_der(leaf) {
        subject = parsed.subject().to_string();
        if let Ok(Some(extension)) = parsed.subject_alternative_name() {
            names.extend(
                extension
                    .value
                    .general_names
                    .iter()
                    .filter_map(|name| match name {
                        GeneralName::DNSName(name) | GeneralName::URI(name) => Some((*name).to_owned()),
                        _ => None,
                    }),
            );
        }
    }
    ClientCertificate {
        verified,
        subject,
        fingerprint,
        names,
    }
}
