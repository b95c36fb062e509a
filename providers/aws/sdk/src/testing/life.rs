//! The whole life of a load balancer, over the real wire, at the simulator; and every call that we list.

mod balancer;
mod rules;
mod trust;

use super::simulator::simulator;
use super::{Seen, Setup, account};
use crate::Account;
use crate::calls::{ALL, Grant, Service, policy};
use crate::ec2::Filter;
use crate::limiter::{Bucket, Figures};
use balancer::{balancer, listeners};
use gatewright_aws::cloud::{
    Action, Arn, Balancers, Certificates, Cloud, Health, Kind, Listeners, Network, NewGroup, NewTargetGroup,
    SubnetDetails, Tagging, TargetGroups,
};
use gatewright_aws_core::alb::listener::Import;
use gatewright_aws_core::alb::rule::FixedResponse;
use gatewright_aws_core::network::Ingress;
use gatewright_aws_core::target_group::{
    Fixed, HealthCheck, ProtocolVersion, Target, TargetAddress, TargetKind,
};
use gatewright_aws_core::{Secret, Str};
use gatewright_aws_simulator::run::Running;
use gatewright_provider_api::contract::ErrorKind;
use rules::rules;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The buckets are not what is tested here, and they would make the test take minutes.
fn wide(simulator: &Running) -> (Account, Arc<Seen>) {
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    account(&format!("http://{}", simulator.services), setup)
}

fn set(values: &[&str]) -> BTreeSet<Str> {
    values.iter().map(|value| Str::from(*value)).collect()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<Str, Str> {
    pairs
        .iter()
        .map(|(key, value)| (Str::from(*key), Str::from(*value)))
        .collect()
}

pub(super) fn marks() -> BTreeMap<Str, Str> {
    map(&[
        ("gatewright.dev/cluster", "test"),
        ("gatewright.dev/gateway", "shop/web"),
    ])
}

fn fixed(status: u16) -> Action {
    Action::Fixed(FixedResponse::bare(status))
}

fn import(host: &str) -> Import {
    let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
    Import {
        certificate: made.cert.pem().into(),
        chain: "".into(),
        key: Secret::new(made.signing_key.serialize_pem()),
        fingerprint: "f".into(),
    }
}

/// What the default VPC of an account has.
async fn place(cloud: &Account) -> (Str, Vec<SubnetDetails>) {
    let vpc: Str = cloud.ec2().vpcs(&[]).await.unwrap()[0].id.as_str().into();
    let known = cloud.vpc(&vpc).await.unwrap().unwrap();
    assert!(!known.blocks.is_empty());
    assert_eq!(cloud.vpc("vpc-0123456789abcdef0").await, Ok(None));
    let subnets = cloud.subnets(&vpc).await.unwrap();
    let zones: BTreeSet<&str> = subnets.iter().map(|subnet| &*subnet.zone).collect();
    assert!(zones.len() >= 2, "{zones:?}");
    (vpc, subnets)
}

async fn group(cloud: &Account, vpc: &Str) -> Arn {
    let new = NewGroup {
        name: "gw-web".into(),
        description: "clients of shop/web".into(),
        vpc: vpc.clone(),
        tags: marks(),
    };
    let id = cloud.create_security_group(&new).await.unwrap();
    assert_eq!(
        cloud.create_security_group(&new).await.unwrap_err().kind,
        ErrorKind::NotOurs
    );
    let ingress = |port, source: &str| Ingress {
        protocol: "tcp".into(),
        port,
        source: source.into(),
    };
    let both = BTreeSet::from([ingress(80, "0.0.0.0/0"), ingress(443, "::/0")]);
    cloud
        .authorize(&id, &BTreeSet::from([ingress(80, "0.0.0.0/0")]))
        .await
        .unwrap();
    cloud.authorize(&id, &both).await.unwrap();
    let read = cloud.security_group_named(vpc, "gw-web").await.unwrap().unwrap();
    assert_eq!((&read.id, &read.ingress, &read.tags), (&id, &both, &marks()));
    cloud
        .revoke(&id, &BTreeSet::from([ingress(443, "::/0")]))
        .await
        .unwrap();
    cloud.revoke(&id, &both).await.unwrap();
    let gone = Arn("sg-0123456789abcdef0".into());
    let read = cloud.security_groups(&[gone, id.clone()]).await.unwrap();
    assert_eq!((read.len(), &read[0].ingress), (1, &BTreeSet::new()));
    tags(cloud, Kind::SecurityGroup, &id).await;
    let found = cloud.find(Kind::SecurityGroup, &marks()).await.unwrap();
    assert_eq!(found.iter().map(|one| &one.arn).collect::<Vec<_>>(), [&id]);
    id
}

/// Sets a tag, and takes it away.
async fn tags(cloud: &Account, kind: Kind, arn: &Arn) {
    cloud
        .add_tags(
            kind,
            std::slice::from_ref(arn),
            &map(&[("team", "a b/c+d"), ("empty", "")]),
        )
        .await
        .unwrap();
    cloud
        .remove_tags(kind, std::slice::from_ref(arn), &set(&["empty"]))
        .await
        .unwrap();
}

async fn certificates(cloud: &Account) -> Arn {
    let arn = cloud
        .import_certificate(&import("shop.example.com"), &marks())
        .await
        .unwrap();
    cloud
        .reimport_certificate(&arn, &import("shop.example.com"))
        .await
        .unwrap();
    let read = cloud.certificate(&arn).await.unwrap().unwrap();
    assert_eq!(
        (&read.domains, read.imported),
        (&set(&["shop.example.com"]), true)
    );
    // An EC key: a listing without key types would not show it.
    assert_eq!(cloud.certificates().await.unwrap(), [read]);
    assert_eq!(cloud.certificate_tags(&arn).await, Ok(Some(marks())));
    tags(cloud, Kind::Certificate, &arn).await;
    arn
}

async fn target_group(cloud: &Account, vpc: &Str, address: &str) -> Arn {
    let new = NewTargetGroup {
        name: "gw-cart".into(),
        fixed: Fixed {
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port: 8080,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: Some(3000),
        },
        vpc: vpc.clone(),
        health: HealthCheck {
            path: Some("/ready".into()),
            ..HealthCheck::default()
        },
        tags: marks(),
    };
    let arn = cloud.create_target_group(&new).await.unwrap();
    // "If you call it with the same settings, each call succeeds."
    assert_eq!(cloud.create_target_group(&new).await.as_ref(), Ok(&arn));
    let check = HealthCheck {
        codes: Some("200-299".into()),
        interval_s: Some(7),
        timeout_s: Some(3),
        healthy: Some(2),
        unhealthy: Some(3),
        ..new.health.clone()
    };
    cloud.modify_target_group(&arn, &check).await.unwrap();
    cloud
        .set_target_group_attributes(&arn, &map(&[("deregistration_delay.timeout_seconds", "17")]))
        .await
        .unwrap();
    let read = cloud
        .target_groups(&[Arn(format!("{arn}0").into()), arn.clone()])
        .await
        .unwrap();
    assert_eq!((read.len(), &read[0].fixed, &read[0].vpc), (1, &new.fixed, vpc));
    let health = &read[0].health;
    assert_eq!(
        (health.path.as_deref(), health.codes.as_deref()),
        (Some("/ready"), Some("200-299"))
    );
    assert_eq!(
        (
            health.interval_s,
            health.timeout_s,
            health.healthy,
            health.unhealthy
        ),
        (Some(7), Some(3), Some(2), Some(3))
    );
    assert_eq!(
        cloud.target_group_named("gw-cart").await.unwrap().as_ref(),
        Some(&read[0])
    );
    assert_eq!(cloud.target_group_named("nobody").await, Ok(None));
    let attributes = cloud.target_group_attributes(&arn).await.unwrap();
    assert_eq!(
        attributes
            .get("deregistration_delay.timeout_seconds")
            .map(|value| &**value),
        Some("17")
    );

    // Two ports of one address are two targets.
    let target = |port| Target {
        id: TargetAddress::Ip(address.parse().unwrap()),
        port,
        zone: None,
        quic_server: None,
    };
    let both = BTreeSet::from([target(8080), target(8081)]);
    cloud.register(&arn, &both).await.unwrap();
    let known: BTreeSet<Target> = cloud.targets(&arn).await.unwrap().into_keys().collect();
    assert_eq!(known, both);
    cloud
        .deregister(&arn, &BTreeSet::from([target(8081)]))
        .await
        .unwrap();
    let left = cloud.targets(&arn).await.unwrap();
    let gone = left
        .get(&target(8081))
        .is_none_or(|health| *health == Health::Draining);
    assert!(left.contains_key(&target(8080)) && gone, "{left:?}");
    arn
}

/// With the permissions that our list of calls asks for.
#[tokio::test]
async fn a_load_balancer_lives_and_leaves_nothing() {
    let simulator = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let (cloud, seen) = wide(&simulator);
    assert_eq!(cloud.limits().await.unwrap().rules, 100);
    let (vpc, subnets) = place(&cloud).await;
    let block = cloud
        .ec2()
        .subnets(&[Filter::exactly("subnet-id", &subnets[0].id)])
        .await
        .unwrap();
    assert_eq!(block[0].vpc, &*vpc);

    let clients = group(&cloud, &vpc).await;
    let certificate = certificates(&cloud).await;

    let cart = target_group(&cloud, &vpc, "192.168.0.77").await;
    let balancer = balancer(&cloud, &subnets, &clients).await;
    let (http, https) = listeners(&cloud, &balancer, &certificate).await;
    rules(&cloud, &http, &cart).await;
    rules::asked(&cloud, (&http, &https), &cart).await;
    super::web_acls::acls(&simulator, &cloud, &balancer).await;
    super::shield::protections(&simulator, &cloud, &balancer).await;

    // What is ours is found by its marks, and nothing else.
    for (kind, arn) in [
        (Kind::Balancer, &balancer),
        (Kind::TargetGroup, &cart),
        (Kind::Certificate, &certificate),
    ] {
        let found = cloud.find(kind, &marks()).await.unwrap();
        assert_eq!(found.iter().map(|one| &one.arn).collect::<Vec<_>>(), [arn]);
        assert!(
            marks()
                .iter()
                .all(|(key, value)| found[0].tags.get(key) == Some(value))
        );
        let others = map(&[("gatewright.dev/cluster", "another")]);
        assert_eq!(cloud.find(kind, &others).await, Ok(Vec::new()));
    }

    // What is used or protected stays.
    assert_eq!(
        cloud.delete_target_group(&cart).await.unwrap_err().kind,
        ErrorKind::InUse
    );
    assert_eq!(
        cloud.delete_certificate(&certificate).await.unwrap_err().kind,
        ErrorKind::InUse
    );
    assert_eq!(
        cloud.delete_security_group(&clients).await.unwrap_err().kind,
        ErrorKind::InUse
    );
    let refused = cloud.delete_balancer(&balancer).await.unwrap_err();
    assert_eq!(
        (refused.kind, &*refused.code),
        (ErrorKind::Protected, "OperationNotPermitted")
    );
    cloud
        .set_balancer_attributes(&balancer, &map(&[("deletion_protection.enabled", "false")]))
        .await
        .unwrap();

    // Everything goes, and may be deleted again.
    cloud.delete_listener(&https).await.unwrap();
    cloud.delete_listener(&https).await.unwrap();
    cloud.delete_balancer(&balancer).await.unwrap();
    cloud.delete_balancer(&balancer).await.unwrap();
    assert_eq!(
        cloud.balancers(std::slice::from_ref(&balancer)).await,
        Ok(Vec::new())
    );
    cloud.delete_target_group(&cart).await.unwrap();
    cloud.delete_target_group(&cart).await.unwrap();
    cloud.delete_certificate(&certificate).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Err(error) = cloud.delete_security_group(&clients).await {
        // Until its interfaces are released.
        assert_eq!(error.kind, ErrorKind::InUse, "{error}");
        assert!(Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cloud.delete_security_group(&clients).await.unwrap();
    for kind in [
        Kind::Balancer,
        Kind::TargetGroup,
        Kind::Certificate,
        Kind::SecurityGroup,
    ] {
        assert_eq!(cloud.find(kind, &marks()).await, Ok(Vec::new()), "{kind:?}");
    }

    trust::stores(&cloud).await;

    let nobodys = BTreeSet::from([IpAddr::from([198, 51, 100, 1])]);
    assert_eq!(cloud.elastic_addresses(&nobodys).await, Ok(BTreeMap::new()));

    // No permission is asked for that is not used, and none is used that is not asked for.
    let made: BTreeSet<&str> = seen
        .attempts()
        .into_iter()
        .map(|(operation, _)| operation)
        .collect();
    let listed: BTreeSet<&str> = ALL
        .iter()
        // Those for VPC Lattice are another test's.
        .filter(|call| !matches!(call.service, Service::Sts | Service::VpcLattice | Service::Quotas))
        .map(|call| call.operation)
        .collect();
    assert_eq!(made, listed);
    simulator.stop().await.unwrap();
}

/// The policy of one cluster does not reach into another's.
#[tokio::test]
async fn another_clusters_policy_allows_no_change() {
    let simulator = simulator(Some(&policy(Grant::ALL, "aws", Some("another")))).await;
    let (cloud, _) = wide(&simulator);
    let (vpc, _) = place(&cloud).await;
    let new = NewGroup {
        name: "gw-web".into(),
        description: "clients".into(),
        vpc,
        tags: marks(),
    };
    let refused = cloud.create_security_group(&new).await.unwrap_err();
    assert_eq!(
        (refused.kind, &*refused.code),
        (ErrorKind::Forbidden, "UnauthorizedOperation")
    );
    assert!(
        refused
            .message
            .starts_with("needs the permission `ec2:CreateSecurityGroup`"),
        "{refused}"
    );
    let refused = cloud
        .import_certificate(&import("a.example.com"), &marks())
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Forbidden);
    simulator.stop().await.unwrap();
}
