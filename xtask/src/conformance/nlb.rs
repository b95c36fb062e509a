//! The suite's tests of connections and datagrams against Network Load Balancers of the AWS simulator, which runs inside
//! the cluster.
//!
//! A class that serves no HTTP cannot run the suite as a whole: it begins with Gateways of HTTP. So each test is run over
//! base manifests without these (`e2e/conformance/layer4_test.go`), and each result is listed. It is no report.

use super::alb::{installed, timeouts};
use super::outcome::{Verdict, verdict};
use super::{Args, CLASS, Provider, common};
use crate::cluster::{self, Cluster};
use crate::simulated::{self, Pace};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Whose tests are run.
const PROFILES: &str = "GATEWAY-TLS,GATEWAY-TCP,GATEWAY-UDP";

/// The check of the base manifests, and all tests of routes of layer 4.
const ALL: &str = "TestBaseOfLayer4|TestLayer4/^(TCPRoute|UDPRoute|TLSRoute)";

/// Tests that an NLB cannot pass, with what forces that.
const SKIPPED: &[(&str, &str)] = &[];

/// Parameters of the class. Targets are checked as often as AWS allows, and drain as long as connections of the suite last.
fn parameters() -> Value {
    json!({
        "scheme": "InternetFacing",
        "targetGroups": {
            "healthCheck": {"intervalSeconds": 5, "timeoutSeconds": 2, "healthyThreshold": 2, "unhealthyThreshold": 2},
            "attributes": {"deregistration_delay.timeout_seconds": "10"},
        },
    })
}

/// The tests as a step.
///
/// # Errors
/// When a test fails.
pub fn run_step() -> Result<()> {
    cluster::require()?;
    let args = Args {
        provider: Provider::AwsNlb,
        name: "conformance-nlb".to_owned(),
        ..Args::first()
    };
    let suite = super::build_suite(&args)?;
    let results = run(&args, &suite, ALL).with_context(|| args.title())?;
    ensure!(results.passed() > 0, "no test of the suite ran");
    Ok(())
}

/// Runs all of them, and writes the page of results.
pub(super) fn run_suite(args: &Args, suite: &Path) -> Result<()> {
    ensure!(!args.preview, "--preview is for the bundled proxy");
    let one = args.run_test.as_ref().map(|test| format!("TestLayer4/^{test}$"));
    let begun = Instant::now();
    let results = run(args, suite, one.as_deref().unwrap_or(ALL))?;
    if one.is_none() {
        let path = args.report()?;
        let page = page(args.pace, &results, begun.elapsed());
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("    results: {}", path.display());
    }
    Ok(())
}

/// How each test ended.
#[derive(Debug, Default)]
struct Results(BTreeMap<String, Verdict>);

impl Results {
    fn note(&mut self, line: &str) {
        if let Some((verdict, test)) = verdict(line) {
            self.0.insert(test.to_owned(), verdict);
        }
    }

    fn passed(&self) -> usize {
        self.count(Verdict::Passed)
    }

    fn count(&self, wanted: Verdict) -> usize {
        self.0.values().filter(|verdict| **verdict == wanted).count()
    }
}

fn run(args: &Args, suite: &Path, tests: &str) -> Result<Results> {
    installed(args, (simulated::NLB, parameters()), |cluster| {
        tests_in(cluster, args, suite, tests)
    })
}

fn tests_in(cluster: &Cluster, args: &Args, suite: &Path, tests: &str) -> Result<Results> {
    let begun = Instant::now();
    let suite = suite.display().to_string();
    let skipped: Vec<&str> = SKIPPED.iter().map(|(test, _)| *test).collect();
    let skipped = skipped.join(",");
    let raised = timeouts(args.pace)
        .iter()
        .map(|(name, seconds)| format!("{name}:{seconds}"));
    let raised = raised.collect::<Vec<_>>().join(";");
    let mut line = common(&suite, CLASS, tests);
    line.extend([
        "--conformance-profiles",
        PROFILES,
        "--timeout-config-overrides",
        &raised,
    ]);
    if !skipped.is_empty() {
        line.extend(["--skip-tests", &skipped]);
    }
    let mut results = Results::default();
    let ended = cluster.lines(&line, |text| {
        println!("{text}");
        results.note(text);
        Ok(())
    });
    eprintln!(
        "    {}: {} tests passed, {} failed, {} skipped, in {} s",
        args.title(),
        results.passed(),
        results.count(Verdict::Failed),
        results.count(Verdict::Skipped),
        begun.elapsed().as_secs()
    );
    ended?;
    Ok(results)
}

/// The page of results.
fn page(pace: Pace, results: &Results, took: Duration) -> String {
    let mut text = format!(
        "# Tests of layer 4 on AWS NLB, simulated\n\n\
         Tests of the official suite v1.6.3, unmodified, run one by one against Network Load Balancers of the simulator of AWS in this\n\
         repository (`e2e/aws`), over the suite's base manifests without their HTTP Gateways. **This is no conformance report, of\n\
         Gatewright or of AWS, and is never submitted or quoted as one**: a report is of the whole suite, which begins with Gateways\n\
         that serve HTTP.\n\n\
         - Command: `cargo xtask conformance --provider aws-nlb --pace {pace}`, {took} s with cluster and builds\n\
         - Delays: {delays}\n\
         - Parameters of the class: `{parameters}`\n\
         - Timeouts of the suite that are raised: {raised}\n\
         - {passed} passed, {failed} failed, {skipped} not run\n\n\
         | test | result |\n|---|---|\n",
        pace = pace.name(),
        took = took.as_secs(),
        delays = pace.told(),
        parameters = parameters(),
        raised = timeouts(pace)
            .iter()
            .map(|(name, seconds)| format!("{name} {seconds} s"))
            .collect::<Vec<_>>()
            .join(", "),
        passed = results.passed(),
        failed = results.count(Verdict::Failed),
        skipped = results.count(Verdict::Skipped),
    );
    text.extend(results.0.iter().map(|(test, verdict)| row(test, *verdict)));
    text
}

fn row(test: &str, verdict: Verdict) -> String {
    let told = match verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Failed => "failed".to_owned(),
        Verdict::Skipped => {
            let why = SKIPPED.iter().find(|(skipped, _)| *skipped == test);
            let why = why.map_or("of a feature that the class does not claim", |(_, why)| why);
            format!("not run: {why}")
        }
    };
    format!("| {test} | {told} |\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every result is told, and nobody takes the page for a report.
    #[test]
    fn pages_list_each_result_and_say_what_they_are() {
        let mut results = Results::default();
        for line in [
            "    --- PASS: TestLayer4/TCPRouteReferenceGrant (2.00s)",
            "        --- PASS: TestLayer4/TCPRouteReferenceGrant/a_part (1.00s)",
            "    --- FAIL: TestLayer4/UDPRouteSimple (2.00s)",
            "    --- SKIP: TestLayer4/TLSRouteSimpleSameNamespace (0.00s)",
        ] {
            results.note(line);
        }
        let text = page(Pace::Aws, &results, Duration::from_secs(90));
        for part in [
            "no conformance report",
            "--pace aws",
            "90000",
            "1 passed, 1 failed, 1 not run",
            "| TCPRouteReferenceGrant | passed |",
            "| UDPRouteSimple | failed |",
            "| TLSRouteSimpleSameNamespace | not run: ",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(results.0.len(), 3);
    }
}
