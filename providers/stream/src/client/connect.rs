//! One connection to the controller: TCP, TLS, HTTP/2, the stream.

use super::ClientOptions;
use super::dial::Dial;
use crate::tls::{self, TlsError};
use crate::wire::{FromController, FromProxy, PATH};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use http::Uri;
use http::uri::PathAndQuery;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::ServerName;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status, Streaming};

/// Largest token file; ServiceAccount tokens take about 1.5 KiB.
const TOKEN: u64 = 16 * 1024;
/// Largest bundle of authorities.
const AUTHORITIES: u64 = 1024 * 1024;
/// Receive windows of HTTP/2, bytes.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;

/// `https://HOST:PORT` of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("found `{0}`; accepted is https://HOST:PORT")]
pub struct EndpointError(String);

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let error = || EndpointError(text.chars().take(256).collect());
        let uri: Uri = text.parse().map_err(|_| error())?;
        let plain = uri.scheme_str() == Some("https")
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none()
            && !text.contains('@');
        let (Some(host), Some(port), true) = (uri.host(), uri.port_u16(), plain) else {
            return Err(error());
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "https://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "https://{}:{}", self.host, self.port)
        }
    }
}

/// Finds the addresses of a name.
pub trait Resolve: Send + Sync {
    /// The addresses, in the order to be tried.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// No connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The token cannot be a header.
    #[error("{}: accepted is a token in one line of printable ASCII", .0.display())]
    Token(PathBuf),
    /// The authorities cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The name cannot be resolved.
    #[error("cannot resolve {host}: {source}")]
    Resolve {
        /// Name.
        host: String,
        /// Cause.
        source: io::Error,
    },
    /// TCP or TLS.
    #[error("cannot connect to {address}: {source}")]
    Io {
        /// Address.
        address: SocketAddr,
        /// Cause.
        source: io::Error,
    },
    /// HTTP/2.
    #[error("HTTP/2: {0}")]
    Http(#[from] hyper::Error),
    /// The host is no name that a certificate can have.
    #[error("`{0}` is no name of a server")]
    Name(String),
    /// The controller refused.
    #[error("the controller answers {:?}: {}", .0.code(), .0.message())]
    Refused(Box<Status>),
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
}

impl From<Status> for ConnectError {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

/// Opens the stream; `outgoing` must begin with Hello. The second value is the driver of the connection,
/// to be dropped with it.
pub async fn connect(
    options: &ClientOptions,
    outgoing: BoxStream<'static, FromProxy>,
) -> Result<(Streaming<FromController>, Driver), ConnectError> {
    let limit = options.times.connect;
    match tokio::time::timeout(limit, open(options, outgoing)).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::Timeout),
    }
}

async fn open(
    options: &ClientOptions,
    outgoing: BoxStream<'static, FromProxy>,
) -> Result<(Streaming<FromController>, Driver), ConnectError> {
    let bundle = read(&options.authorities, AUTHORITIES).await?;
    let config = tls::client_config(&bundle)?;
    let token = read(&options.token, TOKEN).await?;
    let authorization = bearer(&token).ok_or_else(|| ConnectError::Token(options.token.clone()))?;
    let Endpoint { host, port } = &options.controller;
    let name = ServerName::try_from(host.clone()).map_err(|_| ConnectError::Name(host.clone()))?;
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => options
            .resolve
            .resolve(host)
            .await
            .map_err(|source| ConnectError::Resolve {
                host: host.clone(),
                source,
            })?,
    };
    let targets = addresses
        .into_iter()
        .map(|address| SocketAddr::new(address, *port));
    let mut dial = Dial::new(targets.collect());
    let mut last = None;
    while let Some((address, tcp)) = dial.next().await {
        let connector = TlsConnector::from(std::sync::Arc::clone(&config));
        let _ = tcp.set_nodelay(true);
        match connector.connect(name.clone(), tcp).await {
            Ok(stream) => return start(options, stream, authorization, outgoing).await,
            Err(source) => last = Some(ConnectError::Io { address, source }),
        }
    }
    Err(last.or(dial.failed).unwrap_or_else(|| ConnectError::Resolve {
        host: host.clone(),
        source: io::Error::from(io::ErrorKind::NotFound),
    }))
}

async fn start(
    options: &ClientOptions,
    stream: tokio_rustls::client::TlsStream<TcpStream>,
    authorization: MetadataValue<tonic::metadata::Ascii>,
    outgoing: BoxStream<'static, FromProxy>,
) -> Result<(Streaming<FromController>, Driver), ConnectError> {
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(options.times.ping)
        .keep_alive_timeout(options.times.pong)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(TokioIo::new(stream))
        .await?;
    let driver = Driver(tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the controller ended");
        }
    }));
    let origin = Uri::from_str(&options.controller.to_string());
    let origin = origin.map_err(|_| ConnectError::Name(options.controller.host.clone()))?;
    let mut grpc = tonic::client::Grpc::with_origin(Channel(sender), origin)
        .max_decoding_message_size(options.limits.message);
    let mut request = Request::new(outgoing);
    request.metadata_mut().insert("authorization", authorization);
    grpc.ready().await?;
    let codec = tonic_prost::ProstCodec::<FromProxy, FromController>::default();
    let response = grpc
        .streaming(request, PathAndQuery::from_static(PATH), codec)
        .await?;
    Ok((response.into_inner(), driver))
}

fn bearer(token: &[u8]) -> Option<MetadataValue<tonic::metadata::Ascii>> {
    let token = std::str::from_utf8(token).ok()?.trim();
    let plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value: MetadataValue<_> = plain.then(|| format!("Bearer {token}"))?.parse().ok()?;
    // Never indexed in HPACK tables, never shown by `Debug`.
    value.set_sensitive(true);
    Some(value)
}

async fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ConnectError> {
    use tokio::io::AsyncReadExt as _;
    let file = async {
        let file = tokio::fs::File::open(path).await?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).await?;
        if bytes.len() as u64 > limit {
            let message = format!("the file is larger than {limit} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(bytes)
    };
    file.await.map_err(|source| ConnectError::File {
        path: path.to_owned(),
        source,
    })
}

/// Moves the bytes of a connection; dropping it closes the connection.
pub struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection as tonic uses it.
struct Channel(SendRequest<Body>);

impl GrpcService<Body> for Channel {
    type ResponseBody = Incoming;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, bearer};

    #[test]
    fn endpoints_are_https_with_a_port_and_nothing_else() {
        for (text, host, port) in [
            ("https://a.b.svc:18443", "a.b.svc", 18443),
            ("https://[::1]:443/", "::1", 443),
            ("https://10.0.0.1:1", "10.0.0.1", 1),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
        }
        for wrong in [
            "http://a:1",
            "https://a",
            "a:1",
            "https://a:1/x",
            "https://a:1/?x",
            "https://u@a:1",
            "",
            "https://a:99999",
        ] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_one_line_and_stays_hidden() {
        let value = bearer(b"abc.def\n").unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer abc.def");
        assert!(!format!("{value:?}").contains("abc"), "{value:?}");
        for wrong in [&b""[..], b" \n", b"a b", b"a\nb", b"\xff", b"a\r\nx: y"] {
            assert!(bearer(wrong).is_none());
        }
    }
}
