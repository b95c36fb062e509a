//! Pods in a target group of somebody else, over the real wire, at the simulator, which enforces our policy.

use super::simulator::simulator;
use super::{Setup, account};
use crate::calls::{Grant, policy};
use crate::limiter::{Bucket, Figures};
use gatewright_aws::alb::{AlbDriver, Settings};
use gatewright_aws::cloud::{Arn, Health, Kind, NewTargetGroup, Tagging, TargetGroups};
use gatewright_aws::owner::{BINDING, CLUSTER, Tags};
use gatewright_aws_core::target_group::{
    Fixed, HealthCheck, ProtocolVersion, Target, TargetAddress, TargetKind,
};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{
    Binding, Bound, BoxFuture, Driver, Instances, Leave, Ledger, Member, ProviderError,
};
use std::collections::BTreeSet;
use std::sync::Mutex;

#[derive(Default)]
struct Book(Mutex<BTreeSet<Member>>);

impl Ledger for Book {
    fn record<'a>(
        &'a self,
        _: &'a str,
        members: &'a BTreeSet<Member>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        *self.0.lock().unwrap() = members.clone();
        Box::pin(std::future::ready(Ok(())))
    }
}

fn target(last: u8) -> Target {
    Target {
        id: TargetAddress::Ip([192, 168, 0, last].into()),
        port: 8080,
        zone: None,
        quic_server: None,
    }
}

fn pods(last: &[u8]) -> Option<Instances> {
    let pods = last.iter().map(|last| ([192, 168, 0, *last].into(), 8080));
    Some(Instances {
        pods: pods.collect(),
        ..Instances::default()
    })
}

#[tokio::test]
async fn pods_are_bound_to_a_target_group_that_its_owner_allows() {
    let simulator = simulator(Some(&policy(Grant::ALL, "aws", Some("blue")))).await;
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = || Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    let (owner, _) = account(&format!("http://{}", simulator.services), setup());
    let vpc = owner.ec2().vpcs(&[]).await.unwrap()[0].id.as_str().into();
    let new = NewTargetGroup {
        name: "theirs".into(),
        fixed: Fixed {
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port: 80,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        },
        vpc,
        health: HealthCheck::default(),
        // What the policy allows ends at this tag.
        tags: Tags::from([(CLUSTER.into(), "blue".into())]),
    };
    let group: Arn = owner.create_target_group(&new).await.unwrap();
    owner.register(&group, &[target(200)].into()).await.unwrap();

    let (cloud, _) = account(&format!("http://{}", simulator.services), setup());
    let settings = Settings {
        cluster: "blue".into(),
        drain: std::time::Duration::ZERO,
        vpc: None,
    };
    let (driver, book) = (AlbDriver::new(cloud, settings, || 0), Book::default());
    let bind = async |instances: Option<Instances>| -> Bound {
        let binding = Binding {
            name: Some(ObjectName::new("shop", "cart")),
            group: group.0.clone(),
            instances,
            known: book.0.lock().unwrap().clone(),
        };
        let bound = driver.bind(&Leave::always(), &binding, &book).await;
        assert_eq!(bound.unread, None);
        *book.0.lock().unwrap() = bound.members.clone();
        bound
    };
    let registered = async || -> BTreeSet<Target> {
        let targets = owner.targets(&group).await.unwrap().into_iter();
        let staying = targets.filter(|(_, health)| *health != Health::Draining);
        staying.map(|(target, _)| target).collect()
    };
    let refused = bind(pods(&[1])).await.refused.unwrap();
    assert!(
        refused.1.contains("gatewright.dev/binding=shop/cart"),
        "{refused:?}"
    );
    let tags = Tags::from([(BINDING.into(), "shop/cart".into())]);
    owner
        .add_tags(Kind::TargetGroup, std::slice::from_ref(&group), &tags)
        .await
        .unwrap();
    assert_eq!(bind(pods(&[1, 2])).await.changes.len(), 1);
    assert_eq!(registered().await, [target(1), target(2), target(200)].into());
    assert_eq!(bind(pods(&[1, 2])).await.changes, []);
    bind(pods(&[2, 3])).await;
    assert_eq!(registered().await, [target(2), target(3), target(200)].into());
    assert!(bind(None).await.members.is_empty());
    assert_eq!(registered().await, [target(200)].into());
    // By the name as well; and what is gone is told.
    let by_name = Binding {
        name: Some(ObjectName::new("shop", "cart")),
        group: "gone".into(),
        ..Binding::default()
    };
    let bound = driver.bind(&Leave::always(), &by_name, &book).await;
    assert_eq!(bound.refused.unwrap().0, "TargetGroupNotFound");
    simulator.stop().await.unwrap();
}
