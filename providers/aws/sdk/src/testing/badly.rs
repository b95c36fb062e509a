//! What goes wrong with an account: each time it is said what to do, nothing of others is touched, and once it is put
//! right the Gateway settles and leaves nothing.

use super::drive::{driver, inventory, settle, take_away, target};
use super::simulator::{prompt, simulator};
use super::{Setup, account};
use crate::Account;
use crate::calls::{Grant, policy};
use crate::limiter::{Bucket, Figures};
use gatewright_aws::alb::{AlbDriver, Request};
use gatewright_aws::cloud::{
    Action, Arn, Balancers, Cloud, Kind, ListenerSettings, Listeners, NewBalancer, NewListener,
    NewTargetGroup, Tagging, TargetGroups,
};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::Transport;
use gatewright_aws_core::alb::rule::FixedResponse;
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Scheme};
use gatewright_aws_core::target_group::{HealthCheck, Target as Pod, TargetAddress};
use gatewright_aws_simulator::faults::{Effect, Fault};
use gatewright_aws_simulator::run::Running;
use gatewright_aws_simulator::state::place;
use gatewright_aws_simulator::sts::Keys;
use gatewright_provider_api::contract::{ErrorKind, Outcome, ProviderError, converge};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const FOR: Duration = Duration::from_secs(90);

pub(super) fn wide(simulator: &Running, setup: Setup) -> Account {
    let wide = Figures {
        burst: 100_000,
        per_second: 100_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..setup
    };
    account(&format!("http://{}", simulator.services), setup).0
}

pub(super) async fn once<C: Cloud>(driver: &AlbDriver<C>, target: &Target) -> Outcome {
    let request = Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    };
    Box::pin(converge(driver, &request)).await
}

/// Runs until an error comes that is looked for.
pub(super) async fn until<C: Cloud>(
    driver: &AlbDriver<C>,
    target: &Target,
    wanted: impl Fn(&ProviderError) -> bool,
) -> ProviderError {
    let deadline = Instant::now() + FOR;
    loop {
        let outcome = once(driver, target).await;
        if let Some(error) = outcome.errors().find(|error| wanted(error)) {
            return error.clone();
        }
        assert!(Instant::now() < deadline, "{outcome:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What is in an account besides that of the Gateways of the cluster `test`, as the simulator keeps it.
pub(super) fn tags(pairs: &[(&str, &str)]) -> BTreeMap<Str, Str> {
    pairs
        .iter()
        .map(|(key, value)| (Str::from(*key), Str::from(*value)))
        .collect()
}

fn fixed() -> Action {
    Action::Fixed(FixedResponse::bare(404))
}

/// Somebody's load balancer of a name, with a listener.
async fn foreign(cloud: &Account, target: &Target, name: &str) -> Arn {
    let new = NewBalancer {
        name: name.into(),
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
        tags: tags(&[("team", "others")]),
    };
    cloud.create_balancer(&new).await.unwrap()
}

#[tokio::test]
async fn wrong_credentials_change_nothing_and_are_no_missing_permission() {
    let simulator = simulator(None).await;
    let right = wide(&simulator, Setup::default());
    let target = target(&right).await;
    let keys = [("AKIDEXAMPLE".to_owned(), "wJalrXUtnFEMI/SECRET".to_owned())];
    simulator.simulator.inner().keys = Keys::new(keys.into());
    let wrong = Setup {
        secret: "another",
        ..Setup::default()
    };
    let error = until(&driver(&wide(&simulator, wrong)), &target, |_| true).await;
    assert_eq!(error.kind, ErrorKind::Forbidden);
    assert!(
        error
            .message
            .contains("the secret key does not belong to the access key"),
        "{error}"
    );
    assert_eq!(inventory(&right).await, [0; 5]);

    // A key that does not exist, or exists no more.
    simulator.simulator.inner().keys = Keys::new([("AKIAOTHER".to_owned(), "s".to_owned())].into());
    let error = until(&driver(&right), &target, |_| true).await;
    assert_eq!(error.kind, ErrorKind::Forbidden);
    assert!(
        error.message.contains("AWS does not accept the credentials"),
        "{error}"
    );

    // Once they are right, nothing has to be started again.
    simulator.simulator.inner().keys = Keys::default();
    settle(&driver(&right), &target).await;
    take_away(&driver(&right), &right, &target).await;
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_clock_that_is_behind_is_told() {
    let simulator = simulator(None).await;
    let right = wide(&simulator, Setup::default());
    let target = target(&right).await;
    let late = Setup {
        behind: Duration::from_secs(400),
        ..Setup::default()
    };
    let error = until(&driver(&wide(&simulator, late)), &target, |_| true).await;
    assert_eq!(error.kind, ErrorKind::Forbidden);
    assert!(error.message.contains("the clock of the controller"), "{error}");
    assert!(error.message.contains("Signature expired"), "{error}");
    assert!(!error.message.contains("permission"), "{error}");
    assert_eq!(inventory(&right).await, [0; 5]);
    simulator.stop().await.unwrap();
}

/// Calls that making and reading a Gateway of [`target`] takes, each by its service's prefix.
const NEEDED: &[&str] = &[
    "acm:ImportCertificate",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateSecurityGroup",
    "ec2:CreateTags",
    "ec2:DescribeAccountAttributes",
    "ec2:DescribeInstances",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeSecurityGroups",
    "elasticloadbalancing:AddTags",
    "elasticloadbalancing:CreateListener",
    "elasticloadbalancing:CreateLoadBalancer",
    "elasticloadbalancing:CreateRule",
    "elasticloadbalancing:CreateTargetGroup",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetHealth",
    "elasticloadbalancing:ModifyListenerAttributes",
    "elasticloadbalancing:ModifyTargetGroupAttributes",
    "elasticloadbalancing:RegisterTargets",
    "tag:GetResources",
];

/// The policy without an action.
pub(super) fn without(action: &str) -> serde_json::Value {
    let mut policy = policy(Grant::ALL, "aws", Some("test"));
    for statement in policy["Statement"].as_array_mut().unwrap() {
        let actions = statement["Action"].as_array_mut().unwrap();
        actions.retain(|one| one != action);
    }
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements.retain(|one| !one["Action"].as_array().unwrap().is_empty());
    policy
}

#[tokio::test]
async fn every_missing_permission_names_its_action_and_what_grants_it() {
    for action in NEEDED {
        let simulator = prompt(Some(&without(action))).await;
        let cloud = wide(&simulator, Setup::default());
        let target = target(&cloud).await;
        let driver = driver(&cloud);
        let denied = until(&driver, &target, |error| error.kind == ErrorKind::Forbidden).await;
        // IAM asks for more permissions on some calls, which are not calls of ours.
        let told = match *action {
            "ec2:CreateTags" => "ec2:CreateSecurityGroup",
            "ec2:DescribeAccountAttributes" | "ec2:DescribeInternetGateways" => "elasticloadbalancing:Create",
            "ec2:DescribeInstances" => "elasticloadbalancing:RegisterTargets",
            "elasticloadbalancing:AddTags" => "elasticloadbalancing:Create",
            action => action,
        };
        assert!(
            denied.message.contains(&format!("needs the permission `{told}")),
            "{action}: {denied}"
        );
        assert!(denied.message.contains(action), "{action}: {denied}");
        let part = match action.split_once(':').unwrap().0 {
            _ if told.starts_with("elasticloadbalancing:") => "load-balancing",
            "acm" => "certificates",
            "ec2" => "network",
            "tag" => "account",
            _ => "load-balancing",
        };
        assert!(
            denied
                .message
                .contains(&format!("output `policy_arns[\"{part}\"]`")),
            "{action}: {denied}"
        );

        // Granted, it settles and leaves nothing.
        simulator.simulator.inner().policy = None;
        settle(&driver, &target).await;
        take_away(&driver, &cloud, &target).await;
        simulator.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_subnet_that_is_not_there_is_named_and_nothing_waits_for_it() {
    let simulator = simulator(None).await;
    let cloud = wide(&simulator, Setup::default());
    let mut target = target(&cloud).await;
    let driver = driver(&cloud);
    let right = target.balancer.subnets.clone();
    let mut wrong: Vec<_> = right.iter().cloned().collect();
    wrong[0].id = "subnet-0123456789abcdef0".into();
    target.balancer.subnets = wrong.into_iter().collect();
    let error = until(&driver, &target, |error| {
        error.message.contains("CreateLoadBalancer")
    })
    .await;
    assert!(error.message.contains("subnet-0123456789abcdef0"), "{error}");
    target.balancer.subnets = right;
    settle(&driver, &target).await;
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_quota_of_zero_is_told_and_what_is_there_serves_on() {
    let simulator = simulator(None).await;
    let cloud = wide(&simulator, Setup::default());
    let mut target = target(&cloud).await;
    let driver = driver(&cloud);
    let before = foreign(&cloud, &target, "others").await;
    let quota = |max| {
        let mut inner = simulator.simulator.inner();
        let account = inner
            .world
            .accounts
            .entry(place("123456789012", "eu-central-1"))
            .or_default();
        assert!(account.elb.limits.set("application-load-balancers", max));
    };
    quota(0);
    let error = until(&driver, &target, |error| error.kind == ErrorKind::QuotaExceeded).await;
    assert!(error.message.contains("TooManyLoadBalancers"), "{error}");
    assert_eq!(error.treatment().reason, "NoResources");
    assert_eq!(
        cloud
            .balancers(std::slice::from_ref(&before))
            .await
            .unwrap()
            .len(),
        1
    );

    // A Gateway that is there goes on, is edited and is removed at a quota that has no room any more.
    quota(2);
    settle(&driver, &target).await;
    quota(0);
    target.listeners.get_mut(&8080).unwrap().rules.reverse();
    settle(&driver, &target).await;
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn what_others_named_like_ours_is_theirs() {
    let simulator = simulator(None).await;
    let cloud = wide(&simulator, Setup::default());
    let target = target(&cloud).await;
    let driver = driver(&cloud);
    let theirs = foreign(&cloud, &target, &target.balancer.name).await;
    let group = target.target_groups.values().next().unwrap();
    let new = NewTargetGroup {
        name: group.name.clone(),
        fixed: group.fixed.clone(),
        vpc: target.balancer.vpc.clone(),
        health: HealthCheck {
            path: Some("/theirs".into()),
            ..HealthCheck::default()
        },
        tags: tags(&[("team", "others")]),
    };
    let their_group = cloud.create_target_group(&new).await.unwrap();
    for what in ["CreateLoadBalancer", "CreateTargetGroup"] {
        let error = Box::pin(until(&driver, &target, |error| {
            error.kind == ErrorKind::NotOurs && error.message.contains(what)
        }))
        .await;
        assert!(
            error.message.contains("was not made for this Gateway: rename it"),
            "{error}"
        );
    }
    let of = cloud.tags(&[theirs.clone(), their_group.clone()]).await.unwrap();
    assert!(
        of.values().all(|found| *found == tags(&[("team", "others")])),
        "{of:?}"
    );

    // Out of the way, the Gateway takes its place.
    cloud.delete_balancer(&theirs).await.unwrap();
    cloud.delete_target_group(&their_group).await.unwrap();
    settle(&driver, &target).await;
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}

/// What lost its tags is not ours any more: it is neither changed nor deleted, and what to do is said.
#[tokio::test]
async fn what_lost_its_tags_is_left_alone_until_it_has_them_again() {
    let simulator = simulator(None).await;
    let cloud = wide(&simulator, Setup::default());
    let target = target(&cloud).await;
    let driver = driver(&cloud);
    settle(&driver, &target).await;
    let marks = tags(&[(gatewright_aws::owner::CLUSTER, "test")]);
    let found = cloud.find(Kind::TargetGroup, &marks).await.unwrap();
    let (arn, own) = (found[0].arn.clone(), found[0].tags.clone());
    let key = gatewright_aws::owner::GATEWAY;
    let other = tags(&[(key, &format!("{}x", own[key]))]);
    let arns = std::slice::from_ref(&arn);
    cloud.add_tags(Kind::TargetGroup, arns, &other).await.unwrap();
    let error = until(&driver, &target, |error| error.kind == ErrorKind::NotOurs).await;
    assert!(error.message.contains("was not made for this Gateway"), "{error}");
    assert_eq!(cloud.tags(arns).await.unwrap()[&arn][key], other[key]);
    let back = tags(&[(key, &own[key])]);
    cloud.add_tags(Kind::TargetGroup, arns, &back).await.unwrap();
    settle(&driver, &target).await;

    // A tag that is only of use to people comes back.
    let keys = BTreeSet::from([Str::from("team")]);
    cloud.remove_tags(Kind::TargetGroup, arns, &keys).await.unwrap();
    settle(&driver, &target).await;
    assert_eq!(&*cloud.tags(arns).await.unwrap()[&arn]["team"], "shop");
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_target_group_that_was_deleted_comes_back_with_its_rules() {
    let simulator = simulator(None).await;
    let cloud = wide(&simulator, Setup::default());
    let target = target(&cloud).await;
    let driver = driver(&cloud);
    settle(&driver, &target).await;
    let marks = tags(&[(gatewright_aws::owner::CLUSTER, "test")]);
    let balancer = cloud.find(Kind::Balancer, &marks).await.unwrap()[0].arn.clone();
    for listener in cloud.listeners(&balancer).await.unwrap() {
        cloud.delete_listener(&listener.arn).await.unwrap();
    }
    for group in cloud.find(Kind::TargetGroup, &marks).await.unwrap() {
        cloud.delete_target_group(&group.arn).await.unwrap();
    }
    let outcome = once(&driver, &target).await;
    let made: Vec<&str> = outcome.changes.iter().map(|change| &*change.summary).collect();
    assert!(
        made.iter().any(|summary| summary.contains("gw-cart")),
        "the change says what came back: {made:?}"
    );
    settle(&driver, &target).await;
    assert_eq!(cloud.find(Kind::TargetGroup, &marks).await.unwrap().len(), 2);
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_listener_of_others_on_our_port_is_theirs_and_other_ports_serve() {
    let simulator = simulator(None).await;
    let cloud = wide(&simulator, Setup::default());
    let whole = target(&cloud).await;
    let driver = driver(&cloud);
    let mut less = whole.clone();
    let port = less.listeners.remove(&8080).unwrap();
    settle(&driver, &less).await;
    let marks = tags(&[(gatewright_aws::owner::CLUSTER, "test")]);
    let balancer = cloud.find(Kind::Balancer, &marks).await.unwrap()[0].arn.clone();
    let new = NewListener {
        balancer: balancer.clone(),
        port: port.port,
        settings: ListenerSettings {
            transport: Transport::Http,
            tls: None,
            default: fixed(),
        },
        tags: tags(&[("team", "others")]),
    };
    let theirs = cloud.create_listener(&new).await.unwrap();
    let error = until(&driver, &whole, |error| error.kind == ErrorKind::NotOurs).await;
    assert!(error.message.contains("DuplicateListener"), "{error}");
    let listeners = cloud.listeners(&balancer).await.unwrap();
    let ports: BTreeSet<u16> = listeners.iter().map(|listener| listener.port).collect();
    assert_eq!(ports, BTreeSet::from([8080, 8443]));
    assert!(listeners.iter().any(|listener| listener.arn == theirs));
    cloud.delete_listener(&theirs).await.unwrap();
    settle(&driver, &whole).await;
    take_away(&driver, &cloud, &whole).await;
    simulator.stop().await.unwrap();
}

/// 200 targets a call; only what changed is registered anew.
#[tokio::test]
async fn ten_thousand_endpoints_are_registered_and_go_again() {
    let simulator = simulator(None).await;
    {
        let mut inner = simulator.simulator.inner();
        let account = inner
            .world
            .accounts
            .entry(place("123456789012", "eu-central-1"))
            .or_default();
        for name in [
            "targets-per-application-load-balancer",
            "targets-per-target-group",
        ] {
            assert!(account.elb.limits.set(name, 30_000));
        }
    }
    let cloud = wide(&simulator, Setup::default());
    let mut target = target(&cloud).await;
    let driver = driver(&cloud);
    let pods = |count: u16| -> BTreeSet<Pod> {
        (0..count)
            .map(|number| {
                let [high, low] = number.to_be_bytes();
                Pod {
                    id: TargetAddress::Ip([192, 168, 100 + high, low].into()),
                    port: 8080,
                    zone: None,
                    quic_server: None,
                }
            })
            .collect()
    };
    let id = target.target_groups.keys().next().unwrap().clone();
    target.target_groups.get_mut(&id).unwrap().targets = pods(10_000);
    settle(&driver, &target).await;
    let registered = || {
        let calls = &simulator.simulator.inner().calls;
        let all = serde_json::to_value(calls).unwrap().to_string();
        all.matches("RegisterTargets").count()
    };
    let before = registered();
    settle(&driver, &target).await;
    assert_eq!(registered(), before);
    target.target_groups.get_mut(&id).unwrap().targets = pods(20);
    settle(&driver, &target).await;
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn an_error_that_nobody_knows_hurts_what_it_is_about_alone() {
    let simulator = simulator(None).await;
    let cloud = wide(&simulator, Setup::default());
    let target = target(&cloud).await;
    let driver = driver(&cloud);
    simulator.simulator.inner().faults.add(Fault {
        service: "elbv2".into(),
        operation: "CreateRule".into(),
        account: None,
        region: None,
        skip: 2,
        count: Some(1),
        effect: Effect::Error {
            code: "SomethingOfNextYear".into(),
            message: "no page tells of it".into(),
            status: Some(400),
        },
    });
    let error = until(&driver, &target, |error| error.kind == ErrorKind::Unexpected).await;
    assert!(
        error
            .message
            .contains("SomethingOfNextYear: this version does not know the error"),
        "{error}"
    );
    // The other rules were made all the same.
    let marks = tags(&[(gatewright_aws::owner::CLUSTER, "test")]);
    assert!(cloud.find(Kind::Balancer, &marks).await.unwrap().len() == 1);
    settle(&driver, &target).await;
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}
