//! Certificates.

use super::Connection;
use super::check::{self, valid};
use super::state::{KeptCertificate, State, found};
use crate::cloud::{Answer, Arn, CertificateDetails, CertificateStatus, Certificates, Kind};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::Import;
use gatewright_provider_api::contract::{Action, ErrorKind};
use std::collections::BTreeSet;
use std::time::Duration;

const MISSING: &str = "ResourceNotFoundException";

/// A word in a certificate that is not taken: one that has run out, or whose chain is broken.
pub(super) const REFUSED: &str = "refused";

fn kept(import: &Import) -> KeptCertificate {
    let key = import.key.expose().split_whitespace().next().unwrap_or_default();
    KeptCertificate {
        pem: import.certificate.clone(),
        key: key.into(),
    }
}

fn details(arn: &Arn) -> CertificateDetails {
    CertificateDetails {
        arn: arn.clone(),
        domains: BTreeSet::<Str>::new(),
        status: CertificateStatus::Issued,
        imported: true,
        not_after: None,
    }
}

impl State {
    fn shows(&self, certificate: &Arn) -> bool {
        self.listeners.values().any(|kept| {
            let default = kept
                .of
                .tls
                .as_ref()
                .is_some_and(|tls| tls.certificate == *certificate);
            default || kept.certificates.contains(certificate)
        })
    }
}

impl Certificates for Connection {
    async fn certificates(&self) -> Answer<Vec<CertificateDetails>> {
        self.read("ListCertificates", |state| {
            Ok(state.certificates.keys().map(details).collect())
        })
        .await
    }

    async fn certificate(&self, arn: &Arn) -> Answer<Option<CertificateDetails>> {
        self.read("DescribeCertificate", |state| {
            Ok(state.certificates.contains_key(arn).then(|| details(arn)))
        })
        .await
    }

    /// Calls take no time: all are new.
    async fn imported_within(&self, _age: Duration) -> Answer<Vec<Arn>> {
        self.read("ListCertificates", |state| {
            Ok(state.certificates.keys().cloned().collect())
        })
        .await
    }

    async fn certificate_tags(&self, arn: &Arn) -> Answer<Option<Tags>> {
        self.read("ListTagsForCertificate", |state| {
            let exists = state.certificates.contains_key(arn);
            Ok(exists.then(|| state.tags.get(arn).cloned().unwrap_or_default()))
        })
        .await
    }

    async fn import_certificate(&self, import: &Import, tags: &Tags) -> Answer<Arn> {
        let what = (Action::Create, import.fingerprint.clone());
        self.write("ImportCertificate", what, |state| {
            check::tags(tags)?;
            valid(!import.certificate.contains(REFUSED))?;
            let arn = state.make("certificate", tags);
            state.certificates.insert(arn.clone(), kept(import));
            Ok(arn)
        })
        .await
    }

    /// "The key type and size cannot change"
    /// (<https://docs.aws.amazon.com/acm/latest/userguide/import-reimport.html>).
    async fn reimport_certificate(&self, arn: &Arn, import: &Import) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("ImportCertificate", what, |state| {
            valid(!import.certificate.contains(REFUSED))?;
            let before = found(state.certificates.get_mut(arn), MISSING)?;
            let new = kept(import);
            valid(before.key == new.key)?;
            *before = new;
            Ok(())
        })
        .await
    }

    async fn delete_certificate(&self, arn: &Arn) -> Answer<()> {
        let what = (Action::Delete, arn.0.clone());
        self.write("DeleteCertificate", what, |state| {
            if state.shows(arn) {
                return Err((ErrorKind::InUse, "ResourceInUseException"));
            }
            found(state.certificates.remove(arn), MISSING)?;
            state.forget(Kind::Certificate, arn);
            Ok(())
        })
        .await
    }
}
