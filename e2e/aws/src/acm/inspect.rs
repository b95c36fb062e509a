//! What certificates say, and whether certificate, key and chain fit together:
//! [prerequisites](https://docs.aws.amazon.com/acm/latest/userguide/import-certificate-prerequisites.html),
//! [format](https://docs.aws.amazon.com/acm/latest/userguide/import-certificate-format.html).

use crate::error::ApiError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};
use x509_parser::public_key::PublicKey;

/// The largest private key, in bytes.
const LARGEST_KEY: usize = 5120;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its first name.
    pub domain: String,
    /// All its DNS names.
    pub names: Vec<String>,
    /// Its number, hexadecimal with colons.
    pub serial: String,
    /// Who it is for.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// From when it is valid, in ms.
    pub not_before: u64,
    /// Until when it is valid, in ms.
    pub not_after: u64,
    /// `RSA_2048`, `EC_prime256v1` and so on.
    pub key_algorithm: String,
    /// `SHA256WITHRSA` and so on.
    pub signature_algorithm: String,
    /// Usages of the key.
    pub key_usages: Vec<String>,
    /// Extended usages and their object identifiers.
    pub extended_usages: Vec<(String, String)>,
}

/// A refusal of what was sent.
pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

/// What is imported.
pub struct Material<'a> {
    /// The certificate, PEM.
    pub certificate: &'a [u8],
    /// Its key, PEM.
    pub key: &'a [u8],
    /// The certificates behind it, PEM.
    pub chain: Option<&'a [u8]>,
}

/// Checks what is imported and reads the certificate.
pub fn inspect(material: &Material<'_>, now: u64) -> Result<Facts, ApiError> {
    let blocks = certificates(material.certificate)
        .ok_or_else(|| invalid("The certificate is not PEM-encoded or is not valid."))?;
    let der = match blocks.as_slice() {
        [one] => one,
        [] => return Err(invalid("The certificate is not PEM-encoded or is not valid.")),
        _ => {
            return Err(invalid(
                "The certificate field contains more than one certificate. You can specify only one certificate in \
                 this field.",
            ));
        }
    };
    let (_, certificate) = X509Certificate::from_der(der)
        .map_err(|_| invalid("The certificate is not PEM-encoded or is not valid."))?;
    let facts = read(&certificate)?;
    check_key(material.key, certificate.public_key().raw)?;
    if certificate.issuer().iter().next().is_none() {
        return Err(invalid("The issuer of the certificate must not be empty."));
    }
    if now < facts.not_before {
        return Err(invalid(
            "The certificate is not in effect until its NotBefore time.",
        ));
    }
    if now >= facts.not_after {
        return Err(invalid("The certificate has expired, is not valid."));
    }
    check_chain(&certificate, material.chain)?;
    Ok(facts)
}

/// The blocks of a PEM text, which must all be certificates.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    // Another kind of block is skipped by the reader; here it is an error.
    let begun = pem.windows(11).filter(|window| *window == b"-----BEGIN ").count();
    found.ok().filter(|found| found.len() == begun)
}

/// The key can be read, is not encrypted and belongs to the certificate.
fn check_key(pem: &[u8], public: &[u8]) -> Result<(), ApiError> {
    let unreadable = || invalid("The private key is not PEM-encoded or is not valid.");
    if pem.len() > LARGEST_KEY {
        return Err(invalid(format!(
            "The private key is larger than {LARGEST_KEY} bytes."
        )));
    }
    let shown = String::from_utf8_lossy(pem);
    if shown.contains("BEGIN ENCRYPTED PRIVATE KEY") || shown.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(invalid(
            "The private key is encrypted. You cannot import a private key that is protected by a password or a \
             passphrase.",
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| unreadable())?;
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).map_err(|_| unreadable())?;
    let own = key.public_key().ok_or_else(unreadable)?;
    if own.as_ref() == public {
        Ok(())
    } else {
        Err(invalid("The private key does not match the certificate."))
    }
}

/// Each certificate of the chain signs the one before it
/// ([troubleshooting](https://docs.aws.amazon.com/acm/latest/userguide/troubleshoot-import.html)).
fn check_chain(leaf: &X509Certificate<'_>, chain: Option<&[u8]>) -> Result<(), ApiError> {
    let Some(chain) = chain else {
        let own = leaf.issuer() == leaf.subject() && leaf.verify_signature(None).is_ok();
        return if own {
            Ok(())
        } else {
            Err(invalid(
                "Provided certificate is not a valid self signed. Please provide either a valid self-signed \
                 certificate or certificate chain.",
            ))
        };
    };
    let unreadable = || invalid("The certificate chain is not PEM-encoded or is not valid.");
    let blocks = certificates(chain)
        .filter(|blocks| !blocks.is_empty())
        .ok_or_else(unreadable)?;
    let mut behind = Vec::new();
    for block in &blocks {
        behind.push(X509Certificate::from_der(block).map_err(|_| unreadable())?.1);
    }
    if behind
        .iter()
        .any(|certificate| certificate.as_raw() == leaf.as_raw())
    {
        return Err(invalid(
            "Could not validate the certificate with the certificate chain. The chain must not hold the certificate \
             itself.",
        ));
    }
    let mut signed = leaf;
    for (index, signer) in behind.iter().enumerate() {
        let fits =
            signed.issuer() == signer.subject() && signed.verify_signature(Some(signer.public_key())).is_ok();
        if !fits {
            return Err(invalid(format!(
                "Unable to validate certificate chain. The certificate chain must start with the immediate signing \
                 certificate, followed by any intermediaries in order. The index within the chain of the invalid \
                 certificate is: {index}"
            )));
        }
        signed = signer;
    }
    let kinds = (key_algorithm(leaf), behind.first().and_then(key_algorithm));
    if let (Some(own), Some(signer)) = kinds
        && own.get(..2) != signer.get(..2)
    {
        return Err(invalid(format!(
            "The cryptographic algorithm of the certificate ({own}) must match the algorithm of the signing CA \
             ({signer})."
        )));
    }
    Ok(())
}

/// The name of a key's algorithm and size, for those that ACM supports.
fn key_algorithm(certificate: &X509Certificate<'_>) -> Option<String> {
    match certificate.public_key().parsed().ok()? {
        PublicKey::RSA(key) => match key.key_size() {
            size @ (1024 | 2048 | 3072 | 4096) => Some(format!("RSA_{size}")),
            _ => None,
        },
        PublicKey::EC(point) => match point.key_size() {
            256 => Some("EC_prime256v1".to_owned()),
            384 => Some("EC_secp384r1".to_owned()),
            // The size in bits is told by bytes.
            521..=528 => Some("EC_secp521r1".to_owned()),
            _ => None,
        },
        _ => None,
    }
}

/// Milliseconds since 1970.
fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1000)
}

/// Reads what a certificate says.
pub fn read(certificate: &X509Certificate<'_>) -> Result<Facts, ApiError> {
    let mut names = Vec::new();
    let mut addresses = false;
    let (mut key_usages, mut extended_usages) = (Vec::new(), Vec::new());
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(alternatives) => {
                for name in &alternatives.general_names {
                    match name {
                        GeneralName::DNSName(name) => names.push((*name).to_ascii_lowercase()),
                        GeneralName::IPAddress(_) => addresses = true,
                        _ => {}
                    }
                }
            }
            ParsedExtension::KeyUsage(usage) => {
                let known = [
                    (usage.digital_signature(), "DIGITAL_SIGNATURE"),
                    (usage.non_repudiation(), "NON_REPUDIATION"),
                    (usage.key_encipherment(), "KEY_ENCIPHERMENT"),
                    (usage.data_encipherment(), "DATA_ENCIPHERMENT"),
                    (usage.key_agreement(), "KEY_AGREEMENT"),
                    (usage.key_cert_sign(), "CERTIFICATE_SIGNING"),
                    (usage.crl_sign(), "CRL_SIGNING"),
                    (usage.encipher_only(), "ENCIPHER_ONLY"),
                    (usage.decipher_only(), "DECIPHER_ONLY"),
                ];
                key_usages.extend(
                    known
                        .iter()
                        .filter(|(set, _)| *set)
                        .map(|(_, name)| (*name).to_owned()),
                );
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                let known = [
                    (usage.any, "ANY", "2.5.29.37.0"),
                    (
                        usage.server_auth,
                        "TLS_WEB_SERVER_AUTHENTICATION",
                        "1.3.6.1.5.5.7.3.1",
                    ),
                    (
                        usage.client_auth,
                        "TLS_WEB_CLIENT_AUTHENTICATION",
                        "1.3.6.1.5.5.7.3.2",
                    ),
                    (usage.code_signing, "CODE_SIGNING", "1.3.6.1.5.5.7.3.3"),
                    (usage.email_protection, "EMAIL_PROTECTION", "1.3.6.1.5.5.7.3.4"),
                    (usage.time_stamping, "TIME_STAMPING", "1.3.6.1.5.5.7.3.8"),
                    (usage.ocsp_signing, "OCSP_SIGNING", "1.3.6.1.5.5.7.3.9"),
                ];
                let set = known.iter().filter(|(set, _, _)| *set);
                extended_usages.extend(set.map(|(_, name, oid)| ((*name).to_owned(), (*oid).to_owned())));
                extended_usages.extend(
                    usage
                        .other
                        .iter()
                        .map(|oid| ("CUSTOM".to_owned(), oid.to_id_string())),
                );
            }
            _ => {}
        }
    }
    let common = certificate
        .subject()
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok())
        .filter(|name| !name.is_empty());
    let domain = match (common, names.first()) {
        (Some(common), _)
            if names.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(common)) =>
        {
            common.to_ascii_lowercase()
        }
        (_, Some(first)) => first.clone(),
        (Some(common), None) => common.to_owned(),
        (None, None) if addresses => String::new(),
        (None, None) => {
            return Err(invalid(
                "The certificate must contain at least one domain name or IP address.",
            ));
        }
    };
    if names.is_empty() && !domain.is_empty() {
        names.push(domain.clone());
    }
    let key_algorithm = key_algorithm(certificate)
        .ok_or_else(|| invalid("The key algorithm or size of the certificate is not supported."))?;
    let serial: Vec<String> = certificate
        .raw_serial()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Facts {
        domain,
        names,
        serial: serial.join(":"),
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        not_before: milliseconds(certificate.validity().not_before.timestamp()),
        not_after: milliseconds(certificate.validity().not_after.timestamp()),
        key_algorithm,
        signature_algorithm: signature_name(&certificate.signature_algorithm.algorithm.to_id_string())
            .to_owned(),
        key_usages,
        extended_usages,
    })
}

fn signature_name(oid: &str) -> &'static str {
    match oid {
        "1.2.840.113549.1.1.5" => "SHA1WITHRSA",
        "1.2.840.113549.1.1.10" => "RSASSA-PSS",
        "1.2.840.113549.1.1.11" => "SHA256WITHRSA",
        "1.2.840.113549.1.1.12" => "SHA384WITHRSA",
        "1.2.840.113549.1.1.13" => "SHA512WITHRSA",
        "1.2.840.10045.4.3.2" => "SHA256WITHECDSA",
        "1.2.840.10045.4.3.3" => "SHA384WITHECDSA",
        "1.2.840.10045.4.3.4" => "SHA512WITHECDSA",
        _ => "UNKNOWN",
    }
}
