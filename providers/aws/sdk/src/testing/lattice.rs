//! A Gateway on VPC Lattice from what is wanted to answers that come back, on the simulator, allowed by the policy that is
//! written for users.

mod adopt;

use super::drive::writes;
use super::faults::{is_held_up, throttle};
use super::simulator::simulator;
use super::until::{PATIENCE, is_settled, until, until_gone};
use super::{Seen, Setup, account};
use crate::Account;
use crate::calls::{ALL, Grant, Service as Of, policy};
use crate::ec2::Filter;
use crate::limiter::{Bucket, Figures};
use gatewright_aws::cloud::Network as _;
use gatewright_aws::lattice::cloud::{Kind, Networks as _, Resources as _, Services as _, TargetGroups as _};
use gatewright_aws::lattice::swept::Swept;
use gatewright_aws::lattice::{LatticeDriver, Request, Settings};
use gatewright_aws::swept::Ages;
use gatewright_aws_core::alb::listener::{Certificate, CertificateId, Import};
use gatewright_aws_core::lattice::{
    Access, Action, CheckVersion, HeaderMatch, Health, Listener, Match, Network, PathMatch, Protocol, Rule,
    Service, ServiceId, Target, TargetGroup, VpcAssociation,
};
use gatewright_aws_core::target_group::{
    Fixed, HealthCheck, ProtocolVersion, Target as Pod, TargetAddress, TargetGroupId, TargetKind,
};
use gatewright_aws_core::{Secret, Str};
use gatewright_model::key::{CertificateKey, ObjectName};
use gatewright_provider_api::contract::{Driver, Outcome, converge};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(super) const HOST: &str = "shop.example.com";
pub(super) const PLAIN: u16 = 8080;
pub(super) const SECURE: u16 = 8443;

/// A target that answers requests, and health checks, with its name.
pub(super) async fn backend(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    at
}

/// Status and body of an answer; none when nobody listens.
async fn ask(at: SocketAddr, host: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(at).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Env: blue\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let status = answer.split(' ').nth(1)?.to_owned();
    let body = answer.split("\r\n\r\n").nth(1)?;
    Some(format!("{status} {body}"))
}

async fn answers(at: SocketAddr, (host, path): (&str, &str), wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask(at, host, path).await;
        if answer.as_deref().map(str::trim) == Some(wanted) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{host}{path} at {at} answers {answer:?}, not {wanted}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn group(name: &str, at: SocketAddr) -> TargetGroup {
    TargetGroup {
        name: name.into(),
        fixed: Fixed {
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port: at.port(),
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        },
        health: Health::On(
            HealthCheck {
                path: Some("/ready".into()),
                codes: Some("200-299".into()),
                interval_s: Some(5),
                timeout_s: Some(2),
                ..HealthCheck::default()
            },
            CheckVersion::Http1,
        ),
        targets: [Pod {
            id: TargetAddress::Ip(at.ip()),
            port: at.port(),
            zone: None,
            quic_server: None,
        }]
        .into(),
        tags: BTreeMap::new(),
    }
}

fn rule(path: PathMatch, action: Action) -> Rule {
    Rule {
        origin: None,
        conditions: Match {
            method: Some("GET".into()),
            path: Some(path),
            headers: [HeaderMatch {
                name: "x-env".into(),
                value: "blue".into(),
            }]
            .into(),
        },
        action,
    }
}

fn listener(protocol: Protocol, port: u16, rules: Vec<Rule>) -> (u16, Listener) {
    let listener = Listener {
        name: format!("gw-{}-{port}", protocol.as_str().to_ascii_lowercase()).into(),
        protocol,
        default: Action::Fixed(404),
        rules,
    };
    (port, listener)
}

fn one_and_two(one: &TargetGroupId, two: &TargetGroupId, weights: (u16, u16)) -> Vec<Rule> {
    let both = BTreeMap::from([(one.clone(), weights.0), (two.clone(), weights.1)]);
    vec![
        rule(
            PathMatch::Exact("/one".into()),
            Action::Forward(BTreeMap::from([(one.clone(), 1)])),
        ),
        rule(PathMatch::Prefix("/both/".into()), Action::Forward(both)),
        rule(PathMatch::Exact("/broken".into()), Action::Fixed(500)),
    ]
}

/// The Gateway's own service, and one of a host with plain and secure listeners.
pub(super) fn target(vpc: &Str, (one, two): (SocketAddr, SocketAddr)) -> Target {
    let (first, second) = (TargetGroupId("one".into()), TargetGroupId("two".into()));
    let made = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
    let certificate = CertificateId::Imported(CertificateKey(ObjectName::new("infra", "tls")));
    let import = Import {
        certificate: made.cert.pem().into(),
        chain: "".into(),
        key: Secret::new(made.signing_key.serialize_pem()),
        fingerprint: "one".into(),
    };
    let own = Service {
        name: "gw-infra-edge".into(),
        domain: None,
        certificate: None,
        access: Access::default(),
        listeners: BTreeMap::from([listener(Protocol::Http, PLAIN, Vec::new())]),
        standalone: false,
        tags: BTreeMap::new(),
        adopt: None,
    };
    let of_host = Service {
        name: "gw-infra-edge-shop".into(),
        domain: Some(HOST.into()),
        certificate: Some(certificate.clone()),
        access: Access::default(),
        listeners: BTreeMap::from([
            listener(Protocol::Http, PLAIN, one_and_two(&first, &second, (1, 0))),
            listener(Protocol::Https, SECURE, one_and_two(&second, &first, (1, 0))),
        ]),
        standalone: false,
        tags: BTreeMap::from([("team".into(), "payments".into())]),
        adopt: None,
    };
    Target {
        gateway: ObjectName::new("infra", "edge"),
        network: Network::Own {
            name: "gw-infra-edge".into(),
            access: Access::default(),
        },
        vpc: Some(VpcAssociation {
            vpc: vpc.clone(),
            security_groups: BTreeSet::new(),
        }),
        home: vpc.clone(),
        services: BTreeMap::from([(ServiceId::own(), own), (ServiceId(HOST.into()), of_host)]),
        target_groups: BTreeMap::from([
            (first, group("gw-infra-edge-one", one)),
            (second, group("gw-infra-edge-two", two)),
        ]),
        certificates: BTreeMap::from([(certificate, Certificate::Import(import))]),
        tags: BTreeMap::from([("team".into(), "shop".into())]),
    }
}

pub(super) async fn settle(driver: &impl Driver<Input = Request>, target: &Target) -> Outcome {
    let request = Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        fault: None,
    };
    until(driver, &request, is_settled).await
}

pub(super) async fn take_away(driver: &impl Driver, cloud: &Account, target: &Target) {
    // Targets drain for a minute of AWS's time, which passes faster here.
    let deadline = Instant::now() + PATIENCE;
    until_gone(driver, &target.gateway).await;
    let marks = BTreeMap::from([(Str::from(gatewright_aws::owner::CLUSTER), Str::from("test"))]);
    for kind in Kind::ALL {
        // What is gone a moment ago may still be found by its tags.
        loop {
            let left = cloud.find_marked(kind, &marks).await.unwrap();
            if left.is_empty() {
                break;
            }
            assert!(Instant::now() < deadline, "{kind:?}: {left:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Raises the pace, which is not what is tested here, and makes AWS's minutes short.
async fn place() -> (gatewright_aws_simulator::run::Running, Account, Arc<Seen>, Str) {
    let running = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    running.simulator.inner().settings.second_ms = 50;
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    let (cloud, seen) = account(&format!("http://{}", running.services), setup);
    let vpcs = cloud.ec2().vpcs(&[] as &[Filter]).await.unwrap();
    let vpc = vpcs[0].id.as_str().into();
    (running, cloud, seen, vpc)
}

/// Where a generated name leads on this machine.
fn address(running: &gatewright_aws_simulator::run::Running, name: &str) -> IpAddr {
    let inner = running.simulator.inner();
    let mut balancers = inner.publisher.told().balancers.values();
    balancers
        .find(|balancer| balancer.dns_name == name)
        .unwrap_or_else(|| panic!("nothing is called {name}"))
        .address
}

/// Order, default, checks, targets, tags, listeners, and who may call.
pub(super) fn edit(target: &mut Target) {
    let shop = target.services.get_mut(&ServiceId(HOST.into())).unwrap();
    let plain = shop.listeners.get_mut(&PLAIN).unwrap();
    plain.rules.reverse();
    plain.rules.pop();
    plain.default = Action::Fixed(500);
    shop.listeners.remove(&SECURE);
    let second = target
        .target_groups
        .get_mut(&TargetGroupId("two".into()))
        .unwrap();
    let Health::On(check, _) = &mut second.health else {
        panic!("it is checked");
    };
    check.path = Some("/healthz".into());
    let first = target
        .target_groups
        .get_mut(&TargetGroupId("one".into()))
        .unwrap();
    first.targets = [Pod {
        id: TargetAddress::Ip([127, 0, 0, 1].into()),
        port: 9,
        zone: None,
        quic_server: None,
    }]
    .into();
    target.tags = BTreeMap::from([("cost".into(), "shop".into())]);
    let anybody = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
    target.network = Network::Own {
        name: "gw-infra-edge".into(),
        access: Access {
            policy: Some(anybody.into()),
            logs: ["arn:aws:s3:::shop-logs".into()].into(),
        },
    };
}

/// What the driver asks for only when a name is taken, or when users set it.
async fn look_up(cloud: &Account, vpc: &Str) {
    let network = cloud.network_named("gw-infra-edge").await.unwrap().unwrap();
    assert_eq!(cloud.network_named("nobodys").await, Ok(None));
    let tags = cloud.tags_of(&network).await.unwrap().unwrap();
    assert_eq!(tags.get("cost").map(|value| &**value), Some("shop"));
    assert!(cloud.service_named("gw-infra-edge-shop").await.unwrap().is_some());
    assert_eq!(cloud.service_named("nobodys").await, Ok(None));
    let one = cloud.group_named("gw-infra-edge-one").await.unwrap().unwrap();
    let one = cloud.group(&one).await.unwrap().unwrap();
    assert_eq!((&one.vpc, one.ipv6), (vpc, false));
    assert_eq!(cloud.group_named("nobodys").await, Ok(None));
    let links = cloud.vpc_associations(&network).await.unwrap();
    assert_eq!(cloud.associations_of_vpc(vpc).await.unwrap().len(), 1);
    let group = cloud.security_group_named(vpc, "default").await.unwrap().unwrap();
    let groups = BTreeSet::from([group.id.0.clone()]);
    cloud
        .set_association_groups(&links[0].arn, &groups)
        .await
        .unwrap();
    let links = cloud.vpc_associations(&network).await.unwrap();
    assert_eq!(links[0].security_groups, groups);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_serves_by_its_services_and_leaves_nothing() {
    let (running, cloud, seen, vpc) = place().await;
    let mut target = target(&vpc, (backend("one").await, backend("two").await));
    let settings = Settings {
        cluster: "test".into(),
        vpc: None,
    };
    let ages = Ages {
        busy: Duration::from_millis(20),
        ..Ages::default()
    };
    let driver = LatticeDriver::new(Swept::new(cloud.clone(), "test", ages), settings);

    let outcome = settle(&driver, &target).await;
    let own = outcome.addresses.assigned[0].value.clone();
    assert!(
        own.starts_with("gw-infra-edge-") && own.ends_with(".on.aws"),
        "{own}"
    );
    let of_host = outcome.addresses.names[&Str::from(HOST)].clone();
    let at = SocketAddr::new(address(&running, &of_host), PLAIN);
    let of_own = SocketAddr::new(address(&running, &own), PLAIN);
    answers(at, (HOST, "/one"), "200 one").await;
    answers(at, (HOST, "/both/x"), "200 one").await;
    answers(at, (HOST, "/broken"), "500").await;
    answers(at, (HOST, "/elsewhere"), "404").await;
    answers(at, ("other.example.com", "/one"), "404").await;
    answers(of_own, (&own, "/one"), "404").await;
    let arn = cloud.service_named("gw-infra-edge-shop").await.unwrap().unwrap();
    assert_eq!(outcome.addresses.resources.get(HOST), Some(&arn.0));
    let tags = cloud.tags_of(&arn).await.unwrap().unwrap();
    assert_eq!(tags.get("team").map(|value| &**value), Some("payments"));

    // What a plan says that a look costs is what it costs, beside the searches for all Gateways, and the next is for free.
    let calls = seen.attempts().len();
    let swept = driver.cloud().sweep(f64::MAX, Duration::from_secs(3600)).await;
    let looked: Vec<&str> = seen.attempts()[calls..]
        .iter()
        .map(|(operation, _)| *operation)
        .collect();
    let said = driver.reads(&target).calls + 4;
    assert_eq!(
        (looked.len() as u64, swept.unwrap().calls),
        (said, said),
        "{looked:?}"
    );
    driver.observe(&target.gateway).await.unwrap();
    assert_eq!(seen.attempts().len() as u64, calls as u64 + said);

    let before = writes(&seen).len();
    settle(&driver, &target).await;
    assert_eq!(
        writes(&seen).len(),
        before,
        "an unchanged world is not written to"
    );

    // A weight.
    let (first, second) = (TargetGroupId("one".into()), TargetGroupId("two".into()));
    let shop = target.services.get_mut(&ServiceId(HOST.into())).unwrap();
    shop.listeners.get_mut(&PLAIN).unwrap().rules = one_and_two(&first, &second, (0, 1));
    settle(&driver, &target).await;
    assert_eq!(writes(&seen)[before..], ["UpdateRule"]);
    answers(at, (HOST, "/both/x"), "200 two").await;

    edit(&mut target);
    settle(&driver, &target).await;
    answers(at, (HOST, "/both/x"), "200 two").await;
    answers(at, (HOST, "/one"), "500").await;
    look_up(&cloud, &vpc).await;
    target.network = Network::Own {
        name: "gw-infra-edge".into(),
        access: Access::default(),
    };
    settle(&driver, &target).await;

    // Nobody may call any more, but who signs; and a hostname goes.
    let shop = target.services.get_mut(&ServiceId(HOST.into())).unwrap();
    shop.access.policy = Some(r#"{"Statement":[]}"#.into());
    settle(&driver, &target).await;
    let forbidden = ask(at, HOST, "/one").await;
    assert!(
        forbidden
            .as_deref()
            .is_some_and(|answer| answer.starts_with("403 ")),
        "{forbidden:?}"
    );
    target.services.remove(&ServiceId(HOST.into()));
    target.target_groups.clear();
    target.certificates.clear();
    settle(&driver, &target).await;
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(at).await.is_ok() {
        assert!(Instant::now() < deadline, "{at} still listens");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    answers(of_own, (&own, "/one"), "404").await;

    take_away(&driver, &cloud, &target).await;
    assert_eq!(cloud.lattice_limits().await.unwrap().rules, 10);
    // No permission is asked for that is not used, and none is used that is not asked for.
    let attempts = seen.attempts();
    let made: BTreeSet<&str> = attempts.iter().map(|(operation, _)| *operation).collect();
    let of_lattice = ALL
        .iter()
        .filter(|call| matches!(call.service, Of::VpcLattice | Of::Quotas));
    let missing: Vec<&str> = of_lattice
        .map(|call| call.operation)
        .filter(|operation| !made.contains(operation))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
    running.stop().await.unwrap();
}

/// VPC Lattice answers `ThrottlingException` with 429: the driver is held up by it and nothing else.
#[tokio::test]
async fn who_is_throttled_comes_to_an_end() {
    let (running, cloud, seen, vpc) = place().await;
    let target = target(&vpc, (backend("one").await, backend("two").await));
    let settings = Settings {
        cluster: "test".into(),
        vpc: None,
    };
    let driver = LatticeDriver::new(cloud.clone(), settings);
    let request = Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        fault: None,
    };
    // Before the first look, in the midst of the first changes, and later.
    for calls in [0, 8, 30, 60] {
        throttle(&running, &[("lattice", calls)]);
        let outcome = Box::pin(converge(&driver, &request)).await;
        assert!(is_held_up(&outcome) || calls > 0, "{outcome:#?}");
    }
    throttle(&running, &[]);
    settle(&driver, &target).await;
    let before = writes(&seen).len();
    settle(&driver, &target).await;
    assert_eq!(writes(&seen).len(), before, "nothing was left to do");
    take_away(&driver, &cloud, &target).await;
    running.stop().await.unwrap();
}
