//! A TLS client that takes any certificate and says which one it got.

use anyhow::{Context, Result};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

pub use gatewright_traffic::tls::{certificate, connect};

/// A handshake may take so long.
const LIMIT: Duration = Duration::from_secs(5);

/// The certificate that a server shows for a name, DER.
///
/// # Errors
/// As [`connect`], and when the handshake takes more than five seconds.
pub async fn served(address: SocketAddr, name: &str) -> Result<Vec<u8>> {
    let stream = timeout(LIMIT, connect(address, name, &["http/1.1"]))
        .await
        .context("no handshake in five seconds")??;
    certificate(&stream)
}

/// Kind of a certificate's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
}

/// A certificate for one name, signed by itself: chain and key (PEM), and the certificate (DER).
///
/// # Errors
/// When the name is none.
pub fn certificate_for(name: &str) -> Result<Identity> {
    certificate_of(KeyKind::P256, name)
}

/// As [`certificate_for`], with a key of this kind.
///
/// # Errors
/// When the name is none.
pub fn certificate_of(kind: KeyKind, name: &str) -> Result<Identity> {
    let key = KeyPair::generate_for(match kind {
        KeyKind::P256 => &PKCS_ECDSA_P256_SHA256,
        KeyKind::P384 => &PKCS_ECDSA_P384_SHA384,
    })?;
    let made = CertificateParams::new(vec![name.to_owned()])?.self_signed(&key)?;
    Ok(Identity {
        chain: made.pem(),
        key: key.serialize_pem(),
        der: made.der().to_vec(),
    })
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, PEM.
    pub chain: String,
    /// Its key, PEM.
    pub key: String,
    /// The certificate, DER.
    pub der: Vec<u8>,
}

impl Identity {
    /// As a Secret of type `kubernetes.io/tls`.
    pub fn secret(&self, name: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": self.chain, "tls.key": self.key},
        })
    }
}
