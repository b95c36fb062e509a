//! `cargo xtask cluster check`: the Go tests of clusters, those inside a running one included, that a second one beside it
//! disturbs nothing, and that one kill leaves nothing.

use super::{Target, Up, beside, build, manager_of, on, packages, start};
use crate::run::{cache_dir, output, root, run};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Name of the cluster that is checked; one check at a time.
const NAME: &str = "check";

/// How long the kernel may take to end every process of a cluster.
const END: Duration = Duration::from_secs(30);

/// How long a cluster may take to be ready, once everything is built.
const READY: Duration = Duration::from_secs(20);

/// Runs all checks.
pub(super) fn run_checks() -> Result<()> {
    let module = root().join("e2e/cluster");
    run(&mut build::go(
        &["test", "./internal/...", "./kind", "./bench"],
        &module,
    ))?;
    let tests = build::ensure_tests(&build::CHECKS, "./check")?;
    let target = || Target {
        name: NAME.to_owned(),
        kind: false,
    };
    let up = Up {
        target: target(),
        bundle: "1.6.3".to_owned(),
        channel: "experimental".to_owned(),
        no_dns: false,
        audit: None,
        foreground: false,
    };
    // What is compiled or packed for the first time does not count.
    packages::ensure()?;
    build::ensure()?;
    let began = Instant::now();
    start(&up)?;
    let took = began.elapsed();
    eprintln!("    up in {:.1} s", took.as_secs_f64());
    let built = build::ensure_tools()?;
    let result = in_time(took)
        .and_then(|()| beside::disturbs_nobody(&built, &up))
        .and_then(|()| inside(&built, &tests))
        .and_then(|()| leaves_nothing(&built));
    run(on(&mut manager_of(&built), &target()).arg("down"))?;
    result?;
    let remains = remains();
    ensure!(remains.is_empty(), "the cluster has left {}", show(&remains));
    Ok(())
}

fn in_time(took: Duration) -> Result<()> {
    ensure!(
        took < READY,
        "the cluster was ready after {:.1} s, expected less than {} s",
        took.as_secs_f64(),
        READY.as_secs()
    );
    Ok(())
}

fn inside(built: &build::Built, tests: &Path) -> Result<()> {
    let mut shell = manager_of(built);
    shell.args(["--name", NAME, "shell", "--"]).arg(tests);
    run(shell.arg("-test.v"))
}

/// Kills the first process of the cluster and waits until nothing of it runs.
fn leaves_nothing(built: &build::Built) -> Result<()> {
    let text = output(manager_of(built).args(["--name", NAME, "status", "--json"]))?;
    let status: serde_json::Value = serde_json::from_str(&text)?;
    let first = status
        .pointer("/0/pid")
        .and_then(serde_json::Value::as_u64)
        .context("the status names no process")?;
    let before = processes()?;
    ensure!(before > 10, "only {before} processes of the cluster run");
    run(crate::run::command("kill", &["-9", &first.to_string()]).current_dir("/"))?;
    let began = Instant::now();
    loop {
        let left = processes()?;
        if left == 0 {
            eprintln!(
                "    one kill ended all {before} processes in {:.2} s",
                began.elapsed().as_secs_f64()
            );
            return Ok(());
        }
        if began.elapsed() > END {
            bail!("{left} processes of the cluster run on after the first one was killed");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How many processes name the cluster's folder, or lie in its control groups.
fn processes() -> Result<usize> {
    let folder = cache_dir().join("clusters").join(NAME);
    let folder = folder.to_string_lossy();
    let group = format!("/gatewright-{NAME}");
    let mut count = 0;
    for entry in std::fs::read_dir("/proc")? {
        let process = entry?.path();
        // A process may end while it is looked at.
        let read = |file: &str| std::fs::read(process.join(file)).unwrap_or_default();
        let (command, groups) = (read("cmdline"), read("cgroup"));
        let names = |text: &[u8], what: &str| String::from_utf8_lossy(text).contains(what);
        if names(&command, &folder) || names(&groups, &group) {
            count += 1;
        }
    }
    Ok(count)
}

/// Folders and control groups of the cluster that are still there.
fn remains() -> Vec<PathBuf> {
    let mut places = vec![cache_dir().join("clusters").join(NAME)];
    let hierarchies = Path::new("/sys/fs/cgroup");
    let name = format!("gatewright-{NAME}");
    places.push(hierarchies.join(&name));
    if let Ok(entries) = std::fs::read_dir(hierarchies) {
        places.extend(entries.flatten().map(|entry| entry.path().join(&name)));
    }
    places.retain(|place| place.exists());
    places
}

fn show(places: &[PathBuf]) -> String {
    let shown: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_takes_too_long_is_told() {
        in_time(READY / 2).unwrap();
        let error = in_time(READY).unwrap_err().to_string();
        assert_eq!(
            error,
            "the cluster was ready after 20.0 s, expected less than 20 s"
        );
    }
}
