//! `cargo xtask test`: what CI runs, step by step.

mod full;
mod record;
pub mod report;

use crate::run::{cargo, run, this_program};
use crate::{
    aws, charts, cluster, conformance, crds, deployment, fuzz, image, layers, replay, scenarios, sim,
    terraform, tools,
};
use anyhow::{Context, Result, bail};
use record::Tells;
use report::{Done, Start};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Run also what takes long (long fuzz runs, heavy load), everything whatever fails, and write a report below
    /// docs/development/full-runs.
    #[arg(long)]
    full: bool,
    /// Write the report there, whatever runs.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Run only the named steps (repeatable); `--list` shows them.
    #[arg(long = "step", value_name = "NAME")]
    steps: Vec<String>,
    /// Leave out the named steps (repeatable).
    #[arg(long = "without", value_name = "NAME")]
    without: Vec<String>,
    /// Leave out the steps that run a cluster, which takes root and packages of Debian.
    #[arg(long)]
    no_cluster: bool,
    /// List the steps and stop.
    #[arg(long)]
    list: bool,
}

/// One step of the run.
struct Step {
    name: &'static str,
    about: &'static str,
    /// Part of `--full` only.
    full: bool,
    /// Runs a cluster in namespaces of this machine, which takes root.
    cluster: bool,
    /// What of its output is kept in a report.
    tells: Tells,
    run: fn(&Args) -> Result<()>,
}

const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "formatting",
        full: false,
        cluster: false,
        tells: Tells::Nothing,
        run: |_| run(&mut cargo(&["fmt", "--all", "--check"])),
    },
    Step {
        name: "layers",
        about: "dependencies between crates run one way",
        full: false,
        cluster: false,
        tells: Tells::Nothing,
        run: |_| layers::check(),
    },
    Step {
        name: "crds",
        about: "generated files of crds/ are as generated",
        full: false,
        cluster: false,
        tells: Tells::Nothing,
        run: |_| crds::check(),
    },
    Step {
        name: "charts",
        about: "charts are right, and what is rendered from them is current",
        full: false,
        cluster: false,
        tells: Tells::Nothing,
        run: |_| charts::check(),
    },
    Step {
        name: "clippy",
        about: "lints, warnings denied",
        full: false,
        cluster: false,
        tells: Tells::Nothing,
        run: |_| {
            run(&mut cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ]))
        },
    },
    Step {
        name: "docs",
        about: "generated pages are current",
        full: false,
        cluster: false,
        tells: Tells::Nothing,
        run: |_| crate::docs::run(&crate::docs::Args::check()),
    },
    Step {
        name: "deny",
        about: "licences and sources of dependencies",
        full: false,
        cluster: false,
        tells: Tells::Nothing,
        run: |_| deny(),
    },
    Step {
        name: "locks",
        about: "lock files of the fuzz targets are current",
        full: false,
        cluster: false,
        tells: Tells::Nothing,
        run: |_| fuzz::check_locks(),
    },
    Step {
        name: "unit",
        about: "unit, property, golden and traffic tests of all crates",
        full: false,
        cluster: false,
        tells: Tells::Tests,
        run: |_| unit(),
    },
    Step {
        name: "aws-clients",
        about: "boto3, the AWS CLI and, where it is installed, Terraform drive the AWS simulator; moto as a second opinion",
        full: false,
        cluster: false,
        tells: Tells::Only(&[" checks ", " passed", "NOT RUN"]),
        run: |_| aws::check_clients(),
    },
    Step {
        name: "terraform",
        about: "Terraform modules are formatted and documented; validated and tested where Terraform and its plugin are installed",
        full: false,
        cluster: false,
        tells: Tells::Only(&["NOT RUN", "Success!", " passed"]),
        run: |_| terraform::check(),
    },
    Step {
        name: "aws-quickstart",
        about: "AWS from manifests to curl, as the documentation shows it",
        full: false,
        cluster: false,
        tells: Tells::Nothing,
        run: |_| sim::check(),
    },
    Step {
        name: "cluster",
        about: "a Kubernetes cluster of this machine's namespaces starts, works and leaves nothing",
        full: false,
        cluster: true,
        tells: Tells::Only(&["--- PASS: Test", "one kill ended", "up in "]),
        run: |_| cluster::check(),
    },
    Step {
        name: "conformance",
        about: "the official conformance suite, dedicated proxies; with --full in every mode",
        full: false,
        cluster: true,
        tells: Tells::Only(&["tests passed, ", "the suite took"]),
        run: |args| conformance::run_step(args.full),
    },
    Step {
        name: "conformance-alb",
        about: "the conformance suite against simulated Application Load Balancers; with --full all of it",
        full: false,
        cluster: true,
        tells: Tells::Only(&["tests passed, ", "the suite took"]),
        run: |args| conformance::run_alb_step(args.full),
    },
    Step {
        name: "conformance-nlb",
        about: "the suite's tests of TCPRoute, UDPRoute and TLSRoute against simulated Network Load Balancers",
        full: true,
        cluster: true,
        tells: Tells::Only(&["tests passed, ", "results: "]),
        run: |_| conformance::run_nlb_step(),
    },
    Step {
        name: "conformance-lattice",
        about: "those of the suite's core tests of HTTP that VPC Lattice can pass, against the simulated one",
        full: true,
        cluster: true,
        tells: Tells::Only(&["tests passed, ", "results: "]),
        run: |_| conformance::run_lattice_step(),
    },
    Step {
        name: "scenarios-aws",
        about: "the controller in a cluster with simulated AWS: refusals, deletion, no request lost; with --full all",
        full: false,
        cluster: true,
        tells: Tells::Lines,
        run: |args| scenarios::run_aws_step(args.full),
    },
    Step {
        name: "replay",
        about: "validation and a real API server say the same of every manifest",
        full: false,
        cluster: true,
        tells: Tells::Only(&[" documents", " took "]),
        run: |args| {
            replay::run_all(&if args.full {
                replay::Args::all()
            } else {
                replay::Args::newest()
            })
        },
    },
    Step {
        name: "stay",
        about: "no request is lost while everything changes or restarts, in both modes; with --full at full length",
        full: false,
        cluster: true,
        tells: Tells::Only(&["--- PASS: Test", "_test.go:", "load.go:"]),
        run: |args| deployment::stay_step(args.full),
    },
    Step {
        name: "deployment",
        about: "the charts installed, upgraded under load, used and removed in a cluster",
        full: true,
        cluster: true,
        tells: Tells::Only(&["--- PASS: Test", "_test.go:", "load.go:"]),
        run: |_| deployment::run_tests(&deployment::Args::all()),
    },
    Step {
        name: "scenarios",
        about: "bad input, and what the suite does not test; with --full longer, with programs of others, and shared proxies",
        full: false,
        cluster: true,
        tells: Tells::Lines,
        run: |args| scenarios::run_step(args.full),
    },
    Step {
        name: "image-size",
        about: "the release's image of the proxies is smaller than 25 MiB",
        full: true,
        cluster: false,
        tells: Tells::Only(&["unpacked"]),
        run: |_| image::check_size(),
    },
    Step {
        name: "mutated",
        about: "1,000,000 mutated manifests",
        full: true,
        cluster: false,
        tells: Tells::Lines,
        run: |_| full::mutated(),
    },
    Step {
        name: "scale",
        about: "10,000 routes and thousands of idle connections in one process",
        full: true,
        cluster: false,
        tells: Tells::Lines,
        run: |_| full::scale(),
    },
    Step {
        name: "fan-out",
        about: "one change among 10,000 routes on 500 connected proxies",
        full: true,
        cluster: false,
        tells: Tells::Lines,
        run: |_| full::fan_out(),
    },
    Step {
        name: "aws-scale",
        about: "1,000 Gateways within the limits of an AWS account; connections cut at every write",
        full: true,
        cluster: false,
        tells: Tells::Lines,
        run: |_| full::aws(),
    },
    Step {
        name: "long",
        about: "10,000 changes under load, 10,000 idle connections, hostile files",
        full: true,
        cluster: false,
        tells: Tells::Lines,
        run: |_| full::long(),
    },
    Step {
        name: "fuzz",
        about: "coverage-guided fuzzing, five minutes for each target",
        full: true,
        cluster: false,
        tells: Tells::Only(&["==> fuzzing", "stat::number_of_executed_units"]),
        run: |_| fuzz::run_targets(&fuzz::Args::all(300)),
    },
];

/// Runs the steps; a summary with times closes the output.
pub fn run_steps(args: &Args) -> Result<()> {
    for name in args.steps.iter().chain(&args.without) {
        if !STEPS.iter().any(|step| step.name == name) {
            bail!("there is no step `{name}`; `cargo xtask test --list` shows them");
        }
    }
    let chosen = |step: &&Step| {
        let unwanted = args.no_cluster && step.cluster;
        if unwanted || args.without.iter().any(|name| name == step.name) {
            return false;
        }
        if args.steps.is_empty() {
            args.full || !step.full
        } else {
            args.steps.iter().any(|name| name == step.name)
        }
    };
    if args.list {
        for step in STEPS {
            println!(
                "{:<12} {}{}{}",
                step.name,
                step.about,
                if step.full { " (--full)" } else { "" },
                if step.cluster { " (needs root)" } else { "" },
            );
        }
        return Ok(());
    }
    let steps: Vec<&Step> = STEPS.iter().filter(chosen).collect();
    before(&steps, cluster::require)?;
    let everything = args.full && args.steps.is_empty();
    if let Some(place) = &args.report {
        return run_recorded(args, &steps, Some(place));
    }
    if everything {
        return run_recorded(args, &steps, None);
    }
    let started = Instant::now();
    let mut times = Vec::new();
    for step in steps {
        eprintln!("==> {}: {}", step.name, step.about);
        let begin = Instant::now();
        (step.run)(args).with_context(|| format!("step `{}`", step.name))?;
        times.push((step.name, begin.elapsed()));
    }
    eprintln!("==> all steps passed in {} s", started.elapsed().as_secs());
    for (name, time) in &times {
        eprintln!("    {name:<11} {:>5} s", time.as_secs());
    }
    println!("{} passed, 0 failed", times.len());
    Ok(())
}

/// What the steps need of the machine, said before the first of them: those that need it come after half an hour.
fn before(steps: &[&Step], clusters: impl FnOnce() -> Result<()>) -> Result<()> {
    match steps.iter().find(|step| step.cluster) {
        Some(step) => clusters().with_context(|| format!("step `{}`", step.name)),
        None => Ok(()),
    }
}

/// Runs each step as a command of its own, to the last whatever fails, and writes down what they said: again after
/// each, so that a run that is cut short leaves a report as well.
fn run_recorded(args: &Args, steps: &[&Step], place: Option<&Path>) -> Result<()> {
    let start = Start::now()?;
    let place = place.map_or_else(|| start.place(), Path::to_path_buf);
    let mut done = Vec::new();
    for step in steps {
        let begin = Instant::now();
        let mut one = Command::new(this_program()?);
        one.args(["test", "--step", step.name]);
        one.args(args.full.then_some("--full"));
        let (status, lines) = record::tee(&mut one)?;
        done.push(Done {
            name: step.name,
            about: step.about,
            took: begin.elapsed(),
            passed: status.success(),
            lines,
            tells: step.tells,
        });
        report::write(&place, &line(args), &start, &done)?;
    }
    for step in &done {
        let verdict = if step.passed { "passed" } else { "FAILED" };
        eprintln!("    {:<11} {:>5} s  {verdict}", step.name, step.took.as_secs());
    }
    let failed = done.iter().filter(|step| !step.passed).count();
    println!("{} passed, {failed} failed", done.len() - failed);
    if failed > 0 {
        bail!("{failed} steps failed; the report is {}", place.display());
    }
    Ok(())
}

/// The command that runs these steps.
fn line(args: &Args) -> String {
    let mut line = "cargo xtask test".to_owned();
    let mut add = |word: &str| {
        line.push(' ');
        line.push_str(word);
    };
    if args.full {
        add("--full");
    }
    if args.no_cluster {
        add("--no-cluster");
    }
    args.steps.iter().for_each(|name| add(&format!("--step {name}")));
    args.without
        .iter()
        .for_each(|name| add(&format!("--without {name}")));
    line
}

fn unit() -> Result<()> {
    let h2spec = tools::go_tool("github.com/summerwind/h2spec/cmd/h2spec")?;
    tools::go_tool("github.com/fullstorydev/grpcurl/cmd/grpcurl")?;
    let folder = h2spec.parent().context("a tool lies in a folder")?;
    // Binaries first: the end-to-end tests start them.
    run(&mut cargo(&["build", "--workspace", "--locked", "--bins"]))?;
    let features = "gatewright-traffic/external-clients";
    run(cargo(&["test", "--workspace", "--locked", "--features", features]).env("GATEWRIGHT_TOOLS", folder))
}

fn deny() -> Result<()> {
    let deny = tools::CARGO_DENY.ensure()?;
    run(crate::run::command(
        deny,
        &[
            "--locked",
            "check",
            "--hide-inclusion-graph",
            "licenses",
            "bans",
            "sources",
        ],
    )
    .env("CARGO_TERM_COLOR", "never"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(names: &[&str]) -> Vec<&'static Step> {
        let wanted = |step: &&Step| names.contains(&step.name);
        STEPS.iter().filter(wanted).collect()
    }

    /// Before anything runs, and with what this command has; what needs no cluster is not asked for one.
    #[test]
    fn what_clusters_need_is_asked_for_before_the_first_step() {
        let lacking = || bail!("no root");
        before(&steps(&["fmt", "unit", "fan-out"]), lacking).unwrap();
        let error = before(&steps(&["fmt", "cluster", "replay"]), lacking).unwrap_err();
        assert_eq!(format!("{error:#}"), "step `cluster`: no root");
    }
}
