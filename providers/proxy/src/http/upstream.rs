//! Upstream connections.

use crate::runtime::ProxyOptions;

/// Upstream connections of one worker.
#[derive(Debug)]
pub struct Pools {}

impl Pools {
    /// Empty pools with the limits of the process.
    pub fn new(options: &ProxyOptions) -> Self {
        let _ = options;
        Self {}
    }
}
