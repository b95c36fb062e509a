//! Certificates. What a search found is what is known of our own: nothing else of them is compared.

use super::known::Known;
use super::{On, Swept};
use crate::cloud::{Answer, Arn, CertificateDetails, Certificates, Cloud, Kind};
use crate::owner::{CLUSTER, FINGERPRINT, GATEWAY, RESOURCE, Tags};
use gatewright_aws_core::alb::listener::Import;
use gatewright_provider_api::contract::ErrorKind;
use std::time::Duration;

const TAGS: On<Option<Tags>> = |known| &mut known.tags;

/// Whether tags say that a certificate is of the same Secret and has the same contents.
pub(crate) fn is_same(found: &Tags, wanted: &Tags) -> bool {
    let keys = [CLUSTER, GATEWAY, RESOURCE, FINGERPRINT];
    keys.into_iter().all(|key| found.get(key) == wanted.get(key))
}

/// How old a certificate may be that a search by tags does not show yet: twice as old as searches may be, because
/// clocks differ.
pub(crate) const fn lately(lag: Duration) -> Duration {
    lag.saturating_mul(2)
}

impl<C: Cloud> Swept<C> {
    /// A certificate with such tags that is too new for searches by tags.
    async fn imported(&self, tags: &Tags) -> Answer<Option<Arn>> {
        let lag = self.known(|known| known.lag());
        for arn in self.imported_within(lately(lag)).await? {
            if self.known(|known| known.is_judged(&arn)) {
                continue;
            }
            let Some(found) = self.certificate_tags(&arn).await? else {
                continue;
            };
            if is_same(&found, tags) {
                self.known(|known| known.made(Kind::Certificate, &arn, &found));
                return Ok(Some(arn));
            }
        }
        Ok(None)
    }

    /// Asks for the tags of certificates that were ours a moment ago. A policy that does not allow that stops no
    /// Gateway: they have the tags that we gave them.
    pub(super) async fn prove_certificates(&self, arns: &[Arn]) -> Answer<()> {
        for arn in arns {
            self.count(1);
            let answer = self.0.cloud.certificate_tags(arn).await;
            self.known(|known| match &answer {
                Ok(Some(tags)) => known.tagged(arn, tags),
                Ok(None) => known.deleted(arn),
                Err(error) if error.kind == ErrorKind::Forbidden => known.believed(arn),
                Err(error) => known.failed(error, [arn]),
            });
            match answer {
                Err(error) if error.kind != ErrorKind::Forbidden => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

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

    async fn imported_within(&self, age: Duration) -> Answer<Vec<Arn>> {
        self.count(1);
        self.0.cloud.imported_within(age).await
    }

    async fn certificate_tags(&self, arn: &Arn) -> Answer<Option<Tags>> {
        self.one(TAGS, arn, self.0.cloud.certificate_tags(arn)).await
    }

    /// AWS makes another one each time: what it answers is ours. So one that is there is looked for before, which a
    /// search does not show yet: the answer was lost, or the process before ended.
    async fn import_certificate(&self, import: &Import, tags: &Tags) -> Answer<Arn> {
        if let Some(arn) = self.imported(tags).await? {
            return Ok(arn);
        }
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
