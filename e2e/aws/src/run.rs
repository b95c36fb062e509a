//! A whole simulator: both servers, the data plane, the clock's consequences.

use crate::dispatch::{Simulator, Table};
use crate::dns;
use crate::iam::Policy;
use crate::keep::{self, Kept, Said};
use crate::publish::Publisher;
use crate::server::{self, Side};
use crate::service::{self, Healths, Settings};
use crate::traffic::{self, Health, Plane};
use anyhow::{Context as _, Result};
use ipnet::Ipv4Net;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How often it is looked whether something became due.
const TICK: Duration = Duration::from_millis(20);

/// Where and how a simulator runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where AWS's APIs are served.
    pub listen: SocketAddr,
    /// Where the admin API is served.
    pub admin: SocketAddr,
    /// Where names of load balancers are answered, if they are.
    pub dns: Option<SocketAddr>,
    /// Where load balancers get their addresses from.
    pub network: Ipv4Net,
    /// File of the state, if it is to outlive the process.
    pub state: Option<PathBuf>,
    /// What callers may do, if not everything.
    pub policy: Option<Policy>,
    /// How long states last.
    pub settings: Settings,
}

/// A simulator that runs. Dropping it stops it.
pub struct Running {
    /// Where AWS's APIs are served.
    pub services: SocketAddr,
    /// Where the admin API is served.
    pub admin: SocketAddr,
    /// Where names of load balancers are answered, if they are.
    pub dns: Option<SocketAddr>,
    /// The simulator itself.
    pub simulator: Arc<Simulator>,
    /// What serves the load balancers' traffic.
    pub plane: Arc<Plane>,
    names: Option<dns::Server>,
    state: Option<PathBuf>,
    said: Arc<Said>,
    tasks: JoinSet<()>,
}

/// The data plane's health in the API's words.
#[derive(Debug)]
struct Checked(Arc<Health>);

impl Healths for Checked {
    fn of(&self, group: &str, target: &str, port: u16) -> Option<service::Health> {
        self.0.state(group, target, port).map(|known| service::Health {
            state: known.state.as_str().to_owned(),
            reason: known.reason.map(|reason| reason.as_str().to_owned()),
            description: known.description,
        })
    }
}

/// Starts a simulator.
///
/// # Errors
///
/// When a port cannot be had or the file of the state cannot be read.
pub async fn start(options: Options) -> Result<Running> {
    let mut kept = match &options.state {
        Some(path) => keep::load(path)?,
        None => Kept::default(),
    };
    let said = Said {
        settings: options.settings,
        policy: options.policy,
    };
    let health = Arc::new(Health::default());
    let healths = Arc::new(Checked(Arc::clone(&health)));
    let simulator = Simulator::new(
        Table::all()?,
        kept.world(),
        Publisher::new(options.network),
        healths,
    );
    kept.tell(&simulator, said.clone());
    let said = Arc::new(said);
    let simulator = Arc::new(simulator);
    let plane = Arc::new(traffic::start(simulator.config(), health)?);
    let names = match options.dns {
        Some(at) => {
            let server = dns::start(simulator.config(), at).await;
            Some(server.with_context(|| format!("{at} cannot be listened on"))?)
        }
        None => None,
    };
    let mut tasks = JoinSet::new();
    let mut ports = Vec::new();
    for (address, side) in [(options.listen, Side::Services), (options.admin, Side::Admin)] {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("{address} cannot be listened on"))?;
        ports.push(listener.local_addr()?);
        let simulator = Arc::clone(&simulator);
        tasks.spawn(async move {
            if let Err(error) = server::serve(listener, simulator, side).await {
                tracing::error!(%error, "the server stopped");
            }
        });
    }
    tasks.spawn(tick(Arc::clone(&simulator), Arc::clone(&plane)));
    if let Some(path) = &options.state {
        tasks.spawn(keep::keep(
            Arc::clone(&simulator),
            Arc::clone(&said),
            Arc::from(path.as_path()),
        ));
    }
    let [services, admin] = ports
        .try_into()
        .map_err(|_| anyhow::anyhow!("a port is missing"))?;
    Ok(Running {
        services,
        admin,
        dns: names.as_ref().map(dns::Server::address),
        simulator,
        plane,
        names,
        state: options.state,
        said,
        tasks,
    })
}

/// Does what becomes due, and says loudly what cannot be served.
async fn tick(simulator: Arc<Simulator>, plane: Arc<Plane>) {
    loop {
        tokio::time::sleep(TICK).await;
        simulator.publish();
        let problems = plane.problems();
        let problems: Vec<(String, String)> = problems
            .into_iter()
            .map(|problem| (problem.resource, problem.message))
            .collect();
        let mut inner = simulator.inner();
        if inner.problems != problems {
            for (resource, message) in &problems {
                tracing::error!(resource, message, "cannot be served");
            }
            inner.problems = problems;
        }
    }
}

impl Running {
    /// Stops it, its state written.
    ///
    /// # Errors
    ///
    /// When the state cannot be written.
    pub async fn stop(mut self) -> Result<()> {
        self.tasks.shutdown().await;
        drop(self.names.take());
        match &self.state {
            Some(path) => keep::save(&self.simulator, &self.said, path),
            None => Ok(()),
        }
    }
}
