//! Backends that no Service stands for, over the real wire: a target group that somebody else keeps, and a Lambda function.
//! The load balancer serves both, and with it goes only what is ours.

use super::drive::{driver, inventory, settle, take_away, target};
use super::simulator::{readable, simulator};
use super::{Seen, Setup, account};
use crate::Account;
use crate::calls::{Grant, policy};
use crate::limiter::{Bucket, Figures};
use bytes::Bytes;
use gatewright_aws::cloud::{Arn, NewTargetGroup, Tagging, TargetGroups};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::rule::{Action, Conditions, Forward, Rule, Transforms, Values};
use gatewright_aws_core::target_group::{
    self as group, Fixed, HealthCheck, ProtocolVersion, TargetAddress, TargetGroup, TargetGroupId, TargetKind,
};
use gatewright_aws_simulator::run::Running;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(60);
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:thumbnails";

/// A server that answers with what it is told to, of a path and a body.
async fn server(answer: fn(&str, &[u8]) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(move |request: Request<Incoming>| async move {
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let text = answer(&path, &body);
                Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from(text))))
            });
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(served);
        }
    });
    at
}

/// `API_Invoke` of the one function that there is.
fn invoke(path: &str, event: &[u8]) -> String {
    assert!(path.contains("thumbnails"), "{path}");
    let event: Value = serde_json::from_slice(event).unwrap();
    let body = format!("a function answers {}", event["path"].as_str().unwrap());
    json!({"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": body}).to_string()
}

async fn get(at: SocketAddr, path: &str) -> Option<(u16, String)> {
    let stream = TcpStream::connect(at).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    tokio::spawn(connection);
    let request = Request::get(path).header("host", "a.example.com");
    let answer = sender
        .send_request(request.body(Full::<Bytes>::default()).ok()?)
        .await
        .ok()?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    Some((status, String::from_utf8_lossy(&body).into_owned()))
}

async fn answers(at: SocketAddr, path: &str, wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = get(at, path).await;
        if answer
            .as_ref()
            .is_some_and(|answer| *answer == (200, wanted.to_owned()))
        {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{path} is answered with {answer:?}, not {wanted}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Somebody's group with their pod.
async fn plant(cloud: &Account, vpc: &str, pod: SocketAddr) -> Arn {
    let new = NewTargetGroup {
        name: "theirs".into(),
        fixed: Fixed {
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port: 80,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        },
        vpc: vpc.into(),
        health: HealthCheck::default(),
        tags: BTreeMap::from([("team".into(), "others".into())]),
    };
    let arn = cloud.create_target_group(&new).await.unwrap();
    let pod = group::Target {
        id: TargetAddress::Ip(pod.ip()),
        port: pod.port(),
        zone: Some("all".into()),
        quic_server: None,
    };
    cloud.register(&arn, &BTreeSet::from([pod])).await.unwrap();
    arn
}

fn function(id: &TargetGroupId) -> (TargetGroupId, TargetGroup) {
    let made = TargetGroup {
        name: "gw-lambda-thumbnails".into(),
        fixed: Fixed {
            protocol: "".into(),
            version: None,
            port: 0,
            kind: TargetKind::Lambda,
            ipv6: false,
            control_port: None,
        },
        health: HealthCheck::default(),
        attributes: BTreeMap::from([("lambda.multi_value_headers.enabled".into(), "false".into())]),
        targets: BTreeSet::from([group::Target {
            id: TargetAddress::Id(FUNCTION.into()),
            port: 0,
            zone: None,
            quic_server: None,
        }]),
    };
    (id.clone(), made)
}

fn leads(path: &str, group: &TargetGroupId) -> Rule {
    let values = [path.into(), format!("{path}/*").into()];
    Rule {
        origins: BTreeSet::new(),
        conditions: Conditions {
            path: Some(Values::Wildcards(values.into())),
            ..Conditions::default()
        },
        transforms: Transforms::default(),
        before: None,
        action: Action::Forward(Forward {
            groups: BTreeMap::from([(group.clone(), 1)]),
            stickiness_s: None,
        }),
        parts: Vec::new(),
    }
}

/// One HTTP listener whose rules lead to both.
async fn wanted(cloud: &Account, theirs: &Arn) -> Target {
    let mut target = target(cloud).await;
    let (given, lambda) = (
        TargetGroupId("TargetGroup/theirs".into()),
        TargetGroupId("Lambda/f".into()),
    );
    target.listeners.remove(&8443);
    target.certificates.clear();
    target.trust_stores.clear();
    target.listeners.get_mut(&8080).unwrap().rules =
        vec![leads("/theirs", &given), leads("/function", &lambda)];
    target.target_groups = BTreeMap::from([function(&lambda)]);
    target.given_groups = BTreeMap::from([(given, theirs.0.clone())]);
    target
}

fn address(running: &Running) -> SocketAddr {
    let config = running.simulator.config();
    let balancers = config.borrow().balancers.clone();
    SocketAddr::new(balancers.values().next().unwrap().address, 8080)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_somebody_else_and_a_function_are_served_and_the_group_stays() {
    let running = simulator(None).await;
    running.simulator.inner().settings.functions = Some(server(invoke).await);
    // Health checks are not what is tested here.
    running.simulator.inner().settings.second_ms = 20;
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    let (cloud, seen): (Account, Arc<Seen>) = account(&format!("http://{}", running.services), setup);
    let vpc = target(&cloud).await.balancer.vpc;
    let pod = server(|path, _| format!("a pod answers {path}")).await;
    let theirs = plant(&cloud, &vpc, pod).await;
    // From here on the controller's own rights alone.
    running.simulator.inner().policy = Some(readable(&policy(Grant::ALL, "aws", Some("test"))));

    let named = cloud.target_group_named("theirs").await.unwrap().unwrap();
    let by_arn = cloud.target_groups(std::slice::from_ref(&theirs)).await.unwrap();
    assert_eq!((&named.arn, std::slice::from_ref(&named)), (&theirs, &by_arn[..]));
    assert_eq!(named.fixed.kind, TargetKind::Ip);

    let driver = driver(&cloud);
    let target = wanted(&cloud, &theirs).await;
    settle(&driver, &target).await;
    let at = address(&running);
    answers(at, "/theirs/x", "a pod answers /theirs/x").await;
    answers(at, "/function/x", "a function answers /function/x").await;
    // AWS tells a function's group without protocol, port and network: nothing of it differs.
    let before = super::drive::writes(&seen).len();
    settle(&driver, &target).await;
    assert_eq!(super::drive::writes(&seen).len(), before);

    take_away(&driver, &cloud, &target).await;
    assert_eq!(inventory(&cloud).await, [0; 5]);
    let left = cloud.target_group_named("theirs").await.unwrap().unwrap();
    assert_eq!((left.fixed, left.health), (named.fixed, named.health));
    let tags = cloud.tags(std::slice::from_ref(&theirs)).await.unwrap();
    assert_eq!(tags[&theirs], BTreeMap::from([("team".into(), "others".into())]));
    let targets = cloud.targets(&theirs).await.unwrap();
    assert_eq!(targets.len(), 1);
    running.stop().await.unwrap();
}
