//! TLS of the stream: 1.3 only, HTTP/2 by ALPN, authorities of our own.

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use thiserror::Error;

/// The TLS files cannot be used. Never holds a byte of a key.
#[derive(Debug, Error)]
pub enum TlsError {
    /// No PEM of the wanted kind.
    #[error("{what}: {source}")]
    Pem {
        /// Which input.
        what: &'static str,
        /// Cause.
        source: rustls_pki_types::pem::Error,
    },
    /// Nothing in it.
    #[error("{0}: no certificate found; accepted is PEM with at least one CERTIFICATE")]
    Empty(&'static str),
    /// Refused by the TLS library.
    #[error("{what}: {source}")]
    Rustls {
        /// Which input.
        what: &'static str,
        /// Cause.
        source: rustls::Error,
    },
}

const ALPN: &[u8] = b"h2";

/// The controller's side, from its certificate chain (leaf first) and private key, both PEM.
pub fn server_config(chain: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(chain, "certificate chain")?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| TlsError::Pem {
        what: "private key",
        source,
    })?;
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13]);
    let rustls = |source| TlsError::Rustls {
        what: "certificate",
        source,
    };
    let mut config = builder
        .map_err(rustls)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(rustls)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// The proxy's side: trusts the authorities of a PEM bundle and no others.
pub fn client_config(authorities: &[u8]) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(authorities, "controller CA")? {
        roots.add(authority).map_err(|source| TlsError::Rustls {
            what: "controller CA",
            source,
        })?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|source| TlsError::Rustls { what: "TLS", source })?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let list: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let list = list.map_err(|source| TlsError::Pem { what, source })?;
    if list.is_empty() {
        return Err(TlsError::Empty(what));
    }
    Ok(list)
}
