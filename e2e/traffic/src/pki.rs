//! Certificates for tests, made on the spot.

use anyhow::Result;
use rcgen::{CertificateParams, Issuer, KeyPair, SanType};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    /// Its certificate.
    pub pem: String,
}

/// A certificate with its key.
pub struct Identity {
    /// The certificate alone, DER.
    pub der: CertificateDer<'static>,
    /// PEM of the certificate.
    pub chain: String,
    /// PEM of the key.
    pub key: String,
    pair: KeyPair,
}

impl Authority {
    /// A new one, of this name.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// A certificate for these names: DNS names, addresses, URIs.
    pub fn issue(&self, names: &[&str]) -> Result<Identity> {
        let (uris, plain): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains("://"));
        let mut params =
            CertificateParams::new(plain.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        for uri in uris {
            params.subject_alt_names.push(SanType::URI(uri.try_into()?));
        }
        let pair = KeyPair::generate()?;
        let certificate = params.signed_by(&pair, &self.issuer)?;
        Ok(Identity {
            der: certificate.der().clone(),
            chain: certificate.pem(),
            key: pair.serialize_pem(),
            pair,
        })
    }

    /// Trust in nobody but this one.
    pub fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone())?;
        Ok(roots)
    }
}

impl Identity {
    /// The key, for rustls.
    pub fn private_key(&self) -> Result<PrivateKeyDer<'static>> {
        PrivateKeyDer::try_from(self.pair.serialize_der()).map_err(anyhow::Error::msg)
    }
}
