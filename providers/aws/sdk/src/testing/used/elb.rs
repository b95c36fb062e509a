//! Application and Network Load Balancers.

use super::{Ground, wanted};
use crate::Account;
use crate::testing::drive::{inventory, settle_with, take_away_with, target};
use crate::testing::{shield, web_acls};
use gatewright_aws::BalancerKind;
use gatewright_aws::alb::{ElbDriver, Settings};
use gatewright_aws::cloud::{Certificates as _, Network as _};
use gatewright_aws::swept::{Ages, Swept};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::{Certificate, CertificateId, Import};
use gatewright_aws_core::alb::rule::{Action, FixedResponse};
use gatewright_aws_core::network::{IpAddressType, SecurityGroups};
use gatewright_aws_core::target_group::{Target as Pod, TargetAddress};
use gatewright_aws_core::{Secret, Str};
use gatewright_core::graph::parameters::{AwsAlb, Parameters};
use gatewright_model::key::{CertificateKey, ObjectName};
use gatewright_model::listener::Protocol;
use gatewright_provider_api::contract::Prepare as _;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A process that knows nothing.
fn process(ground: &Ground, kind: BalancerKind, vpc: &Str) -> ElbDriver<Swept<Account>> {
    let ages = Ages {
        busy: Duration::from_millis(20),
        ..Ages::default()
    };
    let settings = Settings {
        cluster: "test".into(),
        drain: Duration::ZERO,
        vpc: Some(vpc.clone()),
    };
    ElbDriver::of(
        kind,
        Swept::new(ground.drivers.clone(), "test", ages),
        settings,
        || 0,
    )
}

fn import(hosts: Vec<String>) -> Import {
    let made = rcgen::generate_simple_self_signed(hosts).unwrap();
    Import {
        certificate: made.cert.pem().into(),
        chain: "".into(),
        key: Secret::new(made.signing_key.serialize_pem()),
        fingerprint: "second".into(),
    }
}

/// What is changed without another rule, step by step.
fn first_edits(target: &mut Target) {
    let rules = &mut target.listeners.get_mut(&8080).unwrap().rules;
    let Action::Forward(forward) = &mut rules[0].action else {
        panic!("it forwards");
    };
    forward.groups.values_mut().for_each(|weight| *weight = 5);
    target.tags = BTreeMap::from([("cost".into(), "shop".into())]);
    let group = target.target_groups.values_mut().next().unwrap();
    group.health.path = Some("/healthz".into());
    group.targets.pop_first();
    group.targets.insert(Pod {
        id: TargetAddress::Ip([192, 168, 0, 72].into()),
        port: 8080,
        zone: None,
        quic_server: None,
    });
    let id = CertificateId::Imported(CertificateKey(ObjectName::new("shop", "other")));
    let other = import(vec!["other.example.com".to_owned()]);
    target.certificates.insert(id.clone(), Certificate::Import(other));
    let tls = target.listeners.get_mut(&8443).unwrap().tls.as_mut().unwrap();
    tls.others = BTreeSet::from([id]);
    let SecurityGroups::Managed(managed) = &mut target.balancer.security_groups else {
        panic!("it is ours");
    };
    managed.ingress.pop_first();
    target.balancer.ip_address_type = IpAddressType::Dualstack;
    target.balancer.subnets.pop_last();
    target.balancer.ipam_pool = Some("ipam-pool-0123456789abcdef0".into());
    target.shield = true;
    target.capacity = Some(200);
}

/// What was added goes again, and more.
fn second_edits(target: &mut Target, given: &Str) {
    target.web_acl = None;
    target.shield = false;
    target.capacity = None;
    target.balancer.ipam_pool = None;
    target.balancer.security_groups = SecurityGroups::Given(BTreeSet::from([given.clone()]));
    let tls = target.listeners.get_mut(&8443).unwrap().tls.as_mut().unwrap();
    for id in std::mem::take(&mut tls.others) {
        target.certificates.remove(&id);
    }
    tls.clients = None;
    target.trust_stores.clear();
    let plain = target.listeners.get_mut(&8080).unwrap();
    plain.default = Action::Fixed(FixedResponse::bare(503));
    plain.rules.reverse();
}

pub(super) async fn lives(ground: &Ground) {
    let users = &ground.users;
    let vpc = ground.vpc().await;
    ground.with_ipv6();
    let mut target = target(users).await;
    let acl = web_acls::made(&ground.running, users, "open", "Allow").await;
    shield::subscribe(&ground.running).await;
    let default = users
        .security_group_named(&vpc, "default")
        .await
        .unwrap()
        .unwrap();
    // ACM lists a hundred names of a certificate, and whether there are more.
    let names = (0..=100).map(|number| format!("host-{number}.example.com"));
    let theirs = users
        .import_certificate(&import(names.collect()), &BTreeMap::new())
        .await
        .unwrap();
    ground.restrict();

    let ids: Vec<&Str> = target.balancer.subnets.iter().map(|subnet| &subnet.id).collect();
    let spec = json!({"scheme": "InternetFacing", "subnets": {"ids": ids}});
    let parameters = Parameters::AwsAlb(Arc::new(AwsAlb {
        balancer: serde_json::from_value(spec).unwrap(),
        ..AwsAlb::default()
    }));
    for (kind, protocol) in [
        (BalancerKind::Application, Protocol::Https),
        (BalancerKind::Network, Protocol::Tls),
    ] {
        let prepared = process(ground, kind, &vpc)
            .prepare(&wanted(protocol, parameters.clone()))
            .await;
        prepared.unwrap();
    }

    // Made, and made by another process while searches show nothing of it.
    ground.searches_lag(true);
    settle_with(&process(ground, BalancerKind::Application, &vpc), &target).await;
    let driver = process(ground, BalancerKind::Application, &vpc);
    settle_with(&driver, &target).await;
    ground.searches_lag(false);

    first_edits(&mut target);
    target.web_acl = Some(acl);
    settle_with(&driver, &target).await;
    second_edits(&mut target, &default.id.0);
    settle_with(&driver, &target).await;
    target.listeners.get_mut(&8080).unwrap().rules.pop();
    target.listeners.remove(&8443);
    target.certificates.clear();
    settle_with(&driver, &target).await;
    take_away_with(&driver, users, &target).await;
    assert_eq!(inventory(users).await, [0; 5]);
    assert!(users.certificate(&theirs).await.unwrap().is_some());
}
