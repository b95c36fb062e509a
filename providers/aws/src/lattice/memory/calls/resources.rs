//! What all kinds of resources have: quotas, tags, and certificates of ACM.

use super::super::{Connection, IN_USE, INVALID};
use super::{found, tags, text};
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{Kind, Resources, Tagged};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::Import;
use gatewright_aws_core::lattice::settings::Limits;
use gatewright_provider_api::contract::Action as Change;
use std::collections::BTreeSet;
use std::time::Duration;

impl Resources for Connection {
    async fn lattice_limits(&self) -> Answer<Limits> {
        self.read("ListServiceQuotas", |state| Ok(state.limits.clone()))
            .await
    }

    async fn find_marked(&self, kind: Kind, marks: &Tags) -> Answer<Vec<Tagged>> {
        self.read("GetResources", |state| {
            let search = state.delays.search;
            let known = |arn: &&Arn| {
                let made = state.made.get(*arn).copied().unwrap_or_default();
                search == 0 || state.now > made + search
            };
            let of_kind = state.of_kind(kind).into_iter().filter(known);
            let found = of_kind.filter_map(|arn| {
                let tags = state.tags.get(arn)?;
                let has = marks.iter().all(|(key, value)| tags.get(key) == Some(value));
                has.then(|| Tagged {
                    arn: arn.clone(),
                    tags: tags.clone(),
                })
            });
            Ok(found.collect())
        })
        .await
    }

    async fn tags_of(&self, arn: &Arn) -> Answer<Option<Tags>> {
        self.read("ListTagsForResource", |state| Ok(state.tags.get(arn).cloned()))
            .await
    }

    async fn tag(&self, _: Kind, arn: &Arn, more: &Tags) -> Answer<()> {
        self.write("TagResource", (Change::Update, arn.0.clone()), |state| {
            let before = found(state.tags.get_mut(arn))?;
            let mut after = before.clone();
            after.extend(more.clone());
            tags(&after)?;
            *before = after;
            Ok(())
        })
        .await
    }

    async fn untag(&self, _: Kind, arn: &Arn, keys: &BTreeSet<Str>) -> Answer<()> {
        self.write("UntagResource", (Change::Update, arn.0.clone()), |state| {
            found(state.tags.get_mut(arn))?.retain(|key, _| !keys.contains(key));
            Ok(())
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

    async fn imported_tags(&self, arn: &Arn) -> Answer<Option<Tags>> {
        self.read("ListTagsForCertificate", |state| Ok(state.tags.get(arn).cloned()))
            .await
    }

    async fn import(&self, over: Option<&Arn>, import: &Import, given: &Tags) -> Answer<Arn> {
        let action = if over.is_some() {
            Change::Update
        } else {
            Change::Create
        };
        let what = (action, import.fingerprint.clone());
        self.write("ImportCertificate", what, |state| {
            let key = import.key.expose().split_whitespace().next().unwrap_or_default();
            let kept = (import.certificate.clone(), text(key));
            if let Some(arn) = over {
                let before = found(state.certificates.get_mut(arn))?;
                if before.1 != kept.1 {
                    return Err(INVALID);
                }
                *before = kept;
                return Ok(arn.clone());
            }
            tags(given)?;
            let arn = state.make("certificate", given);
            state.certificates.insert(arn.clone(), kept);
            Ok(arn)
        })
        .await
    }

    async fn delete_imported(&self, arn: &Arn) -> Answer<()> {
        self.write("DeleteCertificate", (Change::Delete, arn.0.clone()), |state| {
            let mut services = state.services.values();
            if services.any(|service| service.certificate.as_ref() == Some(arn)) {
                return Err(IN_USE);
            }
            found(state.certificates.get(arn))?;
            state.forget(arn);
            Ok(())
        })
        .await
    }
}
