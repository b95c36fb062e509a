//! Certificates. What a search found is what is known of our own: nothing else of them is compared.

use super::Swept;
use super::known::Known;
use crate::cloud::{Answer, Arn, CertificateDetails, Certificates, Cloud, Kind};
use crate::owner::Tags;
use gatewright_aws_core::alb::listener::Import;

impl<C: Cloud> Certificates for Swept<C> {
    async fn certificates(&self) -> Answer<Vec<CertificateDetails>> {
        let _one = self.0.listing.lock().await;
        if let Some(found) = self.known(|known| known.certificates()) {
            return Ok(found);
        }
        self.count(1);
        let found = self.0.cloud.certificates().await?;
        self.known(|known| known.set_certificates(Some(found.clone())));
        Ok(found)
    }

    async fn certificate(&self, arn: &Arn) -> Answer<Option<CertificateDetails>> {
        self.count(1);
        self.0.cloud.certificate(arn).await
    }

    /// AWS makes another one each time: what it answers is ours.
    async fn import_certificate(&self, import: &Import, tags: &Tags) -> Answer<Arn> {
        let touch = |known: &mut Known| known.set_certificates(None);
        let arn = self
            .make(tags, touch, self.0.cloud.import_certificate(import, tags))
            .await?;
        self.known(|known| known.made(Kind::Certificate, &arn, tags));
        Ok(arn)
    }

    async fn reimport_certificate(&self, arn: &Arn, import: &Import) -> Answer<()> {
        let touch = |known: &mut Known| known.set_certificates(None);
        self.write(&[arn], touch, self.0.cloud.reimport_certificate(arn, import))
            .await
    }

    async fn delete_certificate(&self, arn: &Arn) -> Answer<()> {
        let touch = |known: &mut Known| known.set_certificates(None);
        self.write(&[arn], touch, self.0.cloud.delete_certificate(arn))
            .await?;
        self.known(|known| known.deleted(arn));
        Ok(())
    }
}
