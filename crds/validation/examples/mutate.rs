//! The long run: `mutate [COUNT [SEED [PATH...]]]` loads and validates COUNT mutated manifests (default 1,000,000), made
//! from the corpus and the manifests below PATH, in all bundles, channels and modes, and prints a report.
//!
//! ```text
//! cargo run --release -p gatewright-validation --example mutate -- 1000000
//! ```

#[path = "../tests/it/mutator.rs"]
mod mutator;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gatewright_validation::{Bundle, Channel, Mode, Validator};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let more: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let roots: Vec<&Path> = std::iter::once(corpus.as_path())
        .chain(more.iter().map(PathBuf::as_path))
        .collect();
    let mut mutator = mutator::Mutator::new(&roots, seed)?;
    let mut validators = Vec::new();
    for bundle in Bundle::ALL {
        for channel in Channel::ALL {
            for mode in [Mode::Strict, Mode::Lenient] {
                validators.push(Validator::new(*bundle, *channel, mode));
            }
        }
    }
    // Schemas are compiled when first used, which is not what the slowest input is to show.
    for validator in &validators {
        for seed in mutator.seeds() {
            validator.load("seed.yaml", seed);
        }
    }
    // A panic is a finding like any other: it is counted, with its input, and the run goes on.
    std::panic::set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let (mut bytes, mut objects, mut skipped, mut refused) = (0, 0, 0, 0);
    let mut slowest = (Duration::ZERO, 0, 0);
    let mut codes = BTreeMap::<&str, u64>::new();
    let mut problems = Vec::new();
    for (round, validator) in (0..count).zip(validators.iter().cycle()) {
        let input = mutator.mutant();
        bytes += input.len() as u64;
        let before = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| mutator::check(validator, &input)))
            .unwrap_or_else(|_| Err("panic".to_owned()));
        let took = before.elapsed();
        if took > slowest.0 {
            slowest = (took, input.len(), round);
        }
        match outcome {
            Ok(counts) => {
                objects += counts.objects as u64;
                skipped += counts.skipped as u64;
                refused += u64::from(!counts.codes.is_empty());
                for code in counts.codes {
                    *codes.entry(code.as_str()).or_default() += 1;
                }
            }
            Err(problem) => problems.push(format!(
                "round {round}: {problem}\n{}",
                String::from_utf8_lossy(&input)
            )),
        }
    }
    let took = start.elapsed();
    println!(
        "mutated manifests    {count} (seed {seed}, from {} manifests)",
        mutator.seeds().len()
    );
    println!("bytes                {bytes}");
    println!(
        "time                 {:.1} s, {:.0} per second",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64()
    );
    println!(
        "slowest              {:.1} ms, of {} bytes, round {}",
        slowest.0.as_secs_f64() * 1e3,
        slowest.1,
        slowest.2
    );
    println!(
        "peak resident memory {}",
        peak_memory().unwrap_or_else(|| "unknown".to_owned())
    );
    println!("objects accepted     {objects}");
    println!("objects skipped      {skipped}");
    println!("with diagnostics     {refused}");
    for (code, count) in &codes {
        println!("  {code:<22} {count}");
    }
    println!("violations           {}", problems.len());
    for problem in problems.iter().take(10) {
        println!("---\n{problem}");
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err("some inputs violated what must hold for all".into())
    }
}

/// `VmHWM` of this process, where the system tells.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.trim_start_matches("VmHWM:").trim().to_owned())
}
