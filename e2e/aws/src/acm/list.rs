//! Listing and describing certificates.

use super::issue::digest;
use super::{Certificate, Origin, State};
use crate::error::ApiError;
use crate::input::{number, seconds, text, texts};
use crate::service::Context;
use crate::state::Account;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Names that a list shows of one certificate, at most.
const MOST_NAMES: usize = 100;
/// Certificates of a page, at most.
const MOST: usize = 1000;
/// Types of keys that are listed unless others are asked for
/// ([Filters](https://docs.aws.amazon.com/acm/latest/APIReference/API_Filters.html)).
const DEFAULT_KEYS: [&str; 2] = ["RSA_1024", "RSA_2048"];

/// [ListCertificates](https://docs.aws.amazon.com/acm/latest/APIReference/API_ListCertificates.html).
pub fn list(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let invalid = |message: &str| ApiError::new("InvalidArgsException", message.to_owned());
    let order = text(input, "SortOrder");
    if order.is_some() != text(input, "SortBy").is_some() {
        return Err(ApiError::new(
            "ValidationException",
            "SortBy and SortOrder must be given together.",
        ));
    }
    let filters = input.get("Includes").unwrap_or(&Value::Null);
    let state = &account.acm;
    let mut chosen: Vec<&Certificate> = state
        .certificates
        .values()
        .filter(|certificate| wanted(certificate, context, input, filters))
        .collect();
    chosen.sort_by_key(|certificate| certificate.number);
    if order == Some("DESCENDING") {
        chosen.reverse();
    }
    let skip = match text(input, "NextToken") {
        None => 0,
        Some(token) => {
            let after = STANDARD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .and_then(|text| text.strip_prefix("after ").and_then(|n| n.parse::<u64>().ok()))
                .ok_or_else(|| invalid("The NextToken is not valid."))?;
            let read = |certificate: &&Certificate| {
                if order == Some("DESCENDING") {
                    certificate.number >= after
                } else {
                    certificate.number <= after
                }
            };
            chosen.iter().take_while(|certificate| read(certificate)).count()
        }
    };
    let size = number(input, "MaxItems")
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(MOST)
        .clamp(1, MOST);
    let left = chosen.len().saturating_sub(skip);
    let page: Vec<&Certificate> = chosen.into_iter().skip(skip).take(size).collect();
    let mut answer = Map::new();
    if left > size
        && let Some(last) = page.last()
    {
        let token = STANDARD.encode(format!("after {}", last.number));
        answer.insert("NextToken".to_owned(), Value::from(token));
    }
    let summaries = page
        .into_iter()
        .map(|certificate| summary(state, certificate, context))
        .collect();
    answer.insert("CertificateSummaryList".to_owned(), Value::Array(summaries));
    Ok(Value::Object(answer))
}

fn wanted(certificate: &Certificate, context: &Context, input: &Value, filters: &Value) -> bool {
    let statuses = texts(input, "CertificateStatuses");
    let origins = texts(input, "CertificateKeyPairOrigins");
    let keys = texts(filters, "keyTypes");
    let usages = texts(filters, "keyUsage");
    let extended = texts(filters, "extendedKeyUsage");
    let facts = &certificate.facts;
    let key = facts.key_algorithm.as_str();
    let of_key = if keys.is_empty() {
        DEFAULT_KEYS.contains(&key) && !facts.names.is_empty()
    } else {
        keys.contains(&key)
    };
    of_key
        && (statuses.is_empty() || statuses.contains(&certificate.status(context)))
        && (origins.is_empty() || origins.contains(&origin(certificate)))
        && usages
            .iter()
            .all(|usage| facts.key_usages.iter().any(|own| own == usage))
        && extended
            .iter()
            .all(|usage| facts.extended_usages.iter().any(|(own, _)| own == usage))
        && text(filters, "exportOption").is_none_or(|option| option == "DISABLED")
        && text(filters, "managedBy").is_none()
}

fn origin(certificate: &Certificate) -> &'static str {
    match certificate.origin {
        Origin::Imported => "CUSTOMER_PROVIDED",
        Origin::Requested(_) => "AWS_MANAGED",
    }
}

fn kind(certificate: &Certificate) -> &'static str {
    match certificate.origin {
        Origin::Imported => "IMPORTED",
        Origin::Requested(_) => "AMAZON_ISSUED",
    }
}

/// An empty name is left out, as is everything of a certificate that is not issued yet.
fn name(certificate: &Certificate) -> Option<&str> {
    Some(certificate.facts.domain.as_str()).filter(|name| !name.is_empty())
}

fn summary(state: &State, certificate: &Certificate, context: &Context) -> Value {
    let facts = &certificate.facts;
    let issued = certificate.status(context) != "PENDING_VALIDATION";
    let requested = certificate.origin != Origin::Imported;
    let extended: Vec<&str> = facts
        .extended_usages
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    json!({
        "CertificateArn": certificate.arn,
        "DomainName": name(certificate),
        "SubjectAlternativeNameSummaries":
            facts.names.iter().take(MOST_NAMES).collect::<Vec<_>>(),
        "HasAdditionalSubjectAlternativeNames": facts.names.len() > MOST_NAMES,
        "Status": certificate.status(context),
        "Type": kind(certificate),
        "KeyAlgorithm": facts.key_algorithm,
        "KeyUsages": issued.then_some(&facts.key_usages),
        "ExtendedKeyUsages": issued.then_some(extended),
        "ExportOption": "DISABLED",
        "InUse": !state.used_by(&certificate.arn).is_empty(),
        "RenewalEligibility": "INELIGIBLE",
        "NotBefore": issued.then(|| seconds(facts.not_before)),
        "NotAfter": issued.then(|| seconds(facts.not_after)),
        "CreatedAt": seconds(certificate.created),
        "IssuedAt": (requested && issued).then(|| seconds(certificate.issued_at(context))),
        "ImportedAt": certificate.imported.map(seconds),
        "CertificateKeyPairOrigin": origin(certificate),
    })
}

/// [DescribeCertificate](https://docs.aws.amazon.com/acm/latest/APIReference/API_DescribeCertificate.html).
pub fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.acm;
    let certificate = state.named(context, input)?;
    let facts = &certificate.facts;
    let status = certificate.status(context);
    let issued = status != "PENDING_VALIDATION";
    let usages: Vec<Value> = facts
        .key_usages
        .iter()
        .map(|usage| json!({"Name": usage}))
        .collect();
    let extended: Vec<Value> = facts
        .extended_usages
        .iter()
        .map(|(name, oid)| json!({"Name": name, "OID": oid}))
        .collect();
    let users = state.used_by(&certificate.arn);
    let mut told = json!({
        "CertificateArn": certificate.arn,
        "DomainName": name(certificate),
        "SubjectAlternativeNames": (!facts.names.is_empty()).then_some(&facts.names),
        "Status": status,
        "Type": kind(certificate),
        "KeyAlgorithm": facts.key_algorithm,
        "SignatureAlgorithm": facts.signature_algorithm,
        "CreatedAt": seconds(certificate.created),
        "InUseBy": users,
        "RenewalEligibility": if users.is_empty() || certificate.origin == Origin::Imported {
            "INELIGIBLE"
        } else {
            "ELIGIBLE"
        },
        "CertificateKeyPairOrigin": origin(certificate),
        "Options": {
            "CertificateTransparencyLoggingPreference":
                if certificate.origin == Origin::Imported { "DISABLED" } else { "ENABLED" },
            "Export": "DISABLED",
        },
    });
    let mut add = |members: Value| {
        if let (Some(told), Value::Object(members)) = (told.as_object_mut(), members) {
            told.extend(members);
        }
    };
    if issued {
        add(json!({
            "Serial": facts.serial,
            "Subject": facts.subject,
            "Issuer": facts.issuer,
            "NotBefore": seconds(facts.not_before),
            "NotAfter": seconds(facts.not_after),
            "KeyUsages": usages,
            "ExtendedKeyUsages": extended,
        }));
    }
    match &certificate.origin {
        Origin::Imported => add(json!({"ImportedAt": certificate.imported.map(seconds)})),
        Origin::Requested(request) => {
            let validation = match status {
                "PENDING_VALIDATION" => "PENDING_VALIDATION",
                "FAILED" | "VALIDATION_TIMED_OUT" => "FAILED",
                _ => "SUCCESS",
            };
            let options: Vec<Value> = facts
                .names
                .iter()
                .map(|name| validation_of(certificate, name, &request.method, validation))
                .collect();
            add(json!({
                "DomainValidationOptions": options,
                "IssuedAt": issued.then(|| seconds(certificate.issued_at(context))),
                "FailureReason": (status == "FAILED").then_some("OTHER"),
            }));
        }
    }
    if status == "REVOKED" {
        add(json!({"RevokedAt": seconds(context.now), "RevocationReason": "UNSPECIFIED"}));
    }
    Ok(json!({"Certificate": told}))
}

/// How a name is validated. A wildcard is validated by the name it stands below.
fn validation_of(certificate: &Certificate, name: &str, method: &str, status: &str) -> Value {
    let base = name.strip_prefix("*.").unwrap_or(name);
    let digits = digest(&format!("{} {base}", certificate.arn));
    let record = (method == "DNS").then(|| {
        json!({
            "Name": format!("_{digits}.{base}."),
            "Type": "CNAME",
            "Value": format!("_{}.acm-validations.aws.", digest(&digits)),
        })
    });
    let emails = (method == "EMAIL").then(|| {
        ["admin", "administrator", "hostmaster", "postmaster", "webmaster"]
            .map(|user| format!("{user}@{base}"))
            .to_vec()
    });
    json!({
        "DomainName": name,
        "ValidationDomain": base,
        "ValidationStatus": status,
        "ValidationMethod": method,
        "ResourceRecord": record,
        "ValidationEmails": emails,
    })
}

/// [GetCertificate](https://docs.aws.amazon.com/acm/latest/APIReference/API_GetCertificate.html), which never
/// tells the key.
pub fn get(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let certificate = account.acm.named(context, input)?;
    if certificate.status(context) == "PENDING_VALIDATION" {
        return Err(ApiError::new(
            "RequestInProgressException",
            format!(
                "Certificate with arn {} is not ready. Its status is PENDING_VALIDATION.",
                certificate.arn
            ),
        ));
    }
    Ok(json!({
        "Certificate": certificate.certificate,
        "CertificateChain": (!certificate.chain.is_empty()).then_some(&certificate.chain),
    }))
}
