//! A client's connection.

use super::answer::Body;
use super::handle::{Visit, handle};
use super::headers::{Agreed, Arrival};
use super::idle::{Activity, IdleStream};
use super::mutual;
use super::serving::Front;
use super::slot::Slot;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Size of all header fields of a request, in bytes (load-balancer-troubleshooting, "HTTP 400": 64K).
const HEADERS: usize = 64 * 1024;

/// Requests at once on an HTTP/2 connection (load-balancer-listeners: 128).
const STREAMS: u32 = 128;

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, slot: Arc<Slot>) {
    let serving = slot.serving.load_full();
    let activity = Activity::new();
    let stream = IdleStream::new(stream, activity.clone(), serving.balancer.idle);
    let idle = serving.balancer.idle;
    let mut arrival = Arrival {
        peer,
        port: slot.at.port(),
        tls: None,
        certificate: None,
    };
    match &serving.front {
        Front::Broken => {}
        Front::Plain => {
            http1(
                stream,
                Visit {
                    slot,
                    arrival,
                    activity,
                },
                idle,
            )
            .await;
        }
        Front::Tls(config) => {
            let accepting = TlsAcceptor::from(config.clone()).accept(stream);
            let Ok(Ok(stream)) = timeout(HANDSHAKE, accepting).await else {
                return;
            };
            let session = stream.get_ref().1;
            let name = |debug: String| debug.replace("TLS13_", "TLS_");
            arrival.tls = Some(Agreed {
                version: match session.protocol_version() {
                    Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
                    _ => "TLSv1.2".to_owned(),
                },
                cipher: session
                    .negotiated_cipher_suite()
                    .map(|suite| name(format!("{:?}", suite.suite())))
                    .unwrap_or_default(),
            });
            arrival.certificate = serving.clients.as_ref().map(|clients| {
                let chain = session.peer_certificates().unwrap_or_default();
                mutual::fields(clients, chain, &serving.listener.clients)
            });
            let http2 = session.alpn_protocol() == Some(b"h2");
            let visit = Visit {
                slot,
                arrival,
                activity,
            };
            if http2 {
                self::http2(stream, visit).await;
            } else {
                http1(stream, visit, idle).await;
            }
        }
    }
}

async fn http1<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S, visit: Visit, idle: Duration) {
    let closing = visit.slot.closing.clone();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(HEADERS)
        .serve_connection(TokioIo::new(stream), service(visit))
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = closing.cancelled() => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

async fn http2<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S, visit: Visit) {
    let closing = visit.slot.closing.clone();
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEADERS).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(stream), service(visit));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = closing.cancelled() => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

fn service(
    visit: Visit,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = http::Response<Body>,
    Error = Infallible,
    Future: Send + 'static,
> {
    let visit = Arc::new(visit);
    service_fn(move |request| {
        let visit = visit.clone();
        async move { Ok::<_, Infallible>(handle(visit, request).await) }
    })
}
