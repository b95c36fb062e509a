//! `cargo xtask bench cluster`: an installation in a real cluster, measured from inside.

use super::report;
use crate::cluster::{self, Cluster};
use crate::image::{self, Part, REGISTRY};
use crate::run::root;
use crate::tools;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

/// Namespace of the controller.
const NAMESPACE: &str = "gatewright-system";

/// Arguments of `cargo xtask bench cluster`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench cluster
  cargo xtask bench cluster --probes 300 --load 500 --idle 10s")]
pub struct Args {
    /// Routes added one by one.
    #[arg(long, default_value_t = 3000)]
    probes: usize,
    /// Routes attached at once.
    #[arg(long, default_value_t = 1000)]
    attach: usize,
    /// Routes that lie there for the measurements under load.
    #[arg(long, default_value_t = 5000)]
    load: usize,
    /// How long an idle installation is watched.
    #[arg(long, default_value = "60s")]
    idle: String,
    /// Cargo profile of the images.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Also write the report as Markdown to this file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// One line of the program's output.
#[derive(Deserialize)]
struct Line {
    measure: String,
    value: String,
    #[serde(default)]
    target: String,
}

/// Measures dedicated, then shared proxies, and prints both.
///
/// # Errors
/// When a cluster does not start or a measurement fails.
pub fn run(args: &Args) -> Result<()> {
    cluster::require()?;
    let helm = tools::helm()?.display().to_string();
    let program = cluster::bench_program()?;
    let mut images = Vec::new();
    for part in [Part::Controller, Part::Proxy] {
        images.push((part, image::program(part, &args.profile)?));
    }
    let mut text = format!(
        "# A cluster, measured\n\nMachine: {}\n\nCommand: `cargo xtask bench cluster --probes {} --attach {} --load {} --idle {} \
         --profile {}`\n",
        report::machine()?,
        args.probes,
        args.attach,
        args.load,
        args.idle,
        args.profile
    );
    for (part, program) in &images {
        let size = std::fs::metadata(program)?.len() as f64 / f64::from(1 << 20);
        writeln!(text, "\nProgram of the {} image: {size:.1} MiB.", part.name())?;
    }
    for mode in ["Dedicated", "Shared"] {
        let begun = Instant::now();
        let cluster = Cluster {
            name: "bench".to_owned(),
        };
        cluster.run(&["up"])?;
        let lines = install(&cluster, &helm, &images, mode).and_then(|()| measure(&cluster, &program, args));
        cluster.run(&["down"])?;
        writeln!(
            text,
            "\n## {mode} proxies\n\n| measure | value | target |\n|---|---|---|"
        )?;
        for line in lines? {
            writeln!(text, "| {} | {} | {} |", line.measure, line.value, line.target)?;
        }
        eprintln!("    {mode}: {} s", begun.elapsed().as_secs());
    }
    println!("{text}");
    if let Some(output) = &args.output {
        std::fs::write(output, text).with_context(|| format!("writing {}", output.display()))?;
    }
    Ok(())
}

fn install(cluster: &Cluster, helm: &str, images: &[(Part, PathBuf)], mode: &str) -> Result<()> {
    for (part, program) in images {
        let tag = format!("{REGISTRY}/{}:dev", part.name());
        cluster.run(&["load-image", &program.display().to_string(), "--tag", &tag])?;
    }
    let chart = |name: &str| root().join("deploy/charts").join(name).display().to_string();
    let release = |name: &str, settings: &[&str]| {
        let chart = chart(name);
        let line = [
            helm,
            "upgrade",
            "--install",
            name,
            &chart,
            "--namespace",
            NAMESPACE,
            "--create-namespace",
            "--wait",
        ];
        cluster.inside(&[&line, settings].concat())
    };
    release("gatewright-crds", &[])?;
    let mode = format!("gatewayClass.parameters.mode={mode}");
    release(
        "gatewright",
        &[
            "--set",
            "image.tag=dev",
            "--set",
            "proxy.image.tag=dev",
            "--set",
            "replicaCount=1",
            "--set",
            &mode,
        ],
    )
}

fn measure(cluster: &Cluster, program: &std::path::Path, args: &Args) -> Result<Vec<Line>> {
    let text = cluster.output(&[
        &program.display().to_string(),
        "--probes",
        &args.probes.to_string(),
        "--attach",
        &args.attach.to_string(),
        "--load",
        &args.load.to_string(),
        "--idle",
        &args.idle,
    ])?;
    text.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).with_context(|| format!("reading {line}")))
        .collect()
}
