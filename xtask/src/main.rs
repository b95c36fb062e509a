//! Project automation: everything a contributor or CI runs beyond plain cargo.

mod aws;
mod bench;
mod charts;
mod cluster;
mod conformance;
mod crds;
mod deployment;
mod docs;
mod fuzz;
mod image;
mod layers;
mod replay;
mod run;
mod scenarios;
mod sim;
mod simulated;
mod terraform;
mod test;
mod tools;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Project automation for Gatewright.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    after_help = "Example: cargo xtask test        all checks and tests, as CI runs them"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run all checks and tests; installs the tools it needs.
    Test(test::Args),
    /// Measure the proxy beside nginx, HAProxy and Envoy.
    Bench(bench::Args),
    /// Write the generated pages of the documentation, or check that they are current.
    Docs(docs::Args),
    /// Check that dependencies between crates run one way.
    Layers,
    /// What the UDP benchmark starts: an echo or a load.
    #[command(hide = true, subcommand)]
    Datagrams(bench::datagrams::Role),
    /// Generate the Gateway API types and bundles of crds/, or check that they have not drifted.
    Crds(crds::Args),
    /// Render the kustomize base, install.yaml and examples from the Helm charts, or check that they are current.
    Charts(charts::Args),
    /// Run real Kubernetes clusters for tests, on this machine or on kind.
    Cluster(cluster::Args),
    /// Run the official Gateway API conformance suite against the controller in a cluster of its own.
    Conformance(conformance::Args),
    /// Write images of the controller and the proxy, as `docker save` would.
    Images(image::Args),
    /// Install, upgrade under load, use and remove the charts in a cluster of its own.
    Deployment(deployment::Args),
    /// Check that no request is lost while proxies, controllers, the control plane, backends, routes and
    /// certificates change or fail, in a cluster of its own.
    Stay(deployment::StayArgs),
    /// Compare the verdicts of offline validation with those of a real API server.
    Replay(replay::Args),
    /// Run the scenarios of e2e/scenarios against the controller in a cluster of its own.
    Scenarios(scenarios::Args),
    /// Run a simulated cloud on this machine.
    Sim(sim::Args),
    /// Fuzz the readers of hostile input under coverage guidance.
    Fuzz(fuzz::Args),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Test(args) => test::run_steps(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Datagrams(role) => role.play(),
        Command::Docs(args) => docs::run(&args),
        Command::Layers => layers::check(),
        Command::Crds(args) => crds::run_command(&args),
        Command::Charts(args) => charts::run_command(&args),
        Command::Cluster(args) => cluster::run_action(&args),
        Command::Conformance(args) => conformance::run_suite(&args),
        Command::Images(args) => image::run_command(&args),
        Command::Deployment(args) => deployment::run_tests(&args),
        Command::Stay(args) => deployment::run_stay(&args),
        Command::Replay(args) => replay::run_all(&args),
        Command::Scenarios(args) => scenarios::run_all(&args),
        Command::Sim(args) => sim::run_cloud(&args),
        Command::Fuzz(args) => fuzz::run_targets(&args),
    }
}
