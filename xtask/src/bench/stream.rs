//! A proxy that a controller's stream configures, alone: resident memory with many routes.

use super::report::Sample;
use crate::image::{self, Part};
use crate::run::{cargo, output};
use anyhow::{Result, bail};

/// What the controller sends.
#[derive(Clone, Copy)]
pub struct Load {
    /// HTTPRoutes.
    pub routes: u32,
    /// Rules of each.
    pub rules: u32,
    /// ListenerSets that they are spread over; 0 for none.
    pub sets: u32,
}

impl Load {
    /// Builds the program of the proxy's image and has the bench `resident` of the package `gatewright` feed
    /// it, round by round. In MiB.
    pub fn samples(&self, rounds: usize) -> Result<Vec<Sample>> {
        let program = image::program(Part::Proxy, "release")?;
        let mut feeder = cargo(&["bench", "--locked", "-p", "gatewright", "--bench", "resident"]);
        // What feeds need not be fast.
        feeder.args(["--profile", "dev", "--", "--program"]).arg(program);
        for (name, number) in [
            ("--routes", self.routes),
            ("--rules", self.rules),
            ("--sets", self.sets),
        ] {
            feeder.args([name, &number.to_string()]);
        }
        let text = output(feeder.args(["--rounds", &rounds.to_string()]))?;
        let samples = parse(&text);
        if samples.len() != rounds {
            bail!("{rounds} rounds were asked for; the bench said:\n{text}");
        }
        Ok(samples)
    }
}

/// The rounds in the bench's output, `round 1: resident 33.4 MiB (...`.
fn parse(text: &str) -> Vec<Sample> {
    let value = |line: &str| -> Option<f64> {
        let (_, rest) = line.strip_prefix("round ")?.split_once(": resident ")?;
        rest.split_whitespace().next()?.parse().ok()
    };
    let sample = |value: f64| Sample {
        value,
        p99_ms: None,
        cpu_us: None,
        lost: None,
        resident_kib: (value * 1024.0) as u64,
    };
    text.lines().filter_map(value).map(sample).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn rounds_become_samples() {
        let text = "round 1: resident 33.5 MiB (anonymous 20.0, file 13.5, peak 40.0), converged in 1.2s\n\
                    round 2: resident 34.0 MiB (anonymous 20.5, file 13.5, peak 40.0), converged in 1.2s\n\
                    5000 routes with 2 rules, 0 listener sets: resident MiB 34.0, anonymous MiB 20.5\n";
        let values: Vec<u64> = super::parse(text)
            .iter()
            .map(|sample| sample.resident_kib)
            .collect();
        assert_eq!(values, [34_304, 34_816]);
    }
}
