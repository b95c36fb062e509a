//! Metrics of the process itself, with the names that Prometheus client libraries use.

use std::fmt::Write;
use std::time::SystemTime;

/// Clock ticks per second in `/proc/<pid>/stat`: 100 on every Linux architecture in use.
const TICKS: f64 = 100.0;
const PAGE: u64 = 4096;

/// Writes what the system tells about this process; nothing where it does not.
pub(crate) fn render(started: SystemTime, out: &mut String) {
    let since = started
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64());
    metric(
        out,
        "process_start_time_seconds",
        "gauge",
        "Start of the process.",
        since,
    );
    if let Some((cpu, threads)) = stat() {
        metric(out, "process_cpu_seconds_total", "counter", "CPU time used.", cpu);
        metric(out, "process_threads", "gauge", "Threads.", threads);
    }
    if let Some((virtual_bytes, resident)) = statm() {
        metric(
            out,
            "process_virtual_memory_bytes",
            "gauge",
            "Virtual memory.",
            virtual_bytes as f64,
        );
        metric(
            out,
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory.",
            resident as f64,
        );
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        // The listing itself holds one open.
        let open = files.count().saturating_sub(1);
        metric(
            out,
            "process_open_fds",
            "gauge",
            "Open file descriptors.",
            open as f64,
        );
    }
}

/// CPU seconds and threads: fields 14, 15 and 20 of proc_pid_stat(5), counted behind the name, which
/// may hold anything.
fn stat() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some(((number(11)? + number(12)?) / TICKS, number(17)?))
}

fn statm() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut fields = text.split_whitespace().map(str::parse::<u64>);
    Some((fields.next()?.ok()? * PAGE, fields.next()?.ok()? * PAGE))
}

fn metric(out: &mut String, name: &str, kind: &str, help: &str, value: f64) {
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
