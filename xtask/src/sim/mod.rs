//! Simulators of clouds, for anyone.

mod quickstart;

use crate::run::{built, command, run};
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
    #[command(
        after_help = "Examples:\n  cargo xtask sim aws\n  cargo xtask sim aws --quickstart\n  \
                            cargo xtask sim aws -- --provisioning-ms 3000"
    )]
    Aws {
        /// Show it: plan and make a load balancer from the manifests of docs/quickstart-aws, and ask it with curl.
        #[arg(long, conflicts_with = "arguments")]
        quickstart: bool,
        /// End after the quickstart, instead of serving until it is stopped.
        #[arg(long, requires = "quickstart")]
        once: bool,
        /// Arguments of the simulator; `--help` after `--` lists them.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

/// Builds and runs a simulator.
pub fn run_cloud(args: &Args) -> Result<()> {
    let Cloud::Aws {
        quickstart,
        once,
        arguments,
    } = &args.cloud;
    if *quickstart {
        let then = if *once {
            quickstart::Then::End
        } else {
            quickstart::Then::Serve
        };
        return quickstart::run_aws(then);
    }
    run(command(built("gatewright-aws-simulator")?, &[]).args(arguments))
}

/// For the test command: the quickstart as it stands in the documentation.
pub fn check() -> Result<()> {
    quickstart::run_aws(quickstart::Then::End)
}
