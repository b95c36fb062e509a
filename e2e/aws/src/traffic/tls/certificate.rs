//! One certificate of a listener.

use super::TlsError;
use crate::traffic::config::Certificate;
use rustls::SignatureAlgorithm;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// A certificate that is served.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) key: Arc<CertifiedKey>,
    /// The greater, the better.
    pub(super) rank: (bool, i64),
    /// Names in lower case; `*.` stands for one label.
    names: Vec<String>,
}

impl Served {
    pub(super) fn new(certificate: &Certificate, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let bad = |reason: &str| TlsError::Certificate {
            arn: certificate.arn.clone(),
            reason: reason.to_owned(),
        };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(certificate.chain.as_bytes())
                .collect::<Result<_, _>>()
                .map_err(|_| bad("the chain is no PEM"))?;
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes())
            .map_err(|_| bad("the key is no PEM"))?;
        let leaf = chain.first().ok_or_else(|| bad("the chain is empty"))?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| bad("it is no X.509"))?;
        let names = names(&parsed);
        let until = parsed.validity().not_after.timestamp();
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|_| bad("the key is of no known kind"))?;
        let rank = (key.algorithm() != SignatureAlgorithm::RSA, until);
        let certified = CertifiedKey::new(chain.clone(), key);
        certified
            .keys_match()
            .map_err(|_| bad("the key is another certificate's"))?;
        Ok(Self {
            key: Arc::new(certified),
            rank,
            names,
        })
    }

    /// Whether it is for a host, in lower case.
    pub(super) fn is_for(&self, host: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => host
                .split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
            None => name == host,
        })
    }
}

/// Subject alternative names, or the common name without any.
fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let alternative = parsed.subject_alternative_name().ok().flatten();
    let mut names: Vec<String> = alternative
        .iter()
        .flat_map(|names| &names.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        let common = parsed
            .subject()
            .iter_common_name()
            .filter_map(|name| name.as_str().ok());
        names.extend(common.map(str::to_ascii_lowercase));
    }
    names
}
