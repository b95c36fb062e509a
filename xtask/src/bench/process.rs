//! Child processes of a measurement: pinned, waited for, killed on drop, their CPU time and memory read.

use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub struct Server {
    child: Child,
    name: String,
}

impl Server {
    /// Starts `command` on `core` and waits until `port` answers on loopback.
    pub fn start(command: &mut Command, core: usize, port: u16, log: &Path) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        // Workers of a server that was killed just now take a moment to end.
        let deadline = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
            if Instant::now() > deadline {
                bail!("{address}, which {name} needs, is taken by another process");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut pinned = Command::new("taskset");
        pinned
            .arg("-c")
            .arg(core.to_string())
            .arg(command.get_program())
            .args(command.get_args());
        for (key, value) in command.get_envs() {
            if let Some(value) = value {
                pinned.env(key, value);
            }
        }
        let log_file =
            std::fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = pinned
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file)
            .spawn()
            .with_context(|| format!("cannot start {name} (is `taskset` installed?)"))?;
        let mut server = Self { child, name };
        server.wait_for(port, log)?;
        Ok(server)
    }

    fn wait_for(&mut self, port: u16, log: &Path) -> Result<()> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
            let ended = self.child.try_wait()?.is_some();
            if ended || Instant::now() > deadline {
                let text = std::fs::read_to_string(log).unwrap_or_default();
                bail!("{} does not listen on {address}; it said:\n{text}", self.name);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// CPU time of the process and its children so far, in seconds.
    pub fn cpu_seconds(&self) -> Result<f64> {
        family(self.child.id()).iter().map(|pid| cpu_seconds(*pid)).sum()
    }

    /// Anonymous resident memory of the process and its children, in KiB.
    pub fn anonymous_kib(&self) -> Result<u64> {
        family(self.child.id())
            .iter()
            .map(|pid| status_kib(*pid, "RssAnon:"))
            .sum()
    }

    /// Resident memory of the process and its children, in KiB.
    pub fn resident_kib(&self) -> Result<u64> {
        family(self.child.id())
            .iter()
            .map(|pid| status_kib(*pid, "VmRSS:"))
            .sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The parent first: it would start another worker in place of a killed one.
        for pid in family(self.child.id()) {
            let _ = Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .stderr(Stdio::null())
                .status();
        }
        let _ = self.child.wait();
    }
}

/// The process and all its descendants.
fn family(root: u32) -> Vec<u32> {
    let mut family = vec![root];
    let mut next = 0;
    while let Some(pid) = family.get(next).copied() {
        next += 1;
        let path = format!("/proc/{pid}/task/{pid}/children");
        if let Ok(children) = std::fs::read_to_string(path) {
            family.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
    family
}

fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold blanks; fields count from behind it.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Ok((user + system) / 100.0),
        _ => bail!("/proc/{pid}/stat has an unknown form"),
    }
}

fn status_kib(pid: u32, field: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("/proc/{pid}/status has no {field}"))
}
