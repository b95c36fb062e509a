//! Connections to one target.
//!
//! Targets of HTTPS groups are not verified: "the load balancer establishes TLS connections with the targets using
//! certificates that you install on the targets. The load balancer does not validate these certificates"
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html>).
//! A connection has 10 seconds to be made (load-balancer-troubleshooting, HTTP 504 and 502).

mod trusting;

use super::answer::Body;
use super::group::Version;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Idle connections that are kept for one target, and how long.
const KEPT: usize = 64;
const AGE: Duration = Duration::from_secs(30);

/// Whether a target speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Security {
    /// It does not.
    Plain,
    /// It does.
    Tls,
}

/// Why a request got no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendError {
    /// No connection in time.
    Timeout,
    /// No connection, or it broke.
    Broken,
}

trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// How a target is reached.
#[derive(Clone)]
pub(super) struct Dialer {
    to: SocketAddr,
    security: Security,
    version: Version,
}

enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Dialer {
    pub(super) const fn new(to: SocketAddr, security: Security, version: Version) -> Self {
        Self {
            to,
            security,
            version,
        }
    }

    /// Sends one request on a connection of its own.
    pub(super) async fn once(&self, request: Request<Body>) -> Result<Response<Incoming>, SendError> {
        let sent = match self.dial().await? {
            Sender::Http1(mut sender) => sender.send_request(request).await,
            Sender::Http2(mut sender) => sender.send_request(request).await,
        };
        sent.map_err(|_| SendError::Broken)
    }

    async fn dial(&self) -> Result<Sender, SendError> {
        timeout(CONNECT, self.connect())
            .await
            .unwrap_or(Err(SendError::Timeout))
    }

    async fn connect(&self) -> Result<Sender, SendError> {
        let stream = TcpStream::connect(self.to).await.map_err(|_| SendError::Broken)?;
        let _ = stream.set_nodelay(true);
        let stream: Box<dyn Transport> = match self.security {
            Security::Plain => Box::new(stream),
            Security::Tls => {
                let protocol: &[u8] = if matches!(self.version, Version::Http1 | Version::Function) {
                    b"http/1.1"
                } else {
                    b"h2"
                };
                let config = trusting::config(protocol).ok_or(SendError::Broken)?;
                let name = ServerName::IpAddress(self.to.ip().into());
                let connected = TlsConnector::from(config).connect(name, stream).await;
                Box::new(connected.map_err(|_| SendError::Broken)?)
            }
        };
        let io = TokioIo::new(stream);
        match self.version {
            Version::Http1 | Version::Function => {
                let (sender, connection) = http1::handshake(io).await.map_err(|_| SendError::Broken)?;
                tokio::spawn(connection.with_upgrades());
                Ok(Sender::Http1(sender))
            }
            Version::Http2 | Version::Grpc => {
                let handshake = http2::handshake(TokioExecutor::new(), io).await;
                let (sender, connection) = handshake.map_err(|_| SendError::Broken)?;
                tokio::spawn(connection);
                Ok(Sender::Http2(sender))
            }
        }
    }
}

/// A connection that waits for a request, and since when.
type Idle = (http1::SendRequest<Body>, Instant);

/// Connections to a target, kept between requests.
pub(super) struct Upstream {
    dialer: Dialer,
    idle: Arc<Mutex<Vec<Idle>>>,
    /// HTTP/2 has one connection for all requests; whoever finds it gone makes another.
    shared: tokio::sync::Mutex<Option<http2::SendRequest<Body>>>,
}

impl Upstream {
    pub(super) fn new(dialer: Dialer) -> Self {
        Self {
            dialer,
            idle: Arc::default(),
            shared: tokio::sync::Mutex::new(None),
        }
    }

    /// Sends a request. One that a kept connection could not take, as the target had closed it, goes to a new one;
    /// once anything was sent, a connection that breaks is an error, as AWS documents it.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, SendError> {
        match self.dialer.version {
            Version::Http1 | Version::Function => self.send_http1(request).await,
            Version::Http2 | Version::Grpc => self.send_http2(request).await,
        }
    }

    async fn send_http1(&self, mut request: Request<Body>) -> Result<Response<Incoming>, SendError> {
        while let Some(mut sender) = self.take() {
            match sender.try_send_request(request).await {
                Ok(response) => {
                    self.keep(sender);
                    return Ok(response);
                }
                Err(mut e) => request = e.take_message().ok_or(SendError::Broken)?,
            }
        }
        let Sender::Http1(mut sender) = self.dialer.dial().await? else {
            return Err(SendError::Broken);
        };
        let response = sender
            .send_request(request)
            .await
            .map_err(|_| SendError::Broken)?;
        self.keep(sender);
        Ok(response)
    }

    async fn send_http2(&self, request: Request<Body>) -> Result<Response<Incoming>, SendError> {
        let mut sender = self.shared().await?;
        match sender.try_send_request(request).await {
            Ok(response) => Ok(response),
            Err(mut e) => {
                let request = e.take_message().ok_or(SendError::Broken)?;
                let mut sender = self.shared().await?;
                sender.send_request(request).await.map_err(|_| SendError::Broken)
            }
        }
    }

    async fn shared(&self) -> Result<http2::SendRequest<Body>, SendError> {
        let mut shared = self.shared.lock().await;
        if let Some(sender) = shared.as_mut()
            && !sender.is_closed()
            && sender.ready().await.is_ok()
        {
            return Ok(sender.clone());
        }
        let Sender::Http2(mut sender) = self.dialer.dial().await? else {
            return Err(SendError::Broken);
        };
        sender.ready().await.map_err(|_| SendError::Broken)?;
        *shared = Some(sender.clone());
        Ok(sender)
    }

    /// The connection that was used last: the others grow old and are closed.
    fn take(&self) -> Option<http1::SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < AGE);
        idle.pop().map(|(sender, _)| sender)
    }

    /// Keeps a connection once its response has been read to its end.
    fn keep(&self, mut sender: http1::SendRequest<Body>) {
        let idle = Arc::downgrade(&self.idle);
        tokio::spawn(async move {
            if sender.ready().await.is_err() {
                return;
            }
            let Some(idle) = idle.upgrade() else { return };
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < KEPT {
                idle.push((sender, Instant::now()));
            }
        });
    }
}
