//! The program `gatewright-aws-simulator`.

use anyhow::{Context, Result};
use clap::Parser;
use gatewright_aws_simulator::iam::Policy;
use gatewright_aws_simulator::run::{Options, start};
use gatewright_aws_simulator::service::Settings;
use ipnet::Ipv4Net;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// AWS on this machine: the load balancing APIs by their documented rules, and the load balancers' traffic.
///
/// Give SDKs and tools AWS_ENDPOINT_URL=http://<listen>, any credentials (an access key id of twelve digits is the
/// account) and any region.
#[derive(Debug, Parser)]
#[command(name = "gatewright-aws-simulator", version)]
struct Cli {
    /// Where AWS's APIs are served
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// Where the admin API is served: faults, clock, inventory, reset
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4567")]
    admin: SocketAddr,
    /// Where names of load balancers are answered, over UDP and TCP
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4553")]
    dns: SocketAddr,
    /// Network that load balancers get their addresses from
    #[arg(long, value_name = "CIDR", default_value = "127.64.0.0/10")]
    network: Ipv4Net,
    /// File that keeps what exists over a restart, and what the admin API was told: it goes before the command line
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// File of an IAM policy that all calls must be allowed by
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Milliseconds from provisioning to active
    #[arg(long, value_name = "MS", default_value_t = Settings::default().load_balancer_provisioning_ms)]
    provisioning_ms: u64,
    /// Real milliseconds for each second of health checks and deregistration delays
    #[arg(long, value_name = "MS", default_value_t = Settings::default().second_ms)]
    second_ms: u64,
    /// Where Lambda functions are invoked by the operation Invoke of Lambda's API, on this machine
    #[arg(long, value_name = "ADDRESS:PORT")]
    functions: Option<SocketAddr>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let policy = match &cli.policy {
        None => None,
        Some(path) => {
            let unusable = || format!("{} cannot be used as a policy", path.display());
            let text = std::fs::read_to_string(path).with_context(unusable)?;
            Some(Policy::read(&text).with_context(unusable)?)
        }
    };
    let settings = Settings {
        load_balancer_provisioning_ms: cli.provisioning_ms,
        second_ms: cli.second_ms,
        functions: cli.functions,
        ..Settings::default()
    };
    let running = start(Options {
        listen: cli.listen,
        admin: cli.admin,
        dns: Some(cli.dns),
        network: cli.network,
        state: cli.state,
        policy,
        settings,
    })
    .await?;
    // One line that scripts wait for.
    println!(
        "ready services=http://{} admin=http://{} dns={}",
        running.services, running.admin, cli.dns
    );
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    running.stop().await
}
