//! Certificates.

use aws_sdk_acm::types as sdk;
use gatewright_aws::cloud::{Arn, CertificateDetails, CertificateStatus};
use gatewright_aws_core::Str;
use std::collections::BTreeSet;

/// All key types: without them `ListCertificates` lists RSA keys of up to 2048 bits alone
/// (<https://docs.aws.amazon.com/acm/latest/APIReference/API_Filters.html>).
pub(in crate::cloud) const KEY_TYPES: [sdk::KeyAlgorithm; 7] = [
    sdk::KeyAlgorithm::Rsa1024,
    sdk::KeyAlgorithm::Rsa2048,
    sdk::KeyAlgorithm::Rsa3072,
    sdk::KeyAlgorithm::Rsa4096,
    sdk::KeyAlgorithm::EcPrime256v1,
    sdk::KeyAlgorithm::EcSecp384r1,
    sdk::KeyAlgorithm::EcSecp521r1,
];

/// A certificate of a listing; `None` when its hosts are not all in it.
pub(in crate::cloud) fn from_summary(
    summary: &sdk::CertificateSummary,
) -> Result<Option<CertificateDetails>, &'static str> {
    if summary.has_additional_subject_alternative_names() == Some(true) {
        return Ok(None);
    }
    let names = summary.subject_alternative_name_summaries();
    Ok(Some(CertificateDetails {
        arn: Arn(summary.certificate_arn().ok_or("CertificateArn")?.into()),
        domains: domains(summary.domain_name(), names),
        status: status(summary.status().ok_or("Status")?),
        imported: summary.r#type() == Some(&sdk::CertificateType::Imported),
        not_after: summary.not_after().map(aws_smithy_types::DateTime::secs),
    }))
}

/// A certificate that ACM describes.
pub(in crate::cloud) fn from_detail(
    detail: &sdk::CertificateDetail,
) -> Result<CertificateDetails, &'static str> {
    Ok(CertificateDetails {
        arn: Arn(detail.certificate_arn().ok_or("CertificateArn")?.into()),
        domains: domains(detail.domain_name(), detail.subject_alternative_names()),
        status: status(detail.status().ok_or("Status")?),
        imported: detail.r#type() == Some(&sdk::CertificateType::Imported),
        not_after: detail.not_after().map(aws_smithy_types::DateTime::secs),
    })
}

fn domains(name: Option<&str>, alternatives: &[String]) -> BTreeSet<Str> {
    let names = name.into_iter().chain(alternatives.iter().map(String::as_str));
    names.map(|name| name.to_ascii_lowercase().into()).collect()
}

fn status(status: &sdk::CertificateStatus) -> CertificateStatus {
    match status {
        sdk::CertificateStatus::Issued => CertificateStatus::Issued,
        sdk::CertificateStatus::PendingValidation => CertificateStatus::Pending,
        other => CertificateStatus::Unusable(other.as_str().into()),
    }
}
