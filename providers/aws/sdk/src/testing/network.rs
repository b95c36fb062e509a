//! A Network Load Balancer from what is wanted to bytes that come back, on the simulator.

use super::drive::{inventory, writes};
use super::simulator::simulator;
use super::until::{PATIENCE, is_settled, until, until_gone};
use super::{Seen, Setup, account};
use crate::Account;
use crate::calls::{Grant, policy};
use crate::ec2::Filter;
use crate::limiter::{Bucket, Figures};
use gatewright_aws::BalancerKind;
use gatewright_aws::alb::{ElbDriver, Request, Settings};
use gatewright_aws::cloud::Network as _;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::{Listener, Transport};
use gatewright_aws_core::alb::rule::{Action, Forward};
use gatewright_aws_core::alb::{Balancer, Target};
use gatewright_aws_core::network::{
    Ingress, IpAddressType, ManagedGroup, Scheme, SecurityGroups, StaticAddress, Subnet,
};
use gatewright_aws_core::target_group::{
    self as group, Fixed, HealthCheck, TargetAddress, TargetGroup, TargetGroupId, TargetKind,
};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A target that answers with its name.
pub(super) async fn echo(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 64];
                while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {
                    if stream.write_all(name.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    at
}

/// What answers at an address, once something does.
async fn answers(at: SocketAddr, wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ask = async {
            let mut stream = TcpStream::connect(at).await.ok()?;
            stream.write_all(b"x").await.ok()?;
            let mut buffer = [0; 64];
            let length = stream.read(&mut buffer).await.ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        };
        let answer = ask.await;
        if answer.as_deref() == Some(wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "{at} answers {answer:?}, not {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `AllocateAddress`, which the driver never calls: addresses belong to users.
async fn allocate(services: SocketAddr, cloud: &Account) -> StaticAddress {
    let body = "Action=AllocateAddress&Domain=vpc&Version=2016-11-15";
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {services}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/{}/ec2/aws4_request, SignedHeaders=host, Signature=00\r\n\
         Content-Length: {}\r\n\r\n{body}",
        cloud.region(),
        body.len()
    );
    let mut stream = TcpStream::connect(services).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let element = |name: &str| {
        let (_, rest) = answer
            .split_once(&format!("<{name}>"))
            .unwrap_or_else(|| panic!("{answer}"));
        rest.split_once('<').unwrap().0.to_owned()
    };
    StaticAddress {
        ip: element("publicIp").parse().unwrap(),
        allocation: Some(element("allocationId").into()),
    }
}

pub(super) fn target_group(name: &str, targets: &[SocketAddr]) -> TargetGroup {
    let target = |at: &SocketAddr| group::Target {
        id: TargetAddress::Ip(at.ip()),
        port: at.port(),
        zone: None,
        quic_server: None,
    };
    TargetGroup {
        name: name.into(),
        fixed: Fixed {
            protocol: "TCP".into(),
            version: None,
            port: 5672,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        },
        health: HealthCheck {
            interval_s: Some(5),
            timeout_s: Some(2),
            ..HealthCheck::default()
        },
        attributes: BTreeMap::from([("preserve_client_ip.enabled".into(), "true".into())]),
        targets: targets.iter().map(target).collect(),
    }
}

pub(super) async fn settle(driver: &ElbDriver<Account>, target: &Target) -> Outcome {
    let request = Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    };
    until(driver, &request, is_settled).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_load_balancer_passes_bytes_on_at_its_own_addresses() {
    let mut granted = policy(Grant::ALL, "aws", Some("test"));
    // The user's own call, which allocates the address.
    let allocating =
        serde_json::json!({"Effect": "Allow", "Action": ["ec2:AllocateAddress"], "Resource": ["*"]});
    granted["Statement"].as_array_mut().unwrap().push(allocating);
    let running = simulator(Some(&granted)).await;
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    let (cloud, seen): (Account, Arc<Seen>) = account(&format!("http://{}", running.services), setup);
    let vpc: Str = cloud.ec2().vpcs(&[] as &[Filter]).await.unwrap()[0]
        .id
        .as_str()
        .into();
    let subnets = cloud.subnets(&vpc).await.unwrap();
    let mut public = subnets.iter().filter(|subnet| subnet.public);
    let subnet = public.next().unwrap();
    assert!(subnet.block.contains('/'), "{subnet:?}");
    let address = allocate(running.services, &cloud).await;
    let strange = IpAddr::from([198, 51, 100, 1]);
    let found = cloud
        .elastic_addresses(&BTreeSet::from([address.ip, strange]))
        .await
        .unwrap();
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        [(address.ip, address.allocation.clone().unwrap())]
    );

    let tags = BTreeMap::from([("role".into(), BTreeSet::from(["edge".into(), "a*b".into()]))]);
    assert_eq!(cloud.elastic_addresses_tagged(&tags).await, Ok(Vec::new()));

    let (one, two) = (echo("one").await, echo("two").await);
    let (a, b) = (TargetGroupId("a/tcp".into()), TargetGroupId("b/tcp".into()));
    let weights = |first: u16, second: u16| {
        Action::Forward(Forward {
            groups: BTreeMap::from([(a.clone(), first), (b.clone(), second)]),
            stickiness_s: None,
        })
    };
    let listener = Listener {
        port: 5672,
        transport: Transport::Tcp,
        tls: None,
        attributes: BTreeMap::from([("tcp.idle_timeout.seconds".into(), "400".into())]),
        default: weights(1, 0),
        rules: Vec::new(),
    };
    let mut target = Target {
        gateway: ObjectName::new("shop", "mail"),
        balancer: Balancer {
            name: "gw-shop-mail".into(),
            kind: BalancerKind::Network,
            scheme: Scheme::InternetFacing,
            vpc,
            ip_address_type: IpAddressType::Ipv4,
            ipam_pool: None,
            customer_owned_pool: None,
            subnets: [Subnet {
                id: subnet.id.clone(),
                zone: subnet.zone.clone(),
            }]
            .into(),
            addresses: BTreeMap::from([(subnet.id.clone(), address.clone())]),
            ipv6: gatewright_aws_core::network::Ipv6::default(),
            access: gatewright_aws_core::access::Access::default(),
            security_groups: SecurityGroups::Managed(ManagedGroup {
                name: "gw-shop-mail".into(),
                ingress: [Ingress {
                    protocol: "tcp".into(),
                    port: 5672,
                    source: "0.0.0.0/0".into(),
                }]
                .into(),
            }),
            attributes: BTreeMap::from([("load_balancing.cross_zone.enabled".into(), "true".into())]),
        },
        listeners: BTreeMap::from([(5672, listener)]),
        target_groups: BTreeMap::from([
            (a.clone(), target_group("gw-mail-a", &[one])),
            (b.clone(), target_group("gw-mail-b", &[two])),
        ]),
        given_groups: BTreeMap::new(),
        web_acl: None,
        shield: false,
        capacity: None,
        certificates: BTreeMap::new(),
        tags: BTreeMap::from([("team".into(), "mail".into())]),
        trust_stores: BTreeMap::new(),
    };
    let settings = Settings {
        cluster: "test".into(),
        drain: Duration::ZERO,
        vpc: None,
    };
    let driver = ElbDriver::of(BalancerKind::Network, cloud.clone(), settings, || 1);
    let outcome = settle(&driver, &target).await;
    let kinds: Vec<&str> = outcome
        .addresses
        .assigned
        .iter()
        .map(|address| &*address.kind)
        .collect();
    assert_eq!(kinds, ["IPAddress", "Hostname"]);
    assert_eq!(*outcome.addresses.assigned[0].value, *address.ip.to_string());
    assert!(
        outcome.addresses.assigned[1].value.contains(".elb."),
        "{outcome:?}"
    );
    let at = SocketAddr::new(address.ip, 5672);
    answers(at, "one").await;
    // An unchanged world is not written to, and a weight is one call.
    let before = writes(&seen).len();
    settle(&driver, &target).await;
    assert_eq!(writes(&seen).len(), before);
    target.listeners.get_mut(&5672).unwrap().default = weights(0, 1);
    settle(&driver, &target).await;
    assert_eq!(writes(&seen)[before..], ["ModifyListener"]);
    answers(at, "two").await;

    until_gone(&driver, &target.gateway).await;
    assert_eq!(inventory(&cloud).await, [0; 5]);
    assert!(TcpStream::connect(at).await.is_err());
    running.stop().await.unwrap();
}
