//! Requests without a pause, counted.

use crate::http::get;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
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
    task: JoinHandle<Seen>,
}

/// What a client got.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Requests.
    pub count: usize,
    /// Requests answered by each Deployment of echo servers.
    pub by: BTreeMap<String, usize>,
    /// What was no answer of 200.
    pub faults: Vec<String>,
}

impl Seen {
    /// Share of the requests that a Deployment answered, in percent.
    pub fn share(&self, deployment: &str) -> f64 {
        let part = self.by.get(deployment).copied().unwrap_or_default();
        100.0 * part as f64 / self.count.max(1) as f64
    }
}

/// The Deployment of a pod: its name without the two last parts.
fn deployment(pod: &str) -> &str {
    pod.rsplitn(3, '-').last().unwrap_or(pod)
}

impl Load {
    /// Starts to ask.
    pub fn start(at: SocketAddr, host: &str, path: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (until, host, path) = (Arc::clone(&stop), host.to_owned(), path.to_owned());
        let task = tokio::spawn(async move {
            let mut seen = Seen::default();
            while !until.load(Ordering::Relaxed) {
                seen.count += 1;
                let count = seen.count;
                match get(at, &host, &path, &[]).await {
                    Ok(answer) if answer.status == 200 => {
                        let pod = answer.pod();
                        *seen.by.entry(deployment(&pod).to_owned()).or_default() += 1;
                    }
                    Ok(answer) => seen.faults.push(format!("request {count}: {answer:?}")),
                    Err(error) => seen.faults.push(format!("request {count}: {error:#}")),
                }
                tokio::time::sleep(PAUSE).await;
            }
            seen
        });
        Self { stop, task }
    }

    /// Ends, and answers how many requests there were.
    ///
    /// # Errors
    /// When one was answered by anything but 200.
    pub async fn end(self) -> Result<usize> {
        self.finish().await.map(|seen| seen.count)
    }

    /// Ends, and answers what it got.
    ///
    /// # Errors
    /// When a request was answered by anything but 200.
    pub async fn finish(self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        let seen = self.task.await?;
        if seen.faults.is_empty() {
            return Ok(seen);
        }
        let first: Vec<String> = seen.faults.iter().take(5).cloned().collect();
        bail!(
            "{} of {} requests failed: {}",
            seen.faults.len(),
            seen.count,
            first.join("; ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_counted_for_its_deployment() {
        assert_eq!(deployment("web-a-5d4f8c7b9-x2x4z"), "web-a");
        assert_eq!(deployment(""), "");
    }
}
