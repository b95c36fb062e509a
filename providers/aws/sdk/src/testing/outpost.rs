//! A load balancer on an AWS Outpost, over the real wire, at the simulator.

use super::drive::{driver, settle, take_away, target, writes};
use super::simulator::simulator;
use super::{Seen, Setup, account};
use crate::Account;
use crate::calls::{Grant, policy};
use crate::limiter::{Bucket, Figures};
use gatewright_aws::cloud::{Balancers as _, Network as _};
use gatewright_aws_core::network::Subnet;
use gatewright_aws_simulator::run::Running;
use gatewright_aws_simulator::state::{self, place};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Has a subnet be of an Outpost.
fn on_outpost(running: &Running, subnet: &str) {
    let mut inner = running.simulator.inner();
    let here = inner
        .world
        .accounts
        .get_mut(&place("123456789012", "eu-central-1"));
    let account: &mut state::Account = here.unwrap();
    let mut value = serde_json::to_value(&*account).unwrap();
    value["ec2"]["subnets"][subnet]["outpost"] =
        json!("arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0");
    *account = serde_json::from_value(value).unwrap();
}

/// No call changes the pool: a load balancer with it is made first, under the policy that users install, then the one before
/// goes.
#[tokio::test]
async fn a_pool_of_an_outpost_takes_another_load_balancer() {
    let running = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    let (cloud, seen): (Account, Arc<Seen>) = account(&format!("http://{}", running.services), setup);
    let mut target = target(&cloud).await;
    let driver = driver(&cloud);
    settle(&driver, &target).await;

    let all = cloud.subnets(&target.balancer.vpc).await.unwrap();
    let chosen = all.iter().find(|subnet| !subnet.public).unwrap().clone();
    assert!(!chosen.outpost);
    on_outpost(&running, &chosen.id);
    let all = cloud.subnets(&target.balancer.vpc).await.unwrap();
    let outposts: Vec<_> = all.iter().filter(|subnet| subnet.outpost).collect();
    assert_eq!((outposts.len(), &outposts[0].id), (1, &chosen.id));

    let before = writes(&seen).len();
    let pool = "ipv4pool-coip-0123456789abcdef0";
    target.balancer.name = "gw-shop-web-outpost".into();
    target.balancer.customer_owned_pool = Some(pool.into());
    target.balancer.subnets = BTreeSet::from([Subnet {
        id: chosen.id.clone(),
        zone: chosen.zone.clone(),
    }]);
    for group in target.target_groups.values_mut() {
        group.name = format!("{}-outpost", group.name).into();
    }
    settle(&driver, &target).await;
    let made = cloud
        .balancer_named("gw-shop-web-outpost")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(made.customer_owned_pool.as_deref(), Some(pool));
    assert_eq!(made.subnets, BTreeSet::from([chosen.id]));
    assert_eq!(cloud.balancer_named("gw-shop-web").await, Ok(None));
    let done = writes(&seen);
    let at = |operation: &str| done[before..].iter().position(|made| *made == operation).unwrap();
    assert!(at("CreateLoadBalancer") < at("DeleteLoadBalancer"), "{done:?}");

    take_away(&driver, &cloud, &target).await;
    running.stop().await.unwrap();
}
