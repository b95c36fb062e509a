//! Certificates of Secrets in the form that ACM imports.
//!
//! <https://docs.aws.amazon.com/acm/latest/userguide/import-certificate-prerequisites.html>: PEM, the certificate, its
//! chain and its unencrypted key each by itself; RSA or ECDSA keys.

use crate::Str;
use crate::alb::listener::Import;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatewright_model::certificate::Certificate;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

/// The certificate as ACM takes it.
///
/// # Errors
/// Words about the key, when its kind is none that ACM imports, or about a chain that is missing; and what helps.
pub(crate) fn import(certificate: &Certificate) -> Result<Import, (&'static str, &'static str)> {
    let Certificate {
        key: _,
        chain,
        private_key,
        fingerprint: _,
        names: _,
        not_after: _,
    } = certificate;
    let (leaf, rest) = chain
        .split_first()
        .ok_or(("the Secret holds no certificate", "put one into tls.crt"))?;
    if rest.is_empty() && is_issued(leaf) {
        return Err((
            "ACM imports a certificate that is not self-signed with its chain, and the Secret holds none",
            "put the certificates of the authorities behind the certificate in tls.crt",
        ));
    }
    let der = private_key.expose();
    let label = key_label(der).ok_or(("ACM imports RSA and ECDSA keys only", "use such a key"))?;
    Ok(Import {
        certificate: pem("CERTIFICATE", leaf).into(),
        chain: rest
            .iter()
            .map(|der| pem("CERTIFICATE", der))
            .collect::<String>()
            .into(),
        key: Secret::new(pem(label, der)),
        fingerprint: fingerprint(chain),
    })
}

/// SHA-256 over all certificates of a chain. The first holds the public half of the key.
fn fingerprint(chain: &[Arc<[u8]>]) -> Str {
    let mut hasher = Sha256::new();
    for der in chain {
        hasher.update((der.len() as u64).to_be_bytes());
        hasher.update(der);
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}

/// PEM (RFC 7468): 64 characters a line.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    let _ = writeln!(text, "-----END {label}-----");
    text
}

/// `rsaEncryption` (RFC 8017 appendix C) and `id-ecPublicKey` (RFC 5480 section 2.1.1), in DER.
const ALGORITHMS: [&[u8]; 2] = [
    &[6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 1],
    &[6, 7, 42, 134, 72, 206, 61, 2, 1],
];

/// Label of a private key in PEM, by what follows the version in its DER: an algorithm in PKCS#8 (RFC 5208 section 5), the
/// modulus in PKCS#1 (RFC 8017 appendix A.1.2), the key itself in SEC1 (RFC 5915 section 3).
fn key_label(der: &[u8]) -> Option<&'static str> {
    let (0x30, body, _) = element(der)? else {
        return None;
    };
    let (0x02, _, rest) = element(body)? else {
        return None;
    };
    match element(rest)? {
        (0x30, algorithm, _) => {
            let known = ALGORITHMS.iter().any(|oid| algorithm.starts_with(oid));
            known.then_some("PRIVATE KEY")
        }
        (0x02, ..) => Some("RSA PRIVATE KEY"),
        (0x04, ..) => Some("EC PRIVATE KEY"),
        _ => None,
    }
}

/// Whether a certificate names another issuer than itself (RFC 5280 section 4.1): version, serial number, algorithm,
/// issuer, validity, subject. What cannot be read is left to ACM.
fn is_issued(certificate: &[u8]) -> bool {
    let names = || {
        let (_, outer, _) = element(certificate)?;
        let (_, body, _) = element(outer)?;
        let (tag, _, mut rest) = element(body)?;
        if tag == 0xa0 {
            (_, _, rest) = element(rest)?;
        }
        let (_, _, rest) = element(rest)?;
        let (_, issuer, rest) = element(rest)?;
        let (_, _, rest) = element(rest)?;
        let (_, subject, _) = element(rest)?;
        Some((issuer, subject))
    };
    names().is_some_and(|(issuer, subject)| issuer != subject)
}

/// The first element of DER: its tag, its content, and what follows it (X.690 section 8.1).
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        let length = bytes
            .iter()
            .fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        (length, rest)
    };
    let (content, behind) = rest.split_at_checked(length)?;
    Some((tag, content, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_model::certificate::Secret as Key;
    use gatewright_model::key::{CertificateKey, ObjectName};

    fn certificate(chain: &[&[u8]], key: &[u8]) -> Certificate {
        Certificate {
            key: CertificateKey(ObjectName::new("a", "b")),
            chain: chain.iter().map(|der| Arc::from(*der)).collect(),
            private_key: Key::new(key),
            fingerprint: "leaf".into(),
            names: Vec::new(),
            not_after: 0,
        }
    }

    /// SEQUENCE { INTEGER 0, SEQUENCE { OID id-ecPublicKey }, OCTET STRING }
    const PKCS8: &[u8] = &[0x30, 16, 2, 1, 0, 0x30, 9, 6, 7, 42, 134, 72, 206, 61, 2, 1, 4, 0];

    #[test]
    fn leaf_chain_and_key_come_apart() {
        let found = import(&certificate(&[&[1; 60], &[2], &[3]], PKCS8)).unwrap();
        let lines: Vec<&str> = found.certificate.lines().collect();
        assert_eq!(lines[0], "-----BEGIN CERTIFICATE-----");
        assert_eq!((lines[1].len(), lines[2].len(), lines.len()), (64, 16, 4));
        assert_eq!(found.chain.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(
            found
                .key
                .expose()
                .starts_with("-----BEGIN PRIVATE KEY-----\nMBACAQAw")
        );
        assert_eq!(found.fingerprint.len(), 64);
        assert_eq!(&*import(&certificate(&[&[1]], PKCS8)).unwrap().chain, "");
    }

    #[test]
    fn the_fingerprint_covers_the_whole_chain() {
        let of = |chain: &[&[u8]]| import(&certificate(chain, PKCS8)).unwrap().fingerprint;
        assert_ne!(of(&[&[1], &[2]]), of(&[&[1], &[3]]));
        assert_ne!(of(&[&[1, 2]]), of(&[&[1], &[2]]));
        assert_eq!(of(&[&[1], &[2]]), of(&[&[1], &[2]]));
    }

    /// import-certificate-prerequisites.html: the chain of a certificate that a CA issued.
    #[test]
    fn an_issued_certificate_needs_its_chain() {
        // Version, serial number, algorithm, issuer, validity, subject.
        let of = |subject: u8| -> Vec<u8> {
            let body = [
                &[0xa0, 3, 2, 1, 2, 2, 1, 7, 0x30, 0, 0x30, 1, 9, 0x30, 0, 0x30, 1][..],
                &[subject],
            ]
            .concat();
            let inner = [&[0x30, body.len() as u8][..], &body].concat();
            [&[0x30, inner.len() as u8][..], &inner].concat()
        };
        assert!(import(&certificate(&[&of(9)], PKCS8)).is_ok());
        assert!(
            import(&certificate(&[&of(8)], PKCS8))
                .unwrap_err()
                .0
                .contains("chain")
        );
        assert!(import(&certificate(&[&of(8), &of(9)], PKCS8)).is_ok());
    }

    #[test]
    fn keys_are_told_apart_and_unknown_ones_refused() {
        assert_eq!(key_label(PKCS8), Some("PRIVATE KEY"));
        assert_eq!(key_label(&[0x30, 6, 2, 1, 0, 2, 1, 9]), Some("RSA PRIVATE KEY"));
        assert_eq!(key_label(&[0x30, 6, 2, 1, 1, 4, 1, 9]), Some("EC PRIVATE KEY"));
        // Ed25519 (RFC 8410 section 3).
        assert_eq!(
            key_label(&[0x30, 12, 2, 1, 0, 0x30, 5, 6, 3, 43, 101, 112, 4, 0]),
            None
        );
        for broken in [
            &[][..],
            &[0x30],
            &[0x30, 5, 2, 1],
            &[0x30, 0x85, 1, 1, 1, 1, 1],
            &[2, 1, 0],
        ] {
            assert_eq!(key_label(broken), None);
        }
    }
}
