//! What the admin server shows of a serving process.

use super::readiness::Readiness;
use crate::admin::Inspect;
use crate::{logging, objects};
use gatewright_core::Engine;
use gatewright_proxy::listen::Proxy;
use gatewright_proxy::observe::dump;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// State shared with the admin server. What is shown is read from the engine when it is asked for: nothing is
/// kept twice.
pub struct State {
    proxy: Arc<Proxy>,
    engine: Mutex<Engine>,
    readiness: Readiness,
}

impl State {
    /// Nothing served yet.
    pub fn new(proxy: Arc<Proxy>, engine: Engine) -> Self {
        Self {
            proxy,
            engine: Mutex::new(engine),
            readiness: Readiness::new(),
        }
    }

    /// The engine.
    pub fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Traffic is served.
    pub fn serving(&self) {
        self.readiness.serving();
    }

    /// Not ready any more.
    pub fn draining(&self) {
        self.readiness.draining();
    }
}

impl Inspect for State {
    fn ready(&self) -> Result<(), String> {
        self.readiness.check("no configuration is served yet")
    }

    fn metrics(&self) -> String {
        self.proxy.shared().observer.metrics_text()
    }

    fn config(&self) -> Value {
        let engine = self.engine();
        dump::config(engine.balancers().map(|(_, balancer)| &**balancer))
    }

    fn status(&self) -> Value {
        let items: Vec<Value> = objects::shown(&self.engine()).collect();
        json!({"apiVersion": "v1", "kind": "List", "items": items})
    }

    fn set_log_filter(&self, filter: &str) -> Result<(), String> {
        logging::set_filter(filter)
    }
}
