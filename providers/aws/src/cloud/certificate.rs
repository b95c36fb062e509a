//! Certificates (ACM).

use super::{Answer, Arn};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::Import;
use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

/// A certificate in ACM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateDetails {
    /// `CertificateArn`.
    pub arn: Arn,
    /// `DomainName` and `SubjectAlternativeNames`, in lower case.
    pub domains: BTreeSet<Str>,
    /// `Status`.
    pub status: CertificateStatus,
    /// Whether it was imported, by us or others.
    pub imported: bool,
    /// `NotAfter`, seconds since 1970.
    pub not_after: Option<i64>,
}

/// `Status` of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateStatus {
    /// It can be used.
    Issued,
    /// It waits for its domain to be validated.
    Pending,
    /// It cannot be used: AWS's word.
    Unusable(Str),
}

/// Calls to ACM.
pub trait Certificates {
    /// `ListCertificates`, with the domains of each (`DescribeCertificate` where the list is cut short).
    fn certificates(&self) -> impl Future<Output = Answer<Vec<CertificateDetails>>> + Send;

    /// `DescribeCertificate`.
    fn certificate(&self, arn: &Arn) -> impl Future<Output = Answer<Option<CertificateDetails>>> + Send;

    /// `ListCertificates`: those that were imported, by whomever, at most so long ago. A search by tags may not show
    /// them yet.
    fn imported_within(&self, age: Duration) -> impl Future<Output = Answer<Vec<Arn>>> + Send;

    /// `ListTagsForCertificate`; none when it does not exist.
    fn certificate_tags(&self, arn: &Arn) -> impl Future<Output = Answer<Option<Tags>>> + Send;

    /// `ImportCertificate` as a new one.
    fn import_certificate(&self, import: &Import, tags: &Tags) -> impl Future<Output = Answer<Arn>> + Send;

    /// `ImportCertificate` over one that was imported before: it keeps its ARN and tags, and whoever uses it
    /// shows the new one.
    fn reimport_certificate(&self, arn: &Arn, import: &Import) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteCertificate`.
    fn delete_certificate(&self, arn: &Arn) -> impl Future<Output = Answer<()>> + Send;
}
