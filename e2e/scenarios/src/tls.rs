//! A TLS client that takes any certificate and says which one it got.

use anyhow::{Context, Result};
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

/// A certificate for one name, signed by itself: chain and key (PEM), and the certificate (DER).
///
/// # Errors
/// When the name is none.
pub fn certificate_for(name: &str) -> Result<Identity> {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()])?;
    Ok(Identity {
        chain: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
        der: made.cert.der().to_vec(),
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
