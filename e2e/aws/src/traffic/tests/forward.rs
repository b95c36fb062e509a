//! What targets and clients get.

use super::backend::Backend;
use super::client::{Body, get, send};
use super::world::{World, all, attribute, forward, path, rule};
use bytes::Bytes;
use http::Request;
use serde_json::json;

#[tokio::test]
async fn a_request_goes_to_a_target_with_the_documented_headers() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&backend]).await;
    let request = Request::post("/x/y?q=1")
        .header("host", "example.com")
        .header("x-own", "kept")
        .header("connection", "x-hop")
        .header("x-hop", "gone")
        .body(Body::from("hello"))
        .unwrap();
    let answer = send(world.at, request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("keep-alive"), None);
    let told = answer.json();
    assert_eq!(told["method"], "POST");
    assert_eq!(told["url"], "/x/y?q=1");
    assert_eq!(told["body"], "hello");
    assert_eq!(told["version"], "HTTP/1.1");
    // "originatingProtocol" and "the destination port that the client used to connect to the load balancer".
    assert_eq!(answer.got("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(answer.got("x-forwarded-proto").as_deref(), Some("http"));
    assert_eq!(answer.got("x-forwarded-port"), Some(world.at.port().to_string()));
    assert!(answer.got("x-amzn-trace-id").unwrap().starts_with("Root=1-"));
    assert_eq!(answer.got("x-own").as_deref(), Some("kept"));
    assert_eq!(answer.got("x-hop"), None);
    // A listener on another port than 80 appends it to the host.
    assert_eq!(told["host"], format!("example.com:{}", world.at.port()));
}

#[tokio::test]
async fn forwarded_for_by_its_modes() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&backend]).await;
    let came = || {
        let mut request = get("/");
        request
            .headers_mut()
            .append("x-forwarded-for", "203.0.113.7".parse().unwrap());
        request
    };
    let got = async |world: &World| send(world.at, came()).await.got("x-forwarded-for");
    assert_eq!(got(&world).await.as_deref(), Some("203.0.113.7, 127.0.0.1"));
    world
        .balancer()
        .attributes
        .extend([attribute("routing.http.xff_header_processing.mode", "preserve")]);
    world.publish().await;
    assert_eq!(got(&world).await.as_deref(), Some("203.0.113.7"));
    world
        .balancer()
        .attributes
        .extend([attribute("routing.http.xff_header_processing.mode", "remove")]);
    world.publish().await;
    assert_eq!(got(&world).await, None);
}

#[tokio::test]
async fn the_host_is_kept_when_that_is_asked_for() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world
        .balancer()
        .attributes
        .extend([attribute("routing.http.preserve_host_header.enabled", "true")]);
    world.healthy_group("tg", &[&backend]).await;
    assert_eq!(send(world.at, get("/")).await.json()["host"], "example.com");
}

#[tokio::test]
async fn rules_choose_groups_and_transforms_change_what_targets_get() {
    let (a, b) = (Backend::start("a").await, Backend::start("b").await);
    let mut rewriting = forward("10", path("/old/*"), "b");
    rewriting["Transforms"] = json!([
        {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/old/", "Replace": "/new/"}]}},
        {"Type": "host-header-rewrite",
         "HostHeaderRewriteConfig": {"Rewrites": [{"Regex": "^(.+)\\.com$", "Replace": "$1.internal"}]}},
    ]);
    let mut failing = forward("20", path("/fail"), "b");
    failing["Transforms"] = json!([{"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/fail", "Replace": "x"}]}}]);
    let mut world = World::start(json!([forward("default", json!([]), "a"), rewriting, failing])).await;
    world.healthy_group("a", &[&a]).await;
    world.healthy_group("b", &[&b]).await;
    assert_eq!(send(world.at, get("/any")).await.target(), "a");
    let answer = send(world.at, get("/old/x?y=z")).await;
    let told = answer.json();
    assert_eq!(
        (&told["target"], &told["url"], &told["host"]),
        (&json!("b"), &json!("/new/x?y=z"), &json!("example.internal"))
    );
    // "If there is a pattern match but the transform fails, we return an HTTP 500 error."
    assert_eq!(send(world.at, get("/fail")).await.status, 500);
}

#[tokio::test]
async fn answers_of_the_load_balancer_s_own() {
    let fixed = json!({"Type": "fixed-response", "FixedResponseConfig":
        {"StatusCode": "404", "ContentType": "application/json", "MessageBody": "{}"}});
    let redirect = json!({"Type": "redirect", "RedirectConfig":
        {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}});
    let rules = json!([
        rule("default", json!([]), fixed),
        rule("1", path("/go*"), redirect)
    ]);
    let mut world = World::start(rules).await;
    let answer = send(world.at, get("/")).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, "{}"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("server"), Some("awselb/2.0"));
    let answer = send(world.at, get("/go?a=b")).await;
    assert_eq!(answer.status, 301);
    assert_eq!(answer.header("location"), Some("https://example.com:443/go?a=b"));
    // Attributes of the listener: other headers, and no `Server`.
    world.listener().attributes.extend([
        attribute("routing.http.response.server.enabled", "false"),
        attribute(
            "routing.http.response.strict_transport_security.header_value",
            "max-age=60",
        ),
    ]);
    world.publish().await;
    let answer = send(world.at, get("/")).await;
    assert_eq!(answer.header("server"), None);
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=60"));
}

#[tokio::test]
async fn a_large_body_passes_both_ways_unchanged() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&backend]).await;
    let large = "0123456789abcdef".repeat(64 * 1024);
    let request = Request::put("/")
        .header("host", "a.b")
        .body(Body::from(Bytes::from(large.clone())))
        .unwrap();
    assert_eq!(send(world.at, request).await.json()["body"], large);
}
