//! Trust stores, and the bundles in S3 that they are made of.

use super::convert::tags_to_elb;
use super::{ELB, failed, gone_is_fine, odd};
use crate::Account;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Answer, Arn, NewTrustStore, Tagged, Tagging, TrustStores};
use gatewright_aws::owner::Tags;
use gatewright_aws_core::trust_store::Place;
use gatewright_provider_api::contract::ErrorKind;

const DESCRIBE: &str = "DescribeTrustStores";

impl TrustStores for Account {
    async fn put_bundle(&self, place: &Place, bundle: &str) -> Answer<()> {
        self.s3.put(&place.bucket, &place.key, bundle).await
    }

    async fn delete_bundle(&self, place: &Place) -> Answer<()> {
        match self.s3.delete(&place.bucket, &place.key).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            answer => answer,
        }
    }

    async fn trust_store_named(&self, name: &str) -> Answer<Option<Arn>> {
        let answer = self.elb.describe_trust_stores().names(name).send().await;
        match answer.map_err(failed(ELB, DESCRIBE)) {
            Ok(answer) => Ok(answer.trust_stores().iter().find_map(arn)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create_trust_store(&self, new: &NewTrustStore) -> Answer<Arn> {
        let operation = "CreateTrustStore";
        let NewTrustStore { name, place, tags } = new;
        let request = self
            .elb
            .create_trust_store()
            .name(&**name)
            .ca_certificates_bundle_s3_bucket(&*place.bucket)
            .ca_certificates_bundle_s3_key(&*place.key)
            .set_tags(tags_to_elb(tags));
        let answer = request.send().await.map_err(failed(ELB, operation))?;
        let made = answer.trust_stores().iter().find_map(arn);
        made.ok_or_else(|| odd(operation, "no ARN in the answer"))
    }

    async fn delete_trust_store(&self, arn: &Arn) -> Answer<()> {
        let request = self.elb.delete_trust_store().trust_store_arn(&*arn.0);
        let answer = request.send().await.map_err(failed(ELB, "DeleteTrustStore"));
        gone_is_fine(answer, || self.elb_exists(arn)).await
    }
}

fn arn(store: &sdk::TrustStore) -> Option<Arn> {
    store.trust_store_arn().map(|arn| Arn(arn.into()))
}

impl Account {
    /// Trust stores that have all these tags; of a tag with an empty value the key counts alone. An account has a few in
    /// a region, and whether a search by tags finds them is not documented.
    pub(super) async fn marked_stores(&self, marks: &Tags) -> Answer<Vec<Tagged>> {
        let request = self.elb.describe_trust_stores().into_paginator().items().send();
        let stores = request.try_collect().await;
        let stores: Vec<sdk::TrustStore> = stores.map_err(failed(ELB, DESCRIBE))?;
        let arns: Vec<Arn> = stores.iter().filter_map(arn).collect();
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let tags = self.tags(&arns).await?;
        let has = |tags: &Tags| {
            marks.iter().all(|(key, value)| {
                tags.get(key)
                    .is_some_and(|found| value.is_empty() || found == value)
            })
        };
        let marked = tags.into_iter().filter(|(_, tags)| has(tags));
        Ok(marked.map(|(arn, tags)| Tagged { arn, tags }).collect())
    }
}
