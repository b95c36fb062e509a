//! HTTPS for the API server: HTTP/1.1 over TLS 1.3, with the certificate of the configuration server. Everything is
//! bounded; a connection beyond the bound is closed, and the API server goes on without an answer.

use super::review;
use crate::cluster::gates::Book;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// Path that the API server asks at.
pub const PATH: &str = "/pods";

/// Connections at the same time: API servers keep a few each.
const CONNECTIONS: usize = 128;

/// Longest request. An object has at most 1.5 MiB in etcd; JSON of it can be larger.
const LONGEST: usize = 4 << 20;

/// Longest TLS handshake, and longest wait for a request's head.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest request with its answer: the API server waits 30 s at most
/// (`timeoutSeconds` of `MutatingWebhookConfiguration`).
const WHOLE: Duration = Duration::from_secs(30);

/// Serves until the listener's runtime ends. New connections get the newest certificate.
pub async fn serve(listener: TcpListener, tls: watch::Receiver<Arc<ServerConfig>>, book: Book) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let tcp = match listener.accept().await {
            Ok((tcp, _)) => tcp,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection of the API server");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!("too many connections to the webhook, this one is closed");
            continue;
        };
        let config = http1(&tls.borrow());
        let book = book.clone();
        tokio::spawn(async move {
            connection(tcp, config, book).await;
            drop(place);
        });
    }
}

/// The same certificate, for HTTP/1.1.
fn http1(config: &ServerConfig) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

async fn connection(tcp: TcpStream, config: Arc<ServerConfig>, book: Book) {
    let _ = tcp.set_nodelay(true);
    let handshake = tokio::time::timeout(PATIENCE, TlsAcceptor::from(config).accept(tcp));
    let Ok(Ok(stream)) = handshake.await else {
        tracing::debug!("TLS handshake with the webhook failed");
        return;
    };
    let service = hyper::service::service_fn(move |request| {
        let book = book.clone();
        async move { Ok::<_, Infallible>(bounded(request, &book).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection to the webhook ended");
    }
}

async fn bounded(request: Request<Incoming>, book: &Book) -> Response<Full<Bytes>> {
    let answer = tokio::time::timeout(WHOLE, answer(request, book)).await;
    answer.unwrap_or_else(|_| refused(StatusCode::REQUEST_TIMEOUT, "the request took too long"))
}

async fn answer(request: Request<Incoming>, book: &Book) -> Response<Full<Bytes>> {
    if request.uri().path() != PATH {
        return refused(StatusCode::NOT_FOUND, "reviews of pods are at /pods");
    }
    if request.method() != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "reviews are asked for by POST");
    }
    let body = match Limited::new(request.into_body(), LONGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return refused(StatusCode::PAYLOAD_TOO_LARGE, "a review has at most 4 MiB"),
    };
    let reviewed = review::answer(&body, |namespace, labels| book.selects(namespace, labels));
    match reviewed {
        Ok(answer) => {
            let mut response = Response::new(Full::from(answer.to_string()));
            let kind = header::HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        Err(error) => {
            tracing::warn!(%error, "cannot answer the API server about a pod");
            refused(StatusCode::BAD_REQUEST, &error.to_string())
        }
    }
}

fn refused(status: StatusCode, why: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{why}\n")));
    *response.status_mut() = status;
    response
}
