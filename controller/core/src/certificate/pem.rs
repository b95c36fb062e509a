//! PEM: blocks of certificates and keys, with words for what is wrong.

use super::error::KeyError;
use rustls_pki_types::pem::{Error, PemObject, SectionKind};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use std::sync::Arc;

/// Bytes accepted for one PEM text: what a Kubernetes Secret or ConfigMap can hold in all.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// Certificates accepted in one text. A store of public authorities has about 150.
const MAX_CERTIFICATES: usize = 1024;

/// DER of each certificate, in the order written; other blocks are skipped.
///
/// # Errors
/// Words that continue "`tls.crt` ...".
pub(super) fn certificates(text: &[u8]) -> Result<Vec<Arc<[u8]>>, String> {
    let mut found = Vec::new();
    for block in CertificateDer::pem_slice_iter(text) {
        let der = block.map_err(|error| format!("is not valid PEM ({})", words(&error)))?;
        if found.len() == MAX_CERTIFICATES {
            return Err(format!("holds more than {MAX_CERTIFICATES} certificates"));
        }
        found.push(Arc::from(der.as_ref()));
    }
    if found.is_empty() {
        Err("holds no PEM certificate".to_owned())
    } else {
        Ok(found)
    }
}

/// What is wrong with a text. The reader's own words quote lines as they are, and whoever writes all of a file in one line
/// has the key in it.
const fn words(error: &Error) -> &'static str {
    match error {
        Error::MissingSectionEnd { .. } => "a block has no END line",
        Error::IllegalSectionStart { .. } => "a BEGIN line is malformed",
        Error::Base64Decode(_) => "a block holds what is not base64",
        Error::SectionTooLarge => "a block is too large",
        _ => "it cannot be read",
    }
}

/// The one private key of a text. Parameter blocks (`EC PARAMETERS`) and certificates are skipped.
pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, KeyError> {
    let mut found = None;
    for block in <(SectionKind, Vec<u8>)>::pem_slice_iter(text) {
        // The old "RSA PRIVATE KEY" armour marks encryption by header lines inside the block, which
        // the reader takes for broken base64.
        let (kind, der) = block.map_err(|_| {
            if is_encrypted(text) {
                KeyError::Encrypted
            } else {
                KeyError::Pem
            }
        })?;
        let key = match kind {
            SectionKind::PrivateKey => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)),
            SectionKind::RsaPrivateKey => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)),
            SectionKind::EcPrivateKey => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)),
            _ => continue,
        };
        if found.replace(key).is_some() {
            return Err(KeyError::Several);
        }
    }
    match found {
        Some(key) => Ok(key),
        None if is_encrypted(text) => Err(KeyError::Encrypted),
        None if contains(text, "BEGIN OPENSSH PRIVATE KEY") || contains(text, "BEGIN DSA PRIVATE KEY") => {
            Err(KeyError::Unsupported)
        }
        None => Err(KeyError::Absent),
    }
}

fn is_encrypted(text: &[u8]) -> bool {
    contains(text, "BEGIN ENCRYPTED PRIVATE KEY") || contains(text, "Proc-Type: 4,ENCRYPTED")
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::certificates;

    #[test]
    fn what_is_wrong_is_said_without_quoting() {
        for (text, words) in [
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n",
                "is not valid PEM (a block has no END line)",
            ),
            (
                "-----BEGIN PRIVATE KEY MIIEsecret END PRIVATE KEY\n",
                "is not valid PEM (a BEGIN line is malformed)",
            ),
            (
                "-----BEGIN CERTIFICATE-----\nsecret!\n-----END CERTIFICATE-----\n",
                "is not valid PEM (a block holds what is not base64)",
            ),
            ("secret", "holds no PEM certificate"),
        ] {
            assert_eq!(certificates(text.as_bytes()).unwrap_err(), words);
        }
    }
}
