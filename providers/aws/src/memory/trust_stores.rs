//! Trust stores, and what lies in S3.

use super::check::{self, quota};
use super::state::{KeptStore, State, found};
use super::{Connection, Outcome};
use crate::cloud::{Answer, Arn, Clients, Kind, NewTrustStore, TrustStores};
use gatewright_aws_core::trust_store::Place;
use gatewright_provider_api::contract::{Action, ErrorKind};

/// "Trust stores per Region" (load-balancer-limits).
const MOST: usize = 20;

impl State {
    /// Whether a listener checks clients by a trust store.
    fn verifies(&self, store: &Arn) -> bool {
        self.listeners.values().any(|kept| {
            let tls = kept.of.tls.as_ref();
            tls.is_some_and(
                |tls| matches!(&tls.clients, Clients::Verify { trust_store, .. } if trust_store == store),
            )
        })
    }

    fn create_store(&mut self, new: &NewTrustStore) -> Outcome<Arn> {
        check::tags(&new.tags)?;
        found(self.bundles.get(&new.place), "CaCertificatesBundleNotFound")?;
        if self.trust_stores.values().any(|kept| kept.name == new.name) {
            return Err((ErrorKind::NotOurs, "DuplicateTrustStoreName"));
        }
        quota(self.trust_stores.len() < MOST, "TooManyTrustStores")?;
        let arn = self.make("truststore", &new.tags);
        let kept = KeptStore {
            name: new.name.clone(),
        };
        self.trust_stores.insert(arn.clone(), kept);
        Ok(arn)
    }
}

impl TrustStores for Connection {
    async fn put_bundle(&self, place: &Place, bundle: &str) -> Answer<()> {
        let what = (Action::Update, place.to_string().into());
        let bundle = bundle.into();
        self.write("PutObject", what, |state| {
            state.bundles.insert(place.clone(), bundle);
            Ok(())
        })
        .await
    }

    async fn delete_bundle(&self, place: &Place) -> Answer<()> {
        let what = (Action::Delete, place.to_string().into());
        self.write("DeleteObject", what, |state| {
            state.bundles.remove(place);
            Ok(())
        })
        .await
    }

    async fn trust_store_named(&self, name: &str) -> Answer<Option<Arn>> {
        self.read("DescribeTrustStores", |state| {
            let mut stores = state.trust_stores.iter();
            let named = stores.find(|(_, kept)| *kept.name == *name);
            Ok(named.map(|(arn, _)| arn.clone()))
        })
        .await
    }

    async fn create_trust_store(&self, new: &NewTrustStore) -> Answer<Arn> {
        let what = (Action::Create, new.name.clone());
        self.write("CreateTrustStore", what, |state| state.create_store(new))
            .await
    }

    /// `API_DeleteTrustStore`: `TrustStoreInUse`.
    async fn delete_trust_store(&self, arn: &Arn) -> Answer<()> {
        let what = (Action::Delete, arn.0.clone());
        self.write("DeleteTrustStore", what, |state| {
            if state.verifies(arn) {
                return Err((ErrorKind::InUse, "TrustStoreInUse"));
            }
            found(state.trust_stores.remove(arn), "TrustStoreNotFound")?;
            state.forget(Kind::TrustStore, arn);
            Ok(())
        })
        .await
    }
}
