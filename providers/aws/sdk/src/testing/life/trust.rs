//! Trust stores and their bundles.

use super::{import, map, marks};
use crate::Account;
use gatewright_aws::cloud::{Kind, NewTrustStore, Tagging, TrustStores};
use gatewright_aws::owner::Tags;
use gatewright_aws_core::trust_store::Place;
use gatewright_provider_api::contract::ErrorKind;

/// A trust store is made of a bundle and found by its tags; both go, and may be deleted again.
pub(super) async fn stores(cloud: &Account) {
    let bucket = format!("gatewright-trust-{}", cloud.identity().account);
    let place = |bucket: &str| Place {
        bucket: bucket.into(),
        key: "gatewright/test/shop/web/f.pem".into(),
    };
    let nowhere = cloud.put_bundle(&place("gatewright-nowhere"), "x").await;
    let error = nowhere.unwrap_err();
    assert_eq!((error.kind, &*error.code), (ErrorKind::NotFound, "NoSuchBucket"));
    let place = place(&bucket);
    let bundle = import("clients.example").certificate;
    cloud.put_bundle(&place, &bundle).await.unwrap();
    let new = NewTrustStore {
        name: "gw-clients".into(),
        place: place.clone(),
        tags: marks(),
    };
    let store = cloud.create_trust_store(&new).await.unwrap();
    assert_eq!(
        cloud.create_trust_store(&new).await.unwrap_err().kind,
        ErrorKind::NotOurs
    );
    assert_eq!(
        cloud.trust_store_named("gw-clients").await.unwrap().as_ref(),
        Some(&store)
    );
    assert_eq!(cloud.trust_store_named("gw-others").await, Ok(None));
    let find = async |marks: Tags| {
        let found = cloud.find(Kind::TrustStore, &marks).await.unwrap();
        found.into_iter().map(|found| found.arn).collect::<Vec<_>>()
    };
    let only = std::slice::from_ref(&store);
    assert_eq!(find(marks()).await, only);
    assert_eq!(find(map(&[("gatewright.dev/cluster", "")])).await, only);
    assert!(find(map(&[("gatewright.dev/cluster", "other")])).await.is_empty());
    let arns = std::slice::from_ref(&store);
    cloud
        .add_tags(Kind::TrustStore, arns, &map(&[("team", "a")]))
        .await
        .unwrap();
    cloud.delete_bundle(&place).await.unwrap();
    cloud.delete_bundle(&place).await.unwrap();
    cloud.delete_trust_store(&store).await.unwrap();
    cloud.delete_trust_store(&store).await.unwrap();
    assert!(find(marks()).await.is_empty());
}
