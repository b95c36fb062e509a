//! Certificates, private keys and trust anchors.

use crate::Str;
use crate::key::CertificateKey;
use serde::{Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Bytes that never show up in logs, plans or status. `Debug` and serialisation print `<redacted>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Wraps sensitive bytes.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves; the name makes every use easy to find in a review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("<redacted>")
    }
}

/// A certificate chain with its private key, checked to belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Identity: the Secret.
    pub key: CertificateKey,
    /// Chain, leaf first, each certificate in DER.
    #[serde(skip)]
    pub chain: Vec<Arc<[u8]>>,
    /// Private key in PKCS#8, PKCS#1 or SEC1 DER, as found.
    pub private_key: Secret,
    /// Lower-case hexadecimal SHA-256 of the leaf: says when a certificate was rotated.
    pub fingerprint: Str,
    /// DNS names of the leaf: subject alternative names, or the common name when there are none.
    pub names: Vec<Str>,
    /// End of validity, seconds since the Unix epoch.
    pub not_after: i64,
}

/// Certificate authorities to trust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum TrustAnchors {
    /// The system's store (`wellKnownCACertificates: System`).
    System,
    /// These certificates, each in DER, with their SHA-256 for display.
    Certificates(#[serde(serialize_with = "anchor_count")] Vec<Arc<[u8]>>),
}

fn anchor_count<S: Serializer>(anchors: &[Arc<[u8]>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(anchors.len() as u64)
}
