//! What is in ACM, for listeners that name no Secret.

use super::{FRESH, about};
use crate::alb::AlbDriver;
use crate::cloud::{Arn, CertificateDetails, CertificateStatus, Cloud, Kind};
use crate::owner::{CLUSTER, Tags};
use gatewright_aws_core::Str;
use gatewright_aws_core::certificate::{Found, Origin, State};
use gatewright_provider_api::contract::ProviderError;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What was read of ACM, and when, in seconds since 1970: many Gateways look for theirs.
#[derive(Debug, Default)]
pub struct Certificates(Mutex<Option<(u64, Arc<[Found]>)>>);

impl Certificates {
    fn get(&self, now: u64) -> Option<Arc<[Found]>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, found) = known.as_ref()?;
        (now < read.saturating_add(FRESH)).then(|| Arc::clone(found))
    }

    fn put(&self, found: Vec<Found>, now: u64) -> Arc<[Found]> {
        let found: Arc<[Found]> = found.into();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((now, Arc::clone(&found)));
        found
    }
}

impl<C: Cloud> AlbDriver<C> {
    /// All certificates of the account and region, at most a minute old.
    pub(super) async fn in_acm(&self) -> Result<Arc<[Found]>, ProviderError> {
        let now = self.now();
        if let Some(known) = self.certificates().get(now) {
            return Ok(known);
        }
        let told = |error: crate::cloud::CloudError| about(error, "certificates of", self.cluster());
        // Of any cluster: an empty value stands for all.
        let marks = Tags::from([(CLUSTER.into(), "".into())]);
        let imported = self.cloud().find(Kind::Certificate, &marks).await.map_err(told)?;
        let imported: BTreeSet<Arn> = imported.into_iter().map(|found| found.arn).collect();
        let all = self.cloud().certificates().await.map_err(told)?;
        let found = all.into_iter().map(|one| read(one, &imported));
        Ok(self.certificates().put(found.collect(), now))
    }
}

fn read(details: CertificateDetails, imported: &BTreeSet<Arn>) -> Found {
    let CertificateDetails {
        arn,
        domains,
        status,
        imported: _,
        not_after,
    } = details;
    Found {
        by: if imported.contains(&arn) {
            Origin::Imported
        } else {
            Origin::Users
        },
        arn: Str::clone(&arn.0),
        domains,
        state: match status {
            CertificateStatus::Issued => State::Issued,
            CertificateStatus::Pending => State::Pending,
            CertificateStatus::Unusable(word) => State::Unusable(word),
        },
        not_after,
    }
}
