//! Configurations that change while requests are in flight.

use super::backend::Backend;
use super::client::{Connection, get, read, send};
use super::world::{World, all, forward, group, path, rules, until};
use crate::traffic::State;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_draining_target_ends_what_it_has_and_gets_nothing_new() {
    let (a, b) = (Backend::start("a").await, Backend::start("b").await);
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&a]).await;
    let at = world.at;
    let slow = tokio::spawn(async move { send(at, get("/slow")).await });
    until("the request", || a.requests() == 1).await;
    world.group("tg").targets = group(&[&a, &b]).targets;
    world.group("tg").targets[0].draining = true;
    world.publish().await;
    world.wait_for("tg", &b, State::Healthy).await;
    for _ in 0..3 {
        assert_eq!(send(world.at, get("/")).await.target(), "b");
    }
    a.state.release.add_permits(1);
    let answer = slow.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.target().as_str()), (200, "a"));
}

#[tokio::test]
async fn a_target_whose_deregistration_is_over_is_502() {
    // "The deregistration delay period elapsed for a request being handled by a target that was deregistered."
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&backend]).await;
    let at = world.at;
    let slow = tokio::spawn(async move { send(at, get("/slow")).await });
    let mut half = Connection::open(at).await;
    let half = half.head(get("/half")).await.unwrap();
    until("both requests", || backend.requests() == 2).await;
    world.group("tg").targets[0].draining = true;
    world.publish().await;
    world.group("tg").targets.clear();
    world.publish().await;
    assert_eq!(slow.await.unwrap().status, 502);
    // A response that has begun breaks off.
    assert!(read(half).await.is_err());
}

#[tokio::test]
async fn a_target_that_is_registered_again_starts_anew() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&backend]).await;
    world.group("tg").targets[0].draining = true;
    world.publish().await;
    assert_eq!(send(world.at, get("/")).await.status, 503);
    backend.set_health(500);
    world.group("tg").targets[0].draining = false;
    world.publish().await;
    assert_ne!(world.health_of("tg", &backend).unwrap().state, State::Healthy);
    backend.set_health(200);
    world.wait_for("tg", &backend, State::Healthy).await;
}

#[tokio::test]
async fn a_listener_that_is_removed_ends_what_it_has() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&backend]).await;
    let at = world.at;
    let mut idle = Connection::open(at).await;
    idle.send(get("/")).await.unwrap();
    let slow = tokio::spawn(async move { send(at, get("/slow")).await });
    until("the request", || backend.requests() == 2).await;
    let listeners = std::mem::take(&mut world.balancer().listeners);
    world.publish().await;
    assert!(TcpStream::connect(at).await.is_err(), "its port is closed");
    until("the idle connection to close", || idle.closed()).await;
    backend.state.release.add_permits(1);
    assert_eq!(slow.await.unwrap().status, 200);
    // The port can be taken again at once.
    world.balancer().listeners = listeners;
    world.publish().await;
    assert_eq!(world.plane.problems(), []);
    world.wait_for("tg", &backend, State::Healthy).await;
    assert_eq!(send(at, get("/")).await.target(), "a");
}

#[tokio::test]
async fn a_load_balancer_serves_from_when_it_is_active_until_it_is_deleted() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.balancer().active = false;
    world.publish().await;
    assert!(TcpStream::connect(world.at).await.is_err());
    world.balancer().active = true;
    world.healthy_group("tg", &[&backend]).await;
    assert_eq!(send(world.at, get("/")).await.target(), "a");
    world.config.balancers.clear();
    world.publish().await;
    assert!(TcpStream::connect(world.at).await.is_err());
    assert_eq!(world.health_of("tg", &backend).unwrap().state, State::Unused);
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_tried_again() {
    let mut world = World::start(all("tg")).await;
    let taken = std::net::TcpListener::bind((world.at.ip(), 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut second = super::world::listener(port, "HTTP", all("tg"));
    second.arn = "second".to_owned();
    world.balancer().listeners.push(second);
    world.publish().await;
    let problems = world.plane.problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].resource, "second");
    assert!(
        problems[0].message.contains("cannot be listened on"),
        "{problems:?}"
    );
    drop(taken);
    until("the port", || world.plane.problems().is_empty()).await;
    assert_eq!(send((world.at.ip(), port).into(), get("/")).await.status, 503);
}

#[tokio::test]
async fn no_request_fails_while_rules_weights_and_targets_change() {
    let (a, b) = (Backend::start("a").await, Backend::start("b").await);
    let mut world = World::start(all("a")).await;
    world.healthy_group("a", &[&a]).await;
    world.add_group("b", group(&[&b]));
    world.publish().await;
    let done = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (done, served, at) = (done.clone(), served.clone(), world.at);
            tokio::spawn(async move {
                let mut connection = Connection::open(at).await;
                while !done.load(Ordering::Relaxed) {
                    let answer = connection.send(get("/x")).await.unwrap();
                    assert_eq!(answer.status, 200, "{answer:?}");
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for round in 0..20 {
        let before = served.load(Ordering::Relaxed);
        // Group `b` is in use from the first rule on; until it is healthy it gets no weight.
        let weight = u32::from(
            world
                .health_of("b", &b)
                .is_some_and(|health| health.state == State::Healthy),
        );
        let both = json!({"RuleArn": "r", "Priority": "5", "Conditions": path("/x*"), "Actions": [{
            "Type": "forward", "ForwardConfig": {"TargetGroups": [
                {"TargetGroupArn": "a", "Weight": 1 + round % 3}, {"TargetGroupArn": "b", "Weight": weight}]}}]});
        world.listener().rules = rules(json!([forward("default", json!([]), "a"), both]));
        world.publish().await;
        until("some requests", || served.load(Ordering::Relaxed) > before + 20).await;
    }
    world.wait_for("b", &b, State::Healthy).await;
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert!(a.requests() > 0 && b.requests() > 0);
}
