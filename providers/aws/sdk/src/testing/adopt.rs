//! A load balancer that its owner gives over, and one that its owner protects, at the simulator, which enforces our policy.

use super::drive::{driver as driver_of_test, settle, take_away, target as own_target};
use super::simulator::simulator;
use super::{Setup, account};
use crate::Account;
use crate::calls::{Grant, policy};
use crate::ec2::Filter;
use crate::limiter::{Bucket, Figures};
use gatewright_aws::alb::{AlbDriver, Request, Settings};
use gatewright_aws::cloud::{
    self, Arn, Balancers as _, Kind, ListenerSettings, Listeners as _, Network as _, NewBalancer,
    NewListener, NewRule, RuleSettings, Rules as _, Seen, Tagging as _,
};
use gatewright_aws::owner::{CLUSTER, GATEWAY, Tags};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::{Listener, Transport};
use gatewright_aws_core::alb::rule::{Action, Conditions, FixedResponse, Forward, Rule, Transforms, Values};
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Scheme};
use gatewright_aws_core::target_group::{
    Fixed, HealthCheck, ProtocolVersion, TargetGroup, TargetGroupId, TargetKind,
};
use gatewright_aws_simulator::run::Running;
use gatewright_core::graph::parameters::{AwsAlb, Parameters};
use gatewright_model::LoadBalancer;
use gatewright_model::balancer::Infrastructure;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{
    self, Driver as _, ErrorKind, Outcome, Prepare as _, Verdict, converge, remove,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

fn wide() -> Setup {
    let figures = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, figures)).into(),
        ..Setup::default()
    }
}

/// What the owner of the account does, whom our policy does not bind.
async fn by_owner<T>(running: &Running, act: impl Future<Output = T>) -> T {
    let ours = running.simulator.inner().policy.take();
    let done = act.await;
    running.simulator.inner().policy = ours;
    done
}

fn gateway() -> ObjectName {
    ObjectName::new("shop", "public")
}

/// The tags by which a load balancer is given over.
fn marks() -> Tags {
    Tags::from([
        (CLUSTER.into(), "blue".into()),
        (GATEWAY.into(), "shop/public".into()),
    ])
}

fn fixed(body: &str) -> cloud::Action {
    cloud::Action::Fixed(FixedResponse {
        content_type: FixedResponse::TEXT.into(),
        status: 200,
        body: body.into(),
    })
}

fn paths(path: &str) -> Conditions {
    Conditions {
        path: Some(Values::Wildcards([path.into()].into())),
        ..Conditions::default()
    }
}

/// Somebody's load balancer: a listener with rules before and behind where ours come, and one that is none of our
/// business.
struct Theirs {
    balancer: Arn,
    shared: Arn,
    other: Arn,
}

async fn plant(cloud: &Account) -> Theirs {
    let vpc: Str = cloud.ec2().vpcs(&[] as &[Filter]).await.unwrap()[0]
        .id
        .as_str()
        .into();
    let subnets = cloud.subnets(&vpc).await.unwrap();
    let public = subnets.iter().filter(|subnet| subnet.public);
    let zones: BTreeMap<&Str, &Str> = public.map(|subnet| (&subnet.zone, &subnet.id)).collect();
    let group = cloud
        .security_group_named(&vpc, "default")
        .await
        .unwrap()
        .unwrap();
    let new = NewBalancer {
        name: "theirs".into(),
        kind: BalancerKind::Application,
        scheme: Scheme::InternetFacing,
        ip_address_type: IpAddressType::Ipv4,
        ipam_pool: None,
        customer_owned_pool: None,
        subnets: zones.into_values().cloned().collect(),
        addresses: BTreeMap::new(),
        ipv6: gatewright_aws_core::network::Ipv6::default(),
        security_groups: [group.id].into(),
        tags: Tags::from([("team".into(), "web".into())]),
    };
    let balancer = cloud.create_balancer(&new).await.unwrap();
    let mut listeners = Vec::new();
    for port in [8080, 9000] {
        let new = NewListener {
            balancer: balancer.clone(),
            port,
            settings: ListenerSettings {
                transport: Transport::Http,
                tls: None,
                default: fixed("their default"),
            },
            tags: Tags::from([("team".into(), "web".into())]),
        };
        listeners.push(cloud.create_listener(&new).await.unwrap());
    }
    for (priority, path) in [(1, "/theirs/*"), (40_000, "/late/*")] {
        let new = NewRule {
            listener: listeners[0].clone(),
            priority,
            settings: RuleSettings {
                conditions: paths(path),
                transforms: Transforms::default(),
                before: None,
                action: fixed(path),
            },
            tags: Tags::new(),
        };
        cloud.create_rule(&new).await.unwrap();
    }
    Theirs {
        balancer,
        shared: listeners[0].clone(),
        other: listeners[1].clone(),
    }
}

/// Rules of a listener that nobody marked as ours, with their priorities.
async fn theirs(cloud: &Account, listener: &Arn) -> Vec<(u16, RuleSettings)> {
    let rules = cloud.rules(listener).await.unwrap();
    let arns: Vec<Arn> = rules.iter().map(|rule| rule.arn.clone()).collect();
    let tags = cloud.tags(&arns).await.unwrap();
    let mut found: Vec<(u16, RuleSettings)> = rules
        .into_iter()
        .filter(|rule| !tags.get(&rule.arn).is_some_and(|tags| tags.contains_key(CLUSTER)))
        .filter_map(|rule| match rule.settings {
            Seen::Known(settings) => Some((rule.priority, settings)),
            Seen::Other(_) => None,
        })
        .collect();
    found.sort_by_key(|(priority, _)| *priority);
    found
}

fn driver(cloud: &Account) -> AlbDriver<Account> {
    let settings = Settings {
        cluster: "blue".into(),
        drain: Duration::ZERO,
        vpc: None,
    };
    AlbDriver::new(cloud.clone(), settings, || 0)
}

/// What the controller asks for of a Gateway with these parameters.
fn asked(parameters: serde_json::Value) -> contract::Request {
    let parameters = AwsAlb {
        balancer: serde_json::from_value(parameters).unwrap(),
        ..AwsAlb::default()
    };
    let balancer = LoadBalancer {
        gateway: gateway(),
        class: "alb".into(),
        controller: "gatewright.dev/aws-alb".into(),
        addresses: Vec::new(),
        infrastructure: Infrastructure::default(),
        listeners: BTreeMap::new(),
        http_routes: BTreeMap::new(),
        stream_routes: BTreeMap::new(),
        backends: BTreeMap::new(),
        certificates: BTreeMap::new(),
        backend_client_certificate: None,
        tracing: None,
    };
    contract::Request {
        balancer: Arc::new(balancer),
        uid: "".into(),
        parameters: Parameters::AwsAlb(Arc::new(parameters)),
    }
}

/// Routes of ours to one backend.
fn add_routes(request: &mut Request, port: u16, routes: &[&str]) {
    let id = TargetGroupId("Service/shop/cart:80/http1".into());
    let group = TargetGroup {
        name: "gw-cart".into(),
        fixed: Fixed {
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port: 8080,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        },
        health: HealthCheck::default(),
        attributes: BTreeMap::new(),
        targets: BTreeSet::new(),
    };
    request.target.target_groups.insert(id.clone(), group);
    let rules = routes.iter().map(|path| Rule {
        origins: BTreeSet::new(),
        conditions: paths(path),
        transforms: Transforms::default(),
        before: None,
        action: Action::Forward(Forward {
            groups: BTreeMap::from([(id.clone(), 1)]),
            stickiness_s: None,
        }),
        parts: Vec::new(),
    });
    let listener = Listener {
        port,
        transport: Transport::Http,
        tls: None,
        attributes: BTreeMap::new(),
        default: Action::Fixed(FixedResponse {
            content_type: FixedResponse::TEXT.into(),
            status: 404,
            body: "".into(),
        }),
        rules: rules.collect(),
    };
    request.target.listeners.insert(port, listener);
}

/// The changes of a plan, in words.
async fn planned(driver: &AlbDriver<Account>, request: Option<&Request>) -> Vec<String> {
    let observed = driver.observe(&gateway()).await.unwrap();
    let plan = driver.plan(request.map(|request| &request.target), &observed);
    plan.changes.iter().map(ToString::to_string).collect()
}

async fn run(driver: &AlbDriver<Account>, request: &Request) -> Outcome {
    Box::pin(converge(driver, request)).await
}

async fn becomes(driver: &AlbDriver<Account>, request: &Request) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = run(driver, request).await;
        if outcome.is_converged() && outcome.changes.is_empty() && outcome.again.is_none() {
            return;
        }
        assert!(Instant::now() < deadline, "{outcome:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn goes(driver: &AlbDriver<Account>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = remove(driver, &gateway()).await;
        if outcome.is_converged() && outcome.changes.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{outcome:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn errors(outcome: &Outcome) -> Vec<(ErrorKind, String)> {
    let failed = outcome.changes.iter().filter_map(|change| match &change.verdict {
        Verdict::Failed(error) => Some((error.kind, error.to_string())),
        Verdict::Done | Verdict::Skipped(_) => None,
    });
    failed.collect()
}

/// Everything of ours, by kind: load balancers, target groups, security groups, certificates, trust stores.
async fn ours(cloud: &Account) -> [usize; 5] {
    let marks = Tags::from([(CLUSTER.into(), "blue".into())]);
    let mut counts = [0; 5];
    let kinds = [
        Kind::Balancer,
        Kind::TargetGroup,
        Kind::SecurityGroup,
        Kind::Certificate,
        Kind::TrustStore,
    ];
    for (count, kind) in counts.iter_mut().zip(kinds) {
        *count = cloud.find(kind, &marks).await.unwrap().len();
    }
    counts
}

#[tokio::test]
async fn a_load_balancer_that_is_given_over_keeps_what_is_others() {
    let running = simulator(Some(&policy(Grant::ALL, "aws", Some("blue")))).await;
    let url = format!("http://{}", running.services);
    let (cloud, _) = account(&url, wide());
    let (owner, _) = account(&url, wide());
    let there = by_owner(&running, plant(&owner)).await;
    let before = theirs(&cloud, &there.shared).await;
    assert_eq!(before.len(), 2);
    let driver = driver(&cloud);
    let adopting = asked(json!({"adopt": "theirs"}));

    // Not before its owner says so.
    let refused = driver.prepare(&adopting).await.unwrap_err().to_string();
    assert!(refused.contains("its owner has not given it over"), "{refused}");
    let given = std::slice::from_ref(&there.balancer);
    by_owner(&running, owner.add_tags(Kind::Balancer, given, &marks()))
        .await
        .unwrap();

    // A port that others have is not ours until it is given over as well; another one is.
    let mut wanted = driver.prepare(&adopting).await.unwrap();
    add_routes(&mut wanted, 8080, &["/cart", "/pay"]);
    add_routes(&mut wanted, 8081, &["/cart"]);
    let plan = planned(&driver, Some(&wanted)).await;
    assert!(
        plan.iter()
            .all(|change| !change.contains("delete") && !change.contains("9000")),
        "{plan:#?}"
    );
    let outcome = run(&driver, &wanted).await;
    let told = errors(&outcome);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("listener 8080"), "{told:?}");
    let ports = |listeners: Vec<cloud::Listener>| -> BTreeMap<u16, Arn> {
        listeners
            .into_iter()
            .map(|found| (found.port, found.arn))
            .collect()
    };
    let listeners = ports(cloud.listeners(&there.balancer).await.unwrap());
    assert_eq!(listeners.keys().copied().collect::<Vec<_>>(), [8080, 8081, 9000]);
    assert_eq!(theirs(&cloud, &there.shared).await, before);

    // It is given over: its own answer is ours, rules of others stay where they are.
    let shared = std::slice::from_ref(&there.shared);
    by_owner(&running, owner.add_tags(Kind::Listener, shared, &marks()))
        .await
        .unwrap();
    let plan = planned(&driver, Some(&wanted)).await;
    assert!(
        plan.iter()
            .any(|change| change.starts_with("update listener 8080: it differs; default")),
        "{plan:#?}"
    );
    assert!(plan.iter().all(|change| !change.contains("delete")), "{plan:#?}");
    becomes(&driver, &wanted).await;
    assert_eq!(planned(&driver, Some(&wanted)).await, Vec::<String>::new());
    let rules = cloud.rules(&there.shared).await.unwrap();
    assert_eq!(rules.len(), 4);
    assert_eq!(theirs(&cloud, &there.shared).await, before);
    add_routes(&mut wanted, 8080, &["/new", "/pay", "/cart"]);
    becomes(&driver, &wanted).await;
    assert_eq!(theirs(&cloud, &there.shared).await, before);
    let tags = cloud.tags(given).await.unwrap();
    assert_eq!(tags[&there.balancer].get("team").map(|team| &**team), Some("web"));

    // A port that is not wanted any more is closed and stays, for others have rules on it.
    wanted.target.listeners.remove(&8080);
    becomes(&driver, &wanted).await;
    assert_eq!(cloud.rules(&there.shared).await.unwrap().len(), 2);
    assert_eq!(theirs(&cloud, &there.shared).await, before);
    let listeners = ports(cloud.listeners(&there.balancer).await.unwrap());
    assert_eq!(listeners.get(&9000), Some(&there.other));
    assert!(listeners.contains_key(&8080));

    // It goes with the Gateway, but not while its owner protects it: then nothing of others is touched either.
    let protect = |on: &str| BTreeMap::from([("deletion_protection.enabled".into(), on.into())]);
    let on = protect("true");
    by_owner(&running, owner.set_balancer_attributes(&there.balancer, &on))
        .await
        .unwrap();
    let plan = planned(&driver, None).await;
    assert!(
        plan.contains(&"delete load balancer theirs: the Gateway is gone".to_owned()),
        "{plan:#?}"
    );
    let outcome = remove(&driver, &gateway()).await;
    let told = errors(&outcome);
    assert_eq!(
        told.first().map(|(kind, _)| *kind),
        Some(ErrorKind::Protected),
        "{told:?}"
    );
    assert_eq!(theirs(&cloud, &there.shared).await, before);
    let off = protect("false");
    by_owner(&running, owner.set_balancer_attributes(&there.balancer, &off))
        .await
        .unwrap();
    goes(&driver).await;
    assert_eq!(ours(&cloud).await, [0; 5]);
    assert_eq!(cloud.balancer_named("theirs").await.unwrap(), None);
    running.stop().await.unwrap();
}

/// Its owner takes it back: what we made on it goes, it stays with what is others'.
#[tokio::test]
async fn a_load_balancer_that_is_taken_back_stays() {
    let running = simulator(Some(&policy(Grant::ALL, "aws", Some("blue")))).await;
    let url = format!("http://{}", running.services);
    let (cloud, _) = account(&url, wide());
    let (owner, _) = account(&url, wide());
    let there = by_owner(&running, plant(&owner)).await;
    let before = theirs(&cloud, &there.shared).await;
    let given = [there.balancer.clone()];
    let shared = [there.shared.clone()];
    by_owner(&running, owner.add_tags(Kind::Balancer, &given, &marks()))
        .await
        .unwrap();
    by_owner(&running, owner.add_tags(Kind::Listener, &shared, &marks()))
        .await
        .unwrap();
    let driver = driver(&cloud);
    let mut wanted = driver.prepare(&asked(json!({"adopt": "theirs"}))).await.unwrap();
    add_routes(&mut wanted, 8080, &["/cart"]);
    add_routes(&mut wanted, 8081, &["/cart"]);
    becomes(&driver, &wanted).await;
    let keys: BTreeSet<Str> = marks().into_keys().collect();
    by_owner(&running, owner.remove_tags(Kind::Balancer, &given, &keys))
        .await
        .unwrap();
    goes(&driver).await;
    assert_eq!(ours(&cloud).await, [0; 5]);
    let found = cloud.balancer_named("theirs").await.unwrap();
    assert_eq!(found.map(|found| found.arn), Some(there.balancer.clone()));
    let listeners = cloud.listeners(&there.balancer).await.unwrap();
    let left: BTreeSet<u16> = listeners.iter().map(|listener| listener.port).collect();
    assert_eq!(left, [8080, 9000].into());
    assert_eq!(theirs(&cloud, &there.shared).await, before);
    assert_eq!(cloud.rules(&there.shared).await.unwrap().len(), before.len());
    running.stop().await.unwrap();
}

/// `adopt` is taken away: one of ours takes its place, and it goes then, as documented.
#[tokio::test]
async fn one_of_ours_takes_the_place_of_a_load_balancer_that_was_given_over() {
    let running = simulator(Some(&policy(Grant::ALL, "aws", Some("blue")))).await;
    let url = format!("http://{}", running.services);
    let (cloud, _) = account(&url, wide());
    let (owner, _) = account(&url, wide());
    let there = by_owner(&running, plant(&owner)).await;
    let given = [there.balancer.clone()];
    by_owner(&running, owner.add_tags(Kind::Balancer, &given, &marks()))
        .await
        .unwrap();
    let driver = driver(&cloud);
    let mut wanted = driver.prepare(&asked(json!({"adopt": "theirs"}))).await.unwrap();
    add_routes(&mut wanted, 8081, &["/cart"]);
    becomes(&driver, &wanted).await;
    let vpc = wanted.target.balancer.vpc.clone();
    let mut own = driver
        .prepare(&asked(json!({"scheme": "InternetFacing", "vpc": &*vpc})))
        .await
        .unwrap();
    assert_ne!(own.target.balancer.name, wanted.target.balancer.name);
    add_routes(&mut own, 8081, &["/cart"]);
    for group in own.target.target_groups.values_mut() {
        group.name = "gw-cart-own".into();
    }
    let plan = planned(&driver, Some(&own)).await;
    assert!(plan[0].starts_with("create "), "{plan:#?}");
    assert!(
        plan.iter()
            .all(|change| !change.starts_with("delete load balancer")),
        "{plan:#?}"
    );
    becomes(&driver, &own).await;
    assert_eq!(cloud.balancer_named("theirs").await.unwrap(), None);
    goes(&driver).await;
    assert_eq!(ours(&cloud).await, [0; 5]);
    running.stop().await.unwrap();
}

/// A protected load balancer is replaced all the same: its successor serves and its name is told; it stays, and why is
/// told, until its owner lifts the protection. We never do.
#[tokio::test]
async fn a_protected_load_balancer_is_replaced_and_stays() {
    let running = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let url = format!("http://{}", running.services);
    let (cloud, _) = account(&url, wide());
    let (owner, _) = account(&url, wide());
    let mut target = own_target(&cloud).await;
    let driver = driver_of_test(&cloud);
    settle(&driver, &target).await;
    let former = cloud.balancer_named("gw-shop-web").await.unwrap().unwrap();
    let protect = |on: &str| BTreeMap::from([("deletion_protection.enabled".into(), on.into())]);
    let on = protect("true");
    by_owner(&running, owner.set_balancer_attributes(&former.arn, &on))
        .await
        .unwrap();

    target.balancer.scheme = Scheme::Internal;
    target.balancer.name = "gw-shop-web-internal".into();
    for group in target.target_groups.values_mut() {
        group.name = format!("{}-internal", group.name).into();
    }
    let request = Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    };
    let deadline = Instant::now() + PATIENCE;
    let outcome = loop {
        let outcome = run(&driver, &request).await;
        let told = errors(&outcome);
        if told.iter().any(|(kind, _)| *kind == ErrorKind::Protected) {
            break outcome;
        }
        assert!(Instant::now() < deadline, "{outcome:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let told = errors(&outcome);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("deletion_protection.enabled"), "{told:?}");
    assert!(
        outcome.addresses.assigned[0]
            .value
            .contains("gw-shop-web-internal")
    );
    assert_eq!(
        outcome.fault().map(|fault| fault.reason.to_string()),
        Some("Invalid".to_owned())
    );
    let attributes = cloud.balancer_attributes(&former.arn).await.unwrap();
    assert_eq!(
        attributes.get("deletion_protection.enabled").map(|on| &**on),
        Some("true")
    );
    // Its target groups serve on for who still has the former name.
    assert_eq!(cloud.listeners(&former.arn).await.unwrap().len(), 2);

    let off = protect("false");
    by_owner(&running, owner.set_balancer_attributes(&former.arn, &off))
        .await
        .unwrap();
    settle(&driver, &target).await;
    assert_eq!(cloud.balancer_named("gw-shop-web").await.unwrap(), None);
    take_away(&driver, &cloud, &target).await;
    running.stop().await.unwrap();
}
