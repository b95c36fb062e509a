//! A proxy worker with one port, and backends that record what they are sent.

#![allow(dead_code)]

use arc_swap::ArcSwap;
use gatewright_model::backend::{BackendProtocol, Endpoint, TrafficDistribution};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{
    BackendKey, BackendKind, ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind,
};
use gatewright_model::route::{Attachment, HttpMatch, HttpRoute, HttpRule, PathMatch, RouteHost};
use gatewright_model::router::{ListenerRouter, RoutePayload};
use gatewright_proxy::http::serve_connection;
use gatewright_proxy::observe::Observer;
use gatewright_proxy::policy::{FilterChain, ListenerFilters};
use gatewright_proxy::runtime::{
    BackendRuntime, BackendSettings, CompiledBackend, CompiledRule, ConnInfo, DrainPhase, DrainSignal,
    EndpointRuntime, EndpointSet, HttpListener, HttpPort, PortHandle, ProxyOptions, RouteProtocol, Shared,
    WorkerContext,
};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A proxy worker on a thread of its own; it drains and ends when dropped.
pub struct Proxy {
    pub address: SocketAddr,
    drain: tokio::sync::watch::Sender<DrainPhase>,
}

impl Proxy {
    /// Serves one route `/` to `origin`.
    pub fn to(origin: SocketAddr) -> Self {
        Self::start(rule(vec![backend(&[origin], BackendProtocol::Http1)]), options())
    }

    /// Serves one route `/` with `rule`.
    pub fn start(rule: CompiledRule, options: ProxyOptions) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), rule, options)
    }

    /// As [`Proxy::start`], at an address.
    pub fn at(address: SocketAddr, rule: CompiledRule, options: ProxyOptions) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let port = Arc::new(ArcSwap::from_pointee(port(rule, address.port())));
        let (drain, mut phase) = tokio::sync::watch::channel(DrainPhase::Serving);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build_local(tokio::runtime::LocalOptions::default())
                .unwrap();
            runtime.block_on(async move {
                let shared = Shared {
                    options: Arc::new(options),
                    observer: Arc::new(Observer::default()),
                };
                let worker = WorkerContext::new(0, Arc::new(shared));
                let handle = PortHandle::new(port);
                let signal = DrainSignal::new();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    tokio::select! {
                        accepted = listener.accept() => {
                            let (stream, peer) = accepted.unwrap();
                            stream.set_nodelay(true).unwrap();
                            let conn = ConnInfo {
                                peer,
                                client: peer,
                                local: address,
                                listener_port: address.port(),
                                tls: None,
                                accepted: Instant::now(),
                            };
                            let serving = serve_connection(
                                stream, conn, handle.clone(), worker.clone(), signal.watch(),
                            );
                            tokio::task::spawn_local(serving);
                        }
                        changed = phase.changed() => {
                            let now = *phase.borrow_and_update();
                            signal.advance(now);
                            if changed.is_err() || now == DrainPhase::Closing {
                                break;
                            }
                        }
                    }
                }
            });
        });
        Self { address, drain }
    }

    /// Moves the worker to a drain phase.
    pub fn drain(&self, phase: DrainPhase) {
        self.drain.send_replace(phase);
    }

    /// Opens a connection to it.
    pub fn connect(&self) -> Client {
        Client::new(self.address)
    }
}

/// Options with short timeouts.
pub fn options() -> ProxyOptions {
    let mut options = ProxyOptions::default();
    options.timeouts.head = Duration::from_secs(2);
    options.timeouts.connect = Duration::from_secs(2);
    options
}

/// A backend with these endpoints.
pub fn backend(endpoints: &[SocketAddr], protocol: BackendProtocol) -> CompiledBackend {
    let key = BackendKey {
        kind: BackendKind::Service,
        object: ObjectName::new("test", "backend"),
        port: 80,
    };
    let endpoints = endpoints
        .iter()
        .map(|address| Arc::new(EndpointRuntime::new(Endpoint::at(address.ip(), address.port()))))
        .collect();
    let settings = BackendSettings {
        protocol,
        tls: None,
        retry_budget: None,
        fault: None,
    };
    let set = EndpointSet::new(endpoints, TrafficDistribution::Any);
    CompiledBackend {
        backend: Some(Arc::new(BackendRuntime::new(key, settings, set))),
        weight: 1,
        filters: FilterChain::default(),
        session: None,
    }
}

/// A rule without filters.
pub fn rule(backends: Vec<CompiledBackend>) -> CompiledRule {
    let total_weight = backends.iter().map(|backend| u64::from(backend.weight)).sum();
    CompiledRule {
        route_name: "HTTPRoute/test/route".into(),
        index: 0,
        name: None,
        protocol: RouteProtocol::Http,
        filters: FilterChain::default(),
        backends: backends.into(),
        total_weight,
        request_timeout: None,
        backend_request_timeout: None,
        retry: None,
        session: None,
        faulty: false,
    }
}

fn port(rule: CompiledRule, port: u16) -> HttpPort {
    let gateway = ObjectName::new("test", "gateway");
    let key = ListenerKey {
        parent: ListenerParent::Gateway(gateway.clone()),
        name: "http".into(),
    };
    let route = HttpRoute {
        key: RouteKey {
            kind: RouteKind::Http,
            object: ObjectName::new("test", "route"),
        },
        created: 0,
        attachments: vec![Attachment {
            listener: key.clone(),
            hosts: vec![RouteHost {
                effective: HostPattern::Any,
                original: HostPattern::Any,
            }],
        }],
        rules: vec![Arc::new(HttpRule::bare(
            0,
            vec![HttpMatch::of_path(PathMatch::Prefix("/".into()))],
        ))],
    };
    let rule = Arc::new(rule);
    let payload = RoutePayload::new(Arc::new(route), |_| Arc::clone(&rule));
    let router = ListenerRouter::new(key.clone()).with_changes([payload], []);
    let listener = HttpListener {
        name: key.to_string().into(),
        key,
        hostname: HostPattern::Any,
        filters: ListenerFilters::default().into(),
        router,
    };
    HttpPort::new(gateway, port, false, vec![Arc::new(listener)])
}

/// A client that writes and reads raw bytes.
pub struct Client {
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// A response as a raw client sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    /// Value of a field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Client {
    /// Connects.
    pub fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Writes bytes; a proxy that closed already is no failure of the test.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Reads one response to a request that is not HEAD. `None`: the connection was closed.
    pub fn response(&mut self) -> Option<Response> {
        let head = self.head()?;
        let status = head.get(9..12)?.parse().ok()?;
        let mut response = Response {
            status,
            head,
            body: Vec::new(),
        };
        if status < 200 || status == 204 || status == 304 {
            return Some(response);
        }
        if let Some(length) = response.header("content-length") {
            let length = length.parse().unwrap();
            response.body = self.exactly(length)?;
        } else if response.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16).unwrap();
                response.body.extend(self.exactly(size)?);
                if size == 0 {
                    while !self.line()?.is_empty() {}
                    break;
                }
                self.line()?;
            }
        } else {
            while self.fill() {}
            response.body = std::mem::take(&mut self.read);
        }
        Some(response)
    }

    /// Reads a head.
    pub fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Reads a line.
    pub fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Some(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Reads exactly so many bytes.
    pub fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.read.len() < count {
            if !self.fill() {
                return None;
            }
        }
        Some(self.read.drain(..count).collect())
    }

    /// Whether the peer closes without sending anything more.
    pub fn closed(&mut self) -> bool {
        self.read.is_empty() && !self.fill()
    }

    fn fill(&mut self) -> bool {
        let mut buffer = vec![0; 65536];
        match self.stream.read(&mut buffer) {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.read.extend_from_slice(&buffer[..count]);
                true
            }
        }
    }
}

/// A backend that answers each connection with a function.
pub struct Origin {
    pub address: SocketAddr,
    seen: Receiver<Request>,
    connections: Arc<Mutex<usize>>,
}

/// A request as a lenient backend reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub head: String,
    pub body: Vec<u8>,
    /// Number of the connection it came on, from 1.
    pub connection: usize,
}

impl Request {
    /// The request line.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// Value of a field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Origin {
    /// Answers every request with `answer(request)` as raw bytes; an empty answer closes.
    pub fn new(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::raw(move |client, connection, seen| {
            while let Some(head) = client.head() {
                let mut request = Request {
                    head,
                    body: Vec::new(),
                    connection,
                };
                if let Some(length) = request.header("content-length") {
                    request.body = client.exactly(length.parse().unwrap_or(0)).unwrap_or_default();
                } else if request.header("transfer-encoding").is_some() {
                    while let Some(size) = client
                        .line()
                        .and_then(|size| usize::from_str_radix(&size, 16).ok())
                    {
                        request.body.extend(client.exactly(size).unwrap_or_default());
                        if size == 0 {
                            while client.line().is_some_and(|line| !line.is_empty()) {}
                            break;
                        }
                        client.line();
                    }
                }
                let response = answer(&request);
                let _ = seen.send(request);
                if response.is_empty() {
                    return;
                }
                client.send(response);
            }
        })
    }

    /// Handles every connection with a function on a thread of its own.
    pub fn raw(serve: impl Fn(&mut Client, usize, &Sender<Request>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = channel();
        let connections = Arc::new(Mutex::new(0));
        let count = Arc::clone(&connections);
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let number = {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    *count
                };
                stream.set_nodelay(true).unwrap();
                let (serve, sender) = (Arc::clone(&serve), sender.clone());
                thread::spawn(move || {
                    let mut client = Client {
                        stream,
                        read: Vec::new(),
                    };
                    serve(&mut client, number, &sender);
                });
            }
        });
        Self {
            address,
            seen,
            connections,
        }
    }

    /// Answers 200 with a small body.
    pub fn hello() -> Self {
        Self::new(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec())
    }

    /// The next request seen.
    pub fn request(&self) -> Request {
        self.seen
            .recv_timeout(PATIENCE)
            .expect("the backend was not asked")
    }

    /// Requests seen and not yet taken.
    pub fn pending(&self) -> Vec<Request> {
        self.seen.try_iter().collect()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

/// An address on which nothing listens.
pub fn refusing() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}
