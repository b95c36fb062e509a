//! Metrics of the process itself, with the names that Prometheus client libraries use.

use std::fmt::Write;
use std::time::SystemTime;

/// Clock ticks per second in `/proc/<pid>/stat`: 100 on every Linux architecture in use.
const TICKS: f64 = 100.0;
const PAGE: u64 = 4096;

/// What the system tells about this process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Process {
    /// CPU time used, in seconds.
    pub cpu: f64,
    /// Threads.
    pub threads: u64,
    /// Virtual memory, in bytes.
    pub virtual_bytes: u64,
    /// Resident memory, in bytes.
    pub resident: u64,
    /// Open file descriptors.
    pub files: u64,
}

impl Process {
    /// As it is now; `None` where the system does not tell.
    pub fn look() -> Option<Self> {
        let (cpu, threads) = stat()?;
        let (virtual_bytes, resident) = statm()?;
        // The listing itself holds one open.
        let files = std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
        Some(Self {
            cpu,
            threads,
            virtual_bytes,
            resident,
            files: files as u64,
        })
    }
}

/// Writes what the system tells about this process; nothing where it does not.
pub(crate) fn render(started: SystemTime, out: &mut String) {
    let since = started
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64());
    let mut gauge = |name: &str, help: &str, value: f64| metric(out, (name, "gauge"), help, value);
    gauge("process_start_time_seconds", "Start of the process.", since);
    let Some(process) = Process::look() else {
        return;
    };
    gauge("process_threads", "Threads.", process.threads as f64);
    gauge(
        "process_virtual_memory_bytes",
        "Virtual memory.",
        process.virtual_bytes as f64,
    );
    gauge(
        "process_resident_memory_bytes",
        "Resident memory.",
        process.resident as f64,
    );
    gauge("process_open_fds", "Open file descriptors.", process.files as f64);
    metric(
        out,
        ("process_cpu_seconds_total", "counter"),
        "CPU time used.",
        process.cpu,
    );
}

/// CPU seconds and threads: fields 14, 15 and 20 of proc_pid_stat(5), counted behind the name, which
/// may hold anything.
fn stat() -> Option<(f64, u64)> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some(((number(11)? + number(12)?) / TICKS, number(17)? as u64))
}

fn statm() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut fields = text.split_whitespace().map(str::parse::<u64>);
    Some((fields.next()?.ok()? * PAGE, fields.next()?.ok()? * PAGE))
}

fn metric(out: &mut String, (name, kind): (&str, &str), help: &str, value: f64) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_threads_and_files() {
        let mut out = String::new();
        super::render(std::time::SystemTime::now(), &mut out);
        for name in [
            "process_resident_memory_bytes",
            "process_threads",
            "process_open_fds",
            "process_start_time_seconds",
        ] {
            let line = out
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or_else(|| panic!("{name} in {out}"));
            let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            assert!(value > 0.0, "{line}");
        }
    }
}
