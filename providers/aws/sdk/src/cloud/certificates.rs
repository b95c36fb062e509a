//! Certificates.

use super::convert::certificate::{self, KEY_TYPES};
use super::convert::{Tags, pairs};
use super::{failed, gone_is_fine, odd};
use crate::Account;
use crate::calls::Service;
use aws_sdk_acm::types as sdk;
use aws_smithy_types::{Blob, DateTime};
use gatewright_aws::cloud::{Answer, Arn, CertificateDetails, Certificates, CloudError};
use gatewright_aws_core::alb::listener::Import;
use gatewright_provider_api::contract::ErrorKind;
use std::time::{Duration, SystemTime};

const ACM: Service = Service::Acm;
const IMPORT: &str = "ImportCertificate";
const LIST: &str = "ListCertificates";

/// Tags as ACM takes them.
pub(super) fn tags_to_acm(operation: &'static str, tags: &Tags) -> Answer<Vec<sdk::Tag>> {
    let tag = |(key, value): (&gatewright_aws_core::Str, &gatewright_aws_core::Str)| {
        sdk::Tag::builder().key(&**key).value(&**value).build()
    };
    tags.iter()
        .map(tag)
        .collect::<Result<_, _>>()
        .map_err(|error| odd(operation, error))
}

fn unreadable(operation: &'static str) -> impl Fn(&'static str) -> CloudError {
    move |field| odd(operation, format_args!("{field} is missing"))
}

impl Certificates for Account {
    async fn certificates(&self) -> Answer<Vec<CertificateDetails>> {
        let items = self.listed().await?;
        let mut certificates = Vec::with_capacity(items.len());
        for summary in &items {
            if let Some(certificate) = certificate::from_summary(summary).map_err(unreadable(LIST))? {
                certificates.push(certificate);
            } else if let Some(arn) = summary.certificate_arn() {
                // The list is cut short after a hundred hosts. It may be gone since the listing.
                certificates.extend(self.certificate(&Arn(arn.into())).await?);
            }
        }
        Ok(certificates)
    }

    async fn certificate(&self, arn: &Arn) -> Answer<Option<CertificateDetails>> {
        let operation = "DescribeCertificate";
        let answer = self
            .acm
            .describe_certificate()
            .certificate_arn(&*arn.0)
            .send()
            .await;
        match answer.map_err(failed(ACM, operation)) {
            Ok(answer) => {
                let detail = answer
                    .certificate()
                    .ok_or_else(|| odd(operation, "no certificate in the answer"))?;
                certificate::from_detail(detail)
                    .map(Some)
                    .map_err(unreadable(operation))
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn imported_within(&self, age: Duration) -> Answer<Vec<Arn>> {
        let since = SystemTime::now().checked_sub(age).map(DateTime::from);
        let lately = self.listed().await?.into_iter().filter(|summary| {
            let imported = summary.imported_at();
            imported.is_some_and(|imported| since.is_none_or(|since| *imported >= since))
        });
        Ok(lately
            .filter_map(|summary| Some(Arn(summary.certificate_arn()?.into())))
            .collect())
    }

    async fn certificate_tags(&self, arn: &Arn) -> Answer<Option<Tags>> {
        let request = self.acm.list_tags_for_certificate().certificate_arn(&*arn.0);
        match request
            .send()
            .await
            .map_err(failed(ACM, "ListTagsForCertificate"))
        {
            Ok(answer) => {
                let tags = answer.tags().iter().map(|tag| (Some(tag.key()), tag.value()));
                Ok(Some(pairs(tags)))
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn import_certificate(&self, import: &Import, tags: &Tags) -> Answer<Arn> {
        let tags = tags_to_acm(IMPORT, tags)?;
        let request = self
            .import(import)
            .set_tags(Some(tags).filter(|tags| !tags.is_empty()));
        let answer = request.send().await.map_err(failed(ACM, IMPORT))?;
        let made = answer.certificate_arn().map(|arn| Arn(arn.into()));
        made.ok_or_else(|| odd(IMPORT, "no ARN in the answer"))
    }

    async fn reimport_certificate(&self, arn: &Arn, import: &Import) -> Answer<()> {
        let request = self.import(import).certificate_arn(&*arn.0);
        request.send().await.map_err(failed(ACM, IMPORT))?;
        Ok(())
    }

    async fn delete_certificate(&self, arn: &Arn) -> Answer<()> {
        let request = self.acm.delete_certificate().certificate_arn(&*arn.0);
        let answer = request.send().await.map_err(failed(ACM, "DeleteCertificate"));
        gone_is_fine(answer, || async { Ok(self.certificate(arn).await?.is_some()) }).await
    }
}

impl Account {
    /// All certificates of the account and region.
    async fn listed(&self) -> Answer<Vec<sdk::CertificateSummary>> {
        let all = sdk::Filters::builder()
            .set_key_types(Some(KEY_TYPES.to_vec()))
            .build();
        let request = self.acm.list_certificates().includes(all);
        let items = request.into_paginator().items().send().try_collect().await;
        items.map_err(failed(ACM, LIST))
    }

    fn import(
        &self,
        import: &Import,
    ) -> aws_sdk_acm::operation::import_certificate::builders::ImportCertificateFluentBuilder {
        let chain = Some(&import.chain).filter(|chain| !chain.is_empty());
        self.acm
            .import_certificate()
            .certificate(Blob::new(import.certificate.as_bytes()))
            .set_certificate_chain(chain.map(|chain| Blob::new(chain.as_bytes())))
            .private_key(Blob::new(import.key.expose()))
    }
}
