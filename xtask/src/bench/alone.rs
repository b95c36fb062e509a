//! Measurements of the program alone: memory, changes, start.

use super::manifests::{self, SPREAD_PORT, Spread};
use super::process::Server;
use super::report::Sample;
use super::setup::{Bench, fetch};
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Routes among which one is changed.
const ROUTES: u32 = 10_000;
/// Changes of one measurement, whose median counts.
const CHANGES: u32 = 11;
/// How long anything may take before the measurement fails.
const PATIENCE: Duration = Duration::from_secs(60);

fn sample(value: f64, resident_kib: u64) -> Sample {
    Sample {
        value,
        p99_ms: None,
        cpu_us: None,
        lost: None,
        resident_kib,
    }
}

fn serve(bench: &Bench, folder: &Path, watch: &[&str]) -> Result<(Server, std::path::PathBuf)> {
    let log = bench.dir().join("alone.log");
    let mut command = Command::new(bench.gatewright());
    command
        .arg("proxy")
        .arg(folder)
        .args(["--workers", "1", "--admin", "off"])
        .args(watch);
    let server = Server::start(&mut command, 0, SPREAD_PORT, &log)?;
    Ok((server, log))
}

/// Resident memory with so many routes, once everything has been loaded and the last one answers, in MiB.
pub fn resident(bench: &Bench, spread: Spread) -> Result<Sample> {
    let Spread { routes, backends, .. } = spread;
    let folder = bench.dir().join(format!("resident-{routes}-{backends}"));
    if !folder.exists() {
        spread.write(&folder)?;
    }
    let (server, _) = serve(bench, &folder, &[])?;
    fetch(
        bench,
        &format!(
            "http://127.0.0.1:{SPREAD_PORT}{}",
            manifests::route_path(routes - 1)
        ),
    )?;
    // The allocator gives back what it returns to the system within a moment.
    std::thread::sleep(Duration::from_secs(1));
    let resident = server.resident_kib()?;
    Ok(sample(resident as f64 / 1024.0, resident))
}

/// Rewrites one of 10,000 routes again and again; the median of what the program reports from its look at the
/// files to the live router, in milliseconds. Each change is asked for by a request.
pub fn change(bench: &Bench, gateways: u32) -> Result<Sample> {
    let folder = bench.dir().join(format!("change-{gateways}"));
    let spread = Spread {
        routes: ROUTES,
        gateways,
        backends: ROUTES,
    };
    spread.write(&folder)?;
    let (server, log) = serve(bench, &folder, &["--watch"])?;
    let port = spread.last_port();
    let mut times = wait_for(&log, 1)?;
    let first = times.len();
    for number in 0..CHANGES {
        let path = format!("/changed-{number}");
        spread.write_one(&folder, &path)?;
        times = wait_for(&log, first + 1 + number as usize)?;
        fetch(bench, &format!("http://127.0.0.1:{port}{path}"))?;
    }
    let mut times = times.split_off(first);
    times.sort_unstable();
    let median = times.get(times.len() / 2).context("no change was reported")?;
    Ok(sample(*median as f64 / 1000.0, server.resident_kib()?))
}

/// Waits until the log holds so many applied configurations; the time that each took, in microseconds.
fn wait_for(log: &Path, count: usize) -> Result<Vec<u64>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(log)?;
        let times = applied(&text);
        if times.len() >= count {
            return Ok(times);
        }
        if Instant::now() > deadline {
            bail!(
                "{} of {count} configurations were applied; the log says:\n{text}",
                times.len()
            );
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the log says about applied configurations, in either format.
fn applied(log: &str) -> Vec<u64> {
    log.lines()
        .filter(|line| line.contains("configuration applied"))
        .filter_map(|line| {
            let (_, rest) = line.split_once("took_us")?;
            let digits: String = rest
                .trim_start_matches(|c: char| !c.is_ascii_digit() && c != ',')
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            digits.parse().ok()
        })
        .collect()
}

/// From the start of `gatewright run` on the quickstart to its first answer, in milliseconds.
pub fn start(bench: &Bench) -> Result<Sample> {
    /// Where the quickstart's port 8080 is moved to.
    const OFFSET: u16 = 13_000;
    let begun = Instant::now();
    let mut child = Command::new("taskset")
        .args(["-c", "0"])
        .arg(bench.gatewright())
        .args(["run", "docs/quickstart", "--sample-backends", "--admin", "off"])
        .args(["--port-offset", &OFFSET.to_string()])
        .current_dir(crate::run::root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start gatewright")?;
    let took = loop {
        if answers(8080 + OFFSET) {
            break Some(begun.elapsed());
        }
        if begun.elapsed() > PATIENCE {
            break None;
        }
        std::thread::sleep(Duration::from_micros(200));
    };
    let _ = child.kill();
    child.wait()?;
    let took = took.context("the quickstart never answered")?;
    Ok(sample(took.as_secs_f64() * 1000.0, 0))
}

/// Whether the quickstart answers one request with 200.
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /hello HTTP/1.1\r\nhost: shop.example.com\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_formats_of_the_log_are_read() {
        let log = "2026-11-21T10:00:00Z  INFO configuration applied objects=3 took_us=1234\n\
                   {\"message\":\"configuration applied\",\"objects\":1,\"took_us\":56}\n\
                   INFO something else took_us=9\n";
        assert_eq!(super::applied(log), [1234, 56]);
    }
}
