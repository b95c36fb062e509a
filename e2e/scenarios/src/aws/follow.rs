//! A client that follows a Gateway's status as clients of real load balancers do: it asks for the hostname's address before
//! each connection.

use super::place::{hostname, resolve};
use crate::http::get;
use crate::world::{GATEWAY_API, World};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Pause between two requests.
const PAUSE: Duration = Duration::from_millis(20);

/// A client that asks all the time.
pub struct Follow {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(usize, BTreeSet<IpAddr>, Vec<String>)>,
}

impl Follow {
    /// Starts to ask for `GET /` of a host at whatever address the Gateway's status leads to.
    pub fn start(world: &World, gateway: &str, host: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (until, world) = (Arc::clone(&stop), world.clone());
        let (gateway, host) = (gateway.to_owned(), host.to_owned());
        let task = tokio::spawn(async move {
            let (mut count, mut seen, mut faults) = (0, BTreeSet::new(), Vec::new());
            while !until.load(Ordering::Relaxed) {
                count += 1;
                match ask(&world, &gateway, &host).await {
                    Ok(address) => {
                        seen.insert(address);
                    }
                    Err(error) => faults.push(format!("request {count}: {error:#}")),
                }
                tokio::time::sleep(PAUSE).await;
            }
            (count, seen, faults)
        });
        Self { stop, task }
    }

    /// Ends; answers how many requests there were, and at which addresses.
    ///
    /// # Errors
    /// When one was answered by anything but 200.
    pub async fn end(self) -> Result<(usize, BTreeSet<IpAddr>)> {
        self.stop.store(true, Ordering::Relaxed);
        let (count, seen, faults) = self.task.await?;
        if !faults.is_empty() {
            let first: Vec<String> = faults.iter().take(5).cloned().collect();
            bail!(
                "{} of {count} requests failed: {}",
                faults.len(),
                first.join("; ")
            );
        }
        Ok((count, seen))
    }
}

async fn ask(world: &World, gateway: &str, host: &str) -> Result<IpAddr> {
    let found = world.read(GATEWAY_API, "Gateway", gateway).await?;
    let name =
        hostname(&found).with_context(|| format!("the Gateway has no hostname: {}", found["status"]))?;
    let address = resolve(&name).await?;
    let answer = get(SocketAddr::new(address, 80), host, "/", &[]).await?;
    if answer.status != 200 {
        bail!("{address}: {answer:?}");
    }
    Ok(address)
}
