//! What tests of the controller share: an API server in memory, and a hub with everything around it.

mod api;
mod cloud;
mod collector;
mod hub;
mod proxy;

pub use api::{Asked, FakeApi, Line};
pub use cloud::{CLOUD, TestCloud};
pub use collector::{Collector, Span};
pub use hub::{TestHub, gateway_path};
pub use proxy::{Pki, TestProxy};

use std::time::{Duration, Instant};

/// How long a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again, until there is an answer.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
