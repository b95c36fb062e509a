//! Certificates with private keys, from Secrets.

use super::error::CertificateError;
use super::{key, pem};
use gatewright_model::Str;
use gatewright_model::certificate::{Certificate, Secret as SecretBytes};
use gatewright_model::key::{CertificateKey, ObjectName};
use k8s_openapi::api::core::v1::Secret;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

/// Certificates accepted in one chain.
const MAX_CHAIN: usize = 32;

/// Notices start this long before the end of validity.
const EXPIRES_SOON_S: i64 = 14 * 24 * 3600;

/// A certificate that can be served, with what its owner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedCertificate {
    /// The model's part.
    pub certificate: Arc<Certificate>,
    /// Start of validity of the leaf, seconds since the Unix epoch.
    pub not_before: i64,
    /// Position (from 1) of the first certificate that is not certified by the one after it.
    broken_link: Option<usize>,
    /// Whether the leaf has names at all.
    nameless: bool,
}

/// Something that does not stop a certificate from being served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Validity ended at this time (seconds since the Unix epoch).
    Expired(i64),
    /// Validity ends at this time, within two weeks.
    ExpiresSoon(i64),
    /// Validity starts at this time.
    NotYetValid(i64),
    /// Certificate at this position (from 1) is not certified by the next one (RFC 8446 section 4.4.2).
    ChainOrder(usize),
    /// The leaf names no host: clients will refuse it.
    NoNames,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |seconds: i64| {
            jiff::Timestamp::from_second(seconds)
                .map_or_else(|_| seconds.to_string(), |stamp| stamp.to_string())
        };
        match self {
            Self::Expired(at) => write!(f, "expired at {}", time(*at)),
            Self::ExpiresSoon(at) => write!(f, "expires at {}", time(*at)),
            Self::NotYetValid(at) => write!(f, "is not valid before {}", time(*at)),
            Self::ChainOrder(position) => write!(
                f,
                "certificate {position} of the chain is not certified by the one after it; some clients will refuse the chain"
            ),
            Self::NoNames => {
                f.write_str("names no host, neither as subject alternative name nor as common name")
            }
        }
    }
}

impl CheckedCertificate {
    /// What the owner should know at a point in time (seconds since the Unix epoch). Expiry is a
    /// notice and no error: a listener with an expired certificate still serves those clients that
    /// accept it, and taking it down would turn a warning into an outage.
    pub fn warnings(&self, now: i64) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let end = self.certificate.not_after;
        if now > end {
            warnings.push(Warning::Expired(end));
        } else if now < self.not_before {
            warnings.push(Warning::NotYetValid(self.not_before));
        } else if end.saturating_sub(now) < EXPIRES_SOON_S {
            warnings.push(Warning::ExpiresSoon(end));
        }
        if let Some(position) = self.broken_link {
            warnings.push(Warning::ChainOrder(position));
        }
        if self.nameless {
            warnings.push(Warning::NoNames);
        }
        warnings
    }
}

/// Checks that a Secret holds a usable certificate chain with its private key.
///
/// Accepted are type `kubernetes.io/tls` and, as other implementations do, `Opaque` with the same
/// keys (Gateway API v1.7.0, `ListenerTLSConfig.certificateRefs`: "Core: Kubernetes TLS Secret").
///
/// # Errors
/// [`CertificateError`]; the certificate must not be used then.
pub fn check(secret: &Secret) -> Result<CheckedCertificate, CertificateError> {
    let name = ObjectName::new(
        secret.metadata.namespace.as_deref().unwrap_or_default(),
        secret.metadata.name.as_deref().unwrap_or_default(),
    );
    let found = secret.type_.as_deref().unwrap_or("Opaque");
    if !matches!(found, "kubernetes.io/tls" | "Opaque" | "") {
        return Err(CertificateError::SecretType {
            secret: name.to_string(),
            found: found.to_owned(),
        });
    }
    let chain = read_chain(&name, data(&name, secret, "tls.crt")?)?;
    let key_der =
        pem::private_key(data(&name, secret, "tls.key")?).map_err(|source| CertificateError::Key {
            secret: name.to_string(),
            source,
        })?;
    let public = key::public_half(&key_der).map_err(|source| CertificateError::Key {
        secret: name.to_string(),
        source,
    })?;
    let parsed = parse_chain(&name, &chain)?;
    let Some(leaf) = parsed.first() else {
        return Err(CertificateError::Chain {
            secret: name.to_string(),
            why: "holds no PEM certificate".to_owned(),
        });
    };
    match parsed
        .iter()
        .position(|certificate| public_bits(certificate) == public.bits)
    {
        Some(0) => {}
        Some(at) => {
            return Err(CertificateError::Order {
                secret: name.to_string(),
                position: at + 1,
                subject: parsed
                    .get(at)
                    .map(|other| other.subject().to_string())
                    .unwrap_or_default(),
            });
        }
        None => {
            return Err(CertificateError::Mismatch {
                secret: name.to_string(),
                key: public.kind,
                subject: leaf.subject().to_string(),
                certificate: key_kind(leaf),
            });
        }
    }
    let broken_link = parsed
        .iter()
        .zip(parsed.iter().skip(1))
        .position(|(certificate, issuer)| certificate.issuer().as_raw() != issuer.subject().as_raw())
        .map(|at| at + 1);
    let names = dns_names(leaf);
    Ok(CheckedCertificate {
        not_before: leaf.validity().not_before.timestamp(),
        broken_link,
        nameless: names.is_empty(),
        certificate: Arc::new(Certificate {
            key: CertificateKey(name),
            fingerprint: fingerprint(chain.first().map_or(&[], |der| der)),
            names,
            not_after: leaf.validity().not_after.timestamp(),
            private_key: SecretBytes::new(key_der.secret_der()),
            chain: chain.clone(),
        }),
    })
}

fn data<'a>(name: &ObjectName, secret: &'a Secret, key: &'static str) -> Result<&'a [u8], CertificateError> {
    let bytes = secret
        .data
        .as_ref()
        .and_then(|data| data.get(key))
        .map(|bytes| bytes.0.as_slice());
    let text = secret
        .string_data
        .as_ref()
        .and_then(|data| data.get(key))
        .map(String::as_bytes);
    // `stringData` is write-only and wins over `data` (core/v1 Secret); it is still here when the
    // Secret comes from a file.
    match text.or(bytes) {
        Some(value) if value.len() > pem::MAX_BYTES => Err(CertificateError::TooLarge {
            secret: name.to_string(),
            key,
            found: value.len(),
            limit: pem::MAX_BYTES,
        }),
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(CertificateError::Missing {
            secret: name.to_string(),
            key,
        }),
    }
}

fn read_chain(name: &ObjectName, text: &[u8]) -> Result<Vec<Arc<[u8]>>, CertificateError> {
    let chain = pem::certificates(text).map_err(|why| CertificateError::Chain {
        secret: name.to_string(),
        why,
    })?;
    if chain.len() > MAX_CHAIN {
        let why = format!(
            "holds {} certificates, more than the accepted {MAX_CHAIN}",
            chain.len()
        );
        return Err(CertificateError::Chain {
            secret: name.to_string(),
            why,
        });
    }
    Ok(chain)
}

fn parse_chain<'a>(
    name: &ObjectName,
    chain: &'a [Arc<[u8]>],
) -> Result<Vec<X509Certificate<'a>>, CertificateError> {
    let mut parsed = Vec::with_capacity(chain.len());
    for (at, der) in chain.iter().enumerate() {
        let fault = |why: String| CertificateError::Certificate {
            secret: name.to_string(),
            position: at + 1,
            why,
        };
        let (rest, certificate) = X509Certificate::from_der(der)
            .map_err(|error| fault(format!("is no X.509 certificate ({error})")))?;
        if !rest.is_empty() {
            return Err(fault(
                "is followed by further bytes inside its PEM block".to_owned(),
            ));
        }
        // Version 1 has no extensions, so no subject alternative names; TLS libraries refuse it.
        if at == 0 && certificate.version() != X509Version::V3 {
            return Err(fault("is not an X.509 version 3 certificate".to_owned()));
        }
        parsed.push(certificate);
    }
    Ok(parsed)
}

fn public_bits<'a>(certificate: &'a X509Certificate<'_>) -> &'a [u8] {
    &certificate.public_key().subject_public_key.data
}

fn key_kind(certificate: &X509Certificate<'_>) -> String {
    match certificate
        .public_key()
        .algorithm
        .algorithm
        .to_id_string()
        .as_str()
    {
        "1.2.840.113549.1.1.1" => "RSA".to_owned(),
        "1.2.840.10045.2.1" => "ECDSA".to_owned(),
        "1.3.101.112" => "Ed25519".to_owned(),
        "1.2.840.10040.4.1" => "DSA".to_owned(),
        other => format!("algorithm {other}"),
    }
}

/// DNS names of the leaf: subject alternative names, or the common name when there are none
/// (RFC 6125 section 6.4.4). Lower case, sorted, without duplicates.
fn dns_names(certificate: &X509Certificate<'_>) -> Vec<Str> {
    let mut names: Vec<Str> = Vec::new();
    if let Ok(Some(extension)) = certificate.subject_alternative_name() {
        for name in &extension.value.general_names {
            if let GeneralName::DNSName(name) = name {
                names.push(name.to_ascii_lowercase().into());
            }
        }
        if !extension.value.general_names.is_empty() {
            names.sort();
            names.dedup();
            return names;
        }
    }
    names.extend(
        certificate
            .subject()
            .iter_common_name()
            .filter_map(|name| name.as_str().ok())
            .map(|name| Str::from(name.to_ascii_lowercase())),
    );
    names.sort();
    names.dedup();
    names
}

fn fingerprint(der: &[u8]) -> Str {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(der) {
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}
