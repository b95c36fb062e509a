//! Services of VPC Lattice.

use super::backend::{Backend, Speaks};
use super::client::{Answer, Body, send};
use super::world::{World, group, until};
use crate::traffic::State;
use crate::traffic::config::{Kind, LatticeService, Listener, TargetGroup};
use http::{Method, Request};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

const DOMAIN: &str = "shop.example.com";

fn fixed(status: u16) -> Value {
    json!({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status.to_string()}})
}

fn to(groups: &[(&str, u32)]) -> Value {
    let tuples: Vec<Value> = groups
        .iter()
        .map(|(arn, weight)| json!({"TargetGroupArn": arn, "Weight": weight}))
        .collect();
    json!({"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}})
}

fn rule(priority: &str, matched: Value, action: Value) -> Value {
    json!({"RuleArn": format!("rule-{priority}"), "Priority": priority, "Actions": [action], "Lattice": matched})
}

fn text(kind: &str, text: &str, case_sensitive: bool) -> Value {
    json!({"kind": kind, "text": text, "case_sensitive": case_sensitive})
}

/// A service whose own domain is [`DOMAIN`].
async fn service(rules: Value) -> World {
    let mut all = vec![rule("0", json!({"other_than": [DOMAIN]}), fixed(404))];
    all.extend(rules.as_array().unwrap().iter().cloned());
    let mut world = World::start(json!(all)).await;
    let balancer = world.balancer();
    balancer.kind = Kind::Lattice;
    balancer.attributes.insert(
        "routing.http.preserve_host_header.enabled".to_owned(),
        "true".to_owned(),
    );
    balancer.lattice = Some(LatticeService {
        domain: Some(DOMAIN.to_owned()),
        service: "arn:service".to_owned(),
        network: "arn:network".to_owned(),
        vpc: Some("arn:vpc".to_owned()),
    });
    world.publish().await;
    assert_eq!(world.plane.problems(), []);
    world
}

async fn ask(world: &World, request: http::request::Builder) -> Answer {
    let request = request.header("host", DOMAIN).body(Body::default()).unwrap();
    send(world.at, request).await
}

#[tokio::test]
async fn rules_match_method_path_and_headers_by_priority() {
    let backend = Backend::start("a").await;
    let mut world = service(json!([
        rule("1", json!({"path": text("exact", "/One", true)}), fixed(500)),
        rule("2", json!({"path": text("prefix", "/api/", false), "method": "POST"}), to(&[("tg", 100)])),
        rule("3", json!({"headers": [["X-Env", text("contains", "Blue", true)], ["x-two", text("prefix", "b", false)]]}), fixed(500)),
        rule("default", json!({}), fixed(404)),
    ]))
    .await;
    world.healthy_group("tg", &[&backend]).await;
    let get = |path: &str| Request::get(path.to_owned());
    for (request, wanted) in [
        (get("/One"), 500),
        (get("/One?query=1"), 500),
        (get("/one"), 404),
        (get("/One/"), 404),
        (Request::post("/API/x"), 200),
        (get("/API/x"), 404),
        (Request::post("/api"), 404),
        (get("/").header("x-env", "very Blue").header("X-Two", "Bcd"), 500),
        (get("/").header("x-env", "very blue").header("X-Two", "Bcd"), 404),
        (get("/").header("x-env", "Blue"), 404),
    ] {
        let asked = format!("{request:?}");
        assert_eq!(ask(&world, request).await.status, wanted, "{asked}");
    }
    // Of another service, or of none.
    let other = Request::get("/One")
        .header("host", "other.example.com")
        .body(Body::default());
    assert_eq!(send(world.at, other.unwrap()).await.status, 404);
}

/// <https://docs.aws.amazon.com/vpc-lattice/latest/ug/http-targets.html>
#[tokio::test]
async fn targets_are_told_who_calls_and_clients_cannot_say_so() {
    let backend = Backend::start("a").await;
    let mut world = service(json!([rule("default", json!({}), to(&[("tg", 100)]))])).await;
    world.healthy_group("tg", &[&backend]).await;
    let request = Request::builder()
        .method(Method::GET)
        .uri("/a?b=c")
        .header("x-forwarded-for", "192.0.2.1")
        .header("x-amzn-lattice-identity", "Principal=me")
        .header("x-amzn-lattice-target", "ServiceArn=mine");
    let answer = ask(&world, request).await;
    let port = world.at.port().to_string();
    for (name, wanted) in [
        ("host", Some(DOMAIN)),
        ("x-forwarded-for", Some("192.0.2.1, 127.0.0.1")),
        ("x-forwarded-for-port", Some(port.as_str())),
        ("x-forwarded-for-proto", Some("http")),
        ("x-forwarded-port", None),
        ("x-amzn-lattice-identity", None),
        ("x-amzn-lattice-network", Some("SourceVpcArn=arn:vpc")),
        (
            "x-amzn-lattice-target",
            Some("ServiceArn=arn:service;ServiceNetworkArn=arn:network;TargetGroupArn=tg"),
        ),
    ] {
        assert_eq!(answer.got(name).as_deref(), wanted, "{name}");
    }
    assert_eq!(answer.json()["url"], "/a?b=c");
}

/// "These listener and target group configurations do not need to match" (https-listeners.html).
#[tokio::test]
async fn targets_may_speak_another_version() {
    let backend = Backend::speaking("a", Speaks::Http2).await;
    let mut world = service(json!([rule("default", json!({}), to(&[("tg", 100)]))])).await;
    let mut of_http2: TargetGroup = group(&[&backend]);
    of_http2.protocol_version = Some("HTTP2".to_owned());
    of_http2.health.version = Some("HTTP2".to_owned());
    world.add_group("tg", of_http2);
    world.publish().await;
    world.wait_for("tg", &backend, State::Healthy).await;
    let answer = ask(&world, Request::get("/")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["version"]),
        (200, &json!("HTTP/2.0"))
    );
}

/// listener-rules.html: "distributed to these target groups based on their weights"; target-groups.html: "If a target group
/// contains only unhealthy registered targets, it routes requests to all its targets".
#[tokio::test]
async fn weights_share_requests_out_and_unhealthy_targets_are_better_than_none() {
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    let mut world = service(json!([rule("default", json!({}), to(&[("a", 30), ("b", 10)]))])).await;
    world.healthy_group("a", &[&one]).await;
    world.healthy_group("b", &[&two]).await;
    for _ in 0..400 {
        assert_eq!(ask(&world, Request::get("/")).await.status, 200);
    }
    assert_eq!(one.requests() + two.requests(), 400);
    // Three of four, within five standard deviations of the binomial distribution.
    assert!((257..=343).contains(&one.requests()), "{}", one.requests());
    one.set_health(503);
    world.wait_for("a", &one, State::Unhealthy).await;
    world.listener().rules = super::world::rules(json!([rule("default", json!({}), to(&[("a", 100)]))]));
    world.publish().await;
    assert_eq!(ask(&world, Request::get("/")).await.target(), "one");
    world.group("a").targets.clear();
    world.publish().await;
    assert_eq!(ask(&world, Request::get("/")).await.status, 503);
}

/// A target of TLS that answers with its name.
async fn secure(name: &'static str) -> (SocketAddr, CertificateDer<'static>, tokio::task::JoinHandle<()>) {
    let made =
        rcgen::generate_simple_self_signed(vec![DOMAIN.to_owned(), "other.example.com".to_owned()]).unwrap();
    let shown = made.cert.der().clone();
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![shown.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut buffer = [0; 64];
                while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {
                    if stream.write_all(name.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (at, shown, task)
}

async fn through(
    at: SocketAddr,
    root: &CertificateDer<'static>,
    name: &'static str,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(at).await?;
    let name = ServerName::try_from(name).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(b"x").await?;
    let mut buffer = [0; 64];
    let length = timeout(Duration::from_secs(20), stream.read(&mut buffer)).await??;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// <https://docs.aws.amazon.com/vpc-lattice/latest/ug/tls-listeners.html>
#[tokio::test]
async fn tls_passes_through_by_the_custom_domain_to_targets_that_nobody_checks() {
    let (at, root, task) = secure("a").await;
    let mut world = service(json!([])).await;
    let port = world.at.port();
    world.balancer().listeners = vec![Listener {
        arn: "tls".to_owned(),
        port,
        protocol: "TLS_PASSTHROUGH".to_owned(),
        ssl_policy: None,
        alpn: None,
        certificates: Vec::new(),
        clients: None,
        attributes: std::collections::BTreeMap::new(),
        rules: super::world::rules(json!([rule("default", json!({}), to(&[("tcp", 100)]))])),
    }];
    let mut unchecked = group(&[]);
    unchecked.protocol = "TCP".to_owned();
    unchecked.health.enabled = false;
    unchecked.targets = vec![super::world::target(at)];
    world.add_group("tcp", unchecked);
    world.publish().await;
    assert_eq!(world.plane.problems(), []);
    let state = || world.health.state("tcp", &at.ip().to_string(), at.port());
    until("a target that is not checked", || {
        state().is_some_and(|health| health.state == State::Unavailable)
    })
    .await;
    assert_eq!(through(world.at, &root, DOMAIN).await.unwrap(), "a");
    assert!(through(world.at, &root, "other.example.com").await.is_err());
    // What is no TLS names nobody.
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n")
        .await
        .unwrap();
    let mut buffer = [0; 64];
    let read = timeout(Duration::from_secs(20), stream.read(&mut buffer))
        .await
        .unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    task.abort();
}
