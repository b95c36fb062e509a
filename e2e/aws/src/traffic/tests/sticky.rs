//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html>

use super::backend::Backend;
use super::client::{Answer, Body, get, send};
use super::world::{World, all, attribute, group};
use crate::traffic::State;
use http::Request;
use serde_json::{Value, json};

/// `name=value` of a cookie that an answer sets.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let lines = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|line| line.to_str().unwrap());
    lines
        .filter_map(|line| line.split(';').next())
        .find(|pair| pair.split_once('=').unwrap().0 == name)
        .map(str::to_owned)
}

fn with(cookie: &str) -> Request<Body> {
    let mut request = get("/");
    request
        .headers_mut()
        .insert("cookie", format!("own=1; {cookie}").parse().unwrap());
    request
}

fn weighted(sticky: Value) -> Value {
    json!([{"RuleArn": "default", "Priority": "default", "Actions": [{"Type": "forward", "ForwardConfig": {
        "TargetGroups": [{"TargetGroupArn": "a", "Weight": 1}, {"TargetGroupArn": "b", "Weight": 1}],
        "TargetGroupStickinessConfig": sticky}}]}])
}

#[tokio::test]
async fn a_client_stays_with_its_group() {
    let (a, b) = (Backend::start("a").await, Backend::start("b").await);
    let mut world = World::start(weighted(json!({"Enabled": true, "DurationSeconds": 1000}))).await;
    world.healthy_group("a", &[&a]).await;
    world.healthy_group("b", &[&b]).await;
    let first = send(world.at, get("/")).await;
    let sent = cookie(&first, "AWSALBTG").unwrap();
    // "uses the Expires attribute in the cookie header instead of the Max-Age attribute"; a second cookie for CORS.
    let line = first.headers["set-cookie"].to_str().unwrap();
    assert!(
        line.contains("; Expires=") && line.contains(" GMT") && !line.contains("Max-Age"),
        "{line}"
    );
    assert_eq!(
        cookie(&first, "AWSALBTGCORS").unwrap().split_once('=').unwrap().1,
        sent.split_once('=').unwrap().1
    );
    for _ in 0..12 {
        let again = send(world.at, with(&sent)).await;
        assert_eq!(again.target(), first.target());
        assert!(
            cookie(&again, "AWSALBTG").is_some(),
            "the expiry is reset with every request"
        );
    }
    // "You cannot decrypt or modify": one that was changed is as none, and both groups are drawn sooner or later.
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..64 {
        seen.insert(send(world.at, with(&format!("{sent}x"))).await.target());
    }
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn without_stickiness_there_is_no_cookie() {
    let a = Backend::start("a").await;
    let mut world = World::start(weighted(json!({"Enabled": false}))).await;
    world.healthy_group("a", &[&a]).await;
    world.healthy_group("b", &[&a]).await;
    assert_eq!(send(world.at, get("/")).await.headers.get("set-cookie"), None);
}

#[tokio::test]
async fn a_client_stays_with_its_target_until_it_is_unhealthy() {
    let backends = [
        Backend::start("0").await,
        Backend::start("1").await,
        Backend::start("2").await,
    ];
    let mut world = World::start(all("tg")).await;
    let mut sticky = group(&backends.iter().collect::<Vec<_>>());
    sticky.attributes.extend([
        attribute("stickiness.enabled", "true"),
        attribute("stickiness.type", "lb_cookie"),
        attribute("stickiness.lb_cookie.duration_seconds", "60"),
    ]);
    world.add_group("tg", sticky);
    world.publish().await;
    for backend in &backends {
        world.wait_for("tg", backend, State::Healthy).await;
    }
    let first = send(world.at, get("/")).await;
    let sent = cookie(&first, "AWSALB").unwrap();
    for _ in 0..6 {
        assert_eq!(send(world.at, with(&sent)).await.target(), first.target());
    }
    let own = &backends[first.target().parse::<usize>().unwrap()];
    own.set_health(500);
    world.wait_for("tg", own, State::Unhealthy).await;
    // "selects a new target and updates the cookie with information about the new target".
    let moved = send(world.at, with(&sent)).await;
    assert_ne!(moved.target(), first.target());
    let sent = cookie(&moved, "AWSALB").unwrap();
    assert_eq!(send(world.at, with(&sent)).await.target(), moved.target());
}

#[tokio::test]
async fn targets_take_turns_or_the_one_with_the_least_to_do_is_taken() {
    let (a, b) = (Backend::start("a").await, Backend::start("b").await);
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&a, &b]).await;
    for _ in 0..6 {
        send(world.at, get("/")).await;
    }
    assert_eq!((a.requests(), b.requests()), (3, 3));
    let algorithm = attribute("load_balancing.algorithm.type", "least_outstanding_requests");
    world.group("tg").attributes.extend([algorithm]);
    world.publish().await;
    let at = world.at;
    let slow = tokio::spawn(async move { send(at, get("/slow")).await });
    super::world::until("the request", || a.requests() + b.requests() == 7).await;
    let (busy, other) = if a.requests() == 4 { (&a, "b") } else { (&b, "a") };
    for _ in 0..4 {
        assert_eq!(send(world.at, get("/")).await.target(), other);
    }
    busy.state.release.add_permits(1);
    assert_eq!(slow.await.unwrap().status, 200);
}
