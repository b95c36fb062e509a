//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>

use super::backend::{Backend, Speaks};
use super::client::{get, send};
use super::world::{World, all, group, until};
use crate::traffic::{Reason, State};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn only_healthy_targets_get_requests_until_none_is() {
    let (a, b) = (Backend::start("a").await, Backend::start("b").await);
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&a, &b]).await;
    b.set_health(500);
    let health = world.wait_for("tg", &b, State::Unhealthy).await;
    assert_eq!(health.reason, Some(Reason::ResponseCodeMismatch));
    assert_eq!(
        health.description.as_deref(),
        Some("Health checks failed with these codes: [500]")
    );
    for _ in 0..4 {
        assert_eq!(send(world.at, get("/")).await.target(), "a");
    }
    // "If a target group contains only unhealthy registered targets, the load balancer routes requests to all".
    a.set_health(404);
    world.wait_for("tg", &a, State::Unhealthy).await;
    let mut targets = [
        send(world.at, get("/")).await.target(),
        send(world.at, get("/")).await.target(),
    ];
    targets.sort();
    assert_eq!(targets, ["a", "b"]);
    b.set_health(200);
    world.wait_for("tg", &b, State::Healthy).await;
    for _ in 0..3 {
        assert_eq!(send(world.at, get("/")).await.target(), "b");
    }
}

#[tokio::test]
async fn a_target_gets_nothing_before_its_first_check_has_passed() {
    let backend = Backend::start("a").await;
    backend.set_health(503);
    let mut world = World::start(all("tg")).await;
    let mut group = group(&[&backend]);
    group.health.unhealthy = u32::MAX;
    world.add_group("tg", group);
    world.publish().await;
    until("a check", || backend.state.checks.load(Ordering::Relaxed) > 2).await;
    let health = world.health_of("tg", &backend).unwrap();
    assert_eq!(
        (health.state, health.reason),
        (State::Initial, Some(Reason::InitialHealthChecking))
    );
    assert_eq!(send(world.at, get("/")).await.status, 503);
    backend.set_health(200);
    world.wait_for("tg", &backend, State::Healthy).await;
    assert_eq!(send(world.at, get("/")).await.target(), "a");
}

#[tokio::test]
async fn a_group_that_no_rule_uses_is_not_checked() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("other")).await;
    world.add_group("tg", group(&[&backend]));
    world.publish().await;
    let health = world.health_of("tg", &backend).unwrap();
    assert_eq!(
        (health.state, health.reason),
        (State::Unused, Some(Reason::NotInUse))
    );
    // Once a rule forwards to it, it is; and no longer when the rule is gone.
    world.listener().rules = super::world::rules(all("tg"));
    world.publish().await;
    world.wait_for("tg", &backend, State::Healthy).await;
    world.listener().rules = super::world::rules(all("other"));
    world.publish().await;
    assert_eq!(world.health_of("tg", &backend).unwrap().state, State::Unused);
    assert_eq!(world.health.state("tg", "192.0.2.1", 80), None);
}

#[tokio::test]
async fn a_check_that_is_not_answered_in_time() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    let mut silent = group(&[&backend]);
    silent.health.path = "/silent".to_owned();
    silent.health.timeout_ms = 30;
    world.add_group("tg", silent);
    world.publish().await;
    assert_eq!(
        world.wait_for("tg", &backend, State::Unhealthy).await.reason,
        Some(Reason::Timeout)
    );
    // Settings that change are followed.
    world.group("tg").health = group(&[]).health;
    world.publish().await;
    world.wait_for("tg", &backend, State::Healthy).await;
}

#[tokio::test]
async fn a_target_that_is_not_there() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&backend]).await;
    let at = backend.at;
    drop(backend);
    let lost = |world: &World| world.health.state("tg", &at.ip().to_string(), at.port()).unwrap();
    until("unhealthy", || lost(&world).state == State::Unhealthy).await;
    assert_eq!(lost(&world).reason, Some(Reason::FailedHealthChecks));
}

#[tokio::test]
async fn grpc_targets_are_called_and_their_status_counts() {
    let backend = Backend::speaking("a", Speaks::Http2).await;
    let mut world = World::start(all("tg")).await;
    let mut grpc = group(&[&backend]);
    grpc.protocol_version = Some("GRPC".to_owned());
    grpc.health.path = "/AWS.ALB/healthcheck".to_owned();
    world.add_group("tg", grpc);
    world.publish().await;
    world.wait_for("tg", &backend, State::Healthy).await;
    // "12" is what the target answers.
    world.group("tg").health.grpc_codes = "0".to_owned();
    world.publish().await;
    let health = world.wait_for("tg", &backend, State::Unhealthy).await;
    assert_eq!(
        health.description.as_deref(),
        Some("Health checks failed with these codes: [12]")
    );
}
