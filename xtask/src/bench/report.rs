//! Medians, ratios and verdicts.

use super::scenario::Scenario;
use super::setup::Bench;
use super::target::{Outcome, Verdict};
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// In the scenario's unit.
    pub value: f64,
    /// 99th percentile of the latency in milliseconds.
    pub p99_ms: Option<f64>,
    /// CPU time of the proxy per request in microseconds.
    pub cpu_us: Option<f64>,
    /// Datagrams that were not answered.
    pub lost: Option<u64>,
    /// Resident memory at the end in KiB.
    pub resident_kib: u64,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.2}", self.value)?;
        if let (Some(p99), Some(cpu)) = (self.p99_ms, self.cpu_us) {
            write!(f, "  p99 {p99:>6.2} ms  {cpu:>6.1} us each")?;
        }
        match self.lost {
            Some(lost) => write!(f, "  {lost} lost"),
            None => Ok(()),
        }
    }
}

/// Median, smallest, largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Median.
    pub median: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// Of at least one value.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(upper, *values.get(middle - 1)?)
        } else {
            upper
        };
        Some(Self {
            median,
            min: *values.first()?,
            max: *values.last()?,
        })
    }
}

/// The whole report.
pub struct Report {
    head: String,
    /// Scenario and outcome of every target.
    outcomes: Vec<(&'static str, Outcome)>,
    sections: Vec<String>,
}

/// Cores and processor of this machine.
pub fn machine() -> Result<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or(": unknown");
    let cores = std::thread::available_parallelism()?;
    Ok(format!(
        "{cores} cores, {}",
        cpu.trim_start_matches([' ', '\t', ':']).trim()
    ))
}

impl Report {
    /// An empty report with what was measured on what.
    pub fn new(rounds: usize, seconds: u64, bench: &Bench) -> Result<Self> {
        let mut head = String::from("# Side-by-side benchmark\n\n");
        writeln!(
            head,
            "- command: `cargo xtask bench` ({rounds} interleaved rounds of {seconds} s after 1 s of warm-up)"
        )?;
        writeln!(head, "- machine: {}", machine()?)?;
        writeln!(
            head,
            "- proxy on core 0 with one worker, load generator and origin on core 1, loopback"
        )?;
        for peer in super::peers::PEERS {
            if let Ok(output) = (peer.version)(bench).output() {
                let text = [output.stdout, output.stderr].concat();
                let text = String::from_utf8_lossy(&text).into_owned();
                writeln!(
                    head,
                    "- {}: {}",
                    peer.name,
                    text.lines()
                        .find(|line| !line.trim().is_empty())
                        .unwrap_or("")
                        .trim()
                )?;
            }
        }
        Ok(Self {
            head,
            outcomes: Vec::new(),
            sections: Vec::new(),
        })
    }

    /// Adds a scenario.
    pub fn add(&mut self, scenario: &Scenario, samples: &BTreeMap<String, Vec<Sample>>) {
        let outcomes = scenario
            .targets
            .iter()
            .filter_map(|target| target.judge(samples, scenario.unit()));
        let first = self.outcomes.len();
        self.outcomes
            .extend(outcomes.map(|outcome| (scenario.name, outcome)));
        let outcomes = self.outcomes.get(first..).unwrap_or_default();
        self.sections.push(section(scenario, samples, outcomes));
    }

    /// The newest section.
    pub fn last(&self) -> &str {
        self.sections.last().map_or("", String::as_str)
    }

    /// Everything as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}\n", self.head);
        if !self.outcomes.is_empty() {
            text.push_str("| scenario | target | median (min to max) | verdict |\n|---|---|---|---|\n");
            for (scenario, outcome) in &self.outcomes {
                let Outcome {
                    target,
                    measured,
                    verdict,
                } = outcome;
                let _ = writeln!(
                    text,
                    "| {scenario} | {target} | {measured} | {} |",
                    word(*verdict)
                );
            }
            text.push('\n');
        }
        text + &self.sections.join("\n")
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reached => "reached",
        Verdict::Missed => "**missed**",
        Verdict::Undecided => "undecided",
    }
}

fn section(
    scenario: &Scenario,
    samples: &BTreeMap<String, Vec<Sample>>,
    outcomes: &[(&'static str, Outcome)],
) -> String {
    let unit = scenario.unit();
    let mut text = format!("## {}: {}\n\n", scenario.name, scenario.about);
    let _ = writeln!(
        text,
        "| proxy | {unit}: median (min to max) | p99 ms | CPU us each | RSS MiB | gatewright / it |"
    );
    let _ = writeln!(text, "|---|---|---|---|---|---|");
    let ours = samples
        .get("gatewright")
        .and_then(|ours| Spread::of(ours.iter().map(|row| row.value)));
    let digits = if unit.ends_with("/s") { 0 } else { 2 };
    for (label, rows) in samples {
        let Some(value) = Spread::of(rows.iter().map(|row| row.value)) else {
            continue;
        };
        let show =
            |spread: Option<Spread>| spread.map_or("-".to_owned(), |spread| format!("{:.2}", spread.median));
        let resident = match rows.iter().map(|row| row.resident_kib).max() {
            None | Some(0) => "-".to_owned(),
            Some(kib) => format!("{:.1}", kib as f64 / 1024.0),
        };
        let _ = writeln!(
            text,
            "| {label} | {:.digits$} ({:.digits$} to {:.digits$}) | {} | {} | {resident} | {} |",
            value.median,
            value.min,
            value.max,
            show(Spread::of(rows.iter().filter_map(|row| row.p99_ms))),
            show(Spread::of(rows.iter().filter_map(|row| row.cpu_us))),
            ours.map_or("-".to_owned(), |ours| format!(
                "{:.2}",
                ours.median / value.median
            )),
        );
    }
    let lost: Vec<String> = samples
        .iter()
        .filter_map(|(label, rows)| {
            let lost = rows.iter().map(|row| row.lost).sum::<Option<u64>>()?;
            Some(format!("{label} {lost}"))
        })
        .collect();
    if !lost.is_empty() {
        let _ = writeln!(text, "\nLost in all rounds: {}.", lost.join(", "));
    }
    for (_, outcome) in outcomes {
        let _ = writeln!(
            text,
            "\nTarget {}: {}, {}",
            outcome.target,
            word(outcome.verdict),
            outcome.measured
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_is_between_the_middle_two() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0].into_iter()).unwrap();
        assert_eq!(
            spread,
            Spread {
                median: 2.5,
                min: 1.0,
                max: 4.0
            }
        );
        assert_eq!(Spread::of(std::iter::empty()), None);
    }
}
