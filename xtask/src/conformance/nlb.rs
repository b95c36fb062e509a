//! The suite's tests of connections and datagrams against Network Load Balancers of the AWS simulator, which runs inside
//! the cluster.
//!
//! A class that serves no HTTP cannot run the suite as a whole: it begins with Gateways of HTTP. So each test is run over
//! base manifests without these (`e2e/conformance/layer4_test.go`), and each result is listed. It is no report.

use super::alb::installed;
use super::listed::{Ended, Results, Run, all_or_one, circumstances, step, tests_in};
use super::{Args, CLASS, Provider};
use crate::cluster::Cluster;
use crate::simulated::{self, Aws, Pace};
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Whose tests are run.
const PROFILES: &str = "GATEWAY-TLS,GATEWAY-TCP,GATEWAY-UDP";

/// The check of the base manifests, and all tests of routes of layer 4.
const ALL: &str = "TestBaseOfLayer4|TestLayer4/^(TCPRoute|UDPRoute|TLSRoute)";

/// How many tests pass: `docs/conformance/aws/nlb.md`. Fewer are a failure, also when none failed.
pub(super) const PASSED: usize = 23;

/// Features that are tried beside those of the profiles: the class serves them, but does not claim them, since a listener
/// has one TLSRoute.
const TRIED: &str = "TLSRouteModeTerminate";

/// Tests that an NLB cannot pass, with what forces that.
const SKIPPED: &[(&str, &str)] = &[
    ("TCPRouteInvalidNonTCPListener", NO_HTTP),
    ("TLSRouteInvalidNoMatchingListener", NO_HTTP),
    ("TLSRouteHostnameIntersection", NO_SERVER_NAMES),
    ("TLSRouteMixedTerminationSameNamespace", NO_SERVER_NAMES),
    ("TLSRouteInvalidBackendRefNonexistent", DROPPED),
    ("TLSRouteInvalidBackendRefUnknownKind", DROPPED),
    (
        "TLSRouteTerminateSimpleSameNamespace",
        "its Secret holds a certificate without those of its authority, and what ends TLS has it from ACM: \"If your certificate is \
         signed by a CA, you must include an intermediate certificate chain that provides a path to the root of authority\" \
         (https://docs.aws.amazon.com/acm/latest/userguide/troubleshoot-import.html). That TLS ends at the load balancer is tried by \
         a scenario of our own (`cargo xtask scenarios --provider aws network`)",
    ),
];

/// Why tests with Gateways of HTTP are not run: the suite waits until each Gateway in its namespace is accepted.
const NO_HTTP: &str = "it waits for a Gateway whose only listener is of HTTP or HTTPS, which a Network Load Balancer does not \
     have: \"Protocols: TCP, TLS, UDP, TCP_UDP, QUIC, TCP_QUIC\" \
     (https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html#listener-configuration). That \
     the route is not allowed there is tried by UDPRouteNotAllowedByListeners";

/// Why routes are not told apart by the names of servers.
const NO_SERVER_NAMES: &str = "it has routes of one port told apart by the server name, or connections with another name refused. The \
     rule of a listener forwards whatever comes to its target groups \
     (https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html#listener-rules); the server \
     name chooses the certificate alone \
     (https://docs.aws.amazon.com/elasticloadbalancing/latest/network/tls-listener-certificates.html)";

/// Why the end of connections without backends cannot be seen.
const DROPPED: &str = "it wants a connection to nothing to be made and then reset. A port that nothing is behind is not listened \
     on: \"Network Load Balancers drop unintended traffic without forwarding it to any targets\" \
     (https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html#listener-configuration). Its \
     other part, the route's ResolvedRefs, is that of TLSRouteInvalidReferenceGrant and TCPRouteInvalidBackendRefNonexistent";

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
    let args = Args {
        provider: Provider::AwsNlb,
        name: "conformance-nlb".to_owned(),
        ..Args::first()
    };
    step(&args, PASSED, |suite| run(&args, suite, ALL))
}

/// Runs all of them, and writes the page of results, also of those that failed.
pub(super) fn run_suite(args: &Args, suite: &Path) -> Result<()> {
    let tests = |one: Option<&str>| one.map_or_else(|| ALL.to_owned(), |test| format!("TestLayer4/^{test}$"));
    all_or_one(
        args,
        PASSED,
        |one| run(args, suite, &tests(one)),
        |results, took| page(args.pace, results, took),
    )
}

fn run(args: &Args, suite: &Path, tests: &str) -> Result<Ended> {
    let class = (simulated::NLB, parameters());
    let make = |cluster: &Cluster, aws: &Aws| aws.class(cluster, (CLASS, class.0), &class.1);
    installed(args, make, |cluster| {
        let skipped = skipped();
        let run = Run {
            profiles: PROFILES,
            tried: TRIED,
            tests,
            skipped: &skipped,
        };
        Ok(tests_in(cluster, args, suite, &run))
    })
}

pub(super) fn skipped() -> Vec<(String, String)> {
    let owned = |(test, why): &(&str, &str)| ((*test).to_owned(), (*why).to_owned());
    SKIPPED.iter().map(owned).collect()
}

/// The page of results.
fn page(pace: Pace, results: &Results, took: Duration) -> Result<String> {
    Ok(format!(
        "# Tests of layer 4 on AWS NLB, simulated\n\n\
         Tests of the official suite v1.6.3, unmodified, run one by one against Network Load Balancers of the simulator of AWS in this\n\
         repository (`e2e/aws`), over the suite's base manifests without their HTTP Gateways. **This is no conformance report, of\n\
         Gatewright or of AWS, and is never submitted or quoted as one**: a report is of the whole suite, which begins with Gateways\n\
         that serve HTTP.\n\n\
         {circumstances}\
         - Tried beside the profiles {PROFILES}: {TRIED}, which the class serves with one TLSRoute for a listener, and so does not\n\
         \x20 claim\n\
         - {sum}; {took} s with cluster and builds\n\n\
         {table}",
        circumstances = circumstances(
            pace,
            "cargo xtask conformance --provider aws-nlb",
            &parameters().to_string()
        )?,
        sum = results.sum(),
        took = took.as_secs(),
        table = results.table(&skipped()),
    ))
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
        let text = page(Pace::Aws, &results, Duration::from_secs(90)).unwrap();
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
        assert_eq!(results.all().len(), 3);
    }
}
