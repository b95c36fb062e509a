//! The state of one worker thread.

use crate::http::upstream::Pools;
use crate::observe::{Observer, WorkerObserver};
use crate::runtime::ProxyOptions;
use std::rc::Rc;
use std::sync::Arc;

/// What all workers share. Read-mostly.
#[derive(Debug)]
pub struct Shared {
    /// Options of the process.
    pub options: Arc<ProxyOptions>,
    /// Metrics, access log and traces.
    pub observer: Arc<Observer>,
}

/// One worker: everything a request needs that is not part of its configuration. Never leaves
/// its thread.
#[derive(Debug)]
pub struct WorkerContext {
    /// Number of the worker, from 0.
    pub index: usize,
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// This worker's metrics and log buffers.
    pub observer: WorkerObserver,
    /// Upstream connections.
    pub pools: Pools,
}

impl WorkerContext {
    /// The context of worker `index`; call it on the worker's own thread.
    pub fn new(index: usize, shared: Arc<Shared>) -> Rc<Self> {
        let observer = WorkerObserver::new(&shared.observer, index);
        let pools = Pools::new(&shared.options);
        Rc::new(Self {
            index,
            shared,
            observer,
            pools,
        })
    }

    /// Options of the process.
    pub fn options(&self) -> &ProxyOptions {
        &self.shared.options
    }
}
