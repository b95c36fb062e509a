//! The suite against Application Load Balancers of the AWS simulator, which runs inside the cluster.
//!
//! Its reports are evidence for us. They are marked as of a simulator and never submitted.

use super::{Args, CLASS, Outcome, Provider, common, test};
use crate::cluster::{self, After, Cluster, Installation};
use crate::image::Part;
use crate::run::built;
use crate::simulated::{self, Aws, Pace};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// The profile that an ALB can be held to: the others want TCP, UDP or TLS without HTTP, or gRPC on a listener without TLS.
const PROFILE: &str = "GATEWAY-HTTP";

/// Tests that an ALB cannot pass, with the page of AWS that says so.
pub(super) const SKIPPED: &[(&str, &str)] = &[
    (
        "HTTPRouteRequestHeaderModifier",
        "listener rules cannot change request headers: transforms rewrite the host header and the URL alone \
         (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html)",
    ),
    (
        "HTTPRouteQueryParamMatching",
        "\"The comparison is case insensitive\" \
         (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_QueryStringConditionConfig.html), so that \
         ANIMAL=Whale goes where animal=whale goes",
    ),
    ("HTTPRouteRewriteHost", WITH_HEADERS),
    ("HTTPRouteRewritePath", WITH_HEADERS),
    (
        "HTTPRouteRedirectPortAndScheme",
        "\"You can't redirect HTTPS to HTTP\" \
         (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html); its \
         other redirects are those of HTTPRouteRedirectPort and HTTPRouteRedirectScheme, which pass",
    ),
];

/// Why tests of rewrites are skipped.
const WITH_HEADERS: &str = "of its cases, those that also change request headers cannot be expressed by listener rules \
     (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html); the others pass";

/// Tests of the test command: one of each kind of thing that can break between a Gateway and its load balancer.
const QUICK: &[&str] = &[
    "GatewayModifyListeners",
    "GatewaySecretReferenceGrantSpecific",
    "GatewayWithAttachedRoutes",
    "HTTPRouteHTTPSListener",
    "HTTPRouteHostnameIntersection",
    "HTTPRouteListenerHostnameMatching",
    "HTTPRouteMatching",
    "HTTPRouteMultipleGateways",
    "HTTPRouteNoBackendRefs",
    "HTTPRouteRedirectHostAndStatus",
    "HTTPRouteReferenceGrant",
    "HTTPRouteServiceTypes",
    "HTTPRouteSimpleSameNamespace",
    "HTTPRouteWeight",
    "ListenerSetHTTPRouting",
];

/// How many tests of the whole suite pass, core and extended: `docs/conformance/aws/README.md`. Fewer are told as a failure,
/// also when none failed: the class claims less than it did, or the suite left tests out.
pub(super) const PASSED: usize = 60;

/// Timeouts of the suite that are raised, in seconds. A Gateway goes when its load balancer and what that leaves have
/// gone, and a load balancer is reached when it is active.
pub(super) const fn timeouts(pace: Pace) -> &'static [(&'static str, u64)] {
    match pace {
        Pace::Quick => &[("DeleteTimeout", 60)],
        Pace::Aws => &[
            ("DeleteTimeout", 300),
            ("GatewayMustHaveAddress", 480),
            ("GatewayMustHaveCondition", 480),
            ("GatewayListenersMustHaveConditions", 480),
            ("GatewayStatusMustHaveListeners", 480),
            ("HTTPRouteMustHaveCondition", 480),
            ("ListenerSetListenersMustHaveConditions", 480),
            ("ListenerSetMustHaveCondition", 480),
            ("LatestObservedGenerationSet", 480),
            ("MaxTimeToConsistency", 480),
            ("NamespacesMustBeReady", 600),
            ("RouteMustHaveParents", 480),
            ("DefaultTestTimeout", 480),
        ],
    }
}

/// Parameters of the class. Targets are checked as often as AWS allows, and drain as long as connections of the suite last.
/// Authorities of client certificates go to the bucket that a fresh account of the simulator has.
fn parameters() -> Value {
    json!({
        "scheme": "InternetFacing",
        "trustStoreBucket": "gatewright-trust-123456789012",
        "targetGroups": {
            "healthCheck": {"intervalSeconds": 5, "timeoutSeconds": 2, "healthyThreshold": 2, "unhealthyThreshold": 2},
            "attributes": {"deregistration_delay.timeout_seconds": "10"},
        },
    })
}

/// The suite as a step of the tests: a part of it, with `full` all of it.
///
/// # Errors
/// When a test fails.
pub fn run_step(full: bool) -> Result<()> {
    cluster::require()?;
    let args = Args {
        provider: Provider::AwsAlb,
        name: "conformance-alb".to_owned(),
        ..Args::first()
    };
    let suite = super::build_suite(&args)?;
    let tests = if full { ALL.to_owned() } else { part() };
    let outcome = run(&args, &suite, &tests).with_context(|| args.title())?;
    args.at_least(outcome.passed, if full { PASSED } else { QUICK.len() })
}

const ALL: &str = "TestConformance";

fn part() -> String {
    format!("{ALL}/^({})$", QUICK.join("|"))
}

/// Runs all of the suite, or the part that was asked for, and marks its report.
pub(super) fn run_suite(args: &Args, suite: &Path) -> Result<()> {
    ensure!(!args.preview, "--preview is for the bundled proxy");
    let tests = if args.part { part() } else { ALL.to_owned() };
    let outcome = run(args, suite, &tests)?;
    if args.run_test.is_none() {
        mark(args)?;
    }
    args.at_least(outcome.passed, if args.part { QUICK.len() } else { PASSED })
}

fn run(args: &Args, suite: &Path, tests: &str) -> Result<Outcome> {
    let class = |cluster: &Cluster, aws: &Aws| aws.class(cluster, (CLASS, simulated::ALB), &parameters());
    installed(args, class, |cluster| suite_in(cluster, args, suite, tests))
}

/// Installs the controller beside a simulator, makes the class of the suite, and does the work.
pub(super) fn installed<T>(
    args: &Args,
    class: impl FnOnce(&Cluster, &Aws) -> Result<()>,
    work: impl FnOnce(&Cluster) -> Result<T>,
) -> Result<T> {
    let begun = Instant::now();
    let simulator = built("gatewright-aws-simulator")?;
    let cluster = Cluster::here(&args.name);
    if args.reuse {
        Aws::start(&cluster, &simulator, args.pace)?;
        return work(&cluster);
    }
    let installation = match &args.controller {
        Some(program) => Installation::of_program(Part::Controller, program)?,
        None => Installation::build_part(Part::Controller, &args.profile)?,
    };
    eprintln!("    built in {} s", begun.elapsed().as_secs());
    let begun = Instant::now();
    cluster.during(&args.up(), After::of(args.keep), |cluster| {
        let aws = Aws::start(cluster, &simulator, args.pace)?;
        let mut settings = aws.chart();
        settings.push("gatewayClass.create=false".to_owned());
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        installation.install(cluster, &settings)?;
        class(cluster, &aws)?;
        eprintln!(
            "    cluster with Gatewright and AWS after {} s",
            begun.elapsed().as_secs()
        );
        work(cluster)
    })
}

fn suite_in(cluster: &Cluster, args: &Args, suite: &Path, tests: &str) -> Result<Outcome> {
    let suite = suite.display().to_string();
    let skipped: Vec<&str> = SKIPPED.iter().map(|(test, _)| *test).collect();
    let skipped = skipped.join(",");
    let raised = timeouts(args.pace)
        .iter()
        .map(|(name, seconds)| format!("{name}:{seconds}"));
    let raised = raised.collect::<Vec<_>>().join(";");
    let mut line = common(&suite, CLASS, tests);
    line.extend(["--conformance-profiles", PROFILE, "--mode", "simulated-aws-alb"]);
    line.extend(["--skip-tests", &skipped, "--timeout-config-overrides", &raised]);
    test(cluster, args, &line)
}

/// Says at the top of a report what it is.
fn mark(args: &Args) -> Result<()> {
    let path = args.report()?;
    let report = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = heading(args) + &report;
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn heading(args: &Args) -> String {
    let pace = args.pace;
    let mut text = String::from(
        "# Run against a simulator of AWS (e2e/aws), not against AWS: evidence for this project. Never to be submitted,\n\
         # and never to be quoted as a report on AWS.\n",
    );
    let mut add = |line: String| {
        text.push_str("# ");
        text.push_str(&line);
        text.push('\n');
    };
    add(format!(
        "Command: cargo xtask conformance --provider aws-alb --pace {}{}",
        pace.name(),
        if args.part { " --part" } else { "" }
    ));
    if args.part {
        add(format!("Tests, a part of the suite: {}", QUICK.join(", ")));
    }
    add(format!("Delays: {}", pace.told()));
    add(format!("Parameters of the class: {}", parameters()));
    let raised = timeouts(pace)
        .iter()
        .map(|(name, seconds)| format!("{name} {seconds} s"));
    add(format!(
        "Timeouts of the suite that are raised: {}",
        raised.collect::<Vec<_>>().join(", ")
    ));
    for (test, why) in SKIPPED {
        add(format!("Skipped: {test}: {why}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody shall take a report for one on AWS, or miss what was changed for it.
    #[test]
    fn reports_say_what_they_are() {
        let text = heading(&Args {
            provider: Provider::AwsAlb,
            pace: Pace::Aws,
            part: true,
            ..Args::first()
        });
        for part in [
            "not against AWS",
            "Never to be submitted",
            "--pace aws --part",
            "HTTPRouteWeight",
            "90000",
            "DeleteTimeout 300 s",
            "HTTPRouteRequestHeaderModifier",
            "https://docs.aws.amazon.com/",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.lines().all(|line| line.starts_with("# ")), "{text}");
    }
}
