//! Access log, metrics, traces, error pages.

use std::sync::Arc;

/// Metrics, access log and traces of the process.
#[derive(Debug, Default)]
pub struct Observer {}

/// One worker's part of the [`Observer`].
#[derive(Debug)]
pub struct WorkerObserver {}

impl WorkerObserver {
    /// The part of worker `index`.
    pub fn new(observer: &Arc<Observer>, index: usize) -> Self {
        let _ = (observer, index);
        Self {}
    }
}
