//! Which endpoint takes a request.

use crate::policy::SessionToken;
use crate::runtime::{CompiledBackend, EndpointRuntime, EndpointSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Passive health of an endpoint.
#[derive(Debug, Default)]
pub struct Health {}

/// What the choice depends on.
#[derive(Clone, Copy, Debug)]
pub struct PickContext<'a> {
    /// Session.
    pub session: Option<&'a SessionToken>,
    /// Endpoints tried already.
    pub exclude: &'a [SocketAddr],
    /// Zone of the proxy.
    pub zone: Option<&'a str>,
    /// Node of the proxy.
    pub node: Option<&'a str>,
    /// Now.
    pub now: Instant,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered.
    Success,
    /// Answered with 5xx.
    ServerError,
    /// No connection.
    ConnectFailure,
    /// No answer in time.
    Timeout,
    /// Connection failed.
    Reset,
}

/// An endpoint in use.
#[derive(Debug)]
pub struct Lease(Arc<EndpointRuntime>);

impl Lease {
    /// The endpoint.
    pub fn endpoint(&self) -> &Arc<EndpointRuntime> {
        &self.0
    }

    /// Tells what became of the request.
    pub fn report(&self, _: Outcome) {}
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Chooses an endpoint.
pub fn pick(set: &EndpointSet, context: &PickContext<'_>) -> Option<Lease> {
    let free: Vec<_> = set
        .endpoints
        .iter()
        .filter(|endpoint| !context.exclude.contains(&endpoint.address))
        .collect();
    let chosen = free.get(fastrand::usize(..free.len().max(1)))?;
    chosen.active.fetch_add(1, Ordering::Relaxed);
    Some(Lease(Arc::clone(chosen)))
}

/// Chooses a backend by weight.
pub fn choose_weighted(backends: &[CompiledBackend], total: u64) -> Option<&CompiledBackend> {
    if total == 0 {
        return None;
    }
    let mut at = fastrand::u64(..total);
    backends.iter().find(|backend| {
        let weight = u64::from(backend.weight);
        let hit = at < weight;
        at = at.saturating_sub(weight);
        hit
    })
}
