//! Medians, ratios and verdicts.

use super::scenario::{Scenario, Target};
use super::setup::Bench;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Requests per second, or KiB per connection.
    pub value: f64,
    /// 99th percentile of the latency in milliseconds.
    pub p99_ms: Option<f64>,
    /// CPU time of the proxy per request in microseconds.
    pub cpu_us: Option<f64>,
    /// Resident memory at the end in KiB.
    pub resident_kib: u64,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.p99_ms, self.cpu_us) {
            (Some(p99), Some(cpu)) => write!(
                f,
                "{:>9.0} req/s  p99 {p99:>6.2} ms  {cpu:>6.1} us/req",
                self.value
            ),
            _ => write!(f, "{:>9.2} KiB per connection", self.value),
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

/// Whether a target is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Reached,
    /// No.
    Missed,
    /// The spread of the rounds contains the target.
    Undecided,
}

/// Judges ratios taken round by round: decided when the middle half of them lies on one side.
pub fn judge(ratios: &[f64], target: &Target) -> Verdict {
    let mut sorted = ratios.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (sorted.get(sorted.len() / 4), sorted.get(sorted.len() * 3 / 4)) else {
        return Verdict::Undecided;
    };
    let (worse, better) = if target.smaller_is_better {
        (high, low)
    } else {
        (low, high)
    };
    let reaches = |ratio: f64| {
        if target.smaller_is_better {
            ratio <= target.ratio
        } else {
            ratio >= target.ratio
        }
    };
    match (reaches(*worse), reaches(*better)) {
        (true, _) => Verdict::Reached,
        (false, false) => Verdict::Missed,
        (false, true) => Verdict::Undecided,
    }
}

/// The whole report.
pub struct Report {
    head: String,
    sections: Vec<String>,
}

impl Report {
    /// An empty report with what was measured on what.
    pub fn new(rounds: usize, seconds: u64, bench: &Bench) -> Result<Self> {
        let mut head = String::from("# Side-by-side benchmark\n\n");
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .unwrap_or(": unknown");
        writeln!(
            head,
            "- command: `cargo xtask bench` ({rounds} interleaved rounds of {seconds} s after 1 s of warm-up)"
        )?;
        writeln!(
            head,
            "- machine: {} cores, {}",
            std::thread::available_parallelism()?,
            cpu.trim_start_matches([' ', '\t', ':']).trim()
        )?;
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
            sections: Vec::new(),
        })
    }

    /// Adds a scenario.
    pub fn add(&mut self, scenario: &Scenario, samples: &BTreeMap<String, Vec<Sample>>) {
        self.sections.push(section(scenario, samples));
    }

    /// The newest section.
    pub fn last(&self) -> &str {
        self.sections.last().map_or("", String::as_str)
    }

    /// Everything as Markdown.
    pub fn markdown(&self) -> String {
        format!("{}\n{}", self.head, self.sections.join("\n"))
    }
}

fn section(scenario: &Scenario, samples: &BTreeMap<String, Vec<Sample>>) -> String {
    let unit = if scenario.is_memory() {
        "KiB per connection"
    } else {
        "req/s"
    };
    let mut text = format!("## {}: {}\n\n", scenario.name, scenario.about);
    let _ = writeln!(
        text,
        "| proxy | {unit}: median (min to max) | p99 ms | CPU us/request | RSS MiB | gatewright / it |"
    );
    let _ = writeln!(text, "|---|---|---|---|---|---|");
    let ours = samples.get("gatewright");
    for (label, rows) in samples {
        let Some(value) = Spread::of(rows.iter().map(|row| row.value)) else {
            continue;
        };
        let show =
            |spread: Option<Spread>| spread.map_or("-".to_owned(), |spread| format!("{:.2}", spread.median));
        let ratio = ours
            .and_then(|ours| Spread::of(ours.iter().map(|row| row.value)))
            .map_or("-".to_owned(), |ours| {
                format!("{:.2}", ours.median / value.median)
            });
        let digits = if scenario.is_memory() { 2 } else { 0 };
        let _ = writeln!(
            text,
            "| {label} | {:.digits$} ({:.digits$} to {:.digits$}) | {} | {} | {:.1} | {ratio} |",
            value.median,
            value.min,
            value.max,
            show(Spread::of(rows.iter().filter_map(|row| row.p99_ms))),
            show(Spread::of(rows.iter().filter_map(|row| row.cpu_us))),
            rows.iter().map(|row| row.resident_kib).max().unwrap_or(0) as f64 / 1024.0,
        );
    }
    for target in scenario.targets {
        let (Some(ours), Some(other)) = (ours, samples.get(target.against)) else {
            continue;
        };
        let ratios: Vec<f64> = ours
            .iter()
            .zip(other)
            .map(|(ours, other)| ours.value / other.value)
            .collect();
        let sign = if target.smaller_is_better { "<=" } else { ">=" };
        let _ = writeln!(
            text,
            "\nTarget {sign} {:.2}x {}: {:?} (ratios of the rounds {:.2} to {:.2})",
            target.ratio,
            target.against,
            judge(&ratios, target),
            ratios.iter().copied().fold(f64::INFINITY, f64::min),
            ratios.iter().copied().fold(0.0, f64::max),
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

    #[test]
    fn a_spread_around_the_target_is_undecided() {
        let target = Target {
            against: "x",
            ratio: 1.0,
            smaller_is_better: false,
        };
        assert_eq!(judge(&[1.1, 1.2, 1.05, 1.3], &target), Verdict::Reached);
        assert_eq!(judge(&[0.8, 0.9, 0.7, 0.95], &target), Verdict::Missed);
        assert_eq!(judge(&[0.8, 0.9, 1.1, 1.2], &target), Verdict::Undecided);
        let target = Target {
            smaller_is_better: true,
            ..target
        };
        assert_eq!(judge(&[0.8, 0.9, 0.7, 0.95], &target), Verdict::Reached);
    }
}
