//! The driver of load balancers over the real wire, at the simulator: it settles, writes nothing more, and leaves
//! nothing.

use super::simulator::simulator;
use super::until::{is_settled, until, until_gone};
use super::{Seen, Setup, account};
use crate::Account;
use crate::calls::{Grant, policy};
use crate::ec2::Filter;
use crate::limiter::{Bucket, Figures};
use gatewright_aws::alb::{AlbDriver, Request, Settings};
use gatewright_aws::cloud::{Cloud, Kind, Network, Tagging};
use gatewright_aws_core::alb::listener::{
    Certificate, CertificateId, Import, Listener, ListenerTls, MutualAuthentication, Transport, Verification,
};
use gatewright_aws_core::alb::rule::{
    Action, Conditions, FixedResponse, Forward, HeaderCondition, QueryValue, Redirect, Rewrite, Rule,
    Transforms, Values,
};
use gatewright_aws_core::alb::{Balancer, Target};
use gatewright_aws_core::network::{
    BalancerKind, Ingress, IpAddressType, ManagedGroup, Scheme, SecurityGroups, Subnet,
};
use gatewright_aws_core::target_group::{
    Fixed, HealthCheck, ProtocolVersion, Target as Pod, TargetAddress, TargetGroup, TargetGroupId, TargetKind,
};
use gatewright_aws_core::trust_store::{Place, TrustStore, TrustStoreId};
use gatewright_aws_core::{Secret, Str};
use gatewright_model::key::{CertificateKey, ObjectName};
use gatewright_provider_api::contract::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

fn now() -> u64 {
    0
}

fn wildcards(values: &[&str]) -> Values {
    Values::Wildcards(values.iter().map(|value| Str::from(*value)).collect())
}

fn fixed(status: u16, body: &str) -> Action {
    Action::Fixed(FixedResponse {
        body: body.into(),
        ..FixedResponse::bare(status)
    })
}

fn rule(conditions: Conditions, action: Action) -> Rule {
    Rule {
        origins: BTreeSet::new(),
        conditions,
        transforms: Transforms::default(),
        before: None,
        action,
        parts: Vec::new(),
    }
}

fn group(name: &str, version: ProtocolVersion) -> TargetGroup {
    let pod = |number: u8| Pod {
        id: TargetAddress::Ip([192, 168, 0, number].into()),
        port: 8080,
        zone: None,
        quic_server: None,
    };
    TargetGroup {
        name: name.into(),
        fixed: Fixed {
            protocol: "HTTP".into(),
            version: Some(version),
            port: 8080,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        },
        health: HealthCheck {
            path: Some("/ready".into()),
            codes: Some("200-399".into()),
            interval_s: Some(7),
            ..HealthCheck::default()
        },
        attributes: BTreeMap::from([("deregistration_delay.timeout_seconds".into(), "20".into())]),
        targets: [pod(70), pod(71)].into(),
    }
}

/// One of each kind of condition, transform and action.
fn rules(cart: &TargetGroupId, next: &TargetGroupId) -> Vec<Rule> {
    let forward = |groups: &[(&TargetGroupId, u16)], stickiness_s| {
        Action::Forward(Forward {
            groups: groups
                .iter()
                .map(|(id, weight)| ((*id).clone(), *weight))
                .collect(),
            stickiness_s,
        })
    };
    let host = Some(wildcards(&["Shop.example.com", "*.shop.example.com"]));
    let mut rewritten = rule(
        Conditions {
            host: host.clone(),
            path: Some(Values::Regex(["^/cart(/.*)?$".into()].into())),
            ..Conditions::default()
        },
        forward(&[(cart, 9), (next, 1)], Some(60)),
    );
    rewritten.transforms = Transforms {
        host: Some(Rewrite {
            regex: "^.*$".into(),
            replace: "cart.internal".into(),
        }),
        url: Some(Rewrite {
            regex: "^/cart/?".into(),
            replace: "/".into(),
        }),
    };
    let queried = rule(
        Conditions {
            host,
            methods: ["GET".into(), "HEAD".into()].into(),
            queries: [[QueryValue {
                key: Some("a".into()),
                value: "b~c".into(),
            }]
            .into()]
            .into(),
            ..Conditions::default()
        },
        forward(&[(cart, 7)], None),
    );
    let redirected = rule(
        Conditions {
            path: Some(wildcards(&["/old", "/old/*"])),
            headers: [HeaderCondition {
                name: "X-Env".into(),
                values: wildcards(&["blue"]),
            }]
            .into(),
            ..Conditions::default()
        },
        Action::Redirect(Redirect {
            protocol: "#{protocol}".into(),
            host: "#{host}".into(),
            port: "#{port}".into(),
            path: "/new".into(),
            query: "#{query}".into(),
            status: 302,
        }),
    );
    let sources = rule(
        Conditions {
            sources: ["10.0.0.0/8".into()].into(),
            ..Conditions::default()
        },
        fixed(403, "no"),
    );
    vec![rewritten, queried, redirected, sources]
}

pub(super) async fn target(cloud: &Account) -> Target {
    let vpc: Str = cloud.ec2().vpcs(&[] as &[Filter]).await.unwrap()[0]
        .id
        .as_str()
        .into();
    let subnets = cloud.subnets(&vpc).await.unwrap();
    let public = subnets.iter().filter(|subnet| subnet.public);
    let zones: BTreeMap<&Str, &Str> = public.map(|subnet| (&subnet.zone, &subnet.id)).collect();
    let made = rcgen::generate_simple_self_signed(vec!["shop.example.com".to_owned()]).unwrap();
    let certificate = CertificateId::Imported(CertificateKey(ObjectName::new("shop", "tls")));
    let import = Import {
        certificate: made.cert.pem().into(),
        chain: "".into(),
        key: Secret::new(made.signing_key.serialize_pem()),
        fingerprint: "one".into(),
    };
    let (cart, next) = (
        TargetGroupId("Service/shop/cart:80/http1".into()),
        TargetGroupId("Service/shop/next:80/http1".into()),
    );
    let listener = |port: u16, tls: Option<ListenerTls>, rules: Vec<Rule>| {
        let listener = Listener {
            port,
            transport: Transport::Http,
            tls,
            attributes: BTreeMap::from([("routing.http.response.server.enabled".into(), "false".into())]),
            default: fixed(404, ""),
            rules,
        };
        (port, listener)
    };
    let store = TrustStoreId::Made("one".into());
    let authorities = TrustStore {
        name: "gw-shop-web-one".into(),
        place: Place {
            bucket: format!("gatewright-trust-{}", cloud.identity().account).into(),
            key: "gatewright/test/shop/web/one.pem".into(),
        },
        bundle: import.certificate.clone(),
    };
    let tls = ListenerTls {
        policy: "ELBSecurityPolicy-TLS13-1-2-2021-06".into(),
        default: certificate.clone(),
        others: BTreeSet::new(),
        alpn: None,
        clients: Some(MutualAuthentication::Verify(Verification {
            store: store.clone(),
            ignore_expiry: true,
            advertise: false,
        })),
    };
    let ingress = |port: u16| Ingress {
        protocol: "tcp".into(),
        port,
        source: "0.0.0.0/0".into(),
    };
    Target {
        gateway: ObjectName::new("shop", "web"),
        balancer: Balancer {
            name: "gw-shop-web".into(),
            kind: BalancerKind::Application,
            scheme: Scheme::InternetFacing,
            vpc,
            ip_address_type: IpAddressType::Ipv4,
            ipam_pool: None,
            customer_owned_pool: None,
            subnets: zones
                .into_iter()
                .map(|(zone, id)| Subnet {
                    id: id.clone(),
                    zone: zone.clone(),
                })
                .collect(),
            addresses: BTreeMap::new(),
            ipv6: gatewright_aws_core::network::Ipv6::default(),
            access: gatewright_aws_core::access::Access::default(),
            security_groups: SecurityGroups::Managed(ManagedGroup {
                name: "gw-shop-web".into(),
                ingress: [ingress(8080), ingress(8443)].into(),
            }),
            attributes: BTreeMap::from([("idle_timeout.timeout_seconds".into(), "61".into())]),
        },
        listeners: BTreeMap::from([
            listener(8080, None, rules(&cart, &next)),
            listener(8443, Some(tls), rules(&next, &cart)),
        ]),
        target_groups: BTreeMap::from([
            (cart, group("gw-cart", ProtocolVersion::Http1)),
            (next, group("gw-next", ProtocolVersion::Http1)),
        ]),
        given_groups: BTreeMap::new(),
        web_acl: None,
        shield: false,
        capacity: None,
        certificates: BTreeMap::from([(certificate, Certificate::Import(import))]),
        trust_stores: BTreeMap::from([(store, authorities)]),
        tags: BTreeMap::from([("team".into(), "shop".into())]),
    }
}

/// Runs until nothing is left to do, nothing is on its way, and the wanted load balancer has taken over.
pub(super) async fn settle(driver: &AlbDriver<Account>, target: &Target) -> Outcome {
    settle_with(driver, target).await
}

/// The same, whatever the driver works on.
pub(super) async fn settle_with<C: Cloud>(driver: &AlbDriver<C>, target: &Target) -> Outcome {
    let request = Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    };
    let name = &*target.balancer.name;
    let is_reached = |outcome: &Outcome| {
        let mut addresses = outcome.addresses.assigned.iter();
        addresses.any(|address| address.value.contains(name))
    };
    until(driver, &request, |outcome| {
        is_settled(outcome) && is_reached(outcome)
    })
    .await
}

/// What there is of the Gateway's, by kind.
pub(super) async fn inventory(cloud: &Account) -> [usize; 5] {
    let marks = BTreeMap::from([(Str::from(gatewright_aws::owner::CLUSTER), Str::from("test"))]);
    let mut counts = [0; 5];
    let kinds = [
        Kind::Balancer,
        Kind::TargetGroup,
        Kind::Certificate,
        Kind::SecurityGroup,
        Kind::TrustStore,
    ];
    for (count, kind) in counts.iter_mut().zip(kinds) {
        *count = cloud.find(kind, &marks).await.unwrap().len();
    }
    counts
}

/// Removes the Gateway: nothing is left.
pub(super) async fn take_away(driver: &AlbDriver<Account>, cloud: &Account, target: &Target) {
    take_away_with(driver, cloud, target).await;
}

/// The same, whatever the driver works on.
pub(super) async fn take_away_with<C: Cloud>(driver: &AlbDriver<C>, cloud: &Account, target: &Target) {
    until_gone(driver, &target.gateway).await;
    assert_eq!(inventory(cloud).await, [0; 5]);
}

/// The driver of a cluster `test`.
pub(super) fn driver(cloud: &Account) -> AlbDriver<Account> {
    let settings = Settings {
        cluster: "test".into(),
        drain: Duration::ZERO,
        vpc: None,
    };
    AlbDriver::new(cloud.clone(), settings, now)
}

/// Attempts of calls that write.
pub(super) fn writes(seen: &Seen) -> Vec<&'static str> {
    let attempts = seen.attempts().into_iter().map(|(operation, _)| operation);
    attempts
        .filter(|operation| {
            !["Describe", "Get", "List"]
                .iter()
                .any(|read| operation.starts_with(read))
        })
        .collect()
}

#[tokio::test]
async fn a_gateway_settles_changes_is_replaced_and_leaves_nothing() {
    let simulator = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    let (cloud, seen): (Account, Arc<Seen>) = account(&format!("http://{}", simulator.services), setup);
    let mut target = target(&cloud).await;
    let driver = driver(&cloud);

    let outcome = settle(&driver, &target).await;
    assert_eq!(&*outcome.addresses.assigned[0].kind, "Hostname");
    let before = writes(&seen).len();
    settle(&driver, &target).await;
    assert_eq!(
        writes(&seen).len(),
        before,
        "an unchanged world is not written to"
    );

    // A weight.
    let Action::Forward(forward) = &mut target.listeners.get_mut(&8080).unwrap().rules[0].action else {
        panic!("it forwards");
    };
    forward.groups.values_mut().for_each(|weight| *weight = 5);
    settle(&driver, &target).await;
    assert_eq!(writes(&seen)[before..], ["ModifyRule"]);

    // Nobody is checked any more: the trust store goes.
    let before = writes(&seen).len();
    let tls = target.listeners.get_mut(&8443).unwrap().tls.as_mut().unwrap();
    tls.clients = None;
    target.trust_stores.clear();
    settle(&driver, &target).await;
    assert_eq!(
        writes(&seen)[before..],
        ["ModifyListener", "DeleteObject", "DeleteTrustStore"]
    );

    // An order, and one rule fewer.
    let before = writes(&seen).len();
    target.listeners.get_mut(&8080).unwrap().rules.reverse();
    settle(&driver, &target).await;
    assert_eq!(writes(&seen)[before..], ["SetRulePriorities"]);
    target.listeners.get_mut(&8080).unwrap().rules.pop();
    target.tags.clear();
    settle(&driver, &target).await;

    // Another scheme: another load balancer with target groups of its own.
    target.balancer.scheme = Scheme::Internal;
    target.balancer.name = "gw-shop-web-internal".into();
    for group in target.target_groups.values_mut() {
        group.name = format!("{}-internal", group.name).into();
    }
    let outcome = settle(&driver, &target).await;
    assert!(
        outcome.addresses.assigned[0]
            .value
            .contains("gw-shop-web-internal")
    );

    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}
