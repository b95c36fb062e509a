//! HTTPS listeners and versions of target groups.

use super::backend::{Backend, Speaks};
use super::client::{Body, Tls, get};
use super::world::{World, all, group};
use crate::traffic::State;
use crate::traffic::config::Certificate;
use http::{Request, Version};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use serde_json::Value;

/// An authority and what it signs.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn root(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(super) fn sign(&self, names: &[&str]) -> (Certificate, CertificateDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let arn = format!("arn:aws:acm:::certificate/{}", names.join("+"));
        let signed = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &self.0)
            .unwrap();
        (
            Certificate {
                arn,
                chain: signed.pem(),
                key: key.serialize_pem(),
            },
            signed.der().clone(),
        )
    }

    pub(super) fn client(&self, name: &'static str, protocol: &'static [u8]) -> Tls {
        Tls {
            root: self.root(),
            name,
            protocol,
            identity: None,
        }
    }
}

async fn world(certificates: Vec<Certificate>) -> World {
    world_with(all("tg"), certificates).await
}

/// The same with other rules.
pub(super) async fn world_with(rules: Value, certificates: Vec<Certificate>) -> World {
    let mut world = World::start(rules).await;
    world.listener().protocol = "HTTPS".to_owned();
    world.listener().ssl_policy = Some("ELBSecurityPolicy-TLS13-1-2-2021-06".to_owned());
    world.listener().certificates = certificates;
    world.publish().await;
    assert_eq!(world.plane.problems(), []);
    world
}

#[tokio::test]
async fn the_certificate_is_chosen_by_name() {
    let authority = Authority::new();
    let (default, default_der) = authority.sign(&["default.example", "other.example"]);
    let (exact, exact_der) = authority.sign(&["a.example.com"]);
    let (wildcard, wildcard_der) = authority.sign(&["*.example.org"]);
    let world = world(vec![default, exact, wildcard]).await;
    let shown = async |name| authority.client(name, b"http/1.1").open(world.at).await.shown;
    assert_eq!(shown("a.example.com").await, exact_der);
    assert_eq!(shown("x.example.org").await, wildcard_der);
    // "other.example" is the default's own; a name that none has would be shown the default as well.
    assert_eq!(shown("other.example").await, default_der);
}

#[tokio::test]
async fn without_a_match_the_default_certificate_is_shown() {
    let authority = Authority::new();
    let (first, first_der) = authority.sign(&["127.0.0.1"]);
    let (second, _) = authority.sign(&["a.example.com"]);
    let world = world(vec![first, second]).await;
    // A client by address sends no name.
    let shown = authority
        .client("127.0.0.1", b"http/1.1")
        .open(world.at)
        .await
        .shown;
    assert_eq!(shown, first_der);
}

#[tokio::test]
async fn a_certificate_is_rotated_and_connections_stay() {
    let backend = Backend::start("a").await;
    let authority = Authority::new();
    let (old, old_der) = authority.sign(&["a.example.com"]);
    let (new, new_der) = authority.sign(&["a.example.com"]);
    let mut world = world(vec![old]).await;
    world.healthy_group("tg", &[&backend]).await;
    let client = authority.client("a.example.com", b"http/1.1");
    let mut before = client.open(world.at).await;
    assert_eq!(before.send(get("/")).await.unwrap().status, 200);
    world.listener().certificates = vec![new];
    world.publish().await;
    assert_eq!(client.open(world.at).await.shown, new_der);
    assert_eq!(before.shown, old_der);
    let answer = before.send(get("/")).await.unwrap();
    assert_eq!(answer.got("x-forwarded-proto").as_deref(), Some("https"));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_told_without_its_key() {
    let authority = Authority::new();
    let (mut one, _) = authority.sign(&["a.example.com"]);
    let (other, _) = authority.sign(&["b.example.com"]);
    one.key = other.key.clone();
    let mut world = world(vec![other]).await;
    world.listener().certificates = vec![one];
    world.publish().await;
    let problems = world.plane.problems();
    assert!(
        problems[0].message.contains("another certificate"),
        "{problems:?}"
    );
    assert!(!format!("{problems:?} {:?}", world.config).contains("PRIVATE"));
}

fn h2(url: &str) -> Request<Body> {
    let mut request = get(&format!("https://a.example.com{url}"));
    request.headers_mut().remove("host");
    *request.version_mut() = Version::HTTP_2;
    request
}

async fn versioned(version: &str, backend: &Backend) -> (World, Authority) {
    let authority = Authority::new();
    let (certificate, _) = authority.sign(&["a.example.com"]);
    let mut world = world(vec![certificate]).await;
    let mut group = group(&[backend]);
    group.protocol_version = Some(version.to_owned());
    if version == "GRPC" {
        group.health.path = "/AWS.ALB/healthcheck".to_owned();
    }
    world.add_group("tg", group);
    world.publish().await;
    world.wait_for("tg", backend, State::Healthy).await;
    (world, authority)
}

#[tokio::test]
async fn http2_clients_of_http1_targets() {
    // "The load balancer converts these to individual HTTP/1.1 requests".
    let backend = Backend::start("a").await;
    let (mut world, authority) = versioned("HTTP1", &backend).await;
    let mut client = authority.client("a.example.com", b"h2").open(world.at).await;
    let mut request = h2("/x");
    request.headers_mut().append("cookie", "a=1".parse().unwrap());
    request.headers_mut().append("cookie", "b=2".parse().unwrap());
    let answer = client.send(request).await.unwrap();
    assert_eq!(answer.version, Version::HTTP_2);
    let told = answer.json();
    assert_eq!(told["version"], "HTTP/1.1");
    assert_eq!(told["host"], format!("a.example.com:{}", world.at.port()));
    assert_eq!(answer.got("cookie").as_deref(), Some("a=1; b=2"));
    // "The request protocol is gRPC, while the target group protocol version is HTTP/1.1."
    let mut grpc = h2("/grpc.Service/Method");
    *grpc.method_mut() = http::Method::POST;
    grpc.headers_mut()
        .insert("content-type", "application/grpc".parse().unwrap());
    assert_eq!(client.send(grpc).await.unwrap().status, 464);
    // Without HTTP/2 the client gets HTTP/1.1.
    world
        .balancer()
        .attributes
        .insert("routing.http2.enabled".to_owned(), "false".to_owned());
    world.publish().await;
    let mut plain = authority
        .client("a.example.com", b"http/1.1")
        .open(world.at)
        .await;
    assert_eq!(plain.send(get("/")).await.unwrap().version, Version::HTTP_11);
}

#[tokio::test]
async fn http2_targets() {
    let backend = Backend::speaking("a", Speaks::Http2).await;
    let (world, authority) = versioned("HTTP2", &backend).await;
    let mut client = authority.client("a.example.com", b"h2").open(world.at).await;
    let told = client.send(h2("/x?y")).await.unwrap().json();
    assert_eq!(
        (&told["version"], &told["url"]),
        (&"HTTP/2.0".into(), &"/x?y".into())
    );
    // "The request protocol is HTTP/1.1, while the target group protocol version is gRPC or HTTP/2."
    let mut old = authority
        .client("a.example.com", b"http/1.1")
        .open(world.at)
        .await;
    assert_eq!(old.send(get("/")).await.unwrap().status, 464);
}

#[tokio::test]
async fn grpc_targets() {
    let backend = Backend::speaking("a", Speaks::Http2).await;
    let (world, authority) = versioned("GRPC", &backend).await;
    let mut client = authority.client("a.example.com", b"h2").open(world.at).await;
    let mut call = h2("/grpc.Service/Method");
    *call.method_mut() = http::Method::POST;
    call.headers_mut()
        .insert("content-type", "application/grpc".parse().unwrap());
    call.headers_mut().insert("te", "trailers".parse().unwrap());
    let answer = client.send(call).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.trailers.unwrap()["grpc-status"], "0");
    // "The request is an HTTP/2 request that is not POST, while target group protocol version is gRPC."
    assert_eq!(client.send(h2("/grpc.Service/Method")).await.unwrap().status, 464);
}
