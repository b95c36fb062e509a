//! `cargo xtask scenarios`: the scenarios of `e2e/scenarios` against our own Helm chart in a cluster of its own.

use crate::cluster::{self, After, Cluster, Installation, Mode, NAMESPACE, Place};
use crate::image::Part;
use crate::run::{built, cargo, output, run};
use crate::simulated::{self, Aws, Pace};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

/// Image of the server that decides who may pass.
const AUTHORIZATION_SERVER: &str = "gatewright.dev/e2e/authz:dev";

/// Class of Application Load Balancers.
const ALB_CLASS: &str = "aws-alb";

/// Class of Network Load Balancers.
const NLB_CLASS: &str = "aws-nlb";

/// Class of VPC Lattice.
const LATTICE_CLASS: &str = "aws-lattice";

/// Folder of the scenarios on AWS, as part of their names.
const AWS_TESTS: &str = "aws::";

/// Settings of the chart for scenarios on AWS: Gateways are looked at, and replaced load balancers go, in the time that a
/// test may take.
const AWS_SETTINGS: &[&str] = &[
    "gatewayClass.create=false",
    "extraArgs[0]=--cloud-resync=6s",
    "extraArgs[1]=--aws-drain=10s",
];

/// Scenarios of the test command: refusals, deletion, and changes that must lose no request.
const AWS_QUICK: &[&str] = &[
    "certificates",
    "lattice",
    "network",
    "protected",
    "refused::a_permission",
    "refused::a_vpc",
    "routes_added",
    "scheme",
];

/// Who serves the Gateways of the scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Provider {
    /// The bundled proxy.
    Software,
    /// The AWS simulator, inside the cluster.
    Aws,
}

/// Arguments of `cargo xtask scenarios`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask scenarios
  cargo xtask scenarios --mode shared
  cargo xtask scenarios --provider aws
  cargo xtask scenarios --ecosystem cert_manager
  cargo xtask scenarios --full mode_change
  cargo xtask scenarios --kind invalid_among_valid
  cargo xtask scenarios --keep limits_of_a_route
  cargo xtask scenarios --reuse limits_of_a_route")]
pub struct Args {
    /// Only scenarios whose name has one of these parts.
    filters: Vec<String>,
    /// Who serves Gateways: each provider has scenarios of its own.
    #[arg(long, value_enum, default_value_t = Provider::Software)]
    provider: Provider,
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
    /// Use kind (needs Docker, and a load balancer beside it), where rights are not compared with calls.
    #[arg(long)]
    kind: bool,
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
    /// A static program of the controller, in place of a new build (AWS alone).
    #[arg(long, value_name = "FILE")]
    controller: Option<PathBuf>,
}

impl Args {
    /// Every scenario with proxies of each Gateway's own.
    fn first() -> Self {
        Self {
            filters: Vec::new(),
            provider: Provider::Software,
            mode: Mode::Dedicated,
            ecosystem: false,
            full: false,
            name: "scenarios-step".to_owned(),
            kind: false,
            bundle: "1.6.3".to_owned(),
            channel: "experimental".to_owned(),
            keep: false,
            reuse: false,
            profile: "quick-release".to_owned(),
            controller: None,
        }
    }

    /// Where the cluster is.
    const fn place(&self) -> Place {
        Place::of(self.kind)
    }

    /// How the cluster starts.
    fn up(&self) -> Vec<&str> {
        let mut up = vec!["--bundle", self.bundle.as_str(), "--channel", &self.channel];
        if self.place().is_ours() {
            up.extend(["--audit", NAMESPACE]);
        }
        up
    }

    /// Whether everything runs that uses a right of the controller.
    fn uses_all_rights(&self) -> bool {
        self.provider == Provider::Software
            && self.filters.is_empty()
            && self.mode == Mode::Dedicated
            && self.channel == "experimental"
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

/// The scenarios on AWS as a step of the tests: some, with `full` all of them.
///
/// # Errors
/// When one fails.
pub fn run_aws_step(full: bool) -> Result<()> {
    let some = AWS_QUICK.iter().map(|name| (*name).to_owned());
    run_all(&Args {
        filters: if full { Vec::new() } else { some.collect() },
        provider: Provider::Aws,
        name: "scenarios-aws".to_owned(),
        ..Args::first()
    })
}

/// Runs the scenarios, one after the other, and compares what the controller may do with what it did.
///
/// # Errors
/// When one fails, a call of the controller was refused, or it has rights that nothing used.
pub fn run_all(args: &Args) -> Result<()> {
    args.place().require()?;
    ensure!(
        !args.kind || args.provider == Provider::Software,
        "--kind is for the bundled proxy: the simulated cloud needs a cluster in namespaces of this machine"
    );
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
        rights: built("gatewright-rights")?.display().to_string(),
        ecosystem: args.ecosystem.then(cluster::ecosystem).transpose()?,
    };
    let cluster = Cluster {
        name: args.name.clone(),
        place: args.place(),
    };
    if args.provider == Provider::Aws {
        return scenarios.on_aws(&cluster);
    }
    ensure!(args.controller.is_none(), "--controller is for --provider aws");
    if args.reuse {
        return scenarios.run(&cluster, &[]);
    }
    let authorization = cluster::authorization_server()?.display().to_string();
    let installation = Installation::build(&args.profile)?;
    cluster.during(&args.up(), After::of(args.keep), |cluster| {
        cluster.run(&["load-image", &authorization, "--tag", AUTHORIZATION_SERVER])?;
        installation.install(cluster, &[args.mode.setting()])?;
        scenarios.run(cluster, &[])?;
        if args.place().is_ours() {
            scenarios.compare_rights(cluster)?;
        }
        Ok(())
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
    /// Brings AWS to a cluster, and runs the scenarios on it.
    fn on_aws(&self, cluster: &Cluster) -> Result<()> {
        let args = self.args;
        let simulator = built("gatewright-aws-simulator")?;
        if args.reuse {
            let aws = Aws::start(cluster, &simulator, Pace::Quick)?;
            return self.run(cluster, &aws.environment());
        }
        let installation = match &args.controller {
            Some(program) => Installation::of_program(Part::Controller, program)?,
            None => Installation::build_part(Part::Controller, &args.profile)?,
        };
        cluster.during(&args.up(), After::of(args.keep), |cluster| {
            let aws = Aws::start(cluster, &simulator, Pace::Quick)?;
            let mut settings = aws.chart();
            settings.extend(AWS_SETTINGS.iter().map(|setting| (*setting).to_owned()));
            let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
            installation.install(cluster, &settings)?;
            aws.class(cluster, (ALB_CLASS, simulated::ALB), &parameters())?;
            aws.class(cluster, (NLB_CLASS, simulated::NLB), &parameters())?;
            aws.lattice_class(cluster, LATTICE_CLASS, &lattice_parameters())?;
            self.run(cluster, &aws.environment())?;
            self.compare_rights(cluster)
        })
    }

    /// Runs the tests inside the cluster's network, where Gateways can be reached.
    fn run(&self, cluster: &Cluster, environment: &[String]) -> Result<()> {
        let filters = self.filters();
        let list = output(cargo(self.test).args(["--offline", "--", "--ignored", "--list"]))?;
        let unknown = of_nothing(&filters, &list);
        ensure!(
            unknown.is_empty(),
            "no scenario has {} in its name",
            unknown.join(", ")
        );
        let begun = Instant::now();
        let program = cargo(&[]).get_program().to_string_lossy().into_owned();
        let folder = self.ecosystem.as_ref();
        let variable = folder.map(|folder| format!("GATEWRIGHT_ECOSYSTEM={}", folder.display()));
        let mut line = vec!["env"];
        line.extend(variable.as_deref());
        line.extend(self.args.full.then_some("GATEWRIGHT_FULL=1"));
        line.extend(environment.iter().map(String::as_str));
        line.push(&program);
        line.extend(self.test);
        // One at a time: some of them take things away from the whole cluster.
        line.extend(["--offline", "--", "--ignored", "--nocapture", "--test-threads=1"]);
        if self.ecosystem.is_none() {
            line.extend(["--skip", "ecosystem::"]);
        }
        line.extend(filters.iter().map(String::as_str));
        if self.args.provider == Provider::Software {
            line.extend(["--skip", AWS_TESTS]);
        }
        let result = cluster.inside(&line);
        eprintln!("    the scenarios took {} s", begun.elapsed().as_secs());
        result
    }

    /// Parts of names, as the tests take them.
    fn filters(&self) -> Vec<String> {
        let filters = &self.args.filters;
        match self.args.provider {
            Provider::Software => filters.clone(),
            Provider::Aws if filters.is_empty() => vec![AWS_TESTS.to_owned()],
            Provider::Aws => filters
                .iter()
                .map(|filter| format!("{AWS_TESTS}{filter}"))
                .collect(),
        }
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

/// The filters that are in no name of a list as a test program prints it: nothing would run by them, and nothing fail.
fn of_nothing(filters: &[String], list: &str) -> Vec<String> {
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .collect();
    let unknown = filters
        .iter()
        .filter(|filter| !names.iter().any(|name| name.contains(filter.as_str())));
    unknown.cloned().collect()
}

/// Parameters of the class: targets are checked as often as AWS allows, and drain for some seconds.
fn parameters() -> serde_json::Value {
    json!({
        "scheme": "InternetFacing",
        "targetGroups": {
            "healthCheck": {"intervalSeconds": 5, "timeoutSeconds": 2, "healthyThreshold": 2, "unhealthyThreshold": 2},
            "attributes": {"deregistration_delay.timeout_seconds": "20"},
        },
    })
}

/// Parameters of the class of VPC Lattice: targets are checked as often as AWS allows.
fn lattice_parameters() -> serde_json::Value {
    json!({"targetGroups": {"healthCheck": {"intervalSeconds": 5, "timeoutSeconds": 2}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_nothing_has_in_its_name_is_told() {
        let list = "aws::lattice::hostnames_are_services: test\nplain: test\n\n2 tests, 0 benchmarks\n";
        let filters = ["aws::lattice", "aws::latice"].map(str::to_owned);
        assert_eq!(of_nothing(&filters, list), ["aws::latice"]);
        assert!(of_nothing(&filters[..1], list).is_empty());
    }

    #[test]
    fn calls_are_recorded_where_that_can_be_had() {
        let machine = Args::first();
        assert_eq!(machine.up()[4..], ["--audit", NAMESPACE]);
        let kind = Args {
            kind: true,
            ..Args::first()
        };
        assert_eq!(kind.up(), ["--bundle", "1.6.3", "--channel", "experimental"]);
        assert_eq!(kind.place(), Place::Kind);
    }

    #[test]
    fn the_simulated_cloud_is_not_on_kind() {
        let args = Args {
            kind: true,
            provider: Provider::Aws,
            ..Args::first()
        };
        assert!(run_all(&args).unwrap_err().to_string().contains("--kind"));
    }
}
