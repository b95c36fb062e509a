//! What is asked of requests before they are served: log-in and tokens.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-verify-jwt.html>

use super::backend::Backend;
use super::client::{Tls, get};
use super::secure::Authority;
use super::world::World;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const ISSUER: &str = "https://login.example";

/// Who signs tokens, and an endpoint on this machine with the keys.
struct Provider {
    key: KeyPair,
    at: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The next element of a DER sequence, without its tag and length, and what follows.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, from) = match der[1] {
        short if short < 0x80 => (usize::from(short), 2),
        long => {
            let digits = usize::from(long & 0x7f);
            let length = der[2..2 + digits]
                .iter()
                .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
            (length, 2 + digits)
        }
    };
    der[from..].split_at(length)
}

/// RFC 7517, of a key that is told as RFC 8017's `RSAPublicKey`.
fn written(key: &KeyPair, id: &str) -> Value {
    let (numbers, _) = element(key.public_key().as_ref());
    let (modulus, rest) = element(numbers);
    let (exponent, _) = element(rest);
    let text = |number: &[u8]| {
        let first = number.iter().position(|byte| *byte != 0).unwrap();
        BASE64_URL_SAFE_NO_PAD.encode(&number[first..])
    };
    json!({"kty": "RSA", "kid": id, "alg": "RS256", "use": "sig", "n": text(modulus), "e": text(exponent)})
}

impl Provider {
    /// `padding` makes the answer larger.
    async fn start(padding: usize) -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let text = json!({"keys": [written(&key, "one")], "padding": "x".repeat(padding)}).to_string();
        let authority = Authority::new();
        let (certificate, der) = authority.sign(&["localhost"]);
        let secret = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![der], secret).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let text = text.clone();
                let answer = service_fn(move |_: Request<hyper::body::Incoming>| {
                    let text = text.clone();
                    async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text)))) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { key, at, task }
    }

    fn token(&self, head: Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn rs256() -> Value {
    json!({"alg": "RS256", "kid": "one", "typ": "JWT"})
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Claims with others in place of some; null takes one away.
fn claims(other: Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "exp": now() + 3600, "nbf": now() - 1, "iat": now() - 1, "aud": ["shop", "x"],
        "scope": "read write", "team": "net"});
    for (name, value) in other.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// An HTTPS load balancer whose only rule asks this before it forwards.
async fn world(before: Value, backend: &Backend) -> (World, Tls) {
    let authority = Authority::new();
    let (certificate, _) = authority.sign(&["a.example.com"]);
    let rules = json!([{"RuleArn": "it", "Priority": "default", "Actions": [before, {"Type": "forward", "TargetGroupArn": "tg"}]}]);
    let mut world = super::secure::world_with(rules, vec![certificate]).await;
    world.healthy_group("tg", &[backend]).await;
    (world, authority.client("a.example.com", b"http/1.1"))
}

#[tokio::test]
async fn who_is_not_logged_in_is_sent_away_let_through_or_refused() {
    let backend = Backend::start("a").await;
    let oidc = |unauthenticated: &str| {
        json!({"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {
            "Issuer": ISSUER, "AuthorizationEndpoint": "https://login.example/authorize", "ClientId": "shop & co",
            "Scope": "openid email", "OnUnauthenticatedRequest": unauthenticated,
            "AuthenticationRequestExtraParams": {"prompt": "login"}}})
    };
    let (sent, client) = world(oidc("authenticate"), &backend).await;
    let mut connection = client.open(sent.at).await;
    let answer = connection.send(get("/cart?x=1")).await.unwrap();
    assert_eq!(answer.status, 302);
    let (location, state) = answer.header("location").unwrap().split_once("&state=").unwrap();
    assert_eq!(
        location,
        "https://login.example/authorize?client_id=shop%20%26%20co&redirect_uri=https%3A%2F%2Fexample.com%2Foauth2%2Fidpresponse&response_type=code&scope=openid%20email"
    );
    assert!(state.ends_with("&prompt=login") && state.len() > 32, "{state}");
    // Nobody's log-in is known.
    let answer = connection
        .send(get("/oauth2/idpresponse?code=a&state=b"))
        .await
        .unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(backend.requests(), 0);

    let (refused, client) = world(oidc("deny"), &backend).await;
    let answer = client.open(refused.at).await.send(get("/")).await.unwrap();
    assert_eq!((answer.status.as_u16(), backend.requests()), (401, 0));

    let (through, client) = world(oidc("allow"), &backend).await;
    let answer = client.open(through.at).await.send(get("/")).await.unwrap();
    assert_eq!((answer.status.as_u16(), backend.requests()), (200, 1));

    let cognito = json!({"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": {
        "UserPoolArn": "arn:aws:cognito-idp:eu-central-1:111122223333:userpool/eu-central-1_a", "UserPoolClientId": "c",
        "UserPoolDomain": "shop"}});
    let (pool, client) = world(cognito, &backend).await;
    let answer = client.open(pool.at).await.send(get("/")).await.unwrap();
    let location = answer.header("location").unwrap();
    let begins = "https://shop.auth.eu-central-1.amazoncognito.com/oauth2/authorize?client_id=c&";
    assert!(location.starts_with(begins), "{location}");
}

fn jwt(endpoint: &str) -> Value {
    json!({"Type": "jwt-validation", "Order": 1, "JwtValidationConfig": {"JwksEndpoint": endpoint, "Issuer": ISSUER,
    "AdditionalClaims": [
        {"Name": "aud", "Format": "string-array", "Values": ["shop"]},
        {"Name": "scope", "Format": "space-separated-values", "Values": ["write", "read"]},
        {"Name": "team", "Format": "single-string", "Values": ["net"]},
    ]}})
}

#[tokio::test]
async fn only_valid_tokens_get_through_and_stay_as_they_are() {
    let backend = Backend::start("a").await;
    let provider = Provider::start(0).await;
    let other = Provider::start(0).await;
    let (world, client) = world(
        jwt(&format!("https://localhost:{}/keys", provider.at.port())),
        &backend,
    )
    .await;
    let mut connection = client.open(world.at).await;
    let mut ask = async |line: Option<&str>| {
        let mut request = get("/");
        if let Some(line) = line {
            request
                .headers_mut()
                .insert("authorization", line.parse().unwrap());
        }
        connection.send(request).await.unwrap()
    };
    let good = provider.token(rs256(), &claims(json!({})));
    let answer = ask(Some(&format!("Bearer {good}"))).await;
    assert_eq!(answer.status, 200);
    // "the load balancer forwards the request with token as is to the target".
    assert_eq!(answer.got("authorization"), Some(format!("Bearer {good}")));
    // Without a key's name every key is tried.
    let nameless = provider.token(
        json!({"alg": "RS256"}),
        &claims(json!({"nbf": null, "iat": null})),
    );
    assert_eq!(ask(Some(&format!("bearer {nameless}"))).await.status, 200);
    let unsigned = good.rsplit_once('.').unwrap().0.to_owned() + ".";
    let later = now() + 3600;
    let refused = [
        provider.token(json!({"alg": "none"}), &claims(json!({}))),
        provider.token(json!({"alg": "RS256", "kid": "two"}), &claims(json!({}))),
        other.token(rs256(), &claims(json!({}))),
        unsigned,
        format!("{good}x"),
        provider.token(rs256(), &claims(json!({"exp": now() - 1}))),
        provider.token(rs256(), &claims(json!({"exp": null}))),
        provider.token(rs256(), &claims(json!({"exp": "tomorrow"}))),
        provider.token(rs256(), &claims(json!({"iss": "https://other.example"}))),
        provider.token(rs256(), &claims(json!({"iss": null}))),
        provider.token(rs256(), &claims(json!({"nbf": later}))),
        provider.token(rs256(), &claims(json!({"iat": later}))),
        provider.token(rs256(), &claims(json!({"aud": "shop"}))),
        provider.token(rs256(), &claims(json!({"aud": ["x"]}))),
        provider.token(rs256(), &claims(json!({"scope": "write"}))),
        provider.token(rs256(), &claims(json!({"team": null}))),
    ];
    for (number, token) in refused.iter().enumerate() {
        let answer = ask(Some(&format!("Bearer {token}"))).await;
        assert_eq!(answer.status, 401, "{number}");
    }
    assert_eq!(ask(None).await.status, 401);
    assert_eq!(ask(Some(&format!("Basic {good}"))).await.status, 401);
    assert_eq!(backend.requests(), 2);
}

/// listener-verify-jwt, "JWT validation limits": what cannot be decided is not forwarded.
#[tokio::test]
async fn without_keys_nothing_is_forwarded() {
    let backend = Backend::start("a").await;
    let large = Provider::start(150 * 1024).await;
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    for endpoint in [
        format!("https://localhost:{}/keys", large.at.port()),
        format!("https://127.0.0.1:{}/keys", closed.port()),
        // Nobody beyond this machine is asked.
        "https://192.0.2.1/keys".to_owned(),
        format!("http://127.0.0.1:{}/keys", large.at.port()),
    ] {
        let (world, client) = world(jwt(&endpoint), &backend).await;
        let mut request = get("/");
        let token = large.token(rs256(), &claims(json!({})));
        let line = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", line);
        let answer = client.open(world.at).await.send(request).await.unwrap();
        assert_eq!(answer.status, 500, "{endpoint}");
    }
    assert_eq!(backend.requests(), 0);
}
