//! Certificates for tests, made on the spot.

use gatewright_model::Str;
use gatewright_model::certificate::{Certificate, Secret, TrustAnchors};
use gatewright_model::key::CertificateKey;
use rcgen::{CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, SignatureAlgorithm};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A certificate with its key, and who signed it.
pub struct Issued {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: KeyPair,
    pub names: Vec<String>,
}

/// A certificate authority.
pub struct Authority {
    pub der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, &PKCS_ECDSA_P256_SHA256)
    }

    pub fn issue_with(&self, names: &[&str], algorithm: &'static SignatureAlgorithm) -> Issued {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names
            .iter()
            .map(|name| {
                if name.contains("://") {
                    rcgen::SanType::URI((*name).try_into().unwrap())
                } else if let Ok(address) = name.parse() {
                    rcgen::SanType::IpAddress(address)
                } else {
                    rcgen::SanType::DnsName((*name).try_into().unwrap())
                }
            })
            .collect();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, names[0]);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Issued {
            chain: vec![leaf, self.der.clone()],
            key,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    pub fn anchors(&self) -> TrustAnchors {
        TrustAnchors::Certificates(vec![Arc::from(self.der.as_ref())])
    }

    pub fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        roots
    }
}

impl Issued {
    pub fn leaf(&self) -> &CertificateDer<'static> {
        &self.chain[0]
    }

    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    pub fn model(&self, key: CertificateKey) -> Certificate {
        let fingerprint = Sha256::digest(self.leaf())
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Certificate {
            key,
            chain: self.chain.iter().map(|der| Arc::from(der.as_ref())).collect(),
            private_key: Secret::new(self.key.serialize_der()),
            fingerprint: fingerprint.as_str().into(),
            names: self.names.iter().map(|name| Str::from(name.as_str())).collect(),
            not_after: 4_102_444_800,
        }
    }
}
