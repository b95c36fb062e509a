//! Proxies that connect to a configuration server over loopback, with the real client and a data plane that obeys the
//! test.

use futures_util::future::BoxFuture;
use gatewright_stream::Scope;
use gatewright_stream::client::{
    Assigned, Client, ClientLimits, ClientOptions, ClientTimes, Endpoint, Report, Resolve, Sink, Stage,
};
use gatewright_stream::server::{Admission, ConfigServer, Denied, Identity};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// An authority and a server that serves configurations with a certificate of it.
pub struct Pki {
    ca: String,
    address: SocketAddr,
}

/// Every token is good for everything.
struct Anybody;

impl Admission for Anybody {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Identity, Denied>> {
        Box::pin(async move {
            Ok(Identity {
                name: token.to_owned(),
                instance: None,
            })
        })
    }

    fn authorize(&self, _: &Identity, _: &Scope) -> bool {
        true
    }
}

impl Pki {
    /// Serves on loopback, until the runtime of the test ends.
    pub async fn serve(server: &ConfigServer) -> Self {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key).unwrap();
        let issuer = rcgen::Issuer::from_params(&params, &ca_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new(vec!["controller".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        let config =
            gatewright_stream::tls::server_config(leaf.pem().as_bytes(), key.serialize_pem().as_bytes());
        let (sender, tls) = watch::channel(config.unwrap());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = server.clone();
        tokio::spawn(async move {
            let _sender = sender;
            server
                .serve(listener, tls, Arc::new(Anybody), std::future::pending())
                .await;
        });
        Self {
            ca: ca.pem(),
            address,
        }
    }
}

/// A running proxy.
pub struct TestProxy {
    silent: Arc<AtomicBool>,
    _stage: watch::Sender<Stage>,
    _files: TempDir,
    task: JoinHandle<()>,
}

struct Obedient(Arc<AtomicBool>);

impl Sink for Obedient {
    fn apply(&mut self, _: &[Assigned]) -> Report {
        while self.0.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Report::default()
    }
}

struct Loopback;

impl Resolve for Loopback {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

impl TestProxy {
    /// Starts one of a scope.
    pub fn start(pki: &Pki, scope: Scope, instance: &str) -> Self {
        let files = TempDir::new().unwrap();
        std::fs::write(files.path().join("ca.crt"), &pki.ca).unwrap();
        std::fs::write(files.path().join("token"), "token").unwrap();
        let options = ClientOptions {
            controller: Endpoint {
                host: "controller".to_owned(),
                port: pki.address.port(),
            },
            resolve: Arc::new(Loopback),
            authorities: files.path().join("ca.crt"),
            token: files.path().join("token"),
            scope,
            instance: instance.to_owned(),
            version: "1".to_owned(),
            state: None,
            limits: ClientLimits::default(),
            times: ClientTimes::default(),
        };
        let silent = Arc::new(AtomicBool::new(false));
        let sink = Box::new(Obedient(Arc::clone(&silent)));
        let (stage, now) = watch::channel(Stage::Serving);
        let task = tokio::spawn(async move { drop(Client::run(options, sink, now).await) });
        Self {
            silent,
            _stage: stage,
            _files: files,
            task,
        }
    }

    /// Makes it take over nothing that comes from now on, without a word; or makes it go on.
    pub fn set_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }
}

impl Drop for TestProxy {
    fn drop(&mut self) {
        self.set_silent(false);
        self.task.abort();
    }
}
