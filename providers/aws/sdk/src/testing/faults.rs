//! Answers that are lost, and AWS's own buckets, between the driver and the simulator.

use super::drive::{driver, inventory, settle, take_away, target, writes};
use super::simulator::{prompt, simulator};
use super::{Seen, Setup, account};
use crate::Account;
use crate::calls::{Grant, policy};
use crate::limiter::{Bucket, Figures};
use crate::transport::AttemptOutcome;
use gatewright_aws::alb::Request;
use gatewright_aws_simulator::faults::throttle::{Category, Throttling};
use gatewright_aws_simulator::faults::{Effect, Fault};
use gatewright_aws_simulator::quotas;
use gatewright_aws_simulator::run::Running;
use gatewright_provider_api::contract::{Applied, ErrorKind, Outcome, Verdict, converge};
use std::sync::Arc;
use std::time::Duration;

/// An account that gives up on an answer soon, and is not paced.
fn impatient(simulator: &Running) -> (Account, Arc<Seen>) {
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = Setup {
        answer: Duration::from_secs(1),
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    account(&format!("http://{}", simulator.services), setup)
}

/// The call takes effect, but its answer never comes: the SDK tries again, and what must not be made twice is not, or
/// is found and taken away.
async fn lose(operation: &str) {
    let simulator = prompt(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let (cloud, seen) = impatient(&simulator);
    let target = target(&cloud).await;
    simulator.simulator.inner().faults.add(Fault {
        service: "*".into(),
        operation: operation.into(),
        account: None,
        region: None,
        skip: 0,
        count: Some(1),
        effect: Effect::TimeoutAfter { after_ms: 60_000 },
    });
    let driver = driver(&cloud);
    settle(&driver, &target).await;
    let lost = (seen.attempts().into_iter()).filter(|(_, outcome)| *outcome == AttemptOutcome::Unanswered);
    assert_eq!(lost.map(|(name, _)| name).collect::<Vec<_>>(), [operation]);
    assert_eq!(inventory(&cloud).await, [1, 2, 1, 1, 1], "{operation}");
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_leaves_nothing_twice() {
    for operation in [
        "CreateSecurityGroup",
        "AuthorizeSecurityGroupIngress",
        "ImportCertificate",
        "PutObject",
        "CreateTrustStore",
        "CreateTargetGroup",
        "RegisterTargets",
        "CreateLoadBalancer",
        "CreateListener",
        "CreateRule",
    ] {
        Box::pin(lose(operation)).await;
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_deletion_is_no_error() {
    for operation in [
        "DeleteLoadBalancer",
        "DeleteTargetGroup",
        "DeleteCertificate",
        "DeleteSecurityGroup",
    ] {
        Box::pin(lose_at_the_end(operation)).await;
    }
}

async fn lose_at_the_end(operation: &str) {
    let simulator = prompt(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let (cloud, _) = impatient(&simulator);
    let target = target(&cloud).await;
    let driver = driver(&cloud);
    settle(&driver, &target).await;
    simulator.simulator.inner().faults.add(Fault {
        service: "*".into(),
        operation: operation.into(),
        account: None,
        region: None,
        skip: 0,
        count: Some(1),
        effect: Effect::TimeoutAfter { after_ms: 60_000 },
    });
    take_away(&driver, &cloud, &target).await;
    assert!(
        simulator.simulator.inner().faults.waiting().is_empty(),
        "{operation} was never called"
    );
    simulator.stop().await.unwrap();
}

/// Reads that show the world of two seconds ago, as tags and listings do: what was made meanwhile seems not to be there.
#[tokio::test]
async fn stale_answers_make_nothing_twice() {
    let simulator = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let (cloud, _) = impatient(&simulator);
    let target = target(&cloud).await;
    for operation in ["Describe*", "GetResources"] {
        simulator.simulator.inner().faults.add(Fault {
            service: "*".into(),
            operation: operation.into(),
            account: None,
            region: None,
            skip: 0,
            count: Some(60),
            effect: Effect::Stale { ms: 2_000 },
        });
    }
    let driver = driver(&cloud);
    settle(&driver, &target).await;
    assert_eq!(inventory(&cloud).await, [1, 2, 1, 1, 1]);
    let struck = |fault: &Fault| fault.count.is_none_or(|left| left < 60);
    assert!(simulator.simulator.inner().faults.waiting().iter().all(struck));
    simulator.simulator.inner().faults.clear();
    settle(&driver, &target).await;
    assert_eq!(inventory(&cloud).await, [1, 2, 1, 1, 1]);
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}

/// With the figures that we take and those that AWS documents, nobody is ever throttled. Calls may come closer together
/// than they were sent, by what the way takes: buckets have room for two more.
#[tokio::test]
async fn our_pace_stays_within_awss_buckets() {
    let simulator = simulator(None).await;
    let mut documented = Throttling::documented();
    for category in &mut documented.categories {
        category.capacity += 2.0;
    }
    simulator.simulator.inner().faults.buckets.set(documented);
    let (cloud, seen) = account(&format!("http://{}", simulator.services), Setup::default());
    let target = target(&cloud).await;
    let driver = driver(&cloud);
    settle(&driver, &target).await;
    let throttled = seen
        .attempts()
        .into_iter()
        .filter(|(_, outcome)| *outcome == AttemptOutcome::Throttled);
    assert_eq!(throttled.count(), 0);
    simulator.stop().await.unwrap();
}

/// Lets services take so many calls and no more.
pub(super) fn throttle(simulator: &Running, services: &[(&str, u32)]) {
    let categories = services.iter().map(|(service, calls)| Category {
        name: (*service).to_owned(),
        service: (*service).to_owned(),
        operations: vec!["*".to_owned()],
        capacity: f64::from(*calls),
        refill: 0.0,
        each: false,
    });
    let categories = categories.collect();
    simulator
        .simulator
        .inner()
        .faults
        .buckets
        .set(Throttling { categories });
}

/// Whether a run failed, and for nothing but that its calls came too fast.
pub(super) fn is_held_up(outcome: &Outcome) -> bool {
    let mut kinds = outcome.errors().map(|error| error.kind).peekable();
    kinds.peek().is_some() && kinds.all(|kind| matches!(kind, ErrorKind::Throttled { .. }))
}

/// `ThrottledException` of the tagging API and `ThrottlingException` of Certificate Manager hold the driver up and nothing
/// else: it comes to its end, and nothing is there twice.
#[tokio::test]
async fn who_is_throttled_by_certificates_and_tags_comes_to_an_end() {
    let simulator = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let (cloud, _) = impatient(&simulator);
    let target = target(&cloud).await;
    let driver = driver(&cloud);
    let request = Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    };
    throttle(&simulator, &[("tagging", 0)]);
    let outcome = Box::pin(converge(&driver, &request)).await;
    assert!(is_held_up(&outcome) && outcome.unread.is_some(), "{outcome:#?}");
    throttle(&simulator, &[("acm", 0)]);
    let outcome = Box::pin(converge(&driver, &request)).await;
    let throttled = |kind: ErrorKind| matches!(kind, ErrorKind::Throttled { .. });
    assert!(
        outcome.errors().any(|error| throttled(error.kind)),
        "{outcome:#?}"
    );
    throttle(&simulator, &[]);
    settle(&driver, &target).await;
    assert_eq!(inventory(&cloud).await, [1, 2, 1, 1, 1]);
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}

/// A quota of targets that is used up is told as a quota, and what it does not concern is made; once it is raised, the rest is.
#[tokio::test]
async fn a_quota_of_targets_is_told_and_holds_up_its_group_alone() {
    let simulator = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let (cloud, _) = impatient(&simulator);
    let mut target = target(&cloud).await;
    let next = target
        .target_groups
        .values_mut()
        .find(|group| &*group.name == "gw-next");
    next.unwrap().targets.pop_last();
    let limit = |value: u64| {
        let mut inner = simulator.simulator.inner();
        for account in inner.world.accounts.values_mut() {
            quotas::set(account, quotas::TARGETS_PER_GROUP.code, value).unwrap();
        }
    };
    limit(1);
    let driver = driver(&cloud);
    let request = Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    };
    let outcome = Box::pin(converge(&driver, &request)).await;
    let of_quotas = outcome
        .errors()
        .filter(|error| error.kind == ErrorKind::QuotaExceeded);
    let errors: Vec<_> = of_quotas.collect();
    assert_eq!(errors.len(), 1, "{outcome:#?}");
    assert!(
        errors[0].resource.to_string().contains("gw-cart")
            && errors[0].message.contains("1 targets per target group"),
        "{}",
        errors[0]
    );
    let made = |id: &str| {
        let of = |change: &&Applied| change.verdict == Verdict::Done && change.resource.id.contains(id);
        outcome.changes.iter().any(|change| of(&change))
    };
    assert!(made("gw-next") && made("gw-shop-web"), "{outcome:#?}");
    limit(1000);
    settle(&driver, &target).await;
    assert_eq!(inventory(&cloud).await, [1, 2, 1, 1, 1]);
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}

/// AWS is away for a moment, in the midst of it and afterwards: nothing is there twice, and nothing is written anew.
#[tokio::test]
async fn aws_may_be_away_for_a_moment() {
    let simulator = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let (cloud, seen) = impatient(&simulator);
    let target = target(&cloud).await;
    let driver = driver(&cloud);
    let request = Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    };
    Box::pin(converge(&driver, &request)).await;
    simulator.simulator.restart(60_000).unwrap();
    let outcome = Box::pin(converge(&driver, &request)).await;
    let kinds: Vec<ErrorKind> = outcome.errors().map(|error| error.kind).collect();
    assert!(
        !kinds.is_empty()
            && kinds
                .iter()
                .all(|kind| matches!(kind, ErrorKind::Unavailable | ErrorKind::Timeout)),
        "{outcome:#?}"
    );
    simulator.simulator.restart(0).unwrap();
    settle(&driver, &target).await;
    assert_eq!(inventory(&cloud).await, [1, 2, 1, 1, 1]);
    simulator.simulator.restart(0).unwrap();
    let before = writes(&seen).len();
    settle(&driver, &target).await;
    assert_eq!(writes(&seen).len(), before, "what was kept is as it was");
    take_away(&driver, &cloud, &target).await;
    simulator.stop().await.unwrap();
}
