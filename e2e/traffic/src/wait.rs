//! Waiting for a condition, never for a time.

use anyhow::{Result, bail};
use std::future::Future;
use std::time::{Duration, Instant};

/// How long a condition may take on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Polls `condition` every 5 ms until it gives a value; `what` names it in the error.
pub async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition().await {
            return Ok(value);
        }
        if Instant::now() > deadline {
            bail!("{what} did not come true within {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
