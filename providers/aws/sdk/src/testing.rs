//! A server on this machine that answers as told, and an account that talks to it.

mod account;
mod adopt;
mod badly;
mod bindings;
mod certificates;
mod contract;
mod drive;
mod endpoints;
mod faults;
mod given;
mod identity;
mod ipv6;
mod lattice;
mod life;
mod network;
mod older;
mod outpost;
mod pace;
mod scale;
mod secrets;
mod shared;
mod shield;
mod simulator;
mod tls;
mod until;
mod used;
mod web_acls;

use crate::calls::{Call, Service};
use crate::limiter::{Bucket, Figures};
use crate::transport::{Attempt, AttemptOutcome, Observer};
use crate::{Account, Connector, Identity, Timing};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::region::Region;
use aws_types::sdk_config::SdkConfig;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;

/// A request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Method and path.
    pub(crate) line: String,
    pub(crate) body: String,
    pub(crate) headers: http::HeaderMap,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A parameter of the query protocols, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let found = self
            .body
            .split('&')
            .find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
        Some(
            percent_encoding::percent_decode_str(found)
                .decode_utf8()
                .unwrap()
                .into_owned(),
        )
    }
}

/// What is answered to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status and body.
    Answer(u16, Bytes),
    /// A token of a session with an instance's metadata.
    Token(&'static str),
    /// Nothing, ever.
    Silence,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Bytes>) -> Self {
        Self::Answer(200, body.into())
    }

    pub(crate) fn ec2_error(status: u16, code: &str) -> Self {
        let body = format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>told you</Message></Error></Errors>\
             <RequestID>ea966190</RequestID></Response>"
        );
        Self::Answer(status, body.into())
    }

    pub(crate) fn elb_error(status: u16, code: &str) -> Self {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>told you</Message></Error>\
             <RequestId>c6104cbe</RequestId></ErrorResponse>"
        );
        Self::Answer(status, body.into())
    }
}

type Handler = dyn Fn(usize, &Received) -> Reply + Send + Sync;

/// A server.
pub(crate) struct Server {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Answers each request as `handler` says, which is given its number, from 0.
    pub(crate) async fn start(handler: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Handler> = Arc::new(handler);
        let log = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                let service =
                    service_fn(move |request| answer(request, Arc::clone(&handler), Arc::clone(&log)));
                let io = TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
            }
        });
        Self { url, received }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn answer(
    request: http::Request<hyper::body::Incoming>,
    handler: Arc<Handler>,
    log: Arc<Mutex<Vec<Received>>>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let received = Received {
        line: format!("{} {}", parts.method, parts.uri.path()),
        body: String::from_utf8(body.to_vec()).unwrap(),
        headers: parts.headers,
    };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(received.clone());
        log.len() - 1
    };
    match handler(number, &received) {
        Reply::Answer(status, body) => Ok(http::Response::builder()
            .status(status)
            .body(Full::new(body))
            .unwrap()),
        Reply::Token(token) => Ok(http::Response::builder()
            .header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
            .body(Full::new(token.into()))
            .unwrap()),
        Reply::Silence => std::future::pending().await,
    }
}

/// Remembers attempts.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Vec<(&'static Call, AttemptOutcome)>>);

impl Seen {
    pub(crate) fn attempts(&self) -> Vec<(&'static str, AttemptOutcome)> {
        let seen = self.0.lock().unwrap();
        seen.iter()
            .map(|(call, outcome)| (call.operation, *outcome))
            .collect()
    }

    /// Every call that was tried.
    pub(crate) fn calls(&self) -> BTreeSet<(Service, &'static str)> {
        let seen = self.0.lock().unwrap();
        seen.iter()
            .map(|(call, _)| (call.service, call.operation))
            .collect()
    }
}

impl Observer for Seen {
    fn attempt(&self, attempt: &Attempt) {
        assert!(attempt.waited <= attempt.took);
        self.0.lock().unwrap().push((attempt.call, attempt.outcome));
    }
}

/// How an account of a test differs from the usual one.
pub(crate) struct Setup {
    pub(crate) answer: Duration,
    pub(crate) turn: Duration,
    pub(crate) raised: BTreeMap<Bucket, Figures>,
    pub(crate) credentials: bool,
    pub(crate) key: String,
    pub(crate) secret: &'static str,
    /// How far behind the clock is.
    pub(crate) behind: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            turn: Duration::from_secs(10),
            raised: BTreeMap::new(),
            credentials: true,
            key: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/SECRET",
            behind: Duration::ZERO,
        }
    }
}

/// A clock that is behind.
#[derive(Debug)]
struct Behind(Duration);

impl TimeSource for Behind {
    fn now(&self) -> SystemTime {
        SystemTime::now() - self.0
    }
}

/// An account at a server.
pub(crate) fn account(url: &str, setup: Setup) -> (Account, Arc<Seen>) {
    account_over(url, setup, |inner| inner)
}

/// The same, over another HTTP client than the usual one.
pub(crate) fn account_over(
    url: &str,
    setup: Setup,
    over: impl FnOnce(SharedHttpClient) -> SharedHttpClient,
) -> (Account, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let timing = Timing {
        answer: setup.answer,
        turn: setup.turn,
        ..Timing::default()
    };
    let mut connector = Connector::new(timing, setup.raised, Arc::clone(&seen) as Arc<dyn Observer>);
    connector.http = over(connector.http);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(timing.connect)
        .read_timeout(timing.answer)
        .operation_timeout(timing.call);
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(url)
        .identity_cache(IdentityCache::lazy().build())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(10)))
        .timeout_config(timeouts.build())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(Behind(setup.behind)));
    if setup.credentials {
        let keys = Credentials::new(setup.key, setup.secret, None, None, "test");
        config = config.credentials_provider(SharedCredentialsProvider::new(keys));
    }
    let identity = Identity {
        account: "123456789012".into(),
        arn: "arn:aws:iam::123456789012:user/test".into(),
    };
    (connector.account(&config.build(), identity).unwrap(), seen)
}
