//! Figures of the criterion benches, so that one report holds all targets.

use super::report::Sample;
use crate::run::{cargo, run, target_dir};
use anyhow::{Context, Result};

/// One function of a bench.
pub struct Bench {
    /// Package.
    pub package: &'static str,
    /// Its bench target.
    pub target: &'static str,
    /// Group of the function.
    pub group: &'static str,
    /// The function.
    pub function: &'static str,
}

impl Bench {
    /// Runs it pinned to core 0; at least ten samples, in milliseconds.
    pub fn samples(&self, rounds: usize) -> Result<Vec<Sample>> {
        let build = ["bench", "--locked", "-p", self.package, "--bench", self.target];
        run(cargo(&build).arg("--no-run"))?;
        let target = target_dir();
        let mut bench = cargo(&build);
        bench
            .arg("--")
            .arg(format!("{}/{}$", self.group, self.function))
            .args(["--noplot", "--sample-size", &rounds.max(10).to_string()]);
        let mut pinned = crate::run::command("taskset", &["-c", "0"]);
        pinned.arg(bench.get_program()).args(bench.get_args());
        run(&mut pinned)?;
        let file = target
            .join("criterion")
            .join(self.group)
            .join(self.function)
            .join("new/sample.json");
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("criterion left no {}", file.display()))?;
        parse(&text)
    }
}

/// Reads criterion's `sample.json`: nanoseconds of so many iterations each.
fn parse(text: &str) -> Result<Vec<Sample>> {
    #[derive(serde::Deserialize)]
    struct File {
        iters: Vec<f64>,
        times: Vec<f64>,
    }
    let file: File = serde_json::from_str(text).context("criterion's samples have an unknown form")?;
    Ok(file
        .times
        .iter()
        .zip(&file.iters)
        .map(|(time, count)| Sample {
            value: time / count / 1e6,
            p99_ms: None,
            cpu_us: None,
            lost: None,
            resident_kib: 0,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn samples_become_milliseconds_of_one_iteration() {
        let text = r#"{"sampling_mode":"Flat","iters":[2.0,4.0],"times":[4000000.0,12000000.0]}"#;
        let values: Vec<f64> = super::parse(text)
            .unwrap()
            .iter()
            .map(|sample| sample.value)
            .collect();
        assert!(
            values
                .iter()
                .zip([2.0, 3.0])
                .all(|(value, wanted)| (value - wanted).abs() < 1e-9),
            "{values:?}"
        );
    }
}
