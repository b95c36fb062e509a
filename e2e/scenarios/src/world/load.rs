//! Requests without a pause, counted.

use crate::http::get;
use anyhow::{Result, bail};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Pause between two requests: the machine is small, and what is looked for is a fault, not a limit.
const PAUSE: Duration = Duration::from_millis(10);

/// A client that asks all the time.
pub struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(usize, Vec<String>)>,
}

impl Load {
    /// Starts to ask.
    pub fn start(at: SocketAddr, host: &str, path: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (until, host, path) = (Arc::clone(&stop), host.to_owned(), path.to_owned());
        let task = tokio::spawn(async move {
            let (mut count, mut faults) = (0, Vec::new());
            while !until.load(Ordering::Relaxed) {
                count += 1;
                match get(at, &host, &path, &[]).await {
                    Ok(answer) if answer.status == 200 => {}
                    Ok(answer) => faults.push(format!("request {count}: {answer:?}")),
                    Err(error) => faults.push(format!("request {count}: {error:#}")),
                }
                tokio::time::sleep(PAUSE).await;
            }
            (count, faults)
        });
        Self { stop, task }
    }

    /// Ends, and answers how many requests there were.
    ///
    /// # Errors
    /// When one was answered by anything but 200.
    pub async fn end(self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        let (count, faults) = self.task.await?;
        if faults.is_empty() {
            return Ok(count);
        }
        bail!(
            "{} of {count} requests failed: {}",
            faults.len(),
            faults.into_iter().take(5).collect::<Vec<_>>().join("; ")
        );
    }
}
