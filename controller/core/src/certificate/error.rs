//! What can be wrong with certificates.

use thiserror::Error;

/// Why a Secret cannot serve as certificate and key. Listeners report these as
/// `ResolvedRefs=False/InvalidCertificateRef` (Gateway API v1.7.0, `ListenerReasonInvalidCertificateRef`),
/// Gateways as `InvalidClientCertificateRef` for `spec.tls.backend.clientCertificateRef`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// The Secret is of a type that never holds certificates.
    #[error(
        "Secret {secret} is of type \"{found}\"; accepted are \"kubernetes.io/tls\" and \"Opaque\" with the keys tls.crt and tls.key"
    )]
    SecretType {
        /// Namespace and name.
        secret: String,
        /// `type` as found.
        found: String,
    },
    /// A data key is absent or empty.
    #[error(
        "Secret {secret} has no data \"{key}\"; a certificate chain in tls.crt and its private key in tls.key are needed"
    )]
    Missing {
        /// Namespace and name.
        secret: String,
        /// `tls.crt` or `tls.key`.
        key: &'static str,
    },
    /// A data key is larger than anything reasonable.
    #[error("Secret {secret}: \"{key}\" has {found} bytes, more than the accepted {limit}")]
    TooLarge {
        /// Namespace and name.
        secret: String,
        /// `tls.crt` or `tls.key`.
        key: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes accepted.
        limit: usize,
    },
    /// `tls.crt` holds no PEM certificate.
    #[error(
        "Secret {secret}: \"tls.crt\" {why}; PEM blocks \"BEGIN CERTIFICATE\" are needed, the server's own first"
    )]
    Chain {
        /// Namespace and name.
        secret: String,
        /// What was found instead.
        why: String,
    },
    /// One certificate of the chain cannot be read.
    #[error("Secret {secret}: certificate {position} of \"tls.crt\" {why}")]
    Certificate {
        /// Namespace and name.
        secret: String,
        /// Position in the chain, from 1.
        position: usize,
        /// What is wrong.
        why: String,
    },
    /// `tls.key` cannot be used.
    #[error("Secret {secret}: \"tls.key\" {source}")]
    Key {
        /// Namespace and name.
        secret: String,
        /// Why.
        source: KeyError,
    },
    /// The key belongs to another certificate of the chain.
    #[error(
        "Secret {secret}: \"tls.key\" belongs to certificate {position} of \"tls.crt\" (subject \"{subject}\"); the certificate of the key must come first"
    )]
    Order {
        /// Namespace and name.
        secret: String,
        /// Position of the matching certificate, from 1.
        position: usize,
        /// Subject of the matching certificate.
        subject: String,
    },
    /// The key belongs to none of the certificates.
    #[error(
        "Secret {secret}: \"tls.key\" ({key}) does not match the certificate in \"tls.crt\" (subject \"{subject}\", {certificate})"
    )]
    Mismatch {
        /// Namespace and name.
        secret: String,
        /// Kind of the private key.
        key: &'static str,
        /// Subject of the first certificate.
        subject: String,
        /// Kind of the first certificate's key.
        certificate: String,
    },
}

/// Why a private key cannot be used. No variant holds any part of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// No key block at all.
    #[error(
        "holds no PEM private key; a block \"BEGIN PRIVATE KEY\", \"BEGIN RSA PRIVATE KEY\" or \"BEGIN EC PRIVATE KEY\" is needed"
    )]
    Absent,
    /// The PEM armour is broken.
    #[error("is not valid PEM")]
    Pem,
    /// Several keys: which one is meant is unclear.
    #[error("holds more than one private key; exactly one is needed")]
    Several,
    /// A key protected by a passphrase.
    #[error("is encrypted with a passphrase; store the key without one")]
    Encrypted,
    /// A kind that TLS does not use or that we do not support (DSA, Ed448, X25519, secp256k1, ...).
    #[error(
        "is not a supported private key; accepted are RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, and Ed25519"
    )]
    Unsupported,
    /// An RSA key that is too short.
    #[error("is an RSA key of {0} bits; at least 2048 are needed")]
    TooShort(usize),
    /// The key's parts contradict each other or its DER is broken.
    #[error("is damaged: its parts do not form a valid key")]
    Damaged,
}

/// Why an object cannot serve as a bundle of certificate authorities. Reported as
/// `InvalidCACertificateRef` (Gateway API v1.7.0, `BackendTLSPolicyValidation.caCertificateRefs`,
/// `FrontendTLSValidation.caCertificateRefs`, GEP-5075).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuthorityError {
    /// The expected key is absent or empty.
    #[error("{object} has no data \"{key}\" with PEM certificates")]
    Missing {
        /// Kind, namespace and name.
        object: String,
        /// `ca.crt` or `spec.trustBundle`.
        key: &'static str,
    },
    /// The bundle is larger than anything reasonable.
    #[error("{object}: \"{key}\" has {found} bytes, more than the accepted {limit}")]
    TooLarge {
        /// Kind, namespace and name.
        object: String,
        /// `ca.crt` or `spec.trustBundle`.
        key: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes accepted.
        limit: usize,
    },
    /// No PEM certificate, or something that is none.
    #[error("{object}: \"{key}\" {why}; PEM blocks \"BEGIN CERTIFICATE\" are needed")]
    Malformed {
        /// Kind, namespace and name.
        object: String,
        /// `ca.crt` or `spec.trustBundle`.
        key: &'static str,
        /// What was found instead.
        why: String,
    },
}
