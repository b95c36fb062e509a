//! `cargo xtask deployment`: the charts are installed, upgraded under load, used in every documented way and
//! removed, in a cluster of its own. `cargo xtask stay`: not one request is lost while everything around the
//! traffic changes, fails or restarts.

use crate::cluster::{self, After, Cluster, Installation, Place, Tests};
use crate::run::root;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Tags of the images: what is installed, the release that an upgrade brings, and that of the plain manifests.
const TAGS: [&str; 3] = ["dev", "next", concat!("v", env!("CARGO_PKG_VERSION"))];

/// Arguments of `cargo xtask deployment`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask deployment
  cargo xtask deployment --run-test TestInstallationsKeepApart --keep")]
pub struct Args {
    #[command(flatten)]
    common: Common,
}

/// Arguments of `cargo xtask stay`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask stay
  cargo xtask stay --full --run-test TestRoutesAreAddedOneByOne")]
pub struct StayArgs {
    #[command(flatten)]
    common: Common,
    /// Everything at its full length and number.
    #[arg(long)]
    full: bool,
}

#[derive(clap::Args)]
struct Common {
    /// Run only the tests that match this pattern (as `go test -run`).
    #[arg(long, value_name = "PATTERN", default_value = ".")]
    run_test: String,
    /// Name of the cluster; by default the command's.
    #[arg(long)]
    name: Option<String>,
    /// Use kind (needs Docker, and a load balancer beside it); what kills parts of the cluster is left out there.
    #[arg(long)]
    kind: bool,
    /// Leave the cluster running.
    #[arg(long)]
    keep: bool,
    /// Cargo profile of the images.
    #[arg(long, default_value = "quick-release")]
    profile: String,
    /// Folder with finished images, controller.tar and proxy.tar with the tags dev, next and that of the release, in place of new ones.
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
}

impl Args {
    /// All tests, with images of this source.
    pub fn all() -> Self {
        Self {
            common: Common::all(),
        }
    }
}

impl Common {
    /// Where the cluster is.
    const fn place(&self) -> Place {
        Place::of(self.kind)
    }

    /// The command that runs the tests inside of the cluster.
    fn line(&self, (tests, helm): (&Path, &Path), environment: &[(&str, &str)]) -> Vec<String> {
        let mut line = vec![
            "env".to_owned(),
            format!("HELM={}", helm.display()),
            format!("GATEWRIGHT_ROOT={}", root().display()),
        ];
        if !self.place().is_ours() {
            line.push("GATEWRIGHT_NO_FAULTS=1".to_owned());
        }
        line.extend(environment.iter().map(|(name, value)| format!("{name}={value}")));
        line.push(tests.display().to_string());
        let options = ["-test.v", "-test.failfast", "-test.timeout=60m", "-test.run"];
        line.extend(options.map(str::to_owned));
        line.push(self.run_test.clone());
        line
    }

    /// All tests, with images of this source.
    fn all() -> Self {
        Self {
            run_test: ".".to_owned(),
            name: None,
            kind: false,
            keep: false,
            profile: "quick-release".to_owned(),
            images: None,
        }
    }
}

/// Runs the tests of the charts.
///
/// # Errors
/// When one fails.
pub fn run_tests(args: &Args) -> Result<()> {
    run(&args.common, Tests::Deployment, &[])
}

/// Runs the tests of staying up.
///
/// # Errors
/// When one fails.
pub fn run_stay(args: &StayArgs) -> Result<()> {
    let full = [("GATEWRIGHT_FULL", "1")];
    run(&args.common, Tests::Stay, if args.full { &full } else { &[] })
}

/// The tests of staying up as a step of the tests: shortened, or with `full` all of them.
///
/// # Errors
/// When one fails.
pub fn stay_step(full: bool) -> Result<()> {
    cluster::require()?;
    let common = Common::all();
    run_stay(&StayArgs { common, full })
}

fn run(args: &Common, kind: Tests, environment: &[(&str, &str)]) -> Result<()> {
    let tests = cluster::tests(kind)?;
    let installation = match &args.images {
        Some(folder) => Installation::of_archives(folder)?,
        None => Installation::build(&args.profile)?,
    };
    let cluster = Cluster {
        name: args.name.clone().unwrap_or_else(|| kind.name().to_owned()),
        place: args.place(),
    };
    cluster.during(&[], After::of(args.keep), |cluster| {
        installation.load(cluster, &TAGS)?;
        let begun = Instant::now();
        let line = args.line((&tests, installation.helm()), environment);
        let result = cluster.inside(&line.iter().map(String::as_str).collect::<Vec<_>>());
        eprintln!("    the tests took {} s", begun.elapsed().as_secs());
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_kind_nothing_is_killed() {
        let line = |common: &Common| {
            let programs = (Path::new("/stay.test"), Path::new("/helm"));
            common.line(programs, &[("GATEWRIGHT_FULL", "1")])
        };
        let machine = line(&Common::all());
        let rest = [
            "GATEWRIGHT_FULL=1",
            "/stay.test",
            "-test.v",
            "-test.failfast",
            "-test.timeout=60m",
            "-test.run",
            ".",
        ];
        assert_eq!(machine[..2], ["env", "HELM=/helm"]);
        assert_eq!(machine[3..], rest);
        let kind = line(&Common {
            kind: true,
            ..Common::all()
        });
        assert_eq!(kind[3], "GATEWRIGHT_NO_FAULTS=1");
        assert_eq!(kind[4..], rest);
    }
}
