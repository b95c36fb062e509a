//! Sample backends: small echo servers for loopback endpoints that nothing serves, so that a folder
//! of manifests can be tried before its applications exist.
//!
//! TCP ports answer HTTP/1.1 with a JSON description of the request (ports whose `appProtocol` is
//! `tcp` echo bytes instead), UDP ports echo datagrams. Only loopback addresses are ever bound.

use gatewright_model::backend::{BackendProtocol, Endpoints};
use gatewright_model::{LoadBalancer, Str};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;

/// Most connections that all sample backends hold at once.
const MAX_CONNECTIONS: usize = 1024;

/// What a sample backend stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sample {
    backend: Str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Http,
    Tcp,
    Udp,
}

/// Running sample backends by address.
pub struct SampleBackends {
    running: BTreeMap<(Kind, SocketAddr), tokio::task::JoinHandle<()>>,
    connections: Arc<Semaphore>,
}

impl Default for SampleBackends {
    fn default() -> Self {
        Self {
            running: BTreeMap::new(),
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        }
    }
}

impl SampleBackends {
    /// Starts a server on every loopback endpoint of `balancers` that is free, and stops those that no
    /// balancer names any more. Returns the addresses that were started, each with its backend.
    pub async fn follow(&mut self, balancers: &[Arc<LoadBalancer>]) -> Vec<(SocketAddr, Str)> {
        let wanted = wanted(balancers);
        self.running.retain(|key, task| {
            let keep = wanted.contains_key(key);
            if !keep {
                task.abort();
            }
            keep
        });
        let mut started = Vec::new();
        for ((kind, address), sample) in wanted {
            if self.running.contains_key(&(kind, address)) {
                continue;
            }
            if let Some(task) = self.start(address, sample.clone()).await {
                self.running.insert((kind, address), task);
                started.push((address, sample.backend));
            }
        }
        started
    }

    /// `None`: something else serves the address already, which is what the person wants then.
    async fn start(&self, address: SocketAddr, sample: Sample) -> Option<tokio::task::JoinHandle<()>> {
        if sample.kind == Kind::Udp {
            let socket = UdpSocket::bind(address).await.ok()?;
            return Some(tokio::spawn(echo_datagrams(socket)));
        }
        let listener = TcpListener::bind(address).await.ok()?;
        let connections = Arc::clone(&self.connections);
        Some(tokio::spawn(async move {
            let sample = Arc::new(sample);
            loop {
                let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
                    return;
                };
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let sample = Arc::clone(&sample);
                tokio::spawn(async move {
                    match sample.kind {
                        Kind::Tcp => echo_bytes(stream).await,
                        Kind::Http | Kind::Udp => answer_http(stream, address, sample).await,
                    }
                    drop(permit);
                });
            }
        }))
    }
}

impl Drop for SampleBackends {
    fn drop(&mut self) {
        self.running.values().for_each(tokio::task::JoinHandle::abort);
    }
}

fn wanted(balancers: &[Arc<LoadBalancer>]) -> BTreeMap<(Kind, SocketAddr), Sample> {
    let mut wanted = BTreeMap::new();
    for balancer in balancers {
        let udp: std::collections::BTreeSet<_> = balancer
            .stream_routes
            .values()
            .filter(|route| route.key.kind == gatewright_model::key::RouteKind::Udp)
            .flat_map(|route| &route.backends)
            .filter_map(|backend| match &backend.target {
                gatewright_model::backend::BackendTarget::Backend(key) => Some(key),
                gatewright_model::backend::BackendTarget::Invalid(_) => None,
            })
            .collect();
        for (key, backend) in &balancer.backends {
            let Endpoints::Static(endpoints) = &backend.endpoints else {
                continue;
            };
            let kind = match (udp.contains(key), backend.protocol) {
                (true, _) => Kind::Udp,
                (false, BackendProtocol::Stream) => Kind::Tcp,
                (false, _) => Kind::Http,
            };
            for endpoint in endpoints.iter().filter(|endpoint| endpoint.address.is_loopback()) {
                let sample = Sample {
                    backend: key.object.to_string().into(),
                    kind,
                };
                wanted.insert((kind, SocketAddr::new(endpoint.address, endpoint.port)), sample);
            }
        }
    }
    wanted
}

async fn answer_http(stream: TcpStream, address: SocketAddr, sample: Arc<Sample>) {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let sample = Arc::clone(&sample);
        async move { Ok::<_, std::convert::Infallible>(describe(&request, address, &sample)) }
    });
    // A client that goes away is no concern of a sample backend.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn describe(request: &Request<Incoming>, address: SocketAddr, sample: &Sample) -> Response<Full<Bytes>> {
    let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in request.headers() {
        headers
            .entry(name.as_str())
            .or_default()
            .push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let host = request
        .headers()
        .get(header::HOST)
        .map(|host| String::from_utf8_lossy(host.as_bytes()));
    let body = json!({
        "backend": &*sample.backend,
        "endpoint": address.to_string(),
        "method": request.method().as_str(),
        "host": host,
        "path": request.uri().to_string(),
        "headers": headers,
    });
    let mut response = Response::new(Full::new(Bytes::from(format!("{body:#}\n"))));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    response
}

async fn echo_bytes(mut stream: TcpStream) {
    let (mut read, mut write) = stream.split();
    let _ = tokio::io::copy(&mut read, &mut write).await;
}

async fn echo_datagrams(socket: UdpSocket) {
    let mut buffer = vec![0_u8; 65_535];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        if let Some(datagram) = buffer.get(..length) {
            let _ = socket.send_to(datagram, from).await;
        }
    }
}
