//! Load generators: wrk for HTTP/1, h2load for HTTP/2.

use super::setup::Bench;
use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

/// What a load run measured.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Requests answered well.
    pub requests: u64,
    /// Requests per second.
    pub rate: f64,
    /// 99th percentile of the latency in milliseconds.
    pub p99_ms: f64,
}

/// `wrk` on core 1.
pub fn wrk(url: &str, connections: u32, seconds: u64) -> Result<Load> {
    let text = pinned(Command::new("wrk").args([
        "-t1",
        &format!("-c{connections}"),
        &format!("-d{seconds}s"),
        "--latency",
        url,
    ]))?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(name))
            .map(str::trim)
            .map(ToOwned::to_owned)
    };
    if let Some(errors) = field("Non-2xx or 3xx responses:").or_else(|| field("Socket errors:")) {
        bail!("wrk {url} saw errors: {errors}");
    }
    let requests = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .and_then(|(count, _)| count.trim().parse().ok())
        .with_context(|| format!("wrk printed no request count:\n{text}"))?;
    let rate = field("Requests/sec:")
        .and_then(|rate| rate.parse().ok())
        .context("wrk printed no rate")?;
    let p99_ms = field("99%")
        .and_then(|time| milliseconds(&time))
        .context("wrk printed no 99th percentile")?;
    Ok(Load {
        requests,
        rate,
        p99_ms,
    })
}

/// `h2load` on core 1, 8 connections with 16 streams each.
pub fn h2load(bench: &Bench, url: &str, seconds: u64) -> Result<Load> {
    let log = bench.dir().join("h2load.log");
    let _ = std::fs::remove_file(&log);
    let text = pinned(
        Command::new("h2load")
            .args(["-t1", "-c8", "-m16", "-D", &seconds.to_string()])
            .arg(format!("--log-file={}", log.display()))
            .arg(url),
    )?;
    let line = text
        .lines()
        .find(|line| line.starts_with("requests:"))
        .context("h2load printed no requests")?;
    let count = |name: &str| -> Option<u64> {
        line.split([',', ':'])
            .find_map(|part| part.trim().strip_suffix(name)?.trim().parse().ok())
    };
    let requests = count("succeeded").context("h2load printed no count")?;
    if count("failed").unwrap_or(0) + count("errored").unwrap_or(0) > 0 {
        bail!("h2load {url} saw errors: {line}");
    }
    let mut times: Vec<u64> = std::fs::read_to_string(&log)?
        .lines()
        .filter_map(|line| line.split('\t').nth(2)?.parse().ok())
        .collect();
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    Ok(Load {
        requests,
        rate: requests as f64 / seconds as f64,
        p99_ms: p99 as f64 / 1000.0,
    })
}

fn pinned(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = Command::new("taskset")
        .args(["-c", "1"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads wrk's `1.23ms`, `456.00us`, `1.20s`.
fn milliseconds(text: &str) -> Option<f64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().ok()?;
    match unit {
        "us" => Some(number / 1000.0),
        "ms" => Some(number),
        "s" => Some(number * 1000.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn wrk_times_become_milliseconds() {
        assert_eq!(super::milliseconds("456.00us"), Some(0.456));
        assert_eq!(super::milliseconds("1.95ms"), Some(1.95));
        assert_eq!(super::milliseconds("1.20s"), Some(1200.0));
        assert_eq!(super::milliseconds("12"), None);
    }
}
