//! Header fields that tell targets of client certificates
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html>, "HTTP headers and
//! mutual TLS").
//!
//! Assumed, because it is not documented: fields of these names that a client sends itself are removed.

use super::config::{Attributes, ClientCertificates};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::CertificateDer;
use std::fmt::Write as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// "URL-encoded PEM format ... with `+=/` as safe characters"; letters, digits and `-._~` are safe anyway.
const SAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'+')
    .remove(b'=')
    .remove(b'/');

/// What the fields are called: the attribute's part, and the name without one.
const NAMES: [(&str, &str); 6] = [
    (
        "x_amzn_mtls_clientcert_serial_number",
        "x-amzn-mtls-clientcert-serial-number",
    ),
    ("x_amzn_mtls_clientcert_issuer", "x-amzn-mtls-clientcert-issuer"),
    ("x_amzn_mtls_clientcert_subject", "x-amzn-mtls-clientcert-subject"),
    (
        "x_amzn_mtls_clientcert_validity",
        "x-amzn-mtls-clientcert-validity",
    ),
    ("x_amzn_mtls_clientcert_leaf", "x-amzn-mtls-clientcert-leaf"),
    ("x_amzn_mtls_clientcert", "x-amzn-mtls-clientcert"),
];

/// Names of a listener's fields, in the order of [`NAMES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names([HeaderName; 6]);

impl Names {
    pub(super) fn new(attributes: &Attributes) -> Self {
        Self(NAMES.map(|(key, default)| {
            let given = attributes.get(&format!("routing.http.request.{key}.header_name"));
            given
                .and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok())
                .unwrap_or(HeaderName::from_static(default))
        }))
    }
}

/// The fields of a connection: without a certificate there are none.
pub(super) fn fields(
    clients: &ClientCertificates,
    chain: &[CertificateDer<'_>],
    names: &Names,
) -> Vec<(HeaderName, HeaderValue)> {
    let Some(leaf) = chain.first() else {
        return Vec::new();
    };
    let [serial, issuer, subject, validity, of_leaf, whole] = &names.0;
    let texts = match clients {
        ClientCertificates::Passthrough => {
            let all: String = chain.iter().map(|der| pem(der)).collect();
            vec![(whole, encoded(&all))]
        }
        ClientCertificates::Verify { .. } => {
            let Ok((_, read)) = X509Certificate::from_der(leaf) else {
                return Vec::new();
            };
            let time = |time: x509_parser::time::ASN1Time| {
                jiff::Timestamp::from_second(time.timestamp())
                    .map(|time| time.to_string())
                    .unwrap_or_default()
            };
            let mut number = String::new();
            for byte in read.raw_serial() {
                let _ = write!(number, "{byte:02X}");
            }
            let span = format!(
                "NotBefore={};NotAfter={}",
                time(read.validity().not_before),
                time(read.validity().not_after)
            );
            vec![
                (serial, number),
                (issuer, read.issuer().to_string()),
                (subject, read.subject().to_string()),
                (validity, span),
                (of_leaf, encoded(&pem(leaf))),
            ]
        }
    };
    texts
        .into_iter()
        .filter_map(|(name, text)| Some((name.clone(), HeaderValue::from_str(&text).ok()?)))
        .collect()
}

/// Puts the fields of a connection in place of whatever a client sends under their names.
pub(super) fn set(headers: &mut HeaderMap, names: &Names, fields: &[(HeaderName, HeaderValue)]) {
    for name in &names.0 {
        headers.remove(name);
    }
    for (name, value) in fields {
        headers.insert(name.clone(), value.clone());
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, SAFE).to_string()
}

fn pem(der: &CertificateDer<'_>) -> String {
    let body = STANDARD.encode(der);
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}
