//! A controller's server with a fake admission, clients that record what they get.

use futures_util::future::BoxFuture;
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{
    Backend, BackendTarget, Endpoint as BackendEndpoint, Endpoints, WeightedBackend,
};
use gatewright_model::certificate::{Certificate, Secret};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{
    BackendKey, BackendKind, CertificateKey, ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind,
};
use gatewright_model::listener::{Listener, Protocol};
use gatewright_model::route::{Attachment, HttpMatch, HttpRoute, HttpRule, PathMatch, RouteHost};
use gatewright_stream::client::{
    Assigned, Client, ClientLimits, ClientOptions, ClientTimes, Endpoint, Report, Resolve, RunError, Sink,
    Stage,
};
use gatewright_stream::server::{Admission, ConfigServer, Denied, Identity, Revision, ServerOptions};
use gatewright_stream::{GatewaySettings, Scope, tls};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// How long a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An authority and the certificate of the name `controller`.
pub struct Pki {
    pub ca: String,
    chain: String,
    key: String,
}

impl Pki {
    pub fn new() -> Self {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key).unwrap();
        let issuer = rcgen::Issuer::from_params(&params, &ca_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf =
            rcgen::CertificateParams::new(vec!["controller".to_owned(), "localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        Self {
            ca: ca.pem(),
            chain: leaf.pem(),
            key: key.serialize_pem(),
        }
    }

    pub fn server(&self) -> Arc<rustls::ServerConfig> {
        tls::server_config(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

/// Tokens `token-of-<scope>` are valid and allow that scope; the map counts the checks of each.
#[derive(Default)]
pub struct Tokens(pub Mutex<HashMap<String, usize>>);

impl Admission for Tokens {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Identity, Denied>> {
        *self.0.lock().unwrap().entry(token.to_owned()).or_default() += 1;
        Box::pin(async move {
            match token.strip_prefix("token-of-") {
                Some(scope) => Ok(Identity {
                    name: scope.to_owned(),
                    instance: None,
                }),
                None => Err(Denied::Token("unknown".to_owned())),
            }
        })
    }

    fn authorize(&self, identity: &Identity, scope: &Scope) -> bool {
        identity.name == scope.to_string()
    }
}

/// A running server.
pub struct Controller {
    pub server: ConfigServer,
    pub address: SocketAddr,
    pub tokens: Arc<Tokens>,
    pub tls: watch::Sender<Arc<rustls::ServerConfig>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Controller {
    pub async fn start(pki: &Pki, options: ServerOptions) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::start_at(pki, options, address).await
    }

    pub async fn start_at(pki: &Pki, options: ServerOptions, address: SocketAddr) -> Self {
        let listener = until("the address is free", async || {
            TcpListener::bind(address).await.ok()
        })
        .await;
        let address = listener.local_addr().unwrap();
        let server = ConfigServer::new(options);
        let tokens = Arc::new(Tokens::default());
        let (tls, config) = watch::channel(pki.server());
        let (stop, stopped) = oneshot::channel::<()>();
        let admission = Arc::clone(&tokens) as Arc<dyn Admission>;
        let serving = server.clone();
        let task = tokio::spawn(async move {
            let stopped = async move { stopped.await.unwrap_or_default() };
            serving.serve(listener, config, admission, stopped).await;
        });
        Self {
            server,
            address,
            tokens,
            tls,
            stop: Some(stop),
            task,
        }
    }

    pub async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.task.await.unwrap();
    }
}

/// What a sink was given, and what it answers.
pub struct Recorder {
    seen: watch::Sender<Vec<Assigned>>,
    pub answer: Arc<Mutex<Report>>,
    pub applied: Arc<Mutex<usize>>,
    /// While set, `apply` hangs.
    pub hangs: Arc<AtomicBool>,
}

struct Recording {
    seen: watch::Sender<Vec<Assigned>>,
    answer: Arc<Mutex<Report>>,
    applied: Arc<Mutex<usize>>,
    hangs: Arc<AtomicBool>,
}

impl Sink for Recording {
    fn apply(&mut self, configuration: &[Assigned]) -> Report {
        while self.hangs.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        *self.applied.lock().unwrap() += 1;
        self.seen.send_replace(configuration.to_vec());
        self.answer.lock().unwrap().clone()
    }
}

impl Recorder {
    pub fn new() -> Self {
        Self {
            seen: watch::Sender::new(Vec::new()),
            answer: Arc::default(),
            applied: Arc::default(),
            hangs: Arc::default(),
        }
    }

    fn sink(&self) -> Box<dyn Sink> {
        Box::new(Recording {
            seen: self.seen.clone(),
            answer: Arc::clone(&self.answer),
            applied: Arc::clone(&self.applied),
            hangs: Arc::clone(&self.hangs),
        })
    }

    /// What is served now.
    pub fn now(&self) -> Vec<Assigned> {
        self.seen.borrow().clone()
    }

    pub fn applied(&self) -> usize {
        *self.applied.lock().unwrap()
    }

    /// Waits until what is served is as asked.
    pub async fn serves(&self, what: &str, wanted: impl Fn(&[Assigned]) -> bool) -> Vec<Assigned> {
        let mut seen = self.seen.subscribe();
        let found = tokio::time::timeout(PATIENCE, seen.wait_for(|seen| wanted(seen))).await;
        found
            .unwrap_or_else(|_| panic!("not served in time: {what}"))
            .unwrap()
            .clone()
    }
}

/// A running client.
pub struct Proxy {
    pub recorder: Recorder,
    pub files: TempDir,
    pub stage: watch::Sender<Stage>,
    pub task: JoinHandle<Result<(), RunError>>,
}

pub struct Nowhere;

impl Resolve for Nowhere {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            if host == "controller" {
                return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
            }
            Err(io::Error::from(io::ErrorKind::NotFound))
        })
    }
}

/// Options of a client in a folder.
pub fn options(files: &Path, pki: &Pki, port: u16, scope: &Scope, instance: &str) -> ClientOptions {
    std::fs::write(files.join("ca.crt"), &pki.ca).unwrap();
    std::fs::write(files.join("token"), format!("token-of-{scope}\n")).unwrap();
    ClientOptions {
        controller: Endpoint {
            host: "controller".to_owned(),
            port,
        },
        resolve: Arc::new(Nowhere),
        authorities: files.join("ca.crt"),
        token: files.join("token"),
        scope: scope.clone(),
        instance: instance.to_owned(),
        version: "1".to_owned(),
        state: None,
        limits: ClientLimits::default(),
        times: ClientTimes {
            backoff: Duration::from_millis(20),
            backoff_max: Duration::from_millis(200),
            settle: Duration::from_millis(10),
            ..ClientTimes::default()
        },
    }
}

impl Proxy {
    pub fn start(pki: &Pki, controller: SocketAddr, scope: &Scope, instance: &str) -> Self {
        let files = TempDir::new().unwrap();
        let options = options(files.path(), pki, controller.port(), scope, instance);
        Self::with(files, options, Recorder::new())
    }

    pub fn with(files: TempDir, options: ClientOptions, recorder: Recorder) -> Self {
        let (stage, now) = watch::channel(Stage::Serving);
        let task = tokio::spawn(Client::run(options, recorder.sink(), now));
        Self {
            recorder,
            files,
            stage,
            task,
        }
    }

    /// Ends it in order; the folder stays.
    pub async fn stop(self) -> TempDir {
        self.stage.send_replace(Stage::Stopped);
        self.task.await.unwrap().unwrap();
        self.files
    }

    /// Ends it as a kill does.
    pub fn kill(self) -> TempDir {
        self.task.abort();
        self.files
    }
}

/// Asks again and again, until there is an answer.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn scope_of(gateway: &str) -> Scope {
    Scope::Gateway(ObjectName::new("a", gateway))
}

pub fn listener_key(gateway: &str) -> ListenerKey {
    ListenerKey {
        parent: ListenerParent::Gateway(ObjectName::new("a", gateway)),
        name: "web".into(),
    }
}

pub fn route_key(name: &str) -> RouteKey {
    RouteKey {
        kind: RouteKind::Http,
        object: ObjectName::new("a", name),
    }
}

/// A load balancer with one listener, a certificate, a backend, and so many routes.
pub fn balancer(gateway: &str, routes: usize) -> LoadBalancer {
    let mut balancer = LoadBalancer::bare(
        ObjectName::new("a", gateway),
        "software",
        "gatewright.dev/software",
    );
    let listener = Listener {
        key: listener_key(gateway),
        port: 80,
        protocol: Protocol::Http,
        hostname: HostPattern::Any,
        tls: None,
        filters: Vec::new(),
    };
    balancer
        .listeners
        .insert(listener.key.clone(), Arc::new(listener));
    let backend = Backend::bare(
        backend_key(),
        Endpoints::Static(vec![BackendEndpoint::at(IpAddr::V4(Ipv4Addr::LOCALHOST), 9000)]),
    );
    balancer.backends.insert(backend.key.clone(), Arc::new(backend));
    let certificate = Certificate {
        key: CertificateKey(ObjectName::new("a", gateway)),
        chain: vec![Arc::from(format!("chain of {gateway}").as_bytes())],
        private_key: Secret::new(format!("key of {gateway}").into_bytes()),
        fingerprint: "00".into(),
        names: Vec::new(),
        not_after: 0,
    };
    balancer
        .certificates
        .insert(certificate.key.clone(), Arc::new(certificate));
    for number in 0..routes {
        put_route(&mut balancer, gateway, &format!("route-{number}"), "/");
    }
    balancer
}

pub fn backend_key() -> BackendKey {
    BackendKey {
        kind: BackendKind::Service,
        object: ObjectName::new("a", "backend"),
        port: 80,
    }
}

/// Adds or replaces a route.
pub fn put_route(balancer: &mut LoadBalancer, gateway: &str, name: &str, path: &str) {
    let route = HttpRoute {
        key: route_key(name),
        created: 1,
        attachments: vec![Attachment {
            listener: listener_key(gateway),
            hosts: vec![RouteHost {
                effective: HostPattern::parse(&format!("{name}.example.com")),
                original: HostPattern::parse(&format!("{name}.example.com")),
            }],
        }],
        rules: vec![Arc::new(HttpRule {
            backends: vec![WeightedBackend {
                target: BackendTarget::Backend(backend_key()),
                weight: 1,
                filters: Vec::new(),
            }],
            ..HttpRule::bare(0, vec![HttpMatch::of_path(PathMatch::Prefix(path.into()))])
        })],
    };
    balancer.http_routes.insert(route.key.clone(), Arc::new(route));
}

pub fn settings() -> Arc<GatewaySettings> {
    Arc::new(GatewaySettings::default())
}

/// The path that a served route has now.
pub fn path_of(served: &[Assigned], name: &str) -> Option<String> {
    let route = served.first()?.balancer.http_routes.get(&route_key(name))?;
    match &route.rules[0].matches[0].path {
        PathMatch::Prefix(path) => Some(path.to_string()),
        _ => None,
    }
}

/// Waits until all ready proxies have a revision.
pub async fn acknowledged(controller: &Controller, gateway: &ObjectName, revision: Revision) {
    until("the acknowledgement", async || {
        let outcome = controller.server.outcome(gateway)?;
        outcome.has(revision).then_some(())
    })
    .await;
}

/// Equal, and shares no allocation.
pub fn deep_copy(balancer: &LoadBalancer) -> LoadBalancer {
    let mut copy = balancer.clone();
    copy.http_routes.values_mut().for_each(fresh);
    copy.backends.values_mut().for_each(fresh);
    copy.listeners.values_mut().for_each(fresh);
    copy.certificates.values_mut().for_each(fresh);
    copy
}

fn fresh<T: Clone>(part: &mut Arc<T>) {
    *part = Arc::new((**part).clone());
}
