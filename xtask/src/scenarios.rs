//! `cargo xtask scenarios`: the scenarios of `e2e/scenarios` against our own Helm chart in a cluster of its own.

use crate::cluster::{self, After, Cluster, Installation, Mode, NAMESPACE};
use crate::run::{cargo, run};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::time::Instant;

/// Image of the server that decides who may pass.
const AUTHORIZATION_SERVER: &str = "gatewright.dev/e2e/authz:dev";

/// Arguments of `cargo xtask scenarios`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask scenarios
  cargo xtask scenarios --mode shared
  cargo xtask scenarios --ecosystem cert_manager
  cargo xtask scenarios --full mode_change
  cargo xtask scenarios --keep limits_of_a_route
  cargo xtask scenarios --reuse limits_of_a_route")]
pub struct Args {
    /// Only scenarios whose name has one of these parts.
    filters: Vec<String>,
    /// How Gateways are served.
    #[arg(long, value_enum, default_value_t = Mode::Dedicated)]
    mode: Mode,
    /// Also those with programs of others, which are built from their Go modules.
    #[arg(long)]
    ecosystem: bool,
    /// Those that wait for something at their full length.
    #[arg(long)]
    full: bool,
    /// Name of the cluster.
    #[arg(long, default_value = "scenarios")]
    name: String,
    /// Version of the Gateway API's definitions.
    #[arg(long, default_value = "1.6.3")]
    bundle: String,
    /// Channel of the definitions.
    #[arg(long, default_value = "experimental")]
    channel: String,
    /// Leave the cluster running.
    #[arg(long)]
    keep: bool,
    /// Take a cluster that runs, as it is, with Gatewright installed, and leave it running.
    #[arg(long)]
    reuse: bool,
    /// Cargo profile of the images.
    #[arg(long, default_value = "quick-release")]
    profile: String,
}

impl Args {
    /// Every scenario with proxies of each Gateway's own.
    fn first() -> Self {
        Self {
            filters: Vec::new(),
            mode: Mode::Dedicated,
            ecosystem: false,
            full: false,
            name: "scenarios-step".to_owned(),
            bundle: "1.6.3".to_owned(),
            channel: "experimental".to_owned(),
            keep: false,
            reuse: false,
            profile: "quick-release".to_owned(),
        }
    }

    /// Whether everything runs that uses a right of the controller.
    fn uses_all_rights(&self) -> bool {
        self.filters.is_empty() && self.mode == Mode::Dedicated && self.channel == "experimental"
    }
}

/// The scenarios as a step of the tests: with `full` at full length and with programs of others, and then with shared
/// proxies, too.
///
/// # Errors
/// When one fails.
pub fn run_step(full: bool) -> Result<()> {
    let first = Args {
        ecosystem: full,
        full,
        ..Args::first()
    };
    run_all(&first).context("dedicated proxies")?;
    if full {
        let shared = Args {
            mode: Mode::Shared,
            ..Args::first()
        };
        run_all(&shared).context("shared proxies")?;
    }
    Ok(())
}

/// Runs the scenarios, one after the other, and compares what the controller may do with what it did.
///
/// # Errors
/// When one fails, a call of the controller was refused, or it has rights that nothing used.
pub fn run_all(args: &Args) -> Result<()> {
    cluster::require()?;
    let test = [
        "test",
        "--locked",
        "--package",
        "gatewright-scenarios",
        "--test",
        "it",
    ];
    run(cargo(&test).arg("--no-run"))?;
    let scenarios = Scenarios {
        args,
        test: &test,
        rights: cluster::scenario_program("gatewright-rights")?,
        ecosystem: args.ecosystem.then(cluster::ecosystem).transpose()?,
    };
    let cluster = Cluster {
        name: args.name.clone(),
    };
    if args.reuse {
        return scenarios.run(&cluster);
    }
    let authorization = cluster::authorization_server()?.display().to_string();
    let installation = Installation::build(&args.profile)?;
    let mut up = vec!["--bundle", args.bundle.as_str(), "--channel", &args.channel];
    up.extend(["--audit", NAMESPACE]);
    cluster.during(&up, After::of(args.keep), |cluster| {
        cluster.run(&["load-image", &authorization, "--tag", AUTHORIZATION_SERVER])?;
        installation.install(cluster, &[args.mode.setting()])?;
        scenarios.run(cluster)?;
        scenarios.compare_rights(cluster)
    })
}

/// The tests, and what they need.
struct Scenarios<'a> {
    args: &'a Args,
    test: &'a [&'a str],
    /// Program that compares rights with calls.
    rights: String,
    /// Folder with the programs of others.
    ecosystem: Option<PathBuf>,
}

impl Scenarios<'_> {
    /// Runs the tests inside the cluster's network, where Gateways can be reached.
    fn run(&self, cluster: &Cluster) -> Result<()> {
        let begun = Instant::now();
        let program = cargo(&[]).get_program().to_string_lossy().into_owned();
        let folder = self.ecosystem.as_ref();
        let variable = folder.map(|folder| format!("GATEWRIGHT_ECOSYSTEM={}", folder.display()));
        let mut line = vec!["env"];
        line.extend(variable.as_deref());
        line.extend(self.args.full.then_some("GATEWRIGHT_FULL=1"));
        line.push(&program);
        line.extend(self.test);
        // One at a time: some of them take things away from the whole cluster.
        line.extend(["--offline", "--", "--ignored", "--nocapture", "--test-threads=1"]);
        if self.ecosystem.is_none() {
            line.extend(["--skip", "ecosystem::"]);
        }
        line.extend(self.args.filters.iter().map(String::as_str));
        let result = cluster.inside(&line);
        eprintln!("    the scenarios took {} s", begun.elapsed().as_secs());
        result
    }

    /// Every right of the controller was used, and no call of it refused.
    fn compare_rights(&self, cluster: &Cluster) -> Result<()> {
        let log = cluster.audit_log().display().to_string();
        let account = format!("{NAMESPACE}/gatewright-controller");
        let mut line = vec![self.rights.as_str(), "--audit", &log, "--account", &account];
        line.extend((!self.args.uses_all_rights()).then_some("--partial"));
        cluster.inside(&line)
    }
}
