//! `cargo xtask conformance`: the official Gateway API conformance suite, as published, against our own
//! Helm chart in a cluster of its own.

mod alb;
mod lattice;
mod listed;
mod nlb;
mod outcome;

pub use alb::run_step as run_alb_step;
pub use lattice::run_step as run_lattice_step;
pub use nlb::run_step as run_nlb_step;
pub use outcome::Outcome;

use crate::cluster::{After, Cluster, Installation, Mode, Place};
use crate::run::{cache_dir, command, root, run};
use crate::simulated::Pace;
use anyhow::{Context, Result, bail, ensure};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// GatewayClass of the suite's Gateways.
const CLASS: &str = "gateway-conformance";

/// All profiles of Gateways.
const PROFILES: &str = "GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS,GATEWAY-TCP,GATEWAY-UDP";

/// What a preview's suite was built with in place of what it names.
const INSTEAD: &str = " (with gateway-api-conformance-images v0.1.0 in place of v0.2.0)";

/// An address of the cluster's load balancers, and one that no load balancer there has.
const USABLE: &str = "172.30.1.200";
const UNUSABLE: &str = "203.0.113.99";

/// Who serves the suite's Gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Provider {
    /// The bundled proxy.
    Software,
    /// Application Load Balancers of the AWS simulator: evidence for us, never a report on AWS.
    AwsAlb,
    /// Network Load Balancers of the AWS simulator: the tests of TCPRoute, UDPRoute and TLSRoute one by one, never a
    /// report.
    AwsNlb,
    /// VPC Lattice of the AWS simulator: the tests of HTTPRoute that can pass, one by one, never a report.
    AwsLattice,
}

/// Arguments of `cargo xtask conformance`.
#[derive(clap::Args, Clone)]
#[command(after_help = "Examples:
  cargo xtask conformance
  cargo xtask conformance --mode shared --run-test HTTPRouteMatching --keep
  cargo xtask conformance --provider aws-alb
  cargo xtask conformance --provider aws-alb --pace aws
  cargo xtask conformance --provider aws-alb --pace aws --part
  cargo xtask conformance --provider aws-nlb
  cargo xtask conformance --provider aws-lattice
  cargo xtask conformance --preview")]
pub struct Args {
    /// Who serves Gateways.
    #[arg(long, value_enum, default_value_t = Provider::Software)]
    provider: Provider,
    /// How long states last on the simulated cloud.
    #[arg(long, value_enum, default_value_t = Pace::Quick)]
    pace: Pace,
    /// How Gateways are served by the bundled proxy.
    #[arg(long, value_enum, default_value_t = Mode::Dedicated)]
    mode: Mode,
    /// Channel of the Gateway API's definitions.
    #[arg(long, default_value = "experimental")]
    channel: String,
    /// Run the suite v1.7.0 with gateway-api-conformance-images v0.1.0 in place of v0.2.0, which is not
    /// served: a preview, never an official report.
    #[arg(long)]
    preview: bool,
    /// Run only this test of the suite.
    #[arg(long, value_name = "TEST")]
    run_test: Option<String>,
    /// Only the part that the test command has (on AWS ALB).
    #[arg(long, conflicts_with = "run_test")]
    part: bool,
    /// Name of the cluster; one that runs already is used as it is.
    #[arg(long, default_value = "conformance")]
    name: String,
    /// Use kind (needs Docker, and a load balancer beside it).
    #[arg(long)]
    kind: bool,
    /// An address that Gateways can ask for. On kind there is none by default, and the suite's test of static addresses
    /// is left out.
    #[arg(long, value_name = "ADDRESS")]
    usable_address: Option<String>,
    /// Leave the cluster running.
    #[arg(long)]
    keep: bool,
    /// Take a cluster that runs, as it is, with Gatewright installed, and leave it running.
    #[arg(long)]
    reuse: bool,
    /// Where the report goes; by default below the cache folder.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Cargo profile of the images.
    #[arg(long, default_value = "quick-release")]
    profile: String,
    /// A static program of the controller, in place of a new build (clouds alone).
    #[arg(long, value_name = "FILE")]
    controller: Option<PathBuf>,
}

/// The suite as a step of the tests: dedicated proxies, with `full` also shared ones, and the standard channel.
///
/// # Errors
/// When a test fails.
pub fn run_step(full: bool) -> Result<()> {
    let first = Args::first();
    first.place().require()?;
    let mut runs = vec![first.clone()];
    if full {
        runs.push(Args {
            mode: Mode::Shared,
            ..first.clone()
        });
        runs.push(Args {
            channel: "standard".to_owned(),
            ..first.clone()
        });
        runs.push(Args {
            preview: true,
            ..first
        });
    }
    for args in runs {
        run_suite(&args).with_context(|| args.title())?;
    }
    Ok(())
}

impl Args {
    /// The official suite in a cluster of its own, with dedicated proxies.
    fn first() -> Self {
        Self {
            provider: Provider::Software,
            pace: Pace::Quick,
            mode: Mode::Dedicated,
            channel: "experimental".to_owned(),
            preview: false,
            run_test: None,
            part: false,
            name: "conformance-step".to_owned(),
            kind: false,
            usable_address: None,
            keep: false,
            reuse: false,
            report: None,
            profile: "quick-release".to_owned(),
            controller: None,
        }
    }

    /// Where the cluster is.
    const fn place(&self) -> Place {
        Place::of(self.kind)
    }

    /// An address that Gateways can ask for, where one is known.
    fn usable_address(&self) -> Option<&str> {
        let ours = self.place().is_ours().then_some(USABLE);
        self.usable_address.as_deref().or(ours)
    }

    /// What runs, in a few words.
    fn title(&self) -> String {
        let who = match self.provider {
            Provider::Software => format!("{} proxies", self.mode.name()),
            Provider::AwsAlb => format!("simulated ALB, {} pace", self.pace.name()),
            Provider::AwsNlb => format!("simulated NLB, {} pace", self.pace.name()),
            Provider::AwsLattice => format!("simulated VPC Lattice, {} pace", self.pace.name()),
        };
        // A preview's figures never stand without what was put in place of the suite's own.
        let instead = if self.preview { INSTEAD } else { "" };
        format!("{who}, {} channel, suite {}{instead}", self.channel, self.suite())
    }

    /// The suite's version.
    const fn suite(&self) -> &'static str {
        if self.preview { "v1.7.0-preview" } else { "v1.6.3" }
    }

    /// Version of the definitions that the suite is for.
    const fn bundle(&self) -> &'static str {
        if self.preview { "1.7.0" } else { "1.6.3" }
    }

    /// Where the report goes.
    fn report(&self) -> Result<PathBuf> {
        if let Some(report) = &self.report {
            return Ok(std::path::absolute(report)?);
        }
        let (how, ending) = match self.provider {
            Provider::Software => (self.mode.name().to_owned(), "yaml"),
            Provider::AwsAlb => {
                let part = if self.part { "-part" } else { "" };
                (format!("aws-alb-{}{part}", self.pace.name()), "yaml")
            }
            Provider::AwsNlb => (format!("aws-nlb-{}", self.pace.name()), "md"),
            Provider::AwsLattice => (format!("aws-lattice-{}", self.pace.name()), "md"),
        };
        let name = format!("{}-{how}-{}.{ending}", self.suite(), self.channel);
        Ok(cache_dir().join("conformance").join(name))
    }

    /// How many tests of the suite are about Gateways, or about the standard channel's features of them: all of them are to
    /// pass with the bundled proxy. The suite leaves tests out whose features the class does not name.
    fn tests(&self) -> usize {
        let all = match (self.preview, self.channel.as_str()) {
            (true, _) => 147,
            (false, "standard") => 129,
            (false, _) => 131,
        };
        // The test of static addresses is left out without one.
        all - usize::from(self.usable_address().is_none())
    }

    /// A whole run left nothing out.
    fn complete(&self, Outcome { passed, .. }: Outcome) -> Result<()> {
        let wanted = self.tests();
        ensure!(
            self.run_test.is_some() || passed == wanted,
            "{}: {passed} tests passed, all {wanted} are to: the class names fewer features than it should, or the suite is another one",
            self.title()
        );
        Ok(())
    }

    /// A run on a cloud lost none of the tests that are known to pass there.
    fn at_least(&self, passed: usize, known: usize) -> Result<()> {
        ensure!(
            self.run_test.is_some() || passed >= known,
            "{}: {passed} tests passed, {known} are known to: the class names fewer features than it should, or tests were left out",
            self.title()
        );
        Ok(())
    }

    /// How a cluster is started.
    fn up(&self) -> [&str; 4] {
        ["--bundle", self.bundle(), "--channel", &self.channel]
    }
}

/// Runs the suite.
///
/// # Errors
/// When a test fails: the suite's own exit status counts.
pub fn run_suite(args: &Args) -> Result<()> {
    let begun = Instant::now();
    let suite = build_suite(args)?;
    match args.provider {
        Provider::Software => {
            if args.reuse || args.controller.is_some() || args.part {
                bail!(
                    "--reuse, --controller and --part are for the suite on clouds: --provider aws-alb, aws-nlb, aws-lattice"
                );
            }
            let installation = Installation::build(&args.profile)?;
            eprintln!("    built in {} s", begun.elapsed().as_secs());
            on_proxies(args, &suite, &installation)
        }
        Provider::AwsAlb | Provider::AwsNlb | Provider::AwsLattice if args.kind => bail!(
            "--kind is for the bundled proxy: the simulated cloud needs a cluster in namespaces of this machine"
        ),
        Provider::AwsAlb => alb::run_suite(args, &suite),
        Provider::AwsNlb => nlb::run_suite(args, &suite),
        Provider::AwsLattice => lattice::run_suite(args, &suite),
    }
}

fn on_proxies(args: &Args, suite: &Path, installation: &Installation) -> Result<()> {
    let begun = Instant::now();
    let cluster = Cluster {
        name: args.name.clone(),
        place: args.place(),
    };
    cluster.during(&args.up(), After::of(args.keep), |cluster| {
        let class = format!("gatewayClass.name={CLASS}");
        installation.install(cluster, &[&class, args.mode.setting()])?;
        eprintln!(
            "    cluster with Gatewright after {} s",
            begun.elapsed().as_secs()
        );
        let suite = suite.display().to_string();
        let mut line = line(&suite, CLASS, args.usable_address());
        line.extend(["--mode", args.mode.name()]);
        args.complete(test(cluster, args, &line)?)
    })
}

/// The suite as one program.
fn build_suite(args: &Args) -> Result<PathBuf> {
    let folder = cache_dir().join("conformance");
    std::fs::create_dir_all(&folder)?;
    let program = folder.join(format!("{}.test", args.suite()));
    let mut module = root().join("e2e/conformance");
    if args.preview {
        module.push("preview");
    }
    let mut build = command("go", &["test", "-c", "-trimpath", "-o"]);
    build
        .arg(&program)
        .arg(".")
        .current_dir(module)
        .env("GOTOOLCHAIN", "auto")
        .env("GOWORK", "off");
    run(&mut build).context("building the conformance suite (needs the Go toolchain)")?;
    Ok(program)
}

/// Runs the suite in a cluster, with what a report needs.
fn test(cluster: &Cluster, args: &Args, line: &[&str]) -> Result<Outcome> {
    let begun = Instant::now();
    let report = args.report()?.display().to_string();
    let mut line = line.to_vec();
    line.extend([
        "--organization",
        "gatewright",
        "--project",
        "gatewright",
        "--url",
        "https://gatewright.dev",
        "--version",
        env!("CARGO_PKG_VERSION"),
        "--contact",
        "https://gatewright.dev/contact",
    ]);
    if let Some(test) = &args.run_test {
        line.extend(["--run-test", test]);
    } else {
        line.extend(["--report-output", &report]);
    }
    let mut outcome = Outcome::default();
    let result = cluster.lines(&line, |text| {
        println!("{text}");
        outcome.count(text);
        Ok(())
    });
    let Outcome {
        passed,
        failed,
        skipped,
    } = outcome;
    eprintln!(
        "    {}: {passed} tests passed, {failed} failed, {skipped} skipped",
        args.title()
    );
    eprintln!("    the suite took {} s", begun.elapsed().as_secs());
    result?;
    if args.run_test.is_none() {
        eprintln!("    report: {report}");
    }
    Ok(outcome)
}

/// The suite against any class of the bundled proxy, without what only a report needs. Without a usable address its test
/// of static addresses, which fails for want of one, is left out.
fn line<'a>(suite: &'a str, class: &'a str, usable: Option<&'a str>) -> Vec<&'a str> {
    let mut line = common(suite, class, "TestConformance");
    line.extend(["--conformance-profiles", PROFILES]);
    line.extend(match usable {
        Some(usable) => vec!["--usable-address", usable, "--unusable-address", UNUSABLE],
        None => vec!["--skip-tests", "GatewayStaticAddresses"],
    });
    line
}

/// The beginning of every line: which of Go's tests, and which class.
fn common<'a>(suite: &'a str, class: &'a str, tests: &'a str) -> Vec<&'a str> {
    vec![
        suite,
        "-test.v",
        "-test.run",
        tests,
        "-test.timeout",
        "180m",
        "--gateway-class",
        class,
    ]
}

/// Builds the official suite.
///
/// # Errors
/// When the build fails.
pub fn official() -> Result<PathBuf> {
    build_suite(&Args::first())
}

/// Runs the official suite against a class of whatever is installed, and counts. It tries the features that the class
/// names in its status, or these, separated by commas.
///
/// # Errors
/// When it did not run to its end, with what it said last; tests that fail are no error here.
pub fn counted(cluster: &Cluster, suite: &Path, class: &str, features: Option<&str>) -> Result<Outcome> {
    const KEPT: usize = 20;
    let mut outcome = Outcome::default();
    let mut last = VecDeque::with_capacity(KEPT);
    let suite = suite.display().to_string();
    let mut line = line(&suite, class, Some(USABLE));
    line.extend(
        features
            .iter()
            .flat_map(|features| ["--supported-features", features]),
    );
    let result = cluster.lines(&line, |line| {
        outcome.count(line);
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(line.to_owned());
        Ok(())
    });
    if outcome.failed == 0 {
        result.with_context(|| format!("the suite said last:\n{}", last.make_contiguous().join("\n")))?;
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_leaves_tests_out_is_no_success() {
        let passed = |passed| Outcome {
            passed,
            ..Outcome::default()
        };
        let first = Args::first();
        assert!(first.complete(passed(131)).is_ok());
        assert!(first.complete(passed(130)).is_err());
        let one = Args {
            run_test: Some("HTTPRouteMatching".to_owned()),
            ..Args::first()
        };
        assert!(one.complete(passed(1)).is_ok());
    }

    /// Each bound is what the page of results tells, so that neither is changed alone.
    #[test]
    fn a_run_on_a_cloud_that_loses_tests_is_no_success() {
        let args = |provider| Args {
            provider,
            ..Args::first()
        };
        let page =
            |name: &str| std::fs::read_to_string(root().join("docs/conformance/aws").join(name)).unwrap();
        let readme = page("README.md");
        for (provider, known, told) in [
            (
                Provider::AwsAlb,
                alb::PASSED,
                format!("{} passed", alb::PASSED - 35),
            ),
            (Provider::AwsNlb, nlb::PASSED, format!("[{} pass,", nlb::PASSED)),
            (
                Provider::AwsLattice,
                lattice::PASSED,
                format!("[{} pass,", lattice::PASSED),
            ),
        ] {
            let args = args(provider);
            assert!(args.at_least(known, known).is_ok());
            let why = args.at_least(known - 1, known).unwrap_err().to_string();
            assert!(
                why.contains(&format!("{} tests passed, {known} are", known - 1)),
                "{why}"
            );
            assert!(readme.contains(&told), "{told}");
        }
        assert!(readme.contains("35 passed"), "core tests on ALB");
        for (name, known) in [("nlb.md", nlb::PASSED), ("lattice.md", lattice::PASSED)] {
            assert!(
                page(name).contains(&format!("- {known} passed, 0 failed")),
                "{name}"
            );
        }
        let one = Args {
            run_test: Some("HTTPRouteMatching".to_owned()),
            ..args(Provider::AwsAlb)
        };
        assert!(one.at_least(1, alb::PASSED).is_ok());
    }

    /// A test is left out only for what AWS documents, and whoever reads that can look it up.
    #[test]
    fn every_test_that_is_left_out_names_the_page_that_forces_it() {
        let named = |why: &str| {
            why.split("https://docs.aws.amazon.com/").skip(1).any(|rest| {
                let path: &str = rest.split([')', ' ', '|']).next().unwrap();
                path.contains('/') && path.contains(".html")
            })
        };
        assert!(!named("ug/quotas.html") && !named("https://docs.aws.amazon.com/"));
        let alb = alb::SKIPPED
            .iter()
            .map(|(test, why)| ((*test).to_owned(), (*why).to_owned()));
        let lists = [alb.collect(), nlb::skipped(), lattice::skipped().unwrap()];
        for (test, why) in lists.iter().flatten() {
            assert!(named(why), "{test}: {why}");
        }
        let pages = [
            "conformance/aws/nlb.md",
            "conformance/aws/lattice.md",
            "aws/lattice.md",
        ];
        for page in pages {
            let text = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
            let rows = text.lines().filter(|line| line.starts_with("| "));
            let left_out: Vec<&str> = rows
                .filter(|row| row.contains("| not run: ") || row.contains("| impossible: "))
                .collect();
            assert!(left_out.len() >= 7, "{page}");
            for row in left_out {
                assert!(named(row), "{page}: {row}");
            }
        }
        let readme = std::fs::read_to_string(root().join("docs/conformance/aws/README.md")).unwrap();
        let (_, rest) = readme.split_once("## What is skipped").unwrap();
        let (table, _) = rest.split_once("## ").unwrap();
        for row in table.lines().filter(|line| line.starts_with("| HTTPRoute")) {
            assert!(named(row), "{row}");
        }
    }

    #[test]
    fn addresses_are_those_of_the_place() {
        let kind = |usable_address: Option<&str>| Args {
            kind: true,
            usable_address: usable_address.map(str::to_owned),
            ..Args::first()
        };
        let rest = |args: &Args| {
            let line = line("suite", "class", args.usable_address());
            let profiles = line.iter().position(|word| *word == PROFILES).unwrap();
            line[profiles + 1..].join(" ")
        };
        let both = |usable: &str| format!("--usable-address {usable} --unusable-address {UNUSABLE}");
        assert_eq!(rest(&Args::first()), both(USABLE));
        assert_eq!(rest(&kind(None)), "--skip-tests GatewayStaticAddresses");
        assert_eq!(rest(&kind(Some("172.18.255.200"))), both("172.18.255.200"));
    }
}
