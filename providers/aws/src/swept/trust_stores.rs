//! Trust stores and their bundles: what a search found is what is known of them.

use super::Swept;
use crate::cloud::{Answer, Arn, Cloud, Kind, NewTrustStore, TrustStores};
use gatewright_aws_core::trust_store::Place;

impl<C: Cloud> TrustStores for Swept<C> {
    async fn put_bundle(&self, place: &Place, bundle: &str) -> Answer<()> {
        self.0.cloud.put_bundle(place, bundle).await
    }

    async fn delete_bundle(&self, place: &Place) -> Answer<()> {
        self.0.cloud.delete_bundle(place).await
    }

    async fn trust_store_named(&self, name: &str) -> Answer<Option<Arn>> {
        self.count(1);
        self.0.cloud.trust_store_named(name).await
    }

    async fn create_trust_store(&self, new: &NewTrustStore) -> Answer<Arn> {
        let made = self.make(&new.tags, |_| (), self.0.cloud.create_trust_store(new));
        let arn = made.await?;
        self.known(|known| known.created(Kind::TrustStore, &arn));
        Ok(arn)
    }

    async fn delete_trust_store(&self, arn: &Arn) -> Answer<()> {
        self.write(&[arn], |_| (), self.0.cloud.delete_trust_store(arn))
            .await?;
        self.known(|known| known.deleted(arn));
        Ok(())
    }
}
