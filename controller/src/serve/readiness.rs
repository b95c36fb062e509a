//! Whether a process that serves traffic is ready for it.

use std::sync::atomic::{AtomicBool, Ordering};

/// Not ready before something is served, nor once the process ends.
pub struct Readiness {
    serving: AtomicBool,
    draining: AtomicBool,
}

impl Readiness {
    /// Nothing is served yet.
    pub const fn new() -> Self {
        Self {
            serving: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        }
    }

    /// Traffic is served.
    pub fn serving(&self) {
        self.serving.store(true, Ordering::Release);
    }

    /// The process ends.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Why the process is not ready; `missing` says what it waits for at its start.
    ///
    /// # Errors
    /// With those words.
    pub fn check(&self, missing: &str) -> Result<(), String> {
        if self.draining.load(Ordering::Acquire) {
            return Err("draining: the process ends".to_owned());
        }
        if !self.serving.load(Ordering::Acquire) {
            return Err(format!("starting: {missing}"));
        }
        Ok(())
    }
}
