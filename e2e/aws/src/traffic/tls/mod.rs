//! TLS of HTTPS listeners.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>

mod certificate;
mod clients;

use super::config::{Certificate, ClientCertificates};
use certificate::Served;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion, version};
use std::sync::Arc;

/// Why a listener cannot serve TLS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TlsError {
    /// It has no certificate.
    #[error("an HTTPS listener has no certificate")]
    NoCertificate,
    /// A certificate or its key cannot be read.
    #[error("the certificate {arn} cannot be used: {reason}")]
    Certificate {
        /// Which.
        arn: String,
        /// Why; nothing of the key.
        reason: String,
    },
    /// The library refused.
    #[error("TLS cannot be served: {0}")]
    Library(String),
}

/// What a listener's connections are accepted with. A listener whose certificates change gets another, and
/// connections that exist keep theirs.
pub(super) fn config(
    certificates: &[Certificate],
    policy: Option<&str>,
    clients: Option<&ClientCertificates>,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let read = |certificate| Served::new(certificate, &provider);
    let served: Vec<Served> = certificates.iter().map(read).collect::<Result<_, _>>()?;
    if served.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let clients = clients
        .map(|clients| clients::verifier(clients, &provider))
        .transpose()?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(policy))
        .map_err(|e| TlsError::Library(e.to_string()))?;
    let config = match clients {
        Some(clients) => config.with_client_cert_verifier(clients),
        None => config.with_no_client_auth(),
    };
    let mut config = config.with_cert_resolver(Arc::new(Choice(served)));
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Versions of a security policy, of those that are served here: TLS 1.2 and 1.3. `ELBSecurityPolicy-TLS13-1-3-*` has
/// 1.3 alone, other `TLS13` ones both, and those before, such as the API's default `ELBSecurityPolicy-2016-08`, none
/// above 1.2 (describe-ssl-policies). Ciphers are the library's.
fn versions(policy: Option<&str>) -> &'static [&'static SupportedProtocolVersion] {
    static NEW: [&SupportedProtocolVersion; 1] = [&version::TLS13];
    static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
    static OLD: [&SupportedProtocolVersion; 1] = [&version::TLS12];
    match policy {
        Some(policy) if policy.contains("TLS13-1-3-") => &NEW,
        Some(policy) if policy.contains("TLS13") => &BOTH,
        _ => &OLD,
    }
}

/// Documented (https-listener-certificates): without a host name, or when none matches, the default certificate; when
/// several match, the best that the client supports, by key algorithm (ECDSA before RSA), expiration, hash, key
/// length and validity. Here: by what the client can verify, algorithm, and the later end of validity.
#[derive(Debug)]
struct Choice(Vec<Served>);

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let schemes = hello.signature_schemes();
        self.0
            .iter()
            .filter(|served| served.is_for(&host) && served.key.key.choose_scheme(schemes).is_some())
            .max_by_key(|served| served.rank)
            .or(self.0.first())
            .map(|served| served.key.clone())
    }
}
