//! Simulators of clouds, for anyone.

use crate::run::{cargo, run};
use anyhow::Result;

/// Arguments of `cargo xtask sim`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    cloud: Cloud,
}

#[derive(clap::Subcommand)]
enum Cloud {
    /// Run AWS on this machine until it is stopped: give tools AWS_ENDPOINT_URL=http://127.0.0.1:4566.
    Aws {
        /// Arguments of the simulator; `--help` after `--` lists them.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

/// Builds and runs a simulator.
pub fn run_cloud(args: &Args) -> Result<()> {
    let Cloud::Aws { arguments } = &args.cloud;
    let mut command = cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--package",
        "gatewright-aws-simulator",
        "--",
    ]);
    command.args(arguments);
    run(&mut command)
}
