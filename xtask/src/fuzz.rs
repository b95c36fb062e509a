//! Coverage-guided fuzzing with libFuzzer, on the pinned stable toolchain.
//!
//! The targets are crates of their own beside what they test, outside of the workspace. They are built
//! into the cache folder with the instrumentation that libFuzzer reads, which stable rustc can do by
//! code generation options. What is found lands in the cache folder too.

use crate::run::{cache_dir, cargo, command, output, root, run};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Arguments of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub struct Args {
    /// Only this target; all by default.
    #[arg(long)]
    target: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

impl Args {
    /// All targets, each for this time.
    pub const fn all(seconds: u32) -> Self {
        Self {
            target: None,
            seconds,
        }
    }
}

/// A crate of targets: its folder, its targets, and where committed seeds are (`{}` is the target).
struct Crate {
    folder: &'static str,
    targets: &'static [&'static str],
    corpus: &'static str,
}

const CRATES: &[Crate] = &[
    Crate {
        folder: "providers/proxy/fuzz",
        targets: &[
            "request_head",
            "response_head",
            "chunked",
            "proxy_header",
            "client_hello",
            "target",
            "http2",
        ],
        corpus: "providers/proxy/fuzz/corpus/{}",
    },
    Crate {
        folder: "crds/validation/fuzz",
        targets: &["manifests"],
        corpus: "crds/validation/corpus",
    },
];

/// Checks that the lock files of the fuzz crates, which are no part of the workspace, are current.
pub fn check_locks() -> Result<()> {
    for group in CRATES {
        let manifest = format!("{}/Cargo.toml", group.folder);
        let metadata = [
            "metadata",
            "--locked",
            "--format-version",
            "1",
            "--manifest-path",
            &manifest,
        ];
        output(&mut cargo(&metadata)).with_context(|| {
            format!("{manifest}: a crate of the workspace got other dependencies; run `cargo metadata` there without --locked")
        })?;
    }
    Ok(())
}

/// Longest input that is tried, in bytes.
const MAX_LENGTH: u32 = 4096;

/// Builds and runs the targets.
pub fn run_targets(args: &Args) -> Result<()> {
    let chosen = |target: &&&str| args.target.as_deref().is_none_or(|name| name == **target);
    let mut ran = 0;
    for group in CRATES {
        let targets: Vec<&str> = group.targets.iter().filter(chosen).copied().collect();
        if targets.is_empty() {
            continue;
        }
        let folder = build(group)?;
        for target in targets {
            one(group, target, &folder.join(target), args.seconds)?;
            ran += 1;
        }
    }
    if ran == 0 {
        bail!("no fuzz target {:?}", args.target.as_deref().unwrap_or_default());
    }
    Ok(())
}

/// Builds a crate's targets; returns the folder of the binaries.
fn build(group: &Crate) -> Result<PathBuf> {
    const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
        -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares";
    let version = output(&mut command("rustc", &["-vV"]))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc names no host")?;
    let target_dir = cache_dir().join("fuzz");
    let manifest = format!("{}/Cargo.toml", group.folder);
    // With --target, build scripts and macros stay without instrumentation.
    run(cargo(&[
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        &manifest,
        "--target",
        host,
    ])
    .env("RUSTFLAGS", FLAGS)
    .env("CARGO_TARGET_DIR", &target_dir))?;
    Ok(target_dir.join(host).join("release"))
}

fn one(group: &Crate, target: &str, binary: &Path, seconds: u32) -> Result<()> {
    let found = cache_dir().join("fuzz").join("corpus").join(target);
    let crashes = cache_dir().join("fuzz").join("crashes").join(target);
    std::fs::create_dir_all(&found)?;
    std::fs::create_dir_all(&crashes)?;
    let seeds = root().join(group.corpus.replace("{}", target));
    eprintln!("==> fuzzing {target} for {seconds} s");
    let mut fuzzer = command(binary, &[]);
    fuzzer.arg(&found).arg(&seeds).args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={MAX_LENGTH}"),
        "-timeout=10".to_owned(),
        "-rss_limit_mb=2048".to_owned(),
        "-print_final_stats=1".to_owned(),
        "-verbosity=0".to_owned(),
        format!("-artifact_prefix={}/", crashes.display()),
    ]);
    run(&mut fuzzer).with_context(|| {
        format!(
            "{target}: the input that broke it is in {}; copy it to {}",
            crashes.display(),
            seeds.display()
        )
    })
}
