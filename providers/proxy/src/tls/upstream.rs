//! Client configurations for backends that speak TLS.

use crate::runtime::UpstreamTls;
use crate::tls::verify::{Expected, SystemRootsError, anchors, unverified, verifier};
use gatewright_model::backend::{BackendTls, SubjectAltName};
use gatewright_model::certificate::TrustAnchors;
use rustls::ClientConfig;
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use thiserror::Error;

/// Sessions remembered per configuration, for resumption.
const SESSIONS: usize = 64;

/// Why TLS towards a backend cannot be set up. Never contains key material.
#[derive(Debug, Error)]
pub enum UpstreamTlsError {
    /// The host name is not one.
    #[error("hostname {0:?} is neither a DNS name nor an IP address")]
    Hostname(String, #[source] InvalidDnsNameError),
    /// Authorities of the system are missing.
    #[error(transparent)]
    System(#[from] SystemRootsError),
    /// rustls refuses the settings.
    #[error("backend TLS: {0}")]
    Rustls(String),
}

/// A client certificate with the text that tells it from others (its fingerprint).
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// Fingerprint of the leaf.
    pub fingerprint: gatewright_model::Str,
    /// Chain and key.
    pub key: Arc<CertifiedKey>,
}

/// Builds client configurations, sharing equal ones: connections and TLS sessions are shared among
/// all backends with the same name, trust and client certificate.
#[derive(Debug, Default)]
pub struct UpstreamConfigs {
    made: HashMap<u64, Weak<UpstreamTls>>,
}

impl UpstreamConfigs {
    /// The configuration for `settings`, made now or found.
    pub fn get(
        &mut self,
        settings: &BackendTls,
        client: Option<&ClientIdentity>,
    ) -> Result<Arc<UpstreamTls>, UpstreamTlsError> {
        let identity = identity(settings, client);
        if let Some(found) = self.made.get(&identity).and_then(Weak::upgrade) {
            return Ok(found);
        }
        self.made.retain(|_, made| made.strong_count() > 0);
        let built = Arc::new(build(identity, settings, client)?);
        self.made.insert(identity, Arc::downgrade(&built));
        Ok(built)
    }
}

fn build(
    identity: u64,
    settings: &BackendTls,
    client: Option<&ClientIdentity>,
) -> Result<UpstreamTls, UpstreamTlsError> {
    let BackendTls {
        hostname,
        trust,
        subject_alt_names,
        client_certificate: _,
    } = settings;
    let server_name = ServerName::try_from(hostname.to_string())
        .map_err(|error| UpstreamTlsError::Hostname(hostname.to_string(), error))?;
    let refused = |error: rustls::Error| UpstreamTlsError::Rustls(error.to_string());
    let verifier = match trust {
        None => unverified(),
        Some(trust) => {
            let expected = if subject_alt_names.is_empty() {
                Expected::ServerName
            } else {
                Expected::AnyOf(subject_alt_names.clone())
            };
            verifier(anchors(trust)?, expected).map_err(refused)?
        }
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(super::provider()))
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&client.key))))
        }
    };
    config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(SESSIONS)));
    let offering = |protocols: &[&[u8]]| {
        let mut config = config.clone();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        // A session resumed under another offer would carry the wrong protocol.
        config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(SESSIONS)));
        Arc::new(config)
    };
    Ok(UpstreamTls {
        identity,
        server_name,
        any: offering(&[b"h2", b"http/1.1"]),
        h1: offering(&[b"http/1.1"]),
        h2: offering(&[b"h2"]),
        plain: Arc::new(config),
    })
}

/// First eight bytes of a SHA-256 over everything that tells one configuration from another.
fn identity(settings: &BackendTls, client: Option<&ClientIdentity>) -> u64 {
    let BackendTls {
        hostname,
        trust,
        subject_alt_names,
        client_certificate: _,
    } = settings;
    let mut digest = Sha256::new();
    let mut field = |kind: u8, bytes: &[u8]| {
        digest.update([kind]);
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    field(0, hostname.as_bytes());
    match trust {
        None => field(1, &[]),
        Some(TrustAnchors::System) => field(2, &[]),
        Some(TrustAnchors::Certificates(anchors)) => anchors.iter().for_each(|anchor| field(3, anchor)),
    }
    for name in subject_alt_names {
        match name {
            SubjectAltName::Hostname(name) => field(4, name.as_bytes()),
            SubjectAltName::Uri(uri) => field(5, uri.as_bytes()),
        }
    }
    if let Some(client) = client {
        field(6, client.fingerprint.as_bytes());
    }
    let digest: [u8; 32] = digest.finalize().into();
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
