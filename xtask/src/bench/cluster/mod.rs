//! `cargo xtask bench cluster`: installations in real clusters, measured from inside with the same program.

mod peer;
pub(super) mod report;

use super::report::machine;
use crate::cluster::{self, After, Cluster, Installation, Mode};
use crate::conformance;
use crate::image::Part;
use crate::run::{command, output};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use peer::EnvoyGateway;
use report::{Column, Figure, Report};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Name of the cluster, one after the other.
const CLUSTER: &str = "bench";

/// Arguments of `cargo xtask bench cluster`.
#[derive(clap::Args, Clone)]
#[command(after_help = "Examples:
  cargo xtask bench cluster --output docs/benchmarks/cluster.md
  cargo xtask bench cluster --peer gatewright --mode dedicated --part routes --probes 300 --profile quick-release
  cargo xtask bench cluster --peer envoy-gateway")]
pub struct Args {
    /// Only these products (repeatable).
    #[arg(long = "peer", value_enum, value_name = "NAME")]
    peers: Vec<Product>,
    /// Only these ways to serve Gatewright's Gateways (repeatable).
    #[arg(long = "mode", value_enum)]
    modes: Vec<Mode>,
    /// Only these parts (repeatable): gateways, routes, attach, load, steady, sets.
    #[arg(long = "part", value_name = "NAME", value_parser = PARTS)]
    parts: Vec<String>,
    /// New Gateways, one by one.
    #[arg(long, default_value_t = 5)]
    gateways: usize,
    /// Routes added one by one.
    #[arg(long, default_value_t = 3000)]
    probes: usize,
    /// Routes added one by one to Envoy Gateway, whose later ones take longer and longer; as many of our own first
    /// ones are told apart.
    #[arg(long, default_value_t = 300)]
    peer_probes: usize,
    /// Routes attached at once.
    #[arg(long, default_value_t = 1000)]
    attach: usize,
    /// Routes that lie there for the measurements under load.
    #[arg(long, default_value_t = 5000)]
    load: usize,
    /// Routes of a steady world.
    #[arg(long, default_value_t = 10_000)]
    steady: usize,
    /// ListenerSets, of 16 routes each.
    #[arg(long, default_value_t = 2500)]
    sets: usize,
    /// How long an idle installation is watched.
    #[arg(long, default_value = "60s")]
    idle: String,
    /// Also run the whole official conformance suite, in a cluster of its own, and time it (Envoy Gateway took 11
    /// minutes).
    #[arg(long)]
    conformance: bool,
    /// Cargo profile of the images.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Also write the report as Markdown to this file, after each installation.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Parts of the program's measurements, in their order.
const PARTS: [&str; 6] = ["gateways", "routes", "attach", "load", "steady", "sets"];

/// Those that Envoy Gateway is measured with; the others are about our own bounds.
const PEER_PARTS: [&str; 3] = ["gateways", "routes", "attach"];

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Product {
    Gatewright,
    EnvoyGateway,
}

/// One line of the program's output.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Figure(Figure),
    Failure { part: String, failed: String },
}

/// What is installed in a cluster and measured there.
enum Subject {
    Gatewright(Mode),
    EnvoyGateway,
}

impl Subject {
    const fn title(&self) -> &'static str {
        match self {
            Self::Gatewright(mode) => mode.name(),
            Self::EnvoyGateway => report::PEER,
        }
    }

    /// The GatewayClass.
    const fn class(&self) -> &'static str {
        match self {
            Self::Gatewright(_) => "gatewright",
            Self::EnvoyGateway => "envoy-gateway",
        }
    }

    /// What the official suite is to try where the class does not say it itself.
    fn features(&self) -> Result<Option<String>> {
        match self {
            Self::Gatewright(_) => Ok(None),
            Self::EnvoyGateway => peer::features().map(Some),
        }
    }

    /// Arguments of the program that only hold for it.
    fn arguments(&self, args: &Args) -> Vec<String> {
        let (probes, parts): (_, &[&str]) = match self {
            Self::Gatewright(_) => (args.probes, &PARTS),
            Self::EnvoyGateway => (args.peer_probes, &PEER_PARTS),
        };
        let wanted = |part: &&&str| args.parts.is_empty() || args.parts.iter().any(|name| name == **part);
        let parts: Vec<&str> = parts.iter().filter(wanted).copied().collect();
        [
            "--product",
            self.class(),
            "--class",
            self.class(),
            "--probes",
            &probes.to_string(),
            "--parts",
            &parts.join(","),
        ]
        .map(ToOwned::to_owned)
        .into()
    }
}

/// Measures everything asked for, one installation after the other, and prints each figure at once and a report
/// in the end. What fails is named there; the rest is measured all the same.
///
/// # Errors
/// When something could not be built, or a part failed.
pub fn run(args: &Args) -> Result<()> {
    cluster::require()?;
    let wants = |product| args.peers.is_empty() || args.peers.contains(&product);
    let tools = Tools {
        program: cluster::bench_program()?,
        suite: args.conformance.then(conformance::official).transpose()?,
    };
    let peer = if wants(Product::EnvoyGateway) {
        Some(EnvoyGateway::build()?)
    } else {
        None
    };
    let own = if wants(Product::Gatewright) {
        Some(Installation::build(&args.profile)?)
    } else {
        None
    };
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut report = Report::new(&setting()?, &format!("cargo xtask {}", words.join(" ")));
    if let Some(own) = &own {
        for (part, program) in own.programs() {
            report.image(part.name(), program, *part == Part::Proxy)?;
        }
        for mode in Mode::ALL {
            if args.modes.is_empty() || args.modes.contains(&mode) {
                let subject = Subject::Gatewright(mode);
                let column = measured(&subject, &tools, args, |cluster| {
                    own.install(cluster, &[mode.setting()])
                });
                report.add(column, args.output.as_deref())?;
            }
        }
    }
    if let Some(peer) = &peer {
        let column = measured(&Subject::EnvoyGateway, &tools, args, |cluster| {
            peer.install(cluster)
        });
        report.add(column, args.output.as_deref())?;
    }
    println!("{}", report.markdown());
    match report.failures() {
        0 => Ok(()),
        count => bail!("{count} of the measurements failed; the report names them"),
    }
}

/// Date, commit, machine, and what else it does.
///
/// # Errors
/// When the machine does not tell.
pub(super) fn setting() -> Result<String> {
    let date = output(&mut command("date", &["--utc", "+%F"]))?;
    let commit = output(&mut command("git", &["describe", "--always", "--dirty"]))?;
    let load = std::fs::read_to_string("/proc/loadavg").context("how busy the machine is")?;
    let load = load.split_whitespace().next().unwrap_or_default();
    Ok(format!(
        "{}, commit {}; {}, load average {load} before the first cluster",
        date.trim(),
        commit.trim(),
        machine()?
    ))
}

/// What is measured with.
struct Tools {
    /// The program that runs inside the cluster.
    program: PathBuf,
    /// The official conformance suite, if it is to run.
    suite: Option<PathBuf>,
}

/// Starts a cluster, installs there, and measures. A failure is part of what is answered.
fn measured(
    subject: &Subject,
    tools: &Tools,
    args: &Args,
    install: impl Fn(&Cluster) -> Result<()>,
) -> Column {
    let begun = Instant::now();
    let title = subject.title();
    eprintln!("==> {title}");
    let mut column = Column::new(title);
    let cluster = Cluster::here(CLUSTER);
    let result = cluster.during(&[], After::End, |cluster| {
        install(cluster)?;
        measure(cluster, &tools.program, &arguments(subject, args), &mut column)
    });
    if let Err(error) = result
        && column.failures.is_empty()
    {
        column.fail(format!("{error:#}"));
    }
    if let Some(suite) = &tools.suite {
        let result = cluster.during(&[], After::End, |cluster| {
            install(cluster)?;
            conformance(cluster, suite, subject, &mut column)
        });
        if let Err(error) = result {
            column.fail(format!("conformance: {error:#}"));
        }
    }
    eprintln!("    {title}: {} s", begun.elapsed().as_secs());
    column
}

/// Times a whole run of the official suite.
fn conformance(cluster: &Cluster, suite: &Path, subject: &Subject, column: &mut Column) -> Result<()> {
    let features = subject.features()?;
    let begun = Instant::now();
    let outcome = conformance::counted(cluster, suite, subject.class(), features.as_deref())?;
    let took = begun.elapsed().as_secs_f64();
    let of = |key, measure, value, unit| Figure::new(&format!("conformance.{key}"), measure, value, unit);
    column.add(of("took", "whole official conformance run", took, "s"));
    column.add(of("passed", "its tests that passed", outcome.passed as f64, ""));
    column.add(of("failed", "its tests that failed", outcome.failed as f64, ""));
    column.add(of(
        "skipped",
        "its tests that were left out",
        outcome.skipped as f64,
        "",
    ));
    Ok(())
}

/// Arguments of the program.
fn arguments(subject: &Subject, args: &Args) -> Vec<String> {
    let mut all = subject.arguments(args);
    let numbers = [
        ("--gateways", args.gateways),
        ("--compare", args.peer_probes),
        ("--attach", args.attach),
        ("--load", args.load),
        ("--steady", args.steady),
        ("--sets", args.sets),
    ];
    all.extend(
        numbers
            .into_iter()
            .flat_map(|(name, number)| [name.to_owned(), number.to_string()]),
    );
    all.extend(["--idle".to_owned(), args.idle.clone()]);
    all
}

/// Runs the program inside a cluster, and takes in its figures.
///
/// # Errors
/// When the program fails.
pub(super) fn measure(
    cluster: &Cluster,
    program: &Path,
    arguments: &[String],
    column: &mut Column,
) -> Result<()> {
    let program = program.display().to_string();
    let mut line = vec![program.as_str()];
    line.extend(arguments.iter().map(String::as_str));
    cluster.lines(&line, |text| {
        match serde_json::from_str(text).with_context(|| format!("reading {text}"))? {
            Line::Figure(figure) => column.add(figure),
            Line::Failure { part, failed } => column.fail(format!("{part}: {failed}")),
        }
        Ok(())
    })
}
