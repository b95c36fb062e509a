//! Protections by Shield Advanced over the real wire, with the permissions that our list of calls asks for.

use super::drive::{driver, settle, take_away, target, writes};
use super::simulator::{simulator, user};
use super::until::until;
use super::{Seen, Setup, account};
use crate::Account;
use crate::calls::{Grant, policy};
use crate::limiter::{Bucket, Figures};
use gatewright_aws::cloud::{Arn, NewProtection, Protections};
use gatewright_aws_simulator::run::Running;
use gatewright_provider_api::contract::ErrorKind;
use serde_json::json;
use std::sync::Arc;

/// All protections are there, wherever load balancers are.
const HOME: (&str, &str) = ("us-east-1", "shield");

pub(super) async fn subscribe(running: &Running) {
    user(running, HOME, "AWSShield_20160616.CreateSubscription", &json!({})).await;
}

/// Names of what is protected.
async fn protected(running: &Running) -> Vec<String> {
    let found = user(running, HOME, "AWSShield_20160616.ListProtections", &json!({})).await;
    let found = found["Protections"].as_array().unwrap().iter();
    found
        .map(|one| one["Name"].as_str().unwrap().to_owned())
        .collect()
}

/// Each call, of a load balancer that is ours.
pub(super) async fn protections(running: &Running, cloud: &Account, balancer: &Arn) {
    let new = NewProtection {
        name: "gatewright web".into(),
        balancer: balancer.clone(),
        tags: super::life::marks(),
    };
    assert_eq!(cloud.protection(balancer).await, Ok(None));
    let refused = cloud.create_protection(&new).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Invalid);
    assert!(
        refused.message.contains("no subscription to Shield Advanced"),
        "{refused}"
    );
    subscribe(running).await;
    assert_eq!(cloud.protection(balancer).await, Ok(None));
    cloud.create_protection(&new).await.unwrap();
    let refused = cloud.create_protection(&new).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotOurs);
    let found = cloud.protection(balancer).await.unwrap().unwrap();
    assert_eq!(found.name, new.name);
    cloud.delete_protection(&found.id, balancer).await.unwrap();
    assert_eq!(cloud.protection(balancer).await, Ok(None));
}

fn wide(running: &Running) -> (Account, Arc<Seen>) {
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    account(&format!("http://{}", running.services), setup)
}

/// Without a subscription it is told what lacks, and the Gateway serves.
#[tokio::test]
async fn a_gateway_is_protected_until_it_asks_no_more_and_leaves_nothing() {
    let running = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let (cloud, seen) = wide(&running);
    let mut target = target(&cloud).await;
    let driver = driver(&cloud);
    target.shield = true;
    let request = gatewright_aws::alb::Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    };
    until(&driver, &request, |outcome| {
        let errors: Vec<String> = outcome.errors().map(ToString::to_string).collect();
        let told = errors
            .iter()
            .any(|error| error.contains("no subscription to Shield Advanced"));
        told && errors.len() == 1 && !outcome.addresses.assigned.is_empty()
    })
    .await;
    subscribe(&running).await;
    Box::pin(settle(&driver, &target)).await;
    assert_eq!(
        protected(&running).await,
        [format!("gatewright {}", target.balancer.name)]
    );
    let before = writes(&seen).len();
    Box::pin(settle(&driver, &target)).await;
    assert_eq!(writes(&seen).len(), before);
    target.shield = false;
    Box::pin(settle(&driver, &target)).await;
    let mut last = writes(&seen)[before..].to_vec();
    last.sort_unstable();
    assert_eq!(last, ["DeleteProtection", "RemoveTags"]);
    assert!(protected(&running).await.is_empty());
    target.shield = true;
    Box::pin(settle(&driver, &target)).await;
    assert_eq!(protected(&running).await.len(), 1);
    Box::pin(take_away(&driver, &cloud, &target)).await;
    assert!(protected(&running).await.is_empty());
    running.stop().await.unwrap();
}
