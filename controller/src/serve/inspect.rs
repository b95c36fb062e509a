//! What the admin server shows of a serving process.

use crate::admin::Inspect;
use crate::logging;
use crate::objects::Shown;
use gatewright_model::LoadBalancer;
use gatewright_proxy::listen::Proxy;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// State shared with the admin server.
pub struct State {
    proxy: Arc<Proxy>,
    serving: AtomicBool,
    draining: AtomicBool,
    view: Mutex<View>,
}

#[derive(Default)]
struct View {
    balancers: Vec<Arc<LoadBalancer>>,
    objects: Vec<Shown>,
}

impl State {
    /// Nothing served yet.
    pub fn new(proxy: Arc<Proxy>) -> Self {
        Self {
            proxy,
            serving: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            view: Mutex::default(),
        }
    }

    /// Replaces what is shown.
    pub fn update(&self, balancers: Vec<Arc<LoadBalancer>>, objects: Vec<Shown>) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = View { balancers, objects };
        self.serving.store(true, Ordering::Release);
    }

    /// Not ready any more.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Release);
    }
}

impl Inspect for State {
    fn ready(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Acquire) {
            return Err("draining: the process ends".to_owned());
        }
        if !self.serving.load(Ordering::Acquire) {
            return Err("starting: no configuration is served yet".to_owned());
        }
        Ok(())
    }

    fn metrics(&self) -> String {
        self.proxy.shared().observer.metrics_text()
    }

    fn config(&self) -> Value {
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        Value::Array(
            view.balancers
                .iter()
                .map(|balancer| serde_json::to_value(&**balancer).unwrap_or_default())
                .collect(),
        )
    }

    fn status(&self) -> Value {
        let objects = self
            .view
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .objects
            .clone();
        let items: Vec<Value> = objects.iter().filter_map(Shown::to_value).collect();
        json!({"apiVersion": "v1", "kind": "List", "items": items})
    }

    fn set_log_filter(&self, filter: &str) -> Result<(), String> {
        logging::set_filter(filter)
    }
}
