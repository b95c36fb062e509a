//! `/livez`, `/readyz`, `/metrics` and `/log-level` of the controller.

use super::metrics::Metrics;
use crate::admin::host;
use crate::logging;
use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// What the admin server knows.
#[derive(Clone)]
pub struct Inspected {
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Whether all caches are synced.
    pub synced: watch::Receiver<bool>,
    /// Whether this process leads.
    pub leads: watch::Receiver<bool>,
}

/// The routes.
pub fn router(inspected: Inspected) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/leadz", get(leading))
        .route("/metrics", get(metrics))
        .route(
            "/log-level",
            put(log_level).layer(middleware::from_fn(host::guard)),
        )
        .layer(axum::extract::DefaultBodyLimit::max(4096))
        .with_state(inspected)
}

async fn ready(State(inspected): State<Inspected>) -> Response {
    answer(*inspected.synced.borrow(), "the caches are not synced yet")
}

async fn leading(State(inspected): State<Inspected>) -> Response {
    answer(*inspected.leads.borrow(), "another process leads")
}

fn answer(yes: bool, why_not: &'static str) -> Response {
    if yes {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{why_not}\n")).into_response()
    }
}

async fn metrics(State(inspected): State<Inspected>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], inspected.metrics.render()).into_response()
}

/// From the pod itself only (`kubectl port-forward`, `kubectl exec`): the port is open to the cluster.
async fn log_level(ConnectInfo(peer): ConnectInfo<SocketAddr>, filter: String) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        return (
            StatusCode::FORBIDDEN,
            "accepted from loopback only: use kubectl port-forward\n",
        )
            .into_response();
    }
    match logging::set_filter(filter.trim()) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
}
