//! The admin server: health, readiness, metrics, configuration and status, on loopback by default.
//!
//! Nothing it answers holds a secret: private keys serialise as `<redacted>` in the model itself. What is more than
//! health and metrics is answered to requests for known names alone ([`host`]).

pub mod host;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;

/// What the admin server shows. Every method is called per request and must be quick.
pub trait Inspect: Send + Sync + 'static {
    /// `Ok` when traffic can be served, else why not.
    fn ready(&self) -> Result<(), String>;
    /// Prometheus text format.
    fn metrics(&self) -> String;
    /// The load balancers as JSON.
    fn config(&self) -> serde_json::Value;
    /// All objects with their computed status as JSON.
    fn status(&self) -> serde_json::Value;
    /// Changes the log filter (`info`, `debug`, `gatewright_proxy=trace`).
    fn set_log_filter(&self, filter: &str) -> Result<(), String>;
}

/// The admin server cannot listen.
#[derive(Debug, Error)]
#[error("--admin: cannot listen on {address}")]
pub struct BindError {
    /// Address.
    pub address: SocketAddr,
    /// Cause.
    pub source: std::io::Error,
}

/// The `--admin` option: where to listen; `None` means off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub Option<SocketAddr>);

impl std::str::FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        text.parse()
            .map(|address| Self(Some(address)))
            .map_err(|_| "accepted is an address with port such as 127.0.0.1:9901, or off")
    }
}

/// Binds the address and serves everything until the returned task is aborted.
pub async fn serve(
    address: SocketAddr,
    inspect: Arc<dyn Inspect>,
) -> Result<tokio::task::JoinHandle<()>, BindError> {
    listen(address, router(inspect, address)).await
}

/// As [`serve`], but on an address that others can reach only what they may know: health and metrics.
pub async fn serve_guarded(
    address: SocketAddr,
    inspect: Arc<dyn Inspect>,
) -> Result<tokio::task::JoinHandle<()>, BindError> {
    let router = if address.ip().is_loopback() {
        router(inspect, address)
    } else {
        health(inspect)
    };
    listen(address, router).await
}

async fn listen(address: SocketAddr, router: Router) -> Result<tokio::task::JoinHandle<()>, BindError> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|source| BindError { address, source })?;
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the admin server stopped");
        }
    }))
}

/// Health and metrics.
fn health(inspect: Arc<dyn Inspect>) -> Router {
    open().with_state(inspect)
}

fn open() -> Router<Arc<dyn Inspect>> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// The routes of a server at this address. Health and metrics are scraped by the names of Services, too, unless
/// nobody but this machine reaches them.
fn router(inspect: Arc<dyn Inspect>, address: SocketAddr) -> Router {
    let own = Router::new()
        .route("/", get(index))
        .route(
            "/config",
            get(async |State(inspect): State<Arc<dyn Inspect>>| json(&inspect.config())),
        )
        .route(
            "/status",
            get(async |State(inspect): State<Arc<dyn Inspect>>| json(&inspect.status())),
        )
        .route("/log-level", put(log_level));
    let guarded = if address.ip().is_loopback() {
        own.merge(open()).layer(middleware::from_fn(host::guard))
    } else {
        own.layer(middleware::from_fn(host::guard)).merge(open())
    };
    guarded
        .layer(axum::extract::DefaultBodyLimit::max(4096))
        .with_state(inspect)
}

async fn index() -> &'static str {
    "gatewright admin

GET /healthz    the process runs
GET /readyz     traffic can be served
GET /metrics    Prometheus metrics
GET /config     the load balancers as configured, secrets redacted
GET /status     all objects with their computed status
PUT /log-level  body: a filter such as info or gatewright_proxy=debug
"
}

async fn ready(State(inspect): State<Arc<dyn Inspect>>) -> Response {
    match inspect.ready() {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(inspect): State<Arc<dyn Inspect>>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], inspect.metrics()).into_response()
}

async fn log_level(State(inspect): State<Arc<dyn Inspect>>, filter: String) -> Response {
    match inspect.set_log_filter(filter.trim()) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
}

fn json(value: &serde_json::Value) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        format!("{value:#}\n"),
    )
        .into_response()
}
