//! Backends that do as they are told, over TCP or TLS, HTTP/1.1 or HTTP/2.

use crate::echo::Speaks;
use crate::pki::{Authority, Identity};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as a backend saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Host, or `:authority`.
    pub host: String,
    /// Version.
    pub version: Version,
    /// Fields.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Whether the proxy showed a certificate.
    pub certified: bool,
}

impl Seen {
    /// All values of a field, joined; empty when there is none.
    pub fn header(&self, name: &str) -> String {
        crate::echo::joined(&self.headers, name)
    }
}

/// What a backend does with a request.
#[derive(Debug)]
pub enum Reply {
    /// Answers.
    Answer(Response<Bytes>),
    /// Answers a gRPC call.
    Call(Bytes),
    /// Closes the connection without a word.
    Close,
    /// Never answers.
    Hang,
}

/// 200 with this body.
pub fn ok(body: impl Into<Bytes>) -> Reply {
    Reply::Answer(Response::new(body.into()))
}

/// An empty answer with this status.
pub fn status(code: u16) -> Reply {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
    Reply::Answer(response)
}

/// 200 with these fields.
pub fn fields(fields: &[(&'static str, &'static str)]) -> Reply {
    let mut response = Response::new(Bytes::new());
    for (name, value) in fields {
        response
            .headers_mut()
            .append(*name, http::HeaderValue::from_static(value));
    }
    Reply::Answer(response)
}

type Answer = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// A running backend and what it has seen; ends with the value.
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Origin {
    /// An HTTP/1.1 backend that does what `reply` says for a request and its number, from 0.
    pub async fn start(reply: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::with(Speaks::Http1, None, reply).await
    }

    /// An HTTP/1.1 backend that answers 200 with its name.
    pub async fn named(name: &'static str) -> Result<Self> {
        Self::start(move |_, _| ok(name)).await
    }

    /// A backend for gRPC: HTTP/2 with prior knowledge.
    pub async fn grpc(reply: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::with(Speaks::Http2, None, reply).await
    }

    /// A backend behind TLS, which offers both versions. With `clients` it insists on a certificate
    /// that they signed.
    pub async fn tls(
        identity: &Identity,
        clients: Option<&Authority>,
        reply: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let acceptor = acceptor(identity, clients, &["h2", "http/1.1"])?;
        Self::with(Speaks::Http1, Some(acceptor), reply).await
    }

    async fn with(
        speaks: Speaks,
        tls: Option<TlsAcceptor>,
        reply: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let reply: Arc<Answer> = Arc::new(reply);
        let record = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (record, reply, tls) = (Arc::clone(&record), Arc::clone(&reply), tls.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else {
                        return serve(stream, speaks, false, record, reply).await;
                    };
                    let Ok(stream) = tls.accept(stream).await else {
                        return;
                    };
                    let (_, session) = stream.get_ref();
                    let certified = session.peer_certificates().is_some();
                    let speaks = match session.alpn_protocol() {
                        Some(b"h2") => Speaks::Http2,
                        _ => Speaks::Http1,
                    };
                    serve(stream, speaks, certified, record, reply).await;
                });
            }
        });
        Ok(Self { address, seen, task })
    }

    /// What it has seen.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The request it saw last.
    pub fn last(&self) -> Result<Seen> {
        self.seen().pop().context("the backend has seen no request")
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A TLS server of this identity.
pub fn acceptor(identity: &Identity, clients: Option<&Authority>, alpn: &[&str]) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let roots = Arc::new(authority.roots()?);
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider).build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(vec![identity.der.clone()], identity.private_key()?)?;
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve<IO>(io: IO, speaks: Speaks, certified: bool, record: Arc<Mutex<Vec<Seen>>>, reply: Arc<Answer>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        answer(request, certified, Arc::clone(&record), Arc::clone(&reply))
    });
    let io = TokioIo::new(io);
    // How a connection ends is the other side's affair.
    match speaks {
        Speaks::Http1 => drop(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(io, service)
                .await,
        ),
        Speaks::Http2 => drop(
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(io, service)
                .await,
        ),
    }
}

async fn answer(
    request: Request<Incoming>,
    certified: bool,
    record: Arc<Mutex<Vec<Seen>>>,
    reply: Arc<Answer>,
) -> Result<Response<BoxBody<Bytes, Infallible>>> {
    let (parts, body) = request.into_parts();
    let authority = parts.uri.authority().map(ToString::to_string);
    let seen = Seen {
        method: parts.method.to_string(),
        target: parts
            .uri
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        host: authority.unwrap_or_else(|| crate::echo::joined(&parts.headers, "host")),
        version: parts.version,
        headers: parts.headers,
        body: body.collect().await?.to_bytes(),
        certified,
    };
    let number = {
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        record.push(seen.clone());
        record.len() - 1
    };
    let (parts, frames) = match reply(&seen, number) {
        Reply::Answer(response) => {
            let (parts, body) = response.into_parts();
            (parts, vec![Ok(Frame::data(body))])
        }
        Reply::Call(message) => {
            let mut response = Response::new(());
            let kind = http::HeaderValue::from_static("application/grpc");
            response.headers_mut().insert("content-type", kind);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
            let frames = vec![
                Ok(Frame::data(crate::grpc::message(&message))),
                Ok(Frame::trailers(trailers)),
            ];
            (response.into_parts().0, frames)
        }
        Reply::Close => anyhow::bail!("told to close"),
        Reply::Hang => std::future::pending().await,
    };
    let mut response = Response::from_parts(
        parts,
        BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames))),
    );
    if response.version() != Version::HTTP_2 && !response.headers().contains_key("content-length") {
        // A stream has no length of its own; chunked framing is used, which clients take as well.
        *response.version_mut() = Version::HTTP_11;
    }
    Ok(response)
}
