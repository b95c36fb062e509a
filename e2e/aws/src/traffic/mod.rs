//! The data plane: what the load balancers of the simulator serve, by AWS's documented rules.
//!
//! [`start`] takes a [`Config`] by a channel; each one replaces the one before without failing a request in flight.
//! What AWS's pages leave open is marked "assumed" where it is decided.

pub mod config;
pub mod matching;

mod answer;
mod attributes;
mod connection;
mod cookie;
mod function;
mod group;
mod handle;
mod headers;
mod health;
mod idle;
mod keys;
mod mutual;
mod network;
mod plane;
mod registry;
mod relay;
mod serving;
mod slot;
mod tls;
mod trace;
mod upstream;
mod websocket;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use health::{Health, Reason, State, TargetHealth};

use config::Arn;
use cookie::Jar;
use network::Network;
use plane::Supervisor;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Connections of clients that may exist at once.
const CONNECTIONS: usize = 8192;

/// How long until a port that could not be taken is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// Something that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Listener or rule.
    pub resource: Arn,
    /// Why.
    pub message: String,
}

/// The data plane cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

/// The data plane while it serves. Dropping it closes everything.
pub struct Plane {
    served: watch::Receiver<u64>,
    /// Of load balancers of both kinds.
    problems: [Arc<RwLock<Vec<Problem>>>; 2],
    task: JoinHandle<()>,
}

/// Starts serving, within a tokio runtime; what targets are healthy is written to `health`.
pub fn start(config: watch::Receiver<Arc<Config>>, health: Arc<Health>) -> Result<Plane, NoRandomness> {
    let problems: [Arc<RwLock<Vec<Problem>>>; 2] = Default::default();
    let [of_application, of_network] = problems.clone();
    let supervisor = Supervisor::new(health.clone(), of_application, Jar::new().ok_or(NoRandomness)?);
    let network = Network::new(health, of_network);
    let (told, served) = watch::channel(0);
    let task = tokio::spawn(follow(config, (supervisor, network), told));
    Ok(Plane {
        served,
        problems,
        task,
    })
}

async fn follow(
    mut config: watch::Receiver<Arc<Config>>,
    (mut supervisor, mut network): (Supervisor, Network),
    told: watch::Sender<u64>,
) {
    loop {
        let current = config.borrow_and_update().clone();
        let began = Instant::now();
        let complete = supervisor.serve(&current).await;
        let complete = network.serve(&current).await && complete;
        told.send_replace(current.generation);
        // Calls may publish faster than they can be followed: what comes meanwhile is followed at once.
        tokio::time::sleep(began.elapsed().min(AGAIN)).await;
        let changed = if complete {
            config.changed().await
        } else {
            tokio::time::timeout(AGAIN, config.changed())
                .await
                .unwrap_or(Ok(()))
        };
        if changed.is_err() {
            // Nothing changes any more, but what is served goes on.
            std::future::pending::<()>().await;
        }
    }
}

impl Plane {
    /// What of the current configuration cannot be served.
    pub fn problems(&self) -> Vec<Problem> {
        let read = |problems: &Arc<RwLock<Vec<Problem>>>| {
            problems.read().unwrap_or_else(PoisonError::into_inner).clone()
        };
        self.problems.iter().flat_map(read).collect()
    }

    /// Waits until a generation of the configuration, or a later one, is served as far as it can be.
    pub async fn settled(&self, generation: u64) {
        let mut served = self.served.clone();
        let _ = served.wait_for(|now| *now >= generation).await;
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.task.abort();
    }
}
