//! `cargo xtask conformance`: the official Gateway API conformance suite, as published, against our own
//! Helm chart in a cluster of its own.

use crate::cluster::{self, Cluster};
use crate::image::{self, Part, REGISTRY};
use crate::run::{cache_dir, command, root, run};
use crate::tools;
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// GatewayClass of the suite's Gateways.
const CLASS: &str = "gateway-conformance";

/// Namespace of the controller.
const NAMESPACE: &str = "gatewright-system";

/// All profiles of Gateways.
const PROFILES: &str = "GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS,GATEWAY-TCP,GATEWAY-UDP";

/// How Gateways are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Each Gateway has proxies of its own.
    Dedicated,
    /// All Gateways of the class share proxies.
    Shared,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Dedicated => "dedicated",
            Self::Shared => "shared",
        }
    }
}

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
    let first = Args {
        mode: Mode::Dedicated,
        channel: "experimental".to_owned(),
        preview: false,
        run_test: None,
        name: "conformance-step".to_owned(),
        keep: false,
        report: None,
        profile: "quick-release".to_owned(),
    };
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
    let helm = tools::helm()?;
    let controller = image::program(Part::Controller, &args.profile)?;
    let proxy = image::program(Part::Proxy, &args.profile)?;
    eprintln!("    built in {} s", begun.elapsed().as_secs());
    let begun = Instant::now();
    let cluster = Cluster {
        name: args.name.clone(),
    };
    cluster.run(&["up", "--bundle", args.bundle(), "--channel", &args.channel])?;
    for (part, program) in [(Part::Controller, &controller), (Part::Proxy, &proxy)] {
        let tag = format!("{REGISTRY}/{}:dev", part.name());
        cluster.run(&["load-image", &program.display().to_string(), "--tag", &tag])?;
    }
    let result = install(&cluster, &helm, args).and_then(|()| {
        eprintln!(
            "    cluster with Gatewright after {} s",
            begun.elapsed().as_secs()
        );
        let begun = Instant::now();
        let result = test(&cluster, &suite, args);
        eprintln!("    the suite took {} s", begun.elapsed().as_secs());
        result
    });
    if !args.keep {
        cluster.run(&["down"])?;
    }
    result
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

fn install(cluster: &Cluster, helm: &Path, args: &Args) -> Result<()> {
    let chart = |name: &str| root().join("deploy/charts").join(name).display().to_string();
    let helm = helm.display().to_string();
    let common = [
        "--namespace",
        NAMESPACE,
        "--create-namespace",
        "--wait",
        "--timeout",
        "2m",
    ];
    let crds = chart("gatewright-crds");
    cluster.inside(
        &[
            &[&helm, "upgrade", "--install", "gatewright-crds", &crds],
            &common[..],
        ]
        .concat(),
    )?;
    let parameters = format!(
        "apiVersion: gatewright.dev/v1alpha1\nkind: SoftwareGatewayParameters\nmetadata: {{name: conformance, namespace: \
         {NAMESPACE}}}\nspec: {{mode: {}}}\n",
        match args.mode {
            Mode::Dedicated => "Dedicated",
            Mode::Shared => "Shared",
        }
    );
    let file = cache_dir().join("conformance").join("parameters.yaml");
    std::fs::write(&file, parameters)?;
    cluster.inside(&["kubectl", "apply", "-f", &file.display().to_string()])?;
    let release = chart("gatewright");
    let class = format!("gatewayClass.name={CLASS}");
    let namespace = format!("gatewayClass.parametersRef.namespace={NAMESPACE}");
    let settings = [
        "--set",
        "image.tag=dev",
        "--set",
        "proxy.image.tag=dev",
        "--set",
        "replicaCount=1",
        "--set",
        &class,
        "--set",
        "gatewayClass.parametersRef.name=conformance",
        "--set",
        &namespace,
    ];
    cluster.inside(
        &[
            &[&helm, "upgrade", "--install", "gatewright", &release],
            &common[..],
            &settings[..],
        ]
        .concat(),
    )
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
    let version = env!("CARGO_PKG_VERSION");
    let mut line = vec![
        suite.as_str(),
        "-test.v",
        "-test.run",
        "TestConformance",
        "-test.timeout",
        "60m",
        "--gateway-class",
        CLASS,
        "--conformance-profiles",
        PROFILES,
        "--organization",
        "gatewright",
        "--project",
        "gatewright",
        "--url",
        "https://gatewright.dev",
        "--version",
        version,
        "--contact",
        "https://gatewright.dev/contact",
        "--mode",
        args.mode.name(),
        "--usable-address",
        USABLE,
        "--unusable-address",
        UNUSABLE,
    ];
    if let Some(test) = &args.run_test {
        line.extend(["--run-test", test]);
    } else {
        line.extend(["--report-output", &report]);
    }
    cluster.inside(&line)?;
    if args.run_test.is_none() {
        eprintln!("    report: {report}");
    }
    Ok(())
}

/// An address of the cluster's load balancers, and one that no load balancer there has.
const USABLE: &str = "172.30.1.200";
const UNUSABLE: &str = "203.0.113.99";
