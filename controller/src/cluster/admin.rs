//! `/livez`, `/readyz`, `/metrics`, `/plans` and `/log-level` of the controller.

use super::cloud::Plans;
use super::metrics::Metrics;
use crate::admin::host;
use crate::logging;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use gatewright_model::key::ObjectName;
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
    /// What they wait for until then.
    pub waits: watch::Receiver<String>,
    /// Whether this process leads.
    pub leads: watch::Receiver<bool>,
    /// The last plan of each Gateway that a cloud serves.
    pub plans: Plans,
}

/// The routes.
pub fn router(inspected: Inspected) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/leadz", get(leading))
        .route("/metrics", get(metrics))
        .route("/plans", get(plans).layer(middleware::from_fn(host::guard)))
        .route(
            "/plans/{namespace}/{name}",
            get(plan).layer(middleware::from_fn(host::guard)),
        )
        .route(
            "/log-level",
            put(log_level).layer(middleware::from_fn(host::guard)),
        )
        .layer(axum::extract::DefaultBodyLimit::max(4096))
        .with_state(inspected)
}

async fn ready(State(inspected): State<Inspected>) -> Response {
    let waits = inspected.waits.borrow().clone();
    answer(
        *inspected.synced.borrow(),
        format!("the caches are not synced yet\n{waits}").trim_end(),
    )
}

async fn leading(State(inspected): State<Inspected>) -> Response {
    answer(*inspected.leads.borrow(), "another process leads")
}

fn answer(yes: bool, why_not: &str) -> Response {
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

/// The last plans of all Gateways that clouds serve, as JSON; from the pod itself only, as [`log_level`].
async fn plans(ConnectInfo(peer): ConnectInfo<SocketAddr>, State(inspected): State<Inspected>) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        return refused();
    }
    Json(inspected.plans.all()).into_response()
}

/// That of one Gateway.
async fn plan(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    State(inspected): State<Inspected>,
    Path((namespace, name)): Path<(String, String)>,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        return refused();
    }
    match inspected.plans.get(&ObjectName::new(&namespace, &name)) {
        Some(plan) => Json(plan).into_response(),
        None => {
            let message = format!("no plan of Gateway {namespace}/{name} is known to this process\n");
            (StatusCode::NOT_FOUND, message).into_response()
        }
    }
}

fn refused() -> Response {
    (
        StatusCode::FORBIDDEN,
        "accepted from loopback only: use kubectl port-forward\n",
    )
        .into_response()
}

/// From the pod itself only (`kubectl port-forward`, `kubectl exec`): the port is open to the cluster.
async fn log_level(ConnectInfo(peer): ConnectInfo<SocketAddr>, filter: String) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        return refused();
    }
    match logging::set_filter(filter.trim()) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests;
