//! What takes long: the steps of `--full` only. Results are kept in `docs/development/full-run.md`.

use crate::run::{cargo, command, run, target_dir};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// Optimised, and quick to build.
const PROFILE: &str = "quick-release";

/// Tests of the proxy that measure. One process each: memory that another has given back would hide some.
const SCALE: &[&str] = &[
    "scale_one_route_changes_among_ten_thousand",
    "scale_idle_plain_connections",
    "scale_idle_tls_connections",
];

/// Tests of the configuration stream that measure.
const FAN_OUT: &[&str] = &["one_change_reaches_500_proxies"];

/// Tests of AWS that measure, or try every case.
const AWS: &[&str] = &[
    "a_thousand_gateways_start_within_the_buckets_and_are_silent_then",
    "a_process_may_end_at_every_write",
    "every_fifth_cut_at_the_pace_of_aws",
    "every_class_outlives_races_old_answers_and_refused_calls_in_every_step",
];

/// End-to-end tests that are longer, larger or only run when `GATEWRIGHT_FULL` is set.
const LONG: &[&str] = &[
    "changes_under_load_lose_nothing",
    "idle_connections_cost_little",
    "silent_connections_are_closed",
    "hostile_files_are_told_and_the_rest_keeps_serving",
];

/// One million mutated manifests, all bundles, channels and modes.
pub fn mutated() -> Result<()> {
    run(&mut cargo(&[
        "run",
        "--locked",
        "--profile",
        PROFILE,
        "-p",
        "gatewright-validation",
        "--example",
        "mutate",
        "--",
        "1000000",
        "20261121",
        "controller/core/goldens",
    ]))
}

/// Cost of a change among 10,000 routes, and of 9,000 plain and 4,000 TLS idle connections.
pub fn scale() -> Result<()> {
    let test = [
        "test",
        "--locked",
        "--profile",
        PROFILE,
        "-p",
        "gatewright-proxy",
        "--test",
        "it",
    ];
    run(cargo(&test).arg("--no-run"))?;
    for name in SCALE {
        let mut one = cargo(&test);
        one.args([*name, "--", "--ignored", "--nocapture"]);
        run(&mut with_all_files(&one))?;
    }
    Ok(())
}

/// One change among 10,000 routes on 500 connected proxies, five of which are the program.
pub fn fan_out() -> Result<()> {
    let program = program()?;
    let test = [
        "test",
        "--locked",
        "--profile",
        PROFILE,
        "-p",
        "gatewright-stream",
        "--test",
        "it",
    ];
    run(cargo(&test).arg("--no-run"))?;
    for name in FAN_OUT {
        let mut one = cargo(&test);
        one.args([*name, "--", "--ignored", "--nocapture"])
            .env("GATEWRIGHT_BIN", &program)
            .env("GATEWRIGHT_SOURCE", super::report::source());
        run(&mut with_all_files(&one))?;
    }
    Ok(())
}

/// 1,000 Gateways in one account of AWS, in virtual time; and the contract over the real wire with a cut at each write, at two
/// paces, and with every other trouble.
pub fn aws() -> Result<()> {
    let test = [
        "test",
        "--locked",
        "--profile",
        PROFILE,
        "-p",
        "gatewright-aws-sdk",
        "--lib",
    ];
    run(cargo(&test).arg("--no-run"))?;
    for name in AWS {
        let mut one = cargo(&test);
        one.args([*name, "--", "--ignored", "--nocapture"]);
        run(&mut with_all_files(&one))?;
    }
    Ok(())
}

/// Builds the program, optimised; tells where it is.
fn program() -> Result<PathBuf> {
    run(&mut cargo(&[
        "build",
        "--locked",
        "--profile",
        PROFILE,
        "-p",
        "gatewright",
    ]))?;
    Ok(target_dir().join(PROFILE).join("gatewright"))
}

/// 10,000 configuration changes under load, 10,000 idle connections, connections that say nothing, hostile
/// input; against an optimised build.
pub fn long() -> Result<()> {
    let program = program()?;
    let mut tests = cargo(&[
        "test",
        "--locked",
        "-p",
        "gatewright-traffic",
        "--test",
        "it",
        "--",
    ]);
    tests
        .args(["--include-ignored", "--nocapture", "--test-threads=1"])
        .args(LONG)
        .env("GATEWRIGHT_FULL", "1")
        .env("GATEWRIGHT_BIN", program);
    run(&mut with_all_files(&tests))
}

/// The same command with as many open files as the system lets it have.
fn with_all_files(inner: &Command) -> Command {
    let mut outer = command("sh", &["-c", "ulimit -n \"$(ulimit -Hn)\" && exec \"$@\"", "sh"]);
    outer.arg(inner.get_program()).args(inner.get_args());
    for (key, value) in inner.get_envs() {
        if let Some(value) = value {
            outer.env(key, value);
        }
    }
    outer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::root;

    /// A filter that matches no test would pass without a test.
    #[test]
    fn every_named_test_exists() {
        let text = |folder: &str| {
            let mut text = String::new();
            let mut folders = vec![root().join(folder)];
            while let Some(folder) = folders.pop() {
                for entry in std::fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        folders.push(path);
                    } else {
                        text += &std::fs::read_to_string(path).unwrap();
                    }
                }
            }
            text
        };
        for (names, folder) in [
            (SCALE, "providers/proxy/tests"),
            (FAN_OUT, "providers/stream/tests"),
            (LONG, "e2e/traffic/tests"),
            (AWS, "providers/aws/sdk/src"),
        ] {
            let text = text(folder);
            for name in names {
                assert!(
                    text.contains(&format!("fn {name}(")),
                    "no test {name} in {folder}"
                );
            }
        }
    }

    #[test]
    fn the_limit_of_open_files_is_raised_and_arguments_arrive() {
        let mut inner = Command::new("sh");
        inner
            .args(["-c", "ulimit -n; ulimit -Hn; echo \"$1 $X\"", "sh", "a b"])
            .env("X", "y");
        let text = crate::run::output(&mut with_all_files(&inner)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], lines[1]);
        assert_eq!(lines[2], "a b y");
    }
}
