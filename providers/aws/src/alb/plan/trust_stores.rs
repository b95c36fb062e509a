//! Trust stores.

use super::{Note, Phase, Planner, TRUST_STORE, fields, resource};
use crate::alb::step::{Call, Id};
use crate::cloud::{Arn, Kind, NewTrustStore};
use crate::owner::{BUNDLE, RESOURCE, Tags, value};
use gatewright_aws_core::trust_store::{TrustStore, TrustStoreId};
use gatewright_provider_api::contract::Resource;
use std::collections::BTreeSet;

impl Planner<'_> {
    pub(super) fn trust_stores(&mut self) {
        let (target, observed) = (self.target, self.observed);
        let mut wanted: BTreeSet<&Arn> = BTreeSet::new();
        for (id, store) in &target.trust_stores {
            let named = value(&id.to_string());
            let existing = observed
                .trust_stores
                .iter()
                .find(|(_, seen)| seen.get(RESOURCE) == Some(&named));
            match existing {
                Some((arn, seen)) => {
                    wanted.insert(arn);
                    self.exists(Id::TrustStore(id.clone()), arn);
                    let mut tags = self.tags_of_store(id, store);
                    // Where its bundle lies is what it was made of: other parameters do not move it.
                    if let Some(bundle) = seen.get(BUNDLE) {
                        tags.insert(BUNDLE.into(), bundle.clone());
                    }
                    self.compare_tags((Kind::TrustStore, arn), &of(id), seen, &tags);
                }
                None => self.make_trust_store(id, store),
            }
        }
        for (arn, seen) in &observed.trust_stores {
            if !wanted.contains(arn) {
                let of = seen_resource(arn, seen);
                self.unwanted(Phase::DeleteTrustStores, (Kind::TrustStore, arn), of);
            }
        }
    }

    fn make_trust_store(&mut self, id: &TrustStoreId, store: &TrustStore) {
        let authorities = store.bundle.matches("BEGIN CERTIFICATE").count();
        let change = fields::change("authorities", None::<&usize>, Some(&authorities));
        let mut note = Note::create(of(id), "a listener checks clients by it");
        note.fields.push(change);
        let new = NewTrustStore {
            name: store.name.clone(),
            place: store.place.clone(),
            tags: self.tags_of_store(id, store),
        };
        let call = Call::CreateTrustStore(id.clone(), new, store.bundle.clone());
        self.push(Phase::Build, note, call);
    }

    fn tags_of_store(&self, id: &TrustStoreId, store: &TrustStore) -> Tags {
        let mut tags = self.owner.tags(&id.to_string(), &self.target.tags);
        tags.insert(BUNDLE.into(), value(&store.place.to_string()));
        tags
    }
}

/// How a trust store is called in changes.
pub(super) fn of(id: &TrustStoreId) -> Resource {
    resource(TRUST_STORE, id.to_string())
}

/// How one that exists is called when it goes.
pub(super) fn seen_resource(arn: &Arn, tags: &Tags) -> Resource {
    let what = tags.get(RESOURCE).map_or("", |what| what);
    resource(TRUST_STORE, format!("{what} ({arn})"))
}
