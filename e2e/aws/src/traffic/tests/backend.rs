//! Targets.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What a target speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Http1,
    Http2,
}

/// A target that tells what it got, as JSON: `/slow` waits until it is released, `/half` stops amid its body until
/// it is released, `/silent` never answers, `/reset` breaks off, `/grpc.*` answers with trailers, `/health` has the
/// status that is set.
pub(super) struct Backend {
    pub(super) at: SocketAddr,
    pub(super) state: Arc<State>,
    task: JoinHandle<()>,
}

pub(super) struct State {
    pub(super) name: String,
    /// Status of `/health`.
    pub(super) health: AtomicU16,
    /// Requests other than health checks.
    pub(super) requests: AtomicUsize,
    /// Health checks.
    pub(super) checks: AtomicUsize,
    /// What `/slow` and `/half` wait for.
    pub(super) release: Semaphore,
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Backend {
    pub(super) async fn start(name: &str) -> Self {
        Self::speaking(name, Speaks::Http1).await
    }

    pub(super) async fn speaking(name: &str, speaks: Speaks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let state = Arc::new(State {
            name: name.to_owned(),
            health: AtomicU16::new(200),
            requests: AtomicUsize::new(0),
            checks: AtomicUsize::new(0),
            release: Semaphore::new(0),
        });
        let task = tokio::spawn(accept(listener, state.clone(), speaks));
        Self { at, state, task }
    }

    pub(super) fn set_health(&self, status: u16) {
        self.state.health.store(status, Ordering::Relaxed);
    }

    pub(super) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, speaks: Speaks) {
    // Connections end with the target.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let io = TokioIo::new(stream);
        let state = state.clone();
        let service = service_fn(move |request| answer(state.clone(), request));
        match speaks {
            Speaks::Http1 => {
                connections.spawn(async move {
                    let _ = http1::Builder::new()
                        .serve_connection(io, service)
                        .with_upgrades()
                        .await;
                });
            }
            Speaks::Http2 => {
                connections.spawn(async move {
                    let _ = http2::Builder::new(TokioExecutor::new())
                        .serve_connection(io, service)
                        .await;
                });
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("broken off")]
struct Broken;

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, Broken> {
    let path = request.uri().path().to_owned();
    if path == "/health" {
        state.checks.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::from_u16(state.health.load(Ordering::Relaxed)).unwrap();
        return Ok(response);
    }
    if path == "/AWS.ALB/healthcheck" {
        state.checks.fetch_add(1, Ordering::Relaxed);
        return Ok(grpc("12"));
    }
    state.requests.fetch_add(1, Ordering::Relaxed);
    if request.headers().contains_key("upgrade") {
        return Ok(websocket(request));
    }
    match path.as_str() {
        "/silent" => std::future::pending().await,
        "/reset" => return Err(Broken),
        "/slow" => state.release.acquire().await.unwrap().forget(),
        "/half" => return Ok(half(state)),
        path if path.starts_with("/grpc.") => return Ok(grpc("0")),
        _ => {}
    }
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let mut response = Response::new(full(
        tell(&state.name, &Request::from_parts(head, ()), &body).to_string(),
    ));
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/json"));
    response
        .headers_mut()
        .insert("keep-alive", HeaderValue::from_static("timeout=5"));
    Ok(response)
}

fn tell(name: &str, request: &Request<()>, body: &[u8]) -> Value {
    let mut headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    headers.sort();
    json!({
        "target": name,
        "method": request.method().as_str(),
        "url": request.uri().path_and_query().map(ToString::to_string),
        "host": request.uri().authority().map(ToString::to_string)
            .or_else(|| Some(request.headers().get("host")?.to_str().ok()?.to_owned())),
        "version": format!("{:?}", request.version()),
        "headers": headers,
        "body": String::from_utf8_lossy(body),
    })
}

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

fn grpc(status: &'static str) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    let frames = [
        Ok(Frame::data(Bytes::from_static(b"\0\0\0\0\x02ok"))),
        Ok(Frame::trailers(trailers)),
    ];
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync());
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn half(state: Arc<State>) -> Response<Body> {
    let frames = futures_util::stream::unfold(0, move |sent| {
        let state = state.clone();
        async move {
            match sent {
                0 => Some((Ok(Frame::data(Bytes::from_static(b"one "))), 1)),
                1 => {
                    state.release.acquire().await.unwrap().forget();
                    Some((Ok(Frame::data(Bytes::from_static(b"two"))), 2))
                }
                _ => None,
            }
        }
    });
    Response::new(StreamBody::new(frames).boxed_unsync())
}

fn websocket(mut request: Request<Incoming>) -> Response<Body> {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response
        .headers_mut()
        .insert("connection", HeaderValue::from_static("upgrade"));
    response
        .headers_mut()
        .insert("upgrade", HeaderValue::from_static("websocket"));
    response
        .headers_mut()
        .insert("sec-websocket-accept", HeaderValue::from_static("yes"));
    response
}
