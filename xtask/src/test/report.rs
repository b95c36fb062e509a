//! The report of a full run: what ran when and where, how long it took, and what each step found.

use super::record::{self, Tells};
use crate::run::{cache_dir, command, output, root};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where reports are kept.
const FOLDER: &str = "docs/development/full-runs";

/// How a step went.
pub struct Done {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Whether it passed.
    pub passed: bool,
    /// What it printed.
    pub lines: Vec<String>,
    /// What of that says what it found.
    pub tells: Tells,
}

/// When and where a run began.
pub struct Start {
    /// UTC, as `2026-11-21T22:36Z`.
    time: String,
    commit: String,
    machine: String,
    load: String,
}

impl Start {
    /// Now and here.
    ///
    /// # Errors
    /// When the system does not tell the time.
    pub fn now() -> Result<Self> {
        Ok(Self {
            time: time()?,
            commit: commit(),
            machine: machine(),
            load: load(),
        })
    }

    /// Where the report of this run belongs.
    pub fn place(&self) -> PathBuf {
        root()
            .join(FOLDER)
            .join(format!("{}.md", self.time.replace(':', "")))
    }
}

/// Writes the report.
///
/// # Errors
/// When the file cannot be written.
pub fn write(place: &Path, line: &str, start: &Start, done: &[Done]) -> Result<()> {
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let text = text(line, (start, &load()), done);
    std::fs::write(place, text).with_context(|| format!("cannot write {}", place.display()))?;
    eprintln!("    report: {}", place.display());
    Ok(())
}

fn text(line: &str, (start, load): (&Start, &str), done: &[Done]) -> String {
    let total: u64 = done.iter().map(|step| step.took.as_secs()).sum();
    let failed = done.iter().filter(|step| !step.passed).count();
    let mut text = format!(
        "# Full run of {}\n\n    {line}\n\n{} steps passed, {failed} failed, in {total} s.\n\n\
         - Source: {}\n- Machine: {}\n- Load average at the beginning {}, at the end {load}\n\n\
         | step | | s | |\n|---|---|---|---|\n",
        start.time,
        done.len() - failed,
        start.commit,
        start.machine,
        start.load
    );
    for step in done {
        let verdict = if step.passed { "passed" } else { "**failed**" };
        // A string takes everything.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {verdict} |",
            step.name,
            step.about,
            step.took.as_secs()
        );
    }
    let full = if line.contains(" --full") { " --full" } else { "" };
    for step in done {
        let mut told = record::told(step.tells, &step.lines);
        if !step.passed {
            told.extend(last(&step.lines));
        }
        if told.is_empty() {
            continue;
        }
        let _ = write!(
            text,
            "\n## {}\n\n`cargo xtask test{full} --step {}`\n\n",
            step.name, step.name
        );
        for line in told {
            let _ = writeln!(text, "    {}", without_paths(&line));
        }
    }
    text
}

/// A line without this machine's folders.
fn without_paths(line: &str) -> String {
    let cache = cache_dir().display().to_string();
    let checkout = root().display().to_string();
    line.replace(&cache, "CACHE").replace(&checkout, ".")
}

/// The end of what a step printed that failed.
fn last(lines: &[String]) -> Vec<String> {
    const LAST: usize = 12;
    let begin = lines.len().saturating_sub(LAST);
    let lines = lines.iter().skip(begin);
    let mut last = vec!["it failed; the last lines:".to_owned()];
    last.extend(lines.map(|line| format!("> {line}")));
    last
}

/// What a figure was measured of, and where, for a step that runs without a report too.
pub fn source() -> String {
    format!("{}; {}", commit(), machine())
}

/// The time, UTC, as `2026-11-21T22:36Z`.
///
/// # Errors
/// When the system does not tell it.
pub fn time() -> Result<String> {
    let time = output(&mut command("date", &["-u", "+%Y-%m-%dT%H:%MZ"]))?;
    Ok(time.trim().to_owned())
}

fn commit() -> String {
    let ask = |args: &[&str]| output(&mut command("git", args)).map(|text| text.trim().to_owned());
    match (ask(&["rev-parse", "HEAD"]), ask(&["status", "--porcelain"])) {
        (Ok(commit), Ok(changes)) if changes.is_empty() => format!("commit {commit}"),
        (Ok(commit), _) => format!("commit {commit}, with changes"),
        _ => "not known: no git here".to_owned(),
    }
}

/// Processors, memory, kernel and compilers.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or_else(|| "?".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let version = |program: &str, arg: &str| {
        output(&mut command(program, &[arg]))
            .map_or_else(|_| format!("no {program}"), |text| text.trim().to_owned())
    };
    format!(
        "{processors} x {}, {} of memory, Linux {}, {}, {}",
        field(&read("/proc/cpuinfo"), "model name"),
        field(&read("/proc/meminfo"), "MemTotal"),
        read("/proc/sys/kernel/osrelease").trim(),
        version("rustc", "--version"),
        version("go", "version"),
    )
}

/// Of one, five and fifteen minutes.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, passed: bool, line: &str) -> Done {
        Done {
            name,
            about: "something",
            took: Duration::from_millis(1500),
            passed,
            lines: vec![line.to_owned()],
            tells: Tells::Lines,
        }
    }

    #[test]
    fn a_report_has_commands_times_figures_and_faults() {
        let start = Start {
            time: "2026-11-21T22:36Z".to_owned(),
            commit: "commit abc".to_owned(),
            machine: "2 x chip".to_owned(),
            load: "1 2 3".to_owned(),
        };
        let done = [step("one", true, "17 requests"), step("two", false, "boom")];
        let text = text("cargo xtask test --full", (&start, "4 5 6"), &done);
        for part in [
            "# Full run of 2026-11-21T22:36Z\n\n    cargo xtask test --full\n",
            "1 steps passed, 1 failed, in 2 s.",
            "- Source: commit abc\n",
            "| `one` | something | 1 | passed |\n",
            "| `two` | something | 1 | **failed** |\n",
            "`cargo xtask test --full --step one`\n\n    17 requests\n",
            "    > boom\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
        assert!(
            start
                .place()
                .ends_with("docs/development/full-runs/2026-11-21T2236Z.md")
        );
    }
}
