//! Clients.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub(super) type Body = Full<Bytes>;

/// A response, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// Which target answered.
    pub(super) fn target(&self) -> String {
        self.json()["target"].as_str().unwrap().to_owned()
    }

    /// A header field that the target got; several lines joined by `|`.
    pub(super) fn got(&self, name: &str) -> Option<String> {
        let json = self.json();
        let pairs = json["headers"].as_array().unwrap();
        let lines: Vec<&str> = pairs
            .iter()
            .filter(|pair| pair[0] == name)
            .map(|pair| pair[1].as_str().unwrap())
            .collect();
        (!lines.is_empty()).then(|| lines.join("|"))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(super) async fn read(response: Response<Incoming>) -> Result<Answer, hyper::Error> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    let trailers = body.trailers().cloned();
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    Ok(Answer {
        status: head.status,
        version: head.version,
        headers: head.headers,
        trailers,
        body,
    })
}

/// A connection that is kept.
pub(super) struct Connection(http1::SendRequest<Body>);

impl Connection {
    pub(super) async fn open(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        Self(sender)
    }

    pub(super) async fn head(&mut self, request: Request<Body>) -> Result<Response<Incoming>, hyper::Error> {
        self.0.ready().await?;
        timeout(Duration::from_secs(30), self.0.send_request(request))
            .await
            .expect("no answer")
    }

    pub(super) async fn send(&mut self, request: Request<Body>) -> Result<Answer, hyper::Error> {
        let response = self.head(request).await?;
        timeout(Duration::from_secs(30), read(response))
            .await
            .expect("no end")
    }

    /// Whether the other side has closed it.
    pub(super) fn closed(&self) -> bool {
        self.0.is_closed()
    }
}

pub(super) fn get(url: &str) -> Request<Body> {
    Request::get(url)
        .header("host", "example.com")
        .body(Body::default())
        .unwrap()
}

/// One request on a connection of its own.
pub(super) async fn send(at: SocketAddr, request: Request<Body>) -> Answer {
    Connection::open(at).await.send(request).await.unwrap()
}

/// A TLS client: which name it sends, and what it offers by ALPN.
pub(super) struct Tls {
    pub(super) root: CertificateDer<'static>,
    pub(super) name: &'static str,
    pub(super) protocol: &'static [u8],
    /// Its own certificate and key, PEM.
    pub(super) identity: Option<(String, String)>,
}

/// A TLS connection, and the certificate that the server showed.
pub(super) struct Secured {
    pub(super) shown: CertificateDer<'static>,
    sender: Sender,
}

enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Tls {
    pub(super) async fn open(&self, at: SocketAddr) -> Secured {
        self.try_open(at).await.unwrap()
    }

    pub(super) async fn try_open(&self, at: SocketAddr) -> std::io::Result<Secured> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes());
                let chain = chain.collect::<Result<_, _>>().unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = vec![self.protocol.to_vec()];
        let stream = TcpStream::connect(at).await.unwrap();
        let name = ServerName::try_from(self.name).unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let session = stream.get_ref().1;
        let shown = session.peer_certificates().unwrap()[0].clone().into_owned();
        assert_eq!(session.alpn_protocol(), Some(self.protocol));
        let io = TokioIo::new(stream);
        let sender = if self.protocol == b"h2" {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            Sender::Http1(sender)
        };
        Ok(Secured { shown, sender })
    }
}

impl Secured {
    pub(super) async fn send(&mut self, request: Request<Body>) -> Result<Answer, hyper::Error> {
        let response = match &mut self.sender {
            Sender::Http1(sender) => sender.send_request(request).await?,
            Sender::Http2(sender) => sender.send_request(request).await?,
        };
        read(response).await
    }
}
