//! A policy that was installed with a version before: it does not allow what a later version asks for as well.

use super::badly::{once, tags, until, wide, without};
use super::drive::{settle_with, take_away_with, target};
use super::simulator::simulator;
use super::{Setup, until::until_gone};
use crate::Account;
use gatewright_aws::alb::{AlbDriver, Settings};
use gatewright_aws::cloud::Seen::Known;
use gatewright_aws::cloud::{
    self, Arn, Balancers as _, Certificates as _, Kind, Listeners as _, Rules as _, Tagging as _,
};
use gatewright_aws::owner::{CLUSTER, Tags};
use gatewright_aws::swept::{Ages, Swept};
use gatewright_aws_core::Secret;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::{Certificate, CertificateId, Import};
use gatewright_aws_core::alb::rule::Action;
use gatewright_aws_simulator::faults::{Effect, Fault};
use gatewright_aws_simulator::run::Running;
use gatewright_model::key::{CertificateKey, ObjectName};
use gatewright_provider_api::contract::ErrorKind;
use std::time::Duration;

/// A process as it runs for users, which knows nothing yet.
fn process(cloud: &Account) -> AlbDriver<Swept<Account>> {
    let ages = Ages {
        busy: Duration::from_millis(20),
        ..Ages::default()
    };
    let settings = Settings {
        cluster: "test".into(),
        drain: Duration::ZERO,
        vpc: None,
    };
    AlbDriver::new(Swept::new(cloud.clone(), "test", ages), settings, || 0)
}

fn import(host: &str) -> Import {
    let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
    Import {
        certificate: made.cert.pem().into(),
        chain: "".into(),
        key: Secret::new(made.signing_key.serialize_pem()),
        fingerprint: host.into(),
    }
}

/// One more Secret on the secure port.
fn show(target: &mut Target, name: &str) {
    let id = CertificateId::Imported(CertificateKey(ObjectName::new("shop", name)));
    let certificate = Certificate::Import(import(&format!("{name}.example.com")));
    target.certificates.insert(id.clone(), certificate);
    let tls = target.listeners.get_mut(&8443).unwrap().tls.as_mut().unwrap();
    tls.others.insert(id);
}

fn fault(running: &Running, service: &str, operation: &str, count: Option<u64>, effect: Effect) {
    running.simulator.inner().faults.add(Fault {
        service: service.into(),
        operation: operation.into(),
        account: None,
        region: None,
        skip: 0,
        count,
        effect,
    });
}

/// How often a certificate was imported, by whomever.
fn imports(running: &Running) -> u64 {
    let counts = &running.simulator.inner().calls.counts;
    counts.get("acm:ImportCertificate").copied().unwrap_or_default()
}

fn weigh(target: &mut Target, weight: u16) {
    let Action::Forward(forward) = &mut target.listeners.get_mut(&8080).unwrap().rules[0].action else {
        panic!("it forwards");
    };
    forward.groups.values_mut().for_each(|one| *one = weight);
}

/// The weights of the plain port's first rule.
async fn weights(cloud: &Account, target: &Target) -> Vec<u16> {
    let balancer = cloud
        .balancer_named(&target.balancer.name)
        .await
        .unwrap()
        .unwrap();
    let listeners = cloud.listeners(&balancer.arn).await.unwrap();
    let plain = listeners.iter().find(|listener| listener.port == 8080).unwrap();
    let rules = cloud.rules(&plain.arn).await.unwrap();
    let first = rules.iter().min_by_key(|rule| rule.priority).unwrap();
    let Known(settings) = &first.settings else {
        panic!("it is ours");
    };
    let cloud::Action::Forward(forward) = &settings.action else {
        panic!("it forwards");
    };
    forward.groups.values().copied().collect()
}

async fn certificates(cloud: &Account) -> Vec<Arn> {
    let found = cloud
        .find(Kind::Certificate, &tags(&[(CLUSTER, "test")]))
        .await
        .unwrap();
    found.into_iter().map(|found| found.arn).collect()
}

const ADDED: &str = "acm:ListTagsForCertificate";

/// What fails meanwhile makes doubtful what is known of certificates that no search shows yet; that nobody may ask for their
/// tags stops no Gateway. And one that goes leaves none.
#[tokio::test]
async fn tags_that_nobody_may_read_stop_no_gateway_and_nothing_is_imported_twice() {
    let running = simulator(Some(&without(ADDED))).await;
    let cloud = wide(&running, Setup::default());
    let mut wanted = target(&cloud).await;
    // Searches show nothing of what is made.
    let stale = Effect::Stale { ms: 3_600_000 };
    fault(&running, "tagging", "GetResources", None, stale);
    let driver = process(&cloud);
    settle_with(&driver, &wanted).await;
    assert_eq!(imports(&running), 1);
    let failing = Effect::Error {
        code: "SomethingOfNextYear".into(),
        message: "no page tells of it".into(),
        status: Some(400),
    };
    fault(&running, "elbv2", "ModifyRule", Some(1), failing.clone());
    weigh(&mut wanted, 5);
    until(&driver, &wanted, |error| error.kind == ErrorKind::Unexpected).await;
    settle_with(&driver, &wanted).await;
    assert_eq!(
        (imports(&running), weights(&cloud, &wanted).await),
        (1, vec![5, 5])
    );

    // Another call fails just before the Gateway goes.
    fault(&running, "elbv2", "ModifyRule", Some(1), failing);
    weigh(&mut wanted, 6);
    until(&driver, &wanted, |error| error.kind == ErrorKind::Unexpected).await;
    until_gone(&driver, &wanted.gateway).await;
    running.simulator.inner().faults.clear();
    take_away_with(&driver, &cloud, &wanted).await;
    running.stop().await.unwrap();
}

/// Whether what somebody imported a moment ago is ours cannot be told: the certificate of the Secret says so, and all
/// else of the Gateway is served and follows its routes.
#[tokio::test]
async fn an_import_that_may_be_one_too_many_waits_for_the_permission_alone() {
    let running = simulator(Some(&without(ADDED))).await;
    let cloud = wide(&running, Setup::default());
    let mut wanted = target(&cloud).await;
    settle_with(&process(&cloud), &wanted).await;
    let policy = running.simulator.inner().policy.take();
    let theirs = cloud
        .import_certificate(&import("others.example.com"), &Tags::new())
        .await
        .unwrap();
    running.simulator.inner().policy = policy;
    assert_eq!(imports(&running), 2);

    let driver = process(&cloud);
    show(&mut wanted, "second");
    weigh(&mut wanted, 5);
    let denied = until(&driver, &wanted, |error| error.kind == ErrorKind::Forbidden).await;
    assert_eq!(denied.resource.kind, "certificate");
    assert_eq!(&*denied.resource.id, "Secret/shop/second");
    assert!(
        denied
            .message
            .contains(&format!("needs the permission `{ADDED}`")),
        "{denied}"
    );
    assert!(
        denied.message.contains("output `policy_arns[\"certificates\"]`"),
        "{denied}"
    );
    // Again and again it is tried, and nothing else fails.
    for _ in 0..3 {
        let outcome = once(&driver, &wanted).await;
        let about: Vec<&str> = outcome.errors().map(|error| &*error.resource.id).collect();
        assert_eq!(about, ["Secret/shop/second"], "{outcome:#?}");
        assert!(!outcome.addresses.assigned.is_empty());
    }
    assert_eq!(
        (imports(&running), weights(&cloud, &wanted).await),
        (2, vec![5, 5])
    );
    assert_eq!(certificates(&cloud).await.len(), 1);

    // With the policy of this version it is imported once.
    running.simulator.inner().policy = None;
    settle_with(&driver, &wanted).await;
    assert_eq!((imports(&running), certificates(&cloud).await.len()), (3, 2));
    take_away_with(&driver, &cloud, &wanted).await;
    assert!(cloud.certificate(&theirs).await.unwrap().is_some());
    running.stop().await.unwrap();
}
