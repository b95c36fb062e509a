//! `cargo xtask bench aws`: what a controller takes that keeps many load balancers of AWS, with the objects of
//! Kubernetes, in a real cluster.

use super::cluster::report::{Column, Report};
use super::cluster::{measure, setting};
use crate::cluster::{self, After, Cluster, Installation};
use crate::image::Part;
use crate::simulated::{self, Aws, Pace};
use anyhow::{Result, bail};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `cargo xtask bench aws`.
#[derive(clap::Args, Clone)]
#[command(after_help = "Examples:
  cargo xtask bench aws --output docs/benchmarks/aws-cluster.md
  cargo xtask bench aws --gateways 20 --look 0s")]
pub struct Args {
    /// Gateways, each with an Application Load Balancer.
    #[arg(long, default_value_t = 1000)]
    gateways: usize,
    /// Routes of each Gateway, with a Service each.
    #[arg(long, default_value_t = 10)]
    routes: usize,
    /// How long the idle controller is watched.
    #[arg(long, default_value = "60s")]
    idle: String,
    /// How long it is watched after that: the controller looks at everything every ten minutes. `0s` leaves it out.
    #[arg(long, default_value = "15m")]
    look: String,
    /// Cargo profile of the controller.
    #[arg(long, default_value = "quick-release")]
    profile: String,
    /// A static program of the controller, in place of a new build.
    #[arg(long, value_name = "FILE")]
    controller: Option<PathBuf>,
    /// Leave the cluster running.
    #[arg(long)]
    keep: bool,
    /// Also write the report as Markdown to this file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Name of the cluster.
const CLUSTER: &str = "bench-aws";

/// Name of the class, and title of its column.
const CLASS: &str = "aws-alb";

/// Calls a second and at once, by bucket: as an account whose limits were raised, so that it takes minutes and not hours.
const RATES: [(&str, u32, u32); 6] = [
    ("elb_describe", 400, 800),
    ("elb_modify", 200, 400),
    ("elb_targets", 200, 400),
    ("ec2_read", 400, 800),
    ("ec2_write", 100, 200),
    ("tagging_read", 100, 200),
];

/// Addresses of pods that there are not: of the pods' network, and far from those of real ones. The program that measures
/// answers there.
const PODS: [&str; 2] = ["10.244.64.0/18", "10.244.128.0/17"];

/// What the figures mean.
const ABOUT: &str = "A controller of Gatewright in a cluster of its own (`docs/development/cluster.md`), with the chart's defaults but `aws.callRates`, and AWS
as the simulator of `e2e/aws` has it, which answers at once and keeps its own quotas, raised for that many load balancers. Each
Gateway has one listener, and routes with a hostname and a path prefix; each route has a headless Service of its own with two addresses in
an EndpointSlice. No pods are there, but something that answers health checks. API server, etcd and simulator share the machine.

Memory is the resident set of the controller's process. Writes of objects are the API server's own count of writing requests that
succeeded, by anybody; reads and writes of AWS are the simulator's. A look at everything reads all that exists on AWS anew.
";

/// Measures, prints each figure at once and a report in the end.
///
/// # Errors
/// When something cannot be built or started, or a measurement failed; figures beyond their targets are marked alone.
pub fn run(args: &Args) -> Result<()> {
    cluster::require()?;
    let program = cluster::bench_program()?;
    let simulator = simulated::build_optimised()?;
    let installation = match &args.controller {
        Some(program) => Installation::of_program(Part::Controller, program)?,
        None => Installation::build_part(Part::Controller, &args.profile)?,
    };
    let words: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("cargo xtask {}", words.join(" "));
    let mut report = Report::of(
        ("Many load balancers of AWS, measured", ABOUT),
        &setting()?,
        &command,
    );
    for (part, program) in installation.programs() {
        report.image(part.name(), program, false)?;
    }
    let mut column = Column::new(CLASS);
    let cluster = Cluster::here(CLUSTER);
    let measured = cluster.during(&[], After::of(args.keep), |cluster| {
        install(cluster, &simulator, &installation, args)?;
        measure(cluster, &program, &arguments(args), &mut column)
    });
    if let Err(error) = measured
        && column.failures.is_empty()
    {
        column.fail(format!("{error:#}"));
    }
    report.add(column, args.output.as_deref())?;
    println!("{}", report.markdown());
    match report.failures() {
        0 => Ok(()),
        _ => bail!("the measurement failed; the report says why"),
    }
}

/// Brings AWS, the controller and the class to a cluster.
fn install(cluster: &Cluster, simulator: &Path, installation: &Installation, args: &Args) -> Result<()> {
    let aws = Aws::start(cluster, simulator, Pace::Quick)?;
    Aws::make_room(cluster, args.gateways, args.routes)?;
    let mut settings = aws.chart();
    settings.push("gatewayClass.create=false".to_owned());
    settings.extend(rates());
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    installation.install(cluster, &settings)?;
    for network in PODS {
        cluster.inside(&["ip", "route", "replace", "local", network, "dev", "lo"])?;
    }
    // All checks of tens of thousands of targets are this machine's.
    let parameters = json!({
        "scheme": "Internal",
        "targetGroups": {"healthCheck": {"intervalSeconds": 300, "timeoutSeconds": 2}},
    });
    aws.class(cluster, (CLASS, simulated::ALB), &parameters)
}

/// The chart's settings for raised limits of requests.
fn rates() -> impl Iterator<Item = String> {
    RATES.into_iter().flat_map(|(bucket, per_second, burst)| {
        let path = format!("aws.callRates.{bucket}");
        [
            format!("{path}.perSecond={per_second}"),
            format!("{path}.burst={burst}"),
        ]
    })
}

/// Arguments of the program that measures.
fn arguments(args: &Args) -> Vec<String> {
    let all = [
        ("--parts", "balancers"),
        ("--product", "gatewright"),
        ("--class", CLASS),
        ("--simulator", Aws::admin()),
        ("--balancers", &args.gateways.to_string()),
        ("--backends", &args.routes.to_string()),
        ("--idle", &args.idle),
        ("--look", &args.look),
    ];
    all.into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value.to_owned()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::root;

    /// The chart refuses any other bucket; that is seen here, and not after a build.
    #[test]
    fn rates_are_those_that_the_chart_knows() {
        let schema =
            std::fs::read_to_string(root().join("deploy/charts/gatewright/values.schema.json")).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        let known = &schema["properties"]["aws"]["properties"]["callRates"]["properties"];
        for (bucket, ..) in RATES {
            assert!(known.get(bucket).is_some(), "{bucket}");
        }
        assert_eq!(
            rates().next().as_deref(),
            Some("aws.callRates.elb_describe.perSecond=400")
        );
    }
}
