//! Certificates that ACM does not take, or does not give up: each hurts its own hostname, and what helps is said.

use super::drive::{driver, inventory, settle, take_away, target};
use super::simulator::simulator;
use super::{Setup, account};
use crate::Account;
use crate::limiter::{Bucket, Figures};
use gatewright_aws::alb::{AlbDriver, Request};
use gatewright_aws::cloud::{
    Action, Arn, Balancers, Clients, Kind, ListenerSettings, ListenerTls, Listeners, NewBalancer,
    NewListener, Tagging,
};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::{Certificate, CertificateId, Import, Transport};
use gatewright_aws_core::alb::rule::FixedResponse;
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Scheme};
use gatewright_aws_core::{Secret, Str};
use gatewright_aws_simulator::quotas;
use gatewright_aws_simulator::run::Running;
use gatewright_aws_simulator::state::place;
use gatewright_model::key::{CertificateKey, ObjectName};
use gatewright_provider_api::contract::{ErrorKind, Outcome, ProviderError, converge, remove};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const FOR: Duration = Duration::from_secs(90);

fn wide(simulator: &Running) -> Account {
    let wide = Figures {
        burst: 100_000,
        per_second: 100_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    account(&format!("http://{}", simulator.services), setup).0
}

fn id(name: &str) -> CertificateId {
    CertificateId::Imported(CertificateKey(ObjectName::new("shop", name)))
}

/// A self-signed certificate that is valid until a year.
fn import(host: &str, until: i32) -> Certificate {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let made = params.self_signed(&key).unwrap();
    Certificate::Import(Import {
        certificate: made.pem().into(),
        chain: "".into(),
        key: Secret::new(key.serialize_pem()),
        fingerprint: format!("{host} {until}").into(),
    })
}

/// The usual Gateway with these certificates on its secure port, the first as its default.
fn showing(mut target: Target, certificates: Vec<(&str, Certificate)>) -> Target {
    let mut ids = certificates.iter().map(|(name, _)| id(name));
    let default = ids.next().unwrap();
    let tls = target.listeners.get_mut(&8443).unwrap().tls.as_mut().unwrap();
    tls.others = ids.collect();
    tls.default = default;
    target.certificates = certificates
        .into_iter()
        .map(|(name, certificate)| (id(name), certificate))
        .collect();
    target
}

async fn once(driver: &AlbDriver<Account>, target: &Target) -> Outcome {
    let request = Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    };
    Box::pin(converge(driver, &request)).await
}

/// Runs until certificates are the only trouble and the Gateway has its address. Answers the trouble.
async fn all_but_certificates(driver: &AlbDriver<Account>, target: &Target) -> Vec<ProviderError> {
    let deadline = Instant::now() + FOR;
    loop {
        let outcome = once(driver, target).await;
        let errors: Vec<ProviderError> = outcome.errors().cloned().collect();
        let certificates = errors.iter().all(|error| error.resource.kind == "certificate");
        if certificates && !outcome.addresses.assigned.is_empty() && outcome.again.is_none() {
            return errors;
        }
        assert!(Instant::now() < deadline, "{outcome:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn ports(cloud: &Account) -> BTreeSet<u16> {
    let marks = BTreeMap::from([(Str::from(gatewright_aws::owner::CLUSTER), Str::from("test"))]);
    let balancer = cloud.find(Kind::Balancer, &marks).await.unwrap()[0].arn.clone();
    let listeners = cloud.listeners(&balancer).await.unwrap();
    listeners.iter().map(|listener| listener.port).collect()
}

/// <https://docs.aws.amazon.com/acm/latest/userguide/import-certificate-prerequisites.html>: "The certificate must be
/// valid at the time of import."
#[tokio::test]
async fn a_certificate_that_acm_refuses_hurts_its_hostname_alone() {
    let simulator = simulator(None).await;
    let cloud = wide(&simulator);
    let usual = target(&cloud).await;
    let driver = driver(&cloud);
    let bad = showing(
        usual.clone(),
        vec![
            ("old", import("old.example.com", 2021)),
            ("shop", import("shop.example.com", 2060)),
        ],
    );
    let errors = all_but_certificates(&driver, &bad).await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].kind, ErrorKind::Invalid);
    assert_eq!(&*errors[0].resource.id, "Secret/shop/old");
    assert!(
        errors[0]
            .message
            .contains("whose hostname alone is hurt: it takes one that is valid now"),
        "{}",
        errors[0]
    );
    assert!(!errors[0].message.contains("PRIVATE KEY"));
    assert_eq!(ports(&cloud).await, BTreeSet::from([8080, 8443]));

    // Renewed, it is shown.
    let good = showing(
        usual,
        vec![
            ("old", import("old.example.com", 2061)),
            ("shop", import("shop.example.com", 2060)),
        ],
    );
    settle(&driver, &good).await;
    take_away(&driver, &cloud, &good).await;
    simulator.stop().await.unwrap();
}

/// <https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html>: imported certificates.
#[tokio::test]
async fn certificates_over_acms_quota_leave_the_others_served() {
    let simulator = simulator(None).await;
    let cloud = wide(&simulator);
    let quota = |most| {
        let mut inner = simulator.simulator.inner();
        let account = inner
            .world
            .accounts
            .entry(place("123456789012", "eu-central-1"))
            .or_default();
        quotas::set(account, "L-D2CB7DE9", most).unwrap();
    };
    quota(1);
    let wanted = showing(
        target(&cloud).await,
        vec![
            ("a", import("a.example.com", 2060)),
            ("b", import("b.example.com", 2060)),
        ],
    );
    let driver = driver(&cloud);
    let errors = all_but_certificates(&driver, &wanted).await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(
        (errors[0].kind, errors[0].treatment().reason),
        (ErrorKind::QuotaExceeded, "NoResources")
    );
    assert!(errors[0].message.contains("imports in a year"), "{}", errors[0]);
    assert_eq!(ports(&cloud).await, BTreeSet::from([8080, 8443]));
    quota(2);
    settle(&driver, &wanted).await;
    // At the limit it is rotated and goes.
    let renewed = showing(
        wanted.clone(),
        vec![
            ("a", import("a.example.com", 2070)),
            ("b", import("b.example.com", 2060)),
        ],
    );
    settle(&driver, &renewed).await;
    take_away(&driver, &cloud, &renewed).await;
    simulator.stop().await.unwrap();
}

/// "You cannot delete an ACM certificate that is being used by another AWS service"
/// (<https://docs.aws.amazon.com/acm/latest/APIReference/API_DeleteCertificate.html>).
#[tokio::test]
async fn a_certificate_that_others_show_goes_when_they_let_go() {
    let simulator = simulator(None).await;
    let cloud = wide(&simulator);
    let target = target(&cloud).await;
    let driver = driver(&cloud);
    settle(&driver, &target).await;
    let marks = BTreeMap::from([(Str::from(gatewright_aws::owner::CLUSTER), Str::from("test"))]);
    let certificate = cloud.find(Kind::Certificate, &marks).await.unwrap()[0]
        .arn
        .clone();
    let theirs = show_elsewhere(&cloud, &target, certificate).await;

    let deadline = Instant::now() + FOR;
    loop {
        let outcome = remove(&driver, &target.gateway).await;
        let left = outcome.errors().find(|error| error.message.contains("InUseBy"));
        if let Some(error) = left
            && inventory(&cloud).await == [0, 0, 1, 0, 0]
        {
            assert_eq!(
                (error.kind, error.resource.kind),
                (ErrorKind::InUse, "certificate")
            );
            break;
        }
        assert!(Instant::now() < deadline, "{outcome:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cloud.delete_balancer(&theirs).await.unwrap();
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}

/// Somebody's load balancer with a listener that shows a certificate.
async fn show_elsewhere(cloud: &Account, target: &Target, certificate: Arn) -> Arn {
    let new = NewBalancer {
        name: "others".into(),
        kind: BalancerKind::Application,
        scheme: Scheme::Internal,
        ip_address_type: IpAddressType::Ipv4,
        ipam_pool: None,
        customer_owned_pool: None,
        subnets: target
            .balancer
            .subnets
            .iter()
            .map(|subnet| subnet.id.clone())
            .collect(),
        addresses: BTreeMap::new(),
        ipv6: gatewright_aws_core::network::Ipv6::default(),
        security_groups: BTreeSet::new(),
        tags: BTreeMap::from([("team".into(), "others".into())]),
    };
    let balancer = cloud.create_balancer(&new).await.unwrap();
    let listener = NewListener {
        balancer: balancer.clone(),
        port: 443,
        settings: ListenerSettings {
            transport: Transport::Http,
            tls: Some(ListenerTls {
                policy: "ELBSecurityPolicy-TLS13-1-2-2021-06".into(),
                certificate,
                alpn: None,
                clients: Clients::Off,
            }),
            default: Action::Fixed(FixedResponse {
                content_type: FixedResponse::TEXT.into(),
                status: 404,
                body: "".into(),
            }),
        },
        tags: BTreeMap::new(),
    };
    cloud.create_listener(&listener).await.unwrap();
    balancer
}
