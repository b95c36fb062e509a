//! What the admin server shows of a proxy that a controller configures.

use crate::admin::Inspect;
use crate::logging;
use crate::serve::readiness::Readiness;
use gatewright_model::LoadBalancer;
use gatewright_proxy::listen::Proxy;
use gatewright_proxy::observe::dump;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// State shared with the admin server.
pub struct State {
    proxy: Arc<Proxy>,
    readiness: Readiness,
    balancers: Mutex<Vec<Arc<LoadBalancer>>>,
}

impl State {
    /// Nothing served yet.
    pub const fn new(proxy: Arc<Proxy>) -> Self {
        Self {
            proxy,
            readiness: Readiness::new(),
            balancers: Mutex::new(Vec::new()),
        }
    }

    /// Traffic is served by these.
    pub fn serving(&self, balancers: Vec<Arc<LoadBalancer>>) {
        *self.balancers.lock().unwrap_or_else(PoisonError::into_inner) = balancers;
        self.readiness.serving();
    }

    /// Not ready any more.
    pub fn draining(&self) {
        self.readiness.draining();
    }
}

impl Inspect for State {
    fn ready(&self) -> Result<(), String> {
        self.readiness
            .check("no configuration has come from the controller, and none is kept")
    }

    fn metrics(&self) -> String {
        self.proxy.shared().observer.metrics_text()
    }

    fn config(&self) -> Value {
        let balancers = self.balancers.lock().unwrap_or_else(PoisonError::into_inner);
        let balancers = balancers.clone();
        dump::config(balancers.iter().map(AsRef::as_ref))
    }

    fn status(&self) -> Value {
        // The controller holds the objects.
        json!({"apiVersion": "v1", "kind": "List", "items": []})
    }

    fn set_log_filter(&self, filter: &str) -> Result<(), String> {
        logging::set_filter(filter)
    }
}
