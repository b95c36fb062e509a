//! The suite's core tests of HTTP against VPC Lattice of the AWS simulator, which runs inside the cluster.
//!
//! A third of them cannot pass: rules of Lattice change nothing, look at no query, and serve a hostname at a name of its
//! own. Those are left out with the reason that `docs/aws/lattice.md` has, which follows from what their manifests become. Each result is
//! listed. It is no report.

use super::alb::installed;
use super::listed::{Ended, Results, Run, all_or_one, circumstances, step, tests_in};
use super::{Args, CLASS, Provider};
use crate::cluster::Cluster;
use crate::run::root;
use crate::simulated::{Aws, Pace};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Whose core tests are run.
const PROFILE: &str = "GATEWAY-HTTP";

/// The features of the profile that are core; extended ones are not tried.
const CORE: &str = "Gateway,HTTPRoute,ReferenceGrant";

const ALL: &str = "TestConformance";

/// How many tests pass: `docs/conformance/aws/lattice.md`. Fewer are a failure, also when none failed.
pub(super) const PASSED: usize = 29;

/// Where the verdicts are, as rows of a table: `| test | impossible: why |`.
const VERDICTS: &str = "docs/aws/lattice.md";

/// Tests that cannot pass for reasons that are not in what their manifests become.
const SKIPPED: &[(&str, &str)] = &[(
    "GatewayModifyListeners",
    "its listener is for secure.test.com, and its certificate is not: \"These certificates must have a Subject Alternate Name (SAN) \
     or Common Name (CN) that matches the custom domain name for your service\" \
     (https://docs.aws.amazon.com/vpc-lattice/latest/ug/service-byoc.html)",
)];

/// Parameters of the class. A VPC is associated with one service network, and the suite has many Gateways: they share one.
fn parameters(network: &str) -> Value {
    json!({
        "serviceNetwork": network,
        "targetGroups": {"healthCheck": {"intervalSeconds": 5, "timeoutSeconds": 2}},
    })
}

/// The tests as a step.
///
/// # Errors
/// When a test fails.
pub fn run_step() -> Result<()> {
    let args = Args {
        provider: Provider::AwsLattice,
        name: "conformance-lattice".to_owned(),
        ..Args::first()
    };
    step(&args, PASSED, |suite| run(&args, suite, ALL))
}

/// Runs all of them, and writes the page of results, also of those that failed.
pub(super) fn run_suite(args: &Args, suite: &Path) -> Result<()> {
    let tests = |one: Option<&str>| one.map_or_else(|| ALL.to_owned(), |test| format!("{ALL}/^{test}$"));
    all_or_one(
        args,
        PASSED,
        |one| run(args, suite, &tests(one)),
        |results, took| page(args.pace, results, took),
    )
}

fn run(args: &Args, suite: &Path, tests: &str) -> Result<Ended> {
    let skipped = skipped()?;
    let class = |cluster: &Cluster, aws: &Aws| {
        let network = aws.lattice_network(cluster)?;
        aws.lattice_class(cluster, CLASS, &parameters(&network))
    };
    installed(args, class, |cluster| {
        let run = Run {
            profiles: PROFILE,
            tried: CORE,
            tests,
            skipped: &skipped,
        };
        let (results, ended) = tests_in(cluster, args, suite, &run);
        Ok((results.of_what_was_tried(), ended))
    })
}

/// What cannot pass: by the documentation's table, and [`SKIPPED`].
pub(super) fn skipped() -> Result<Vec<(String, String)>> {
    let path = root().join(VERDICTS);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut skipped = verdicts(&text);
    ensure!(!skipped.is_empty(), "{} has no verdicts", path.display());
    let more = SKIPPED.iter();
    skipped.extend(more.map(|(test, why)| ((*test).to_owned(), (*why).to_owned())));
    Ok(skipped)
}

fn verdicts(text: &str) -> Vec<(String, String)> {
    let rows = text.lines().filter_map(|line| {
        let (test, verdict) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
        let why = verdict.strip_prefix("impossible: ")?;
        Some((test.to_owned(), why.to_owned()))
    });
    rows.collect()
}

/// The page of results.
fn page(pace: Pace, results: &Results, took: Duration) -> Result<String> {
    Ok(format!(
        "# Core tests of HTTP on VPC Lattice, simulated\n\n\
         The core tests of GATEWAY-HTTP of the official suite v1.6.3, unmodified, against VPC Lattice of the simulator of AWS in this\n\
         repository (`e2e/aws`). **This is no conformance report, of Gatewright or of AWS, and is never submitted or quoted as one**:\n\
         what cannot pass is left out, each test with its reason.\n\n\
         {circumstances}\
         - A VPC is associated with one service network, and the suite has many Gateways: the class names one network for all\n\
         - The suite asks a Gateway's own service, by its name, for other hosts as well. The simulator serves them, since a service has an\n\
         \x20 address of its own there; what AWS does with a host that is none of a service's names is not documented\n\
         - {sum}; {took} s with cluster and builds\n\n\
         {table}",
        circumstances = circumstances(
            pace,
            "cargo xtask conformance --provider aws-lattice",
            &parameters("sn-…").to_string()
        )?,
        sum = results.sum(),
        took = took.as_secs(),
        table = results.table(&skipped()?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_pass_is_what_the_documentation_says() {
        let skipped = skipped().unwrap();
        let why = |test: &str| {
            let found = skipped.iter().find(|(skipped, _)| skipped == test);
            found.map(|(_, why)| why.as_str())
        };
        assert!(
            why("HTTPRouteRequestHeaderModifier")
                .unwrap()
                .contains("change nothing")
        );
        assert_eq!(why("HTTPRouteWeight"), None);
    }

    #[test]
    fn pages_say_what_they_are() {
        let mut results = Results::default();
        results.note("    --- PASS: TestConformance/HTTPRouteWeight (2.00s)");
        results.note("    --- SKIP: TestConformance/HTTPRouteRedirectHostAndStatus (0.00s)");
        results.note("    conformance.go:56: Skipping HTTPRouteRetry: suite does not support HTTPRouteRetry");
        results.note("    --- SKIP: TestConformance/HTTPRouteRetry (0.00s)");
        let results = results.of_what_was_tried();
        assert_eq!(results.all().len(), 2);
        let text = page(Pace::Quick, &results, Duration::from_secs(90)).unwrap();
        for part in [
            "no conformance report",
            "--pace quick",
            "| HTTPRouteWeight | passed |",
            "| HTTPRouteRedirectHostAndStatus | not run: rules forward",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
