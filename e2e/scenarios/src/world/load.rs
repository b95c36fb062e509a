//! Requests without a pause, counted.

use crate::http::{Answer, Kept, get, get_tls};
use crate::tls;
use anyhow::{Result, bail, ensure};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Pause between two requests: the machine is small, and what is looked for is a fault, not a limit.
const PAUSE: Duration = Duration::from_millis(10);

/// With fewer requests than this a change was hardly looked at.
const FEWEST: usize = 20;

/// How a client connects.
enum Client {
    /// Anew for every request.
    Fresh,
    /// The same over TLS.
    FreshTls,
    /// Again only when the server has closed the connection.
    Kept(Option<Kept>),
    /// The same over TLS.
    KeptTls(Option<Kept>),
    /// For a handshake of TLS alone.
    Handshake,
}

impl Client {
    /// Asks once; a handshake has no answer.
    async fn ask(&mut self, at: SocketAddr, host: &str, path: &str) -> Result<Option<Answer>> {
        match self {
            Self::Fresh => get(at, host, path, &[]).await.map(Some),
            Self::FreshTls => get_tls(at, host, path).await.map(Some),
            Self::Kept(kept) => Self::ask_on(kept, || Kept::connect(at), (host, path))
                .await
                .map(Some),
            Self::KeptTls(kept) => {
                let connect = || Kept::connect_tls(at, host);
                Self::ask_on(kept, connect, (host, path)).await.map(Some)
            }
            Self::Handshake => tls::served(at, host).await.map(|_| None),
        }
    }

    async fn ask_on<C, F>(kept: &mut Option<Kept>, connect: C, (host, path): (&str, &str)) -> Result<Answer>
    where
        C: Fn() -> F,
        F: Future<Output = Result<Kept>>,
    {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => connect().await?,
        };
        if connection.is_closed().await {
            connection = connect().await?;
        }
        let answer = connection.get(host, path).await?;
        *kept = Some(connection);
        Ok(answer)
    }
}

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
    /// What was no answer of 200, and no handshake.
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
    /// Starts to ask, with a connection for each request.
    pub fn start(at: SocketAddr, host: &str, path: &str) -> Self {
        Self::with(Client::Fresh, at, host, path)
    }

    /// Starts to ask on one connection, and on another when the server ends it between two requests.
    pub fn kept(at: SocketAddr, host: &str, path: &str) -> Self {
        Self::with(Client::Kept(None), at, host, path)
    }

    /// As [`Load::start`], over TLS; any certificate will do.
    pub fn start_tls(at: SocketAddr, host: &str, path: &str) -> Self {
        Self::with(Client::FreshTls, at, host, path)
    }

    /// As [`Load::kept`], over TLS; any certificate will do.
    pub fn kept_tls(at: SocketAddr, host: &str, path: &str) -> Self {
        Self::with(Client::KeptTls(None), at, host, path)
    }

    /// Starts to shake hands, with this server name.
    pub fn handshakes(at: SocketAddr, host: &str) -> Self {
        Self::with(Client::Handshake, at, host, "")
    }

    fn with(mut client: Client, at: SocketAddr, host: &str, path: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (until, host, path) = (Arc::clone(&stop), host.to_owned(), path.to_owned());
        let task = tokio::spawn(async move {
            let mut seen = Seen::default();
            while !until.load(Ordering::Relaxed) {
                seen.count += 1;
                let count = seen.count;
                match client.ask(at, &host, &path).await {
                    Ok(None) => {}
                    Ok(Some(answer)) if answer.status == 200 => {
                        let pod = answer.pod();
                        *seen.by.entry(deployment(&pod).to_owned()).or_default() += 1;
                    }
                    Ok(Some(answer)) => seen.faults.push(format!("request {count}: {answer:?}")),
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
    /// When one was answered by anything but 200, or when there were fewer than 20.
    pub async fn end(self) -> Result<usize> {
        self.finish().await.map(|seen| seen.count)
    }

    /// Ends, and answers what it got.
    ///
    /// # Errors
    /// When a request was answered by anything but 200, or when there were fewer than 20.
    pub async fn finish(self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        let seen = self.task.await?;
        if seen.faults.is_empty() {
            ensure!(
                seen.count >= FEWEST,
                "{} requests are too few to tell that none is lost",
                seen.count
            );
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
