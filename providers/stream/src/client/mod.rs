//! The proxy's side: receives the configuration of its scope, has it put to use, and says what became
//! of it. Goes on with the last good configuration while no controller answers.

mod assemble;
mod connect;
mod dial;
mod run;
mod store;
mod work;

pub use assemble::{AssembleError, Assembler, Assigned, ClientLimits};
pub use connect::{ConnectError, Driver, Endpoint, EndpointError, Resolve, connect};
pub use run::{Client, RunError, Stage};
pub use store::{Store, StoreError};
pub use work::{GatewayReport, ListenerFailure, Report, Sink};

use crate::scope::Scope;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a proxy needs to know to get its configuration.
#[derive(Clone)]
pub struct ClientOptions {
    /// The controller.
    pub controller: Endpoint,
    /// Finds the controller's addresses.
    pub resolve: Arc<dyn Resolve>,
    /// PEM file with the authorities of the controller's certificate; read at each connect.
    pub authorities: PathBuf,
    /// File with the bearer token; read at each connect.
    pub token: PathBuf,
    /// Whose configuration.
    pub scope: Scope,
    /// Name of this instance, the pod's name.
    pub instance: String,
    /// Version of this program.
    pub version: String,
    /// Folder for the last good configuration, private keys included; `None` keeps none.
    pub state: Option<PathBuf>,
    /// Bounds on what comes.
    pub limits: ClientLimits,
    /// Bounds on time.
    pub times: ClientTimes,
}

/// Bounds on time.
#[derive(Clone, Debug)]
pub struct ClientTimes {
    /// All attempts of a round, TLS, HTTP/2, and the wait for the stream to be accepted.
    pub connect: Duration,
    /// First wait between two tries; doubled each time, with jitter.
    pub backoff: Duration,
    /// Longest wait between two tries, before jitter, which may double it.
    pub backoff_max: Duration,
    /// Interval of HTTP/2 pings.
    pub ping: Duration,
    /// Wait for the answer to a ping before the connection is given up.
    pub pong: Duration,
    /// Quiet after a change before the configuration is written to disk.
    pub settle: Duration,
}

impl Default for ClientTimes {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_secs(2),
            ping: Duration::from_secs(5),
            pong: Duration::from_secs(5),
            settle: Duration::from_millis(500),
        }
    }
}
