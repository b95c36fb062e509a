//! Certificates that are requested, and the authority that issues them here.
//!
//! [RequestCertificate](https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html) has the rules
//! that are quoted below, and the codes: `InvalidArnException` ("The requested Amazon Resource Name (ARN) does not
//! refer to an existing resource."), `InvalidParameterException` ("An input parameter was invalid."),
//! `LimitExceededException` ("An ACM quota has been exceeded."). Quotas:
//! <https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html>. Words of messages are assumed.

use super::inspect::read;
use super::{Certificate, Origin, Secret, State, tags};
use crate::error::ApiError;
use crate::input::{list, text, texts};
use crate::quotas;
use crate::service::Context;
use crate::state::Account;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, RsaKeySize,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How long an idempotency token is good, in ms: "Idempotency tokens time out after one hour."
const TOKEN_LASTS: u64 = 3_600_000;
/// How long issued certificates are valid, in days.
const DAYS: i64 = 197;

/// The authority that issues what is requested in an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Authority {
    certificate: String,
    key: Secret,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// `DNS` or `EMAIL`.
    pub method: String,
    /// The caller's token and its time.
    pub token: Option<(String, u64)>,
}

fn failed(what: impl std::fmt::Display) -> ApiError {
    ApiError::internal(format!("no certificate can be made: {what}"))
}

/// Hexadecimal digits that follow from a text.
pub(super) fn digest(seed: &str) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(seed).iter().take(16) {
        // Writing to a text cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

impl State {
    /// The name of a further certificate, and its place in the order of making.
    pub(super) fn next_arn(&mut self, context: &Context) -> (String, u64) {
        self.made += 1;
        let seed = format!("{} {} certificate {}", context.account, context.region, self.made);
        let digits = digest(&seed);
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        let id = format!(
            "{}-{}-{}-{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32)
        );
        (context.arn("acm", &format!("certificate/{id}")), self.made)
    }

    /// The certificate of the authority that issues requested certificates, PEM; made when first needed.
    pub fn authority(&mut self, context: &Context) -> Result<&str, ApiError> {
        Ok(self.authority_pair(context)?.certificate.as_str())
    }

    fn authority_pair(&mut self, context: &Context) -> Result<&Authority, ApiError> {
        if self.authority.is_none() {
            let mut params = CertificateParams::default();
            params
                .distinguished_name
                .push(DnType::CommonName, "Simulated ACM");
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            valid(&mut params, context, 3650)?;
            let key = KeyPair::generate().map_err(failed)?;
            let certificate = params.self_signed(&key).map_err(failed)?;
            self.authority = Some(Authority {
                certificate: certificate.pem(),
                key: Secret(key.serialize_pem()),
            });
        }
        self.authority.as_ref().ok_or_else(|| failed("no authority"))
    }
}

/// Sets the validity: from yesterday on, in whole days.
fn valid(params: &mut CertificateParams, context: &Context, days: i64) -> Result<(), ApiError> {
    let day = |offset: i64| -> Result<_, ApiError> {
        let now = i64::try_from(context.now).map_err(failed)?;
        let date = jiff::Timestamp::from_millisecond(now.saturating_add(offset.saturating_mul(86_400_000)))
            .map_err(failed)?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        let part = |number: i8| u8::try_from(number).map_err(failed);
        Ok(rcgen::date_time_ymd(
            date.year().into(),
            part(date.month())?,
            part(date.day())?,
        ))
    };
    params.not_before = day(-1)?;
    params.not_after = day(days)?;
    Ok(())
}

/// `KeyAlgorithm`: "RSA is the default key algorithm for ACM certificates."
fn key_pair(algorithm: &str) -> Result<KeyPair, ApiError> {
    match algorithm {
        "RSA_2048" => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(failed),
        "EC_prime256v1" => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(failed),
        "EC_secp384r1" => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).map_err(failed),
        other => Err(ApiError::new(
            "InvalidParameterException",
            format!("The key algorithm {other} is not supported for requested certificates."),
        )),
    }
}

/// A domain name as certificates can have it; only the first label may be `*`: "The maximum length of a SAN DNS name is
/// 253 octets. The name is made up of multiple labels separated by periods. No label can be longer than 63 octets."
fn is_domain(name: &str) -> bool {
    let bare = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && bare.contains('.') && bare.split('.').all(label)
}

/// [RequestCertificate](https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html). The
/// certificate is made at once and stays hidden until it is validated.
pub fn request(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    if let Some(authority) = text(input, "CertificateAuthorityArn") {
        return Err(ApiError::new(
            "InvalidArnException",
            format!("The private certificate authority {authority} does not exist."),
        ));
    }
    let domain = text(input, "DomainName").unwrap_or_default().to_ascii_lowercase();
    let mut names = vec![domain.clone()];
    for name in texts(input, "SubjectAlternativeNames") {
        let name = name.to_ascii_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if let Some(bad) = names.iter().find(|name| !is_domain(name)) {
        return Err(ApiError::new(
            "InvalidParameterException",
            format!("'{bad}' is not a domain name."),
        ));
    }
    // "the length of the domain name (technically, the Common Name) that you provide cannot exceed 64 octets (characters),
    // including periods."
    if domain.len() > 64 {
        return Err(ApiError::new(
            "InvalidParameterException",
            "The first domain name can be no longer than 64 octets, including periods.",
        ));
    }
    // "The maximum number of domain names that you can add to an ACM certificate is 100. However, the initial quota is 10".
    if names.len() as u64 > account.quotas.value(quotas::DOMAINS_PER_CERTIFICATE) {
        return Err(ApiError::new(
            "LimitExceededException",
            "The request contains more domain names than the account's quota.",
        ));
    }
    let new_tags = tags::parse(list(input, "Tags"))?;
    let algorithm = text(input, "KeyAlgorithm").unwrap_or("RSA_2048");
    let method = text(input, "ValidationMethod").unwrap_or("EMAIL");
    if method == "HTTP" {
        return Err(ApiError::new(
            "InvalidParameterException",
            "HTTP validation is for certificates that CloudFront manages.",
        ));
    }
    let token = text(input, "IdempotencyToken");
    // "if you call RequestCertificate multiple times with the same idempotency token within one hour, ACM recognizes
    // that you are requesting only one certificate and will issue only one."
    let same = account.acm.certificates.values().find(|old| match &old.origin {
        Origin::Requested(request) => {
            request.token.as_ref().is_some_and(|(known, at)| {
                Some(known.as_str()) == token && context.now < at.saturating_add(TOKEN_LASTS)
            }) && old.facts.domain == domain
                && old.facts.names == names
        }
        Origin::Imported => false,
    });
    if let Some(same) = same {
        return Ok(json!({"CertificateArn": same.arn}));
    }
    if account.acm.certificates.len() as u64 >= account.quotas.value(quotas::CERTIFICATES) {
        return Err(ApiError::new(
            "LimitExceededException",
            "You have reached the maximum number of certificates.",
        ));
    }
    let made = issue(&mut account.acm, context, &names, algorithm)?;
    let state = &mut account.acm;
    let (arn, number) = state.next_arn(context);
    state.certificates.insert(
        arn.clone(),
        Certificate {
            arn: arn.clone(),
            origin: Origin::Requested(Request {
                method: method.to_owned(),
                token: token.map(|token| (token.to_owned(), context.now)),
            }),
            number,
            created: context.now,
            imported: None,
            forced: None,
            tags: new_tags,
            ..made
        },
    );
    Ok(json!({"CertificateArn": arn}))
}

/// A certificate and its key, PEM, that another service shows for a name of its own: it is in no list.
///
/// # Errors
///
/// When none can be made.
pub fn issue_apart(state: &mut State, context: &Context, name: &str) -> Result<(String, Secret), ApiError> {
    // A common name has at most 64 characters (RFC 5280, appendix A.1), and such names are longer.
    let made = issue(state, context, &[name.to_owned()], "EC_prime256v1")?;
    Ok((made.full_chain(), made.key))
}

/// Makes a certificate for names; what tells it apart is for the caller to fill in.
fn issue(
    state: &mut State,
    context: &Context,
    names: &[String],
    algorithm: &str,
) -> Result<Certificate, ApiError> {
    let key = key_pair(algorithm)?;
    let authority = state.authority_pair(context)?.clone();
    let signer = KeyPair::from_pem(authority.key.reveal()).map_err(failed)?;
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, signer).map_err(failed)?;
    let mut params = CertificateParams::new(names.to_vec()).map_err(failed)?;
    if let Some(first) = names.first().filter(|first| first.len() <= 64) {
        params.distinguished_name.push(DnType::CommonName, first.as_str());
    }
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    valid(&mut params, context, DAYS)?;
    let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
    let (_, parsed) = X509Certificate::from_der(certificate.der()).map_err(failed)?;
    Ok(Certificate {
        arn: String::new(),
        origin: Origin::Imported,
        facts: read(&parsed)?,
        certificate: certificate.pem(),
        chain: authority.certificate,
        key: Secret(key.serialize_pem()),
        number: 0,
        created: 0,
        imported: None,
        forced: None,
        tags: std::collections::BTreeMap::new(),
    })
}
