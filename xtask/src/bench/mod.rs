//! `cargo xtask bench`: the proxy beside nginx, HAProxy and Envoy on this machine, in one run.
//!
//! Every proxy runs with one worker on core 0; the load generator and the origin run on core 1. Each
//! round measures every proxy once, in shuffled order, so that a disturbance hits all alike. Results are
//! medians over the rounds and ratios of medians; a ratio whose spread contains its target is reported
//! as undecided. Load is bounded and stays on loopback.

mod alone;
mod aws;
mod cluster;
mod criterion;
pub mod datagrams;
mod idle;
mod load;
mod manifests;
mod peers;
mod process;
mod report;
mod scenario;
mod setup;
mod stream;
mod target;

use anyhow::{Context, Result, bail};
use peers::Peer;
use report::Sample;
use scenario::{SCENARIOS, Scenario};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench                                  everything, about 70 minutes
  cargo xtask bench --scenario h1-small --rounds 5   one scenario, quickly
  cargo xtask bench --output docs/benchmarks/2026-11-21.md
  cargo xtask bench cluster                          an installation in a real cluster
  cargo xtask bench aws                              a controller with 1,000 load balancers of AWS")]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// What to measure; by default the proxy beside its peers.
    #[command(subcommand)]
    what: Option<What>,
    /// Interleaved rounds per scenario.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Seconds of load per measurement, after one second of warm-up.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Only these scenarios (repeatable).
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,
    /// Only these proxies (repeatable): gatewright, nginx, haproxy, envoy.
    #[arg(long = "peer", value_name = "NAME")]
    peers: Vec<String>,
    /// Use this gatewright binary instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Also write the report as Markdown to this file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum What {
    /// An installation in a cluster of its own: propagation of routes, status writes, memory.
    Cluster(cluster::Args),
    /// A controller with many load balancers of a simulated AWS, in a cluster of its own: memory, writes, calls.
    Aws(aws::Args),
}

/// Runs the benchmarks and prints the report. A scenario that fails costs neither the others nor the report.
///
/// # Errors
/// When nothing can be measured, or with the scenarios that failed.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        Some(What::Cluster(args)) => return cluster::run(args),
        Some(What::Aws(args)) => return aws::run(args),
        None => {}
    }
    let scenarios: Vec<&Scenario> = pick(SCENARIOS, &args.scenarios, |scenario| scenario.name)?;
    let peers: Vec<&'static Peer> = pick(peers::PEERS, &args.peers, |peer| peer.name)?;
    let bench = setup::Bench::prepare(args.binary.clone(), &peers)?;
    let mut report = report::Report::new(args.rounds, args.seconds, &bench)?;
    let mut failed = Vec::new();
    for scenario in scenarios {
        eprintln!("==> {}: {}", scenario.name, scenario.about);
        let measured = scenario.measure_all(args.rounds).and_then(|alone| match alone {
            Some(samples) => Ok(BTreeMap::from([("gatewright".to_owned(), samples)])),
            None => measure(&bench, scenario, &peers, args),
        });
        match measured {
            Ok(samples) => {
                report.add(scenario, &samples);
                eprintln!("{}", report.last());
            }
            Err(error) => {
                eprintln!("    failed: {error:#}");
                failed.push(format!("{}: {error:#}", scenario.name));
            }
        }
    }
    if let Some(path) = &args.output {
        std::fs::write(path, report.markdown())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join("; "));
    }
    Ok(())
}

fn pick<T>(
    all: &'static [T],
    names: &[String],
    name: impl Fn(&T) -> &'static str,
) -> Result<Vec<&'static T>> {
    for wanted in names {
        if !all.iter().any(|item| name(item) == wanted) {
            let known: Vec<_> = all.iter().map(&name).collect();
            bail!("unknown name `{wanted}`; known are {}", known.join(", "));
        }
    }
    Ok(all
        .iter()
        .filter(|item| names.is_empty() || names.iter().any(|wanted| wanted == name(item)))
        .collect())
}

/// All samples of one scenario, by proxy (and variant, where a scenario compares two of the same proxy).
fn measure(
    bench: &setup::Bench,
    scenario: &Scenario,
    peers: &[&'static Peer],
    args: &Args,
) -> Result<BTreeMap<String, Vec<Sample>>> {
    let contestants = scenario.contestants(peers);
    let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    let mut order: Vec<usize> = (0..contestants.len()).collect();
    let mut shuffle = Shuffle(0x9E37_79B9_7F4A_7C15);
    for round in 1..=args.rounds {
        shuffle.shuffle(&mut order);
        for contestant in order.iter().filter_map(|index| contestants.get(*index)) {
            let sample = scenario
                .measure(bench, contestant, args.seconds)
                .with_context(|| format!("{} in round {round} of {}", contestant.label(), scenario.name))?;
            eprintln!("    round {round:>2} {:<28} {}", contestant.label(), sample);
            samples.entry(contestant.label()).or_default().push(sample);
        }
    }
    Ok(samples)
}

/// A small deterministic generator: the order of a run can be repeated.
struct Shuffle(u64);

impl Shuffle {
    fn shuffle(&mut self, items: &mut [usize]) {
        for end in (1..items.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            items.swap(end, (self.0 % (end as u64 + 1)) as usize);
        }
    }
}
