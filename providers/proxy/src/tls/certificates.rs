//! The certificates of a listener, and which of them a client is shown.

use arc_swap::ArcSwap;
use gatewright_model::certificate::Certificate;
use rustc_hash::FxHashMap;
use rustls::SignatureScheme;
use rustls::crypto::KeyProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// Why a certificate cannot be used. Never contains key material.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// Not PKCS#8, PKCS#1 or SEC1 DER.
    #[error("the private key is neither PKCS#8, PKCS#1 nor SEC1 DER")]
    KeyEncoding,
    /// The cryptography does not take the key.
    #[error(
        "the private key is not usable: {0}; accepted are RSA of 2048 to 8192 bits, ECDSA P-256, P-384, P-521, and Ed25519"
    )]
    KeyKind(String),
    /// There is no certificate.
    #[error("the certificate chain is empty")]
    EmptyChain,
    /// The leaf is for another key.
    #[error("the private key does not belong to the certificate: {0}")]
    Mismatch(String),
}

/// Turns a certificate of the model into one that can sign handshakes.
pub fn load(certificate: &Certificate) -> Result<Arc<CertifiedKey>, CertificateError> {
    if certificate.chain.is_empty() {
        return Err(CertificateError::EmptyChain);
    }
    let chain: Vec<CertificateDer<'static>> = certificate
        .chain
        .iter()
        .map(|der| CertificateDer::from(der.to_vec()))
        .collect();
    let key = PrivateKeyDer::try_from(certificate.private_key.expose().to_vec())
        .map_err(|_| CertificateError::KeyEncoding)?;
    let provider: &dyn KeyProvider = super::provider().key_provider;
    let signer = provider
        .load_private_key(key)
        .map_err(|error| CertificateError::KeyKind(error.to_string()))?;
    let certified = CertifiedKey::new(chain, signer);
    match certified.keys_match() {
        // Some keys cannot tell; the handshake will.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(Arc::new(certified))
        }
        Err(error) => Err(CertificateError::Mismatch(error.to_string())),
    }
}

/// Certificates of one listener, by name. Immutable; replaced as a whole when one rotates.
#[derive(Default)]
pub struct CertificateSet {
    /// Lower-case names; a wildcard is kept as `*.suffix` and covers one label (RFC 9525 section 6.3).
    names: FxHashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    /// In the order of the listener; the first is the default.
    all: Vec<Arc<CertifiedKey>>,
}

impl fmt::Debug for CertificateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateSet")
            .field("names", &self.names.keys())
            .field("count", &self.all.len())
            .finish()
    }
}

impl CertificateSet {
    /// A set in the listener's order, each certificate with the names it is for.
    pub fn new<'a>(certificates: impl IntoIterator<Item = (&'a Certificate, Arc<CertifiedKey>)>) -> Self {
        let mut set = Self::default();
        for (certificate, key) in certificates {
            for name in &certificate.names {
                set.names
                    .entry(name.to_ascii_lowercase().into_boxed_str())
                    .or_default()
                    .push(Arc::clone(&key));
            }
            set.all.push(key);
        }
        set
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The certificate for a client: one for its name if there is one (exact before wildcard), else
    /// any of the listener, in the listener's order; among those the first whose key can sign with
    /// an algorithm of the client, ECDSA and Ed25519 before RSA as they cost less.
    pub fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let exact = name.and_then(|name| self.names.get(name));
        let wildcard = name
            .and_then(|name| name.split_once('.'))
            .and_then(|(_, rest)| self.names.get(format!("*.{rest}").as_str()));
        [exact, wildcard, Some(&self.all)]
            .into_iter()
            .flatten()
            .find_map(|keys| usable(keys, schemes))
    }
}

fn usable(keys: &[Arc<CertifiedKey>], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
    let mut rsa = None;
    for key in keys {
        if key.key.choose_scheme(schemes).is_none() {
            continue;
        }
        if key.key.algorithm() != rustls::SignatureAlgorithm::RSA {
            return Some(Arc::clone(key));
        }
        rsa = rsa.or(Some(key));
    }
    rsa.cloned()
}

/// Shows the certificates of the current snapshot: rotation touches no connection and no other
/// setting of the listener.
pub struct SnapshotResolver(pub Arc<ArcSwap<CertificateSet>>);

impl fmt::Debug for SnapshotResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SnapshotResolver").field(&self.0.load()).finish()
    }
}

impl ResolvesServerCert for SnapshotResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        self.0.load().choose(name.as_deref(), hello.signature_schemes())
    }
}
