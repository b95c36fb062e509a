//! Web ACLs over the real wire, with the permissions that our list of calls asks for.

use super::drive::{driver, settle, take_away, target, writes};
use super::simulator::{simulator, user};
use super::until::until;
use super::{Seen, Setup, account};
use crate::Account;
use crate::calls::{Grant, policy};
use crate::limiter::{Bucket, Figures};
use gatewright_aws::cloud::{Arn, WebAcls};
use gatewright_aws_core::Str;
use gatewright_aws_simulator::run::Running;
use gatewright_provider_api::contract::{ErrorKind, Outcome};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A web ACL that lets everybody through, or nobody: its ARN.
pub(super) async fn made(running: &Running, cloud: &Account, name: &str, action: &str) -> Str {
    let input = json!({"Name": name, "Scope": "REGIONAL", "DefaultAction": {action: {}},
        "VisibilityConfig": {"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": name}});
    let scope = (cloud.region(), "wafv2");
    let made = user(running, scope, "AWSWAF_20190729.CreateWebACL", &input).await;
    made["Summary"]["ARN"].as_str().unwrap().into()
}

/// Each call, in front of a load balancer that is ours.
pub(super) async fn acls(running: &Running, cloud: &Account, balancer: &Arn) {
    assert_eq!(cloud.web_acl(balancer).await, Ok(None));
    let first = made(running, cloud, "first", "Allow").await;
    let second = made(running, cloud, "second", "Allow").await;
    for acl in [&first, &second] {
        cloud.associate_web_acl(balancer, acl).await.unwrap();
        assert_eq!(cloud.web_acl(balancer).await.as_ref(), Ok(&Some(acl.clone())));
    }
    // The load balancer is there, so that it is the web ACL that is not.
    let nowhere = first.replace("/first/", "/nowhere/");
    let refused = cloud.associate_web_acl(balancer, &nowhere).await.unwrap_err();
    assert_eq!(
        (refused.kind, &*refused.code),
        (ErrorKind::Invalid, "WAFNonexistentItemException")
    );
    cloud.disassociate_web_acl(balancer).await.unwrap();
    cloud.disassociate_web_acl(balancer).await.unwrap();
    assert_eq!(cloud.web_acl(balancer).await, Ok(None));
    let gone = Arn(format!("{balancer}0").into());
    assert_eq!(cloud.web_acl(&gone).await.unwrap_err().kind, ErrorKind::NotFound);
}

fn wide(running: &Running) -> (Account, Arc<Seen>) {
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    account(&format!("http://{}", running.services), setup)
}

/// The status that clients get at a path that a rule redirects.
async fn status(at: SocketAddr) -> Option<u16> {
    let mut stream = TcpStream::connect(at).await.ok()?;
    let request = "GET /nowhere HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

async fn answers(running: &Running, wanted: u16) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let config = running.simulator.config();
    let address = config.borrow().balancers.values().next().unwrap().address;
    loop {
        let found = status(SocketAddr::new(address, 8080)).await;
        if found == Some(wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "{found:?}, not {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_stands_behind_its_web_acl_until_it_names_none() {
    let running = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let (cloud, seen) = wide(&running);
    let mut target = target(&cloud).await;
    let driver = driver(&cloud);
    let closed = made(&running, &cloud, "closed", "Block").await;
    let open = made(&running, &cloud, "open", "Allow").await;
    target.web_acl = Some(closed);
    Box::pin(settle(&driver, &target)).await;
    answers(&running, 403).await;
    let before = writes(&seen).len();
    target.web_acl = Some(open);
    Box::pin(settle(&driver, &target)).await;
    assert_eq!(writes(&seen)[before..], ["AssociateWebACL", "AddTags"]);
    answers(&running, 404).await;
    let before = writes(&seen).len();
    target.web_acl = None;
    Box::pin(settle(&driver, &target)).await;
    assert_eq!(writes(&seen)[before..], ["DisassociateWebACL", "RemoveTags"]);
    Box::pin(settle(&driver, &target)).await;
    assert_eq!(writes(&seen).len(), before + 2);
    Box::pin(take_away(&driver, &cloud, &target)).await;
    running.stop().await.unwrap();
}

/// Without the part of the policy that web ACLs need, what lacks is named and nobody comes in; other Gateways lack nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_permission_nobody_comes_in_past_the_web_acl() {
    let parts: Vec<Grant> = Grant::ALL
        .iter()
        .copied()
        .filter(|part| *part != Grant::Protection)
        .collect();
    let running = simulator(Some(&policy(&parts, "aws", Some("test")))).await;
    let (cloud, _) = wide(&running);
    let mut target = target(&cloud).await;
    let driver = driver(&cloud);
    Box::pin(settle(&driver, &target)).await;
    Box::pin(take_away(&driver, &cloud, &target)).await;
    target.web_acl = Some(made(&running, &cloud, "closed", "Block").await);
    let request = gatewright_aws::alb::Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    };
    let forbidden = |outcome: &Outcome| -> Vec<String> {
        let errors = outcome.errors();
        errors
            .filter(|error| error.kind == ErrorKind::Forbidden)
            .map(ToString::to_string)
            .collect()
    };
    let outcome = until(&driver, &request, |outcome| !forbidden(outcome).is_empty()).await;
    let told = forbidden(&outcome).join("\n");
    assert!(told.contains("`wafv2:AssociateWebACL`"), "{told}");
    assert!(told.contains("`policy_arns[\"protection\"]`"), "{told}");
    let listeners = running
        .simulator
        .config()
        .borrow()
        .balancers
        .values()
        .next()
        .unwrap()
        .listeners
        .len();
    assert_eq!(listeners, 0);
    running.simulator.inner().policy = None;
    Box::pin(settle(&driver, &target)).await;
    answers(&running, 403).await;
    Box::pin(take_away(&driver, &cloud, &target)).await;
    running.stop().await.unwrap();
}
