//! Private keys: which kinds are usable, and the public key that belongs to each.

use super::error::KeyError;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use x509_parser::der_parser::asn1_rs::{Any, FromDer, Integer, Oid, Sequence};

/// The public half of a private key, in the form of a certificate's `subjectPublicKey` bits:
/// PKCS#1 for RSA, the uncompressed point for ECDSA, 32 bytes for Ed25519.
pub(super) struct PublicHalf {
    /// Kind of the key, in words.
    pub(super) kind: &'static str,
    /// Bytes to compare.
    pub(super) bits: Vec<u8>,
}

const CURVES: [(&str, &EcdsaSigningAlgorithm); 3] = [
    ("ECDSA P-256", &ECDSA_P256_SHA256_ASN1_SIGNING),
    ("ECDSA P-384", &ECDSA_P384_SHA384_ASN1_SIGNING),
    ("ECDSA P-521", &ECDSA_P521_SHA512_ASN1_SIGNING),
];

/// Derives the public half, which also proves that the key's own parts belong together.
pub(super) fn public_half(key: &PrivateKeyDer<'_>) -> Result<PublicHalf, KeyError> {
    match key {
        PrivateKeyDer::Pkcs1(der) => rsa_half(
            rsa::KeyPair::from_der(der.secret_pkcs1_der()),
            der.secret_pkcs1_der(),
        ),
        PrivateKeyDer::Sec1(der) => {
            ec_half(|curve| EcdsaKeyPair::from_private_key_der(curve, der.secret_sec1_der()).ok())
                .ok_or(KeyError::Unsupported)
        }
        PrivateKeyDer::Pkcs8(der) => pkcs8_half(der.secret_pkcs8_der()),
        _ => Err(KeyError::Unsupported),
    }
}

fn pkcs8_half(der: &[u8]) -> Result<PublicHalf, KeyError> {
    let (algorithm, inner) = pkcs8_parts(der).ok_or(KeyError::Damaged)?;
    match algorithm.as_str() {
        "1.2.840.113549.1.1.1" => rsa_half(rsa::KeyPair::from_pkcs8(der), &inner),
        // id-ecPublicKey: a curve other than the three is unsupported, as is a damaged key on one of
        // them, which cannot be told apart without the curve's arithmetic.
        "1.2.840.10045.2.1" => {
            ec_half(|curve| EcdsaKeyPair::from_pkcs8(curve, der).ok()).ok_or(KeyError::Unsupported)
        }
        "1.3.101.112" => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::Damaged)?;
            Ok(PublicHalf {
                kind: "Ed25519",
                bits: pair.public_key().as_ref().to_vec(),
            })
        }
        _ => Err(KeyError::Unsupported),
    }
}

/// Algorithm and inner key of a `PrivateKeyInfo` (RFC 5208 section 5).
fn pkcs8_parts(der: &[u8]) -> Option<(String, Vec<u8>)> {
    let (_, info) = Sequence::from_der(der).ok()?;
    let (rest, _version) = Integer::from_der(&info.content).ok()?;
    let (rest, algorithm) = Sequence::from_der(rest).ok()?;
    let (_, oid) = Oid::from_der(&algorithm.content).ok()?;
    let (_, inner) = Any::from_der(rest).ok()?;
    Some((oid.to_id_string(), inner.data.to_vec()))
}

fn rsa_half(
    pair: Result<rsa::KeyPair, aws_lc_rs::error::KeyRejected>,
    pkcs1: &[u8],
) -> Result<PublicHalf, KeyError> {
    match pair {
        Ok(pair) => {
            let bits = pair.public_key().as_ref().to_vec();
            Ok(PublicHalf { kind: "RSA", bits })
        }
        Err(_) => match rsa_bits(pkcs1) {
            Some(bits) if bits < 2048 => Err(KeyError::TooShort(bits)),
            Some(bits) if bits > 8192 => Err(KeyError::Unsupported),
            _ => Err(KeyError::Damaged),
        },
    }
}

/// Bits of the modulus of an `RSAPrivateKey` (RFC 8017 appendix A.1.2).
fn rsa_bits(pkcs1: &[u8]) -> Option<usize> {
    let (_, key) = Sequence::from_der(pkcs1).ok()?;
    let (rest, _version) = Integer::from_der(&key.content).ok()?;
    let (_, modulus) = Integer::from_der(rest).ok()?;
    let bytes = modulus.as_ref();
    let leading = bytes.iter().take_while(|byte| **byte == 0).count();
    let significant = bytes.get(leading..)?;
    let first = significant.first()?;
    Some(significant.len() * 8 - first.leading_zeros() as usize)
}

fn ec_half(read: impl Fn(&'static EcdsaSigningAlgorithm) -> Option<EcdsaKeyPair>) -> Option<PublicHalf> {
    CURVES.iter().find_map(|(kind, curve)| {
        let pair = read(curve)?;
        Some(PublicHalf {
            kind,
            bits: pair.public_key().as_ref().to_vec(),
        })
    })
}
