//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html>

use super::backend::Backend;
use super::client::{get, send};
use super::world::{World, all, attribute, group, target};
use http::Method;

#[tokio::test]
async fn an_empty_group_is_503() {
    // "The target groups for the load balancer have no registered targets".
    let mut world = World::start(all("tg")).await;
    assert_eq!(send(world.at, get("/")).await.status, 503);
    world.add_group("tg", group(&[]));
    world.publish().await;
    let answer = send(world.at, get("/")).await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.body.contains("503 Service Temporarily Unavailable"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn a_target_that_refuses_connections_is_502() {
    // "The load balancer received a TCP RST from the target when attempting to establish a connection."
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    let mut group = group(&[&backend]);
    group.health.enabled = false;
    group.targets = vec![target(closed())];
    world.add_group("tg", group);
    world.publish().await;
    assert_eq!(send(world.at, get("/")).await.status, 502);
}

/// An address where nobody listens.
fn closed() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test]
async fn a_target_that_breaks_off_is_502() {
    // "The target closed the connection with a TCP RST or a TCP FIN while the load balancer had an outstanding request".
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&backend]).await;
    assert_eq!(send(world.at, get("/reset")).await.status, 502);
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_504() {
    // "the target did not respond before the idle timeout period elapsed".
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world
        .balancer()
        .attributes
        .extend([attribute("idle_timeout.timeout_seconds", "1")]);
    world.healthy_group("tg", &[&backend]).await;
    assert_eq!(send(world.at, get("/silent")).await.status, 504);
}

#[tokio::test]
async fn requests_that_are_refused() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&backend]).await;
    // "The load balancer received an X-Forwarded-For request header with more than 30 IP addresses."
    let with = |count: usize| {
        let mut request = get("/");
        let value = vec!["192.0.2.1"; count].join(", ");
        request
            .headers_mut()
            .insert("x-forwarded-for", value.parse().unwrap());
        request
    };
    assert_eq!(send(world.at, with(30)).await.status, 200);
    assert_eq!(send(world.at, with(31)).await.status, 463);
    // "The client used the TRACE method".
    let mut request = get("/");
    *request.method_mut() = Method::TRACE;
    assert_eq!(send(world.at, request).await.status, 405);
    // HTTP/1.1 without a host is malformed.
    let mut request = get("/");
    request.headers_mut().remove("host");
    assert_eq!(send(world.at, request).await.status, 400);
    assert_eq!(backend.requests(), 1);
}

/// "HTTP 403: Forbidden. You configured an AWS WAF web access control list (web ACL) ... and it blocked a request."
#[tokio::test]
async fn a_web_acl_lets_nobody_through_until_it_is_taken_away() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&backend]).await;
    world.balancer().blocks = true;
    world.publish().await;
    let answer = send(world.at, get("/")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("server")),
        (403, Some("awselb/2.0"))
    );
    assert_eq!(backend.requests(), 0);
    world.balancer().blocks = false;
    world.publish().await;
    assert_eq!(send(world.at, get("/")).await.status, 200);
}
