//! Trust stores, and the bundles in S3 that they are made of.

use super::{Answer, Arn};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::trust_store::Place;
use std::future::Future;

/// A trust store to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTrustStore {
    /// `Name`.
    pub name: Str,
    /// Where its bundle lies.
    pub place: Place,
    /// `Tags`.
    pub tags: Tags,
}

/// Calls about trust stores.
pub trait TrustStores {
    /// `PutObject`: a bundle of authorities, PEM, over whatever lies there.
    fn put_bundle(&self, place: &Place, bundle: &str) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteObject`. Succeeds when nothing lies there, or the bucket is gone.
    fn delete_bundle(&self, place: &Place) -> impl Future<Output = Answer<()>> + Send;

    /// `DescribeTrustStores` by name.
    fn trust_store_named(&self, name: &str) -> impl Future<Output = Answer<Option<Arn>>> + Send;

    /// `CreateTrustStore`.
    fn create_trust_store(&self, new: &NewTrustStore) -> impl Future<Output = Answer<Arn>> + Send;

    /// `DeleteTrustStore`. A listener that uses it is in the way.
    fn delete_trust_store(&self, arn: &Arn) -> impl Future<Output = Answer<()>> + Send;
}
