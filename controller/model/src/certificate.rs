//! Certificates, private keys and trust anchors.

use crate::Str;
use crate::key::CertificateKey;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Bytes that never show up in logs, plans or status. `Debug` and the formats that people read (JSON,
/// YAML) print `<redacted>` and cannot be read back; binary formats, which lead from controller to
/// proxy, carry the bytes.
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
        if serializer.is_human_readable() {
            serializer.serialize_str(REDACTED)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return Err(D::Error::custom("private keys are redacted in this format"));
        }
        Octets::deserialize(deserializer).map(|octets| Self(octets.0))
    }
}

/// A certificate chain with its private key, checked to belong together. Formats that people read
/// leave out the chain, see [`Secret`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Certificate {
    /// Identity: the Secret.
    pub key: CertificateKey,
    /// Chain, leaf first, each certificate in DER.
    #[serde(deserialize_with = "read_octets")]
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

impl Serialize for Certificate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            key,
            chain,
            private_key,
            fingerprint,
            names,
            not_after,
        } = self;
        let binary = !serializer.is_human_readable();
        let mut fields = serializer.serialize_struct("Certificate", 5 + usize::from(binary))?;
        fields.serialize_field("key", key)?;
        if binary {
            fields.serialize_field("chain", &Chain(chain))?;
        } else {
            fields.skip_field("chain")?;
        }
        fields.serialize_field("private_key", private_key)?;
        fields.serialize_field("fingerprint", fingerprint)?;
        fields.serialize_field("names", names)?;
        fields.serialize_field("not_after", not_after)?;
        fields.end()
    }
}

/// Certificate authorities to trust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrustAnchors {
    /// The system's store (`wellKnownCACertificates: System`).
    System,
    /// These certificates, each in DER. Formats that people read tell how many there are.
    Certificates(#[serde(serialize_with = "write_anchors", deserialize_with = "read_octets")] Vec<Arc<[u8]>>),
}

const REDACTED: &str = "<redacted>";

fn write_anchors<S: Serializer>(anchors: &[Arc<[u8]>], serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.serialize_u64(anchors.len() as u64)
    } else {
        Chain(anchors).serialize(serializer)
    }
}

fn read_octets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Arc<[u8]>>, D::Error> {
    let list = Vec::<Octets>::deserialize(deserializer)?;
    Ok(list.into_iter().map(|octets| octets.0).collect())
}

/// Certificates as byte strings instead of lists of numbers.
struct Chain<'a>(&'a [Arc<[u8]>]);

impl Serialize for Chain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|der| Bytes(der)))
    }
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// A byte string, or a list of numbers from formats that have none.
struct Octets(Arc<[u8]>);

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Octets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a byte string")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Octets, E> {
                Ok(Octets(bytes.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Octets, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = list.next_element()? {
                    bytes.push(byte);
                }
                Ok(Octets(bytes.into()))
            }
        }
        deserializer.deserialize_bytes(Read)
    }
}
