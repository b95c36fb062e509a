//! `cargo xtask conformance`: the official Gateway API conformance suite, as published, against our own
//! Helm chart in a cluster of its own.

use crate::cluster::{self, After, Cluster, Installation, Mode};
use crate::run::{cache_dir, command, root, run};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// GatewayClass of the suite's Gateways.
const CLASS: &str = "gateway-conformance";

/// All profiles of Gateways.
const PROFILES: &str = "GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS,GATEWAY-TCP,GATEWAY-UDP";

/// Arguments of `cargo xtask conformance`.
#[derive(clap::Args, Clone)]
#[command(after_help = "Examples:
  cargo xtask conformance
  cargo xtask conformance --mode shared --run-test HTTPRouteMatching --keep
  cargo xtask conformance --preview")]
pub struct Args {
    /// How Gateways are served.
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
    /// Name of the cluster; one that runs already is used as it is.
    #[arg(long, default_value = "conformance")]
    name: String,
    /// Leave the cluster running.
    #[arg(long)]
    keep: bool,
    /// Where the report goes; by default below the cache folder.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Cargo profile of the images.
    #[arg(long, default_value = "quick-release")]
    profile: String,
}

/// The suite as a step of the tests: dedicated proxies, with `full` also shared ones, and the standard channel.
///
/// # Errors
/// When a test fails.
pub fn run_step(full: bool) -> Result<()> {
    cluster::require()?;
    let first = Args::first();
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
            mode: Mode::Dedicated,
            channel: "experimental".to_owned(),
            preview: false,
            run_test: None,
            name: "conformance-step".to_owned(),
            keep: false,
            report: None,
            profile: "quick-release".to_owned(),
        }
    }

    /// What runs, in a few words.
    fn title(&self) -> String {
        format!(
            "{} proxies, {} channel, suite {}",
            self.mode.name(),
            self.channel,
            self.suite()
        )
    }

    /// The suite's version.
    const fn suite(&self) -> &'static str {
        if self.preview { "v1.7.0-preview" } else { "v1.6.3" }
    }

    /// Version of the definitions that the suite is for.
    const fn bundle(&self) -> &'static str {
        if self.preview { "1.7.0" } else { "1.6.3" }
    }
}

/// Runs the suite.
///
/// # Errors
/// When a test fails: the suite's own exit status counts.
pub fn run_suite(args: &Args) -> Result<()> {
    let begun = Instant::now();
    let suite = build_suite(args)?;
    let installation = Installation::build(&args.profile)?;
    eprintln!("    built in {} s", begun.elapsed().as_secs());
    let begun = Instant::now();
    let cluster = Cluster {
        name: args.name.clone(),
    };
    let up = ["--bundle", args.bundle(), "--channel", &args.channel];
    cluster.during(&up, After::of(args.keep), |cluster| {
        let class = format!("gatewayClass.name={CLASS}");
        installation.install(cluster, &[&class, args.mode.setting()])?;
        eprintln!(
            "    cluster with Gatewright after {} s",
            begun.elapsed().as_secs()
        );
        let begun = Instant::now();
        let result = test(cluster, &suite, args);
        eprintln!("    the suite took {} s", begun.elapsed().as_secs());
        result
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

fn test(cluster: &Cluster, suite: &Path, args: &Args) -> Result<()> {
    let report = match &args.report {
        Some(report) => std::path::absolute(report)?,
        None => cache_dir().join("conformance").join(format!(
            "{}-{}-{}.yaml",
            args.suite(),
            args.mode.name(),
            args.channel
        )),
    };
    let suite = suite.display().to_string();
    let report = report.display().to_string();
    let mut line = line(&suite, CLASS);
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
        "--mode",
        args.mode.name(),
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
    result?;
    if args.run_test.is_none() {
        eprintln!("    report: {report}");
    }
    Ok(())
}

/// The suite against any class, without what only a report needs.
fn line<'a>(suite: &'a str, class: &'a str) -> Vec<&'a str> {
    vec![
        suite,
        "-test.v",
        "-test.run",
        "TestConformance",
        "-test.timeout",
        "60m",
        "--gateway-class",
        class,
        "--conformance-profiles",
        PROFILES,
        "--usable-address",
        USABLE,
        "--unusable-address",
        UNUSABLE,
    ]
}

/// How a whole run of the official suite went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
    /// Tests that the suite left out, such as those of features that are not claimed.
    pub skipped: usize,
}

impl Outcome {
    /// Counts a line of the suite's output that says how a test ended; a test's own parts do not count.
    fn count(&mut self, line: &str) {
        let of = |verdict: &str| {
            let rest = line.strip_prefix("    --- ")?.strip_prefix(verdict)?;
            let name = rest.strip_prefix(": TestConformance/")?;
            (!name.contains('/')).then_some(())
        };
        if of("PASS").is_some() {
            self.passed += 1;
        } else if of("FAIL").is_some() {
            self.failed += 1;
        } else if of("SKIP").is_some() {
            self.skipped += 1;
        }
    }
}

/// Builds the official suite.
///
/// # Errors
/// When the build fails.
pub fn official() -> Result<PathBuf> {
    build_suite(&Args::first())
}

/// Runs the official suite against a class of whatever is installed, and counts.
///
/// # Errors
/// When it did not run to its end; tests that fail are no error here.
pub fn counted(cluster: &Cluster, suite: &Path, class: &str) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let suite = suite.display().to_string();
    let result = cluster.lines(&line(&suite, class), |line| {
        outcome.count(line);
        Ok(())
    });
    if outcome.failed == 0 {
        result?;
    }
    Ok(outcome)
}

/// An address of the cluster's load balancers, and one that no load balancer there has.
const USABLE: &str = "172.30.1.200";
const UNUSABLE: &str = "203.0.113.99";

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn tests_count_once_and_their_parts_do_not() {
        let mut outcome = Outcome::default();
        for line in [
            "--- FAIL: TestConformance (600.00s)",
            "    --- PASS: TestConformance/GatewayModifyListeners (2.00s)",
            "        --- PASS: TestConformance/GatewayModifyListeners/one_part (1.00s)",
            "    --- FAIL: TestConformance/HTTPRouteRetry (60.00s)",
            "    --- SKIP: TestConformance/MeshBasic (0.00s)",
            "    suite.go:400: --- PASS: no verdict",
        ] {
            outcome.count(line);
        }
        let wanted = Outcome {
            passed: 1,
            failed: 1,
            skipped: 1,
        };
        assert_eq!(outcome, wanted);
    }
}
