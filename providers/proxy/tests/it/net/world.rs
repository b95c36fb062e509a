//! Load balancers built by hand, a running proxy, and plain backends.

#![allow(clippy::too_many_arguments)]

pub use super::pki::{Authority, Issued};
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{Backend, BackendTarget, BackendTls, Endpoint, Endpoints, WeightedBackend};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{
    BackendKey, BackendKind, CertificateKey, ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind,
};
use gatewright_model::listener::{ClientValidation, Listener, ListenerTls, Protocol, TlsTermination};
use gatewright_model::route::{
    Attachment, HttpMatch, HttpRoute, HttpRule, PathMatch, RouteHost, StreamRoute,
};
use gatewright_proxy::listen::Proxy;
use gatewright_proxy::runtime::{ApplyReport, Placement, ProxyOptions};
use rustls::pki_types::ServerName;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Options with few workers and short timeouts.
pub fn options() -> ProxyOptions {
    let mut options = ProxyOptions {
        workers: 2.try_into().unwrap(),
        ..ProxyOptions::default()
    };
    options.timeouts.connect = Duration::from_secs(2);
    options.timeouts.listener_grace = Duration::from_secs(2);
    options
}

/// A free port of loopback. Taken from the kernel's own choice, so that parallel tests differ.
pub fn free_port() -> u16 {
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    tcp.local_addr().unwrap().port()
}

pub fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A load balancer in the making.
#[derive(Clone)]
pub struct World(pub LoadBalancer);

impl World {
    pub fn new(gateway: &str) -> Self {
        Self(LoadBalancer::bare(
            ObjectName::new("test", gateway),
            "test",
            "gatewright.dev/software",
        ))
    }

    pub fn key(&self, listener: &str) -> ListenerKey {
        ListenerKey {
            parent: ListenerParent::Gateway(self.0.gateway.clone()),
            name: listener.into(),
        }
    }

    pub fn listen(
        &mut self,
        name: &str,
        protocol: Protocol,
        port: u16,
        hostname: &str,
        tls: Option<ListenerTls>,
    ) {
        let key = self.key(name);
        let listener = Listener {
            key: key.clone(),
            port,
            protocol,
            hostname: HostPattern::parse(hostname),
            tls,
            filters: Vec::new(),
        };
        self.0.listeners.insert(key, Arc::new(listener));
    }

    pub fn http(&mut self, name: &str, port: u16) {
        self.listen(name, Protocol::Http, port, "", None);
    }

    pub fn https(&mut self, name: &str, port: u16, hostname: &str, certificates: &[&str]) {
        self.listen(
            name,
            Protocol::Https,
            port,
            hostname,
            Some(terminate(certificates, None)),
        );
    }

    pub fn certificate(&mut self, name: &str, issued: &Issued) {
        let key = CertificateKey(ObjectName::new("test", name));
        self.0
            .certificates
            .insert(key.clone(), Arc::new(issued.model(key)));
    }

    /// A backend with static endpoints.
    pub fn backend(&mut self, name: &str, endpoints: &[SocketAddr], tls: Option<BackendTls>) -> BackendKey {
        let key = backend_key(name);
        let mut endpoints: Vec<Endpoint> = endpoints.iter().map(|address| endpoint(*address)).collect();
        endpoints.sort();
        let backend = Backend {
            tls: tls.map(Arc::new),
            ..Backend::bare(key.clone(), Endpoints::Static(endpoints))
        };
        self.0.backends.insert(key.clone(), Arc::new(backend));
        key
    }

    /// An HTTPRoute for one host and prefix on a listener.
    pub fn route(
        &mut self,
        name: &str,
        listener: &str,
        host: &str,
        path: PathMatch,
        backends: &[(&str, u32)],
    ) {
        let key = RouteKey {
            kind: RouteKind::Http,
            object: ObjectName::new("test", name),
        };
        let rule = HttpRule {
            backends: weighted(backends),
            ..HttpRule::bare(0, vec![HttpMatch::of_path(path)])
        };
        let route = HttpRoute {
            key: key.clone(),
            created: 0,
            attachments: vec![self.attachment(listener, host)],
            rules: vec![Arc::new(rule)],
        };
        self.0.http_routes.insert(key, Arc::new(route));
    }

    /// A TLSRoute, TCPRoute or UDPRoute.
    pub fn stream(
        &mut self,
        kind: RouteKind,
        (name, created): (&str, i64),
        listener: &str,
        host: &str,
        backends: &[(&str, u32)],
    ) {
        let key = RouteKey {
            kind,
            object: ObjectName::new("test", name),
        };
        let route = StreamRoute {
            key: key.clone(),
            created,
            attachments: vec![self.attachment(listener, host)],
            backends: weighted(backends),
        };
        self.0.stream_routes.insert(key, Arc::new(route));
    }

    fn attachment(&self, listener: &str, host: &str) -> Attachment {
        let key = self.key(listener);
        let own = self.0.listeners[&key].hostname.clone();
        let original = HostPattern::parse(host);
        let effective = own.intersect(&original).unwrap();
        Attachment {
            listener: key,
            hosts: vec![RouteHost { effective, original }],
        }
    }

    pub fn placement(&self) -> Placement {
        Placement {
            balancer: Arc::new(self.0.clone()),
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            ports: Arc::default(),
            port_offset: 0,
            options: None,
        }
    }
}

pub fn terminate(certificates: &[&str], client_validation: Option<ClientValidation>) -> ListenerTls {
    ListenerTls::Terminate(TlsTermination {
        certificates: certificates
            .iter()
            .map(|name| CertificateKey(ObjectName::new("test", name)))
            .collect(),
        client_validation: client_validation.map(Arc::new),
        options: BTreeMap::new(),
    })
}

pub fn prefix(path: &str) -> PathMatch {
    PathMatch::Prefix(path.into())
}

fn backend_key(name: &str) -> BackendKey {
    BackendKey {
        kind: BackendKind::Service,
        object: ObjectName::new("test", name),
        port: 80,
    }
}

fn weighted(backends: &[(&str, u32)]) -> Vec<WeightedBackend> {
    backends
        .iter()
        .map(|(name, weight)| WeightedBackend {
            target: match name.strip_prefix('!') {
                Some(reason) => BackendTarget::Invalid(reason.into()),
                None => BackendTarget::Backend(backend_key(name)),
            },
            weight: *weight,
            filters: Vec::new(),
        })
        .collect()
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::at(address.ip(), address.port())
}

/// Starts a proxy with one load balancer, all of whose listeners must come up.
pub fn serve(world: &World) -> Proxy {
    let proxy = Proxy::start(options()).unwrap();
    assert_served(&proxy.apply(&[world.placement()]));
    proxy
}

/// Every listener is served and nothing refused.
pub fn assert_served(report: &ApplyReport) {
    assert!(
        report.listeners.iter().all(|outcome| outcome.failure.is_none()),
        "{report:?}"
    );
    assert!(report.refusals.is_empty(), "{report:?}");
}

/// A TLS client's settings.
pub fn client_config(
    authority: &Authority,
    alpn: &[&str],
    own: Option<&Issued>,
) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authority.roots());
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => builder
            .with_client_auth_cert(own.chain.clone(), own.private_key())
            .unwrap(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

pub type Tls = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

/// Connects and shakes hands. Also reads, so that a refusal after the client's own part shows.
pub fn tls(address: SocketAddr, name: &str, config: &Arc<rustls::ClientConfig>) -> std::io::Result<Tls> {
    let stream = connect(address);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = rustls::ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut tls = rustls::StreamOwned::new(connection, stream);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    Ok(tls)
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// One GET; answers status and body.
pub fn get(stream: &mut (impl Read + Write), host: &str, path: &str) -> (u16, String) {
    try_get(stream, host, path).unwrap()
}

pub fn try_get(stream: &mut (impl Read + Write), host: &str, path: &str) -> std::io::Result<(u16, String)> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")?;
    read_response(stream).map(|(status, _, body)| (status, body))
}

/// Status, head and body of a response with a length.
pub fn read_response(stream: &mut impl Read) -> std::io::Result<(u16, String, String)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let status = head[9..12].parse().unwrap();
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")
                .map(|text| text.trim().parse().unwrap())
        })
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((status, head, String::from_utf8(body).unwrap()))
}

/// An HTTP/1.1 origin that answers every request with its name.
pub fn origin(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, name));
        }
    });
    address
}

/// Answers requests without body until the client goes.
pub fn answer(mut stream: impl Read + Write, name: &str) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            seen.drain(..end + 4);
            let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
            if stream.write_all(response.as_bytes()).is_err() {
                return;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => seen.extend_from_slice(&buffer[..count]),
        }
    }
}

/// A TLS origin that tells its name inside TLS, for each connection one handler thread.
pub fn tls_origin(name: &'static str, issued: &Issued, client_roots: Option<&Authority>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client_roots {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                authority.roots().into(),
                provider,
            )
            .build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let config = Arc::new(
        builder
            .with_single_cert(issued.chain.clone(), issued.private_key())
            .unwrap(),
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            thread::spawn(move || answer(rustls::StreamOwned::new(connection, stream), name));
        }
    });
    address
}

/// Repeats `probe` until it answers `Some`, or fails the test.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
