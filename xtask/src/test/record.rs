//! What a step prints, shown as it comes and kept.

use anyhow::{Context, Result};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

/// Longest line that is kept, in characters.
const LONGEST: usize = 240;

/// Most lines that are kept of a step.
const MOST: usize = 160;

/// What of a step's output says what it found.
#[derive(Clone, Copy, Debug)]
pub enum Tells {
    /// That it passed says everything.
    Nothing,
    /// How many tests there were.
    Tests,
    /// What tests print, each in words of its own.
    Lines,
    /// Lines that have one of these parts.
    Only(&'static [&'static str]),
}

/// Beginnings of what cargo, its test harness and this program say of their own work.
const NOISE: &[&str] = &[
    "$ ",
    "==>",
    "Blocking",
    "Compiling",
    "Downloaded",
    "Downloading",
    "Executable",
    "Finished",
    "Fresh",
    "Locking",
    "Running",
    "Updating",
    "running ",
    "test result:",
    "warning:",
];

/// Runs a command, shows what it prints, and answers its lines.
///
/// # Errors
/// When it cannot be started or read.
pub fn tee(command: &mut Command) -> Result<(ExitStatus, Vec<String>)> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start a step")?;
    let out = child.stdout.take().context("a child's output is a pipe")?;
    let errors = child.stderr.take().context("a child's output is a pipe")?;
    let kept = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let other = scope.spawn(|| copy(errors, std::io::stderr(), &kept));
        let first = copy(out, std::io::stdout(), &kept);
        first.and(other.join().unwrap_or(Ok(())))
    })?;
    let status = child.wait().context("waiting for a step")?;
    Ok((status, kept.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

fn copy(from: impl Read, mut to: impl Write, kept: &Mutex<Vec<String>>) -> Result<()> {
    let mut reader = BufReader::new(from);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if reader
            .read_until(b'\n', &mut bytes)
            .context("reading a step's output")?
            == 0
        {
            return Ok(());
        }
        to.write_all(&bytes)
            .and_then(|()| to.flush())
            .context("printing")?;
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// The lines that say what a step found.
pub fn told(tells: Tells, lines: &[String]) -> Vec<String> {
    let mut found: Vec<String> = match tells {
        Tells::Nothing => Vec::new(),
        Tells::Tests => vec![counted(lines)],
        Tells::Lines => lines.iter().filter_map(|line| words(line)).collect(),
        Tells::Only(parts) => {
            let tells = |line: &&String| parts.iter().any(|part| line.contains(part));
            let lines = lines.iter().filter(tells);
            lines.map(|line| line.trim().to_owned()).collect()
        }
    };
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    for line in &mut found {
        if line.chars().count() > LONGEST {
            *line = line.chars().take(LONGEST).chain("...".chars()).collect();
        }
    }
    if more > 0 {
        found.push(format!("({more} more lines)"));
    }
    found
}

/// A line of a test's own words; `None` for others. The harness writes a test's name before its first ones.
fn words(line: &str) -> Option<String> {
    let line = line.trim();
    let named = line
        .strip_prefix("test ")
        .and_then(|rest| rest.split_once(" ... "));
    if let Some((name, rest)) = named {
        let said = !rest.is_empty() && rest != "ok" && !rest.starts_with("ignored");
        return said.then(|| format!("{name}: {rest}"));
    }
    let noise = line.is_empty() || line == "ok" || NOISE.iter().any(|start| line.starts_with(start));
    (!noise).then(|| line.to_owned())
}

/// The sum of what the harness says at the end of each program.
fn counted(lines: &[String]) -> String {
    let (mut passed, mut failed, mut ignored) = (0_u64, 0_u64, 0_u64);
    for line in lines.iter().filter(|line| line.starts_with("test result:")) {
        for part in line.split([';', '.']) {
            let mut words = part.split_whitespace();
            let number = words.next().and_then(|number| number.parse::<u64>().ok());
            match (number, words.next()) {
                (Some(number), Some("passed")) => passed += number,
                (Some(number), Some("failed")) => failed += number,
                (Some(number), Some("ignored")) => ignored += number,
                _ => {}
            }
        }
    }
    format!("{passed} tests passed, {failed} failed, {ignored} for other steps")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn tests_are_counted_over_all_programs() {
        let output = lines(
            "   Compiling x v0.1.0\ntest a ... ok\n\
             test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.02s\n\
             test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
        );
        assert_eq!(
            told(Tells::Tests, &output),
            ["13 tests passed, 2 failed, 3 for other steps"]
        );
    }

    #[test]
    fn what_tests_say_is_kept_and_noise_is_not() {
        let output = lines(
            "    $ cargo test\n    Finished `test` profile\nrunning 2 tests\n\
             test weights::one ... 1923 requests, none failed\nweight 100: share 100.0 %\nok\n\
             test other::two ... ok\n\ntest result: ok. 2 passed; 0 failed",
        );
        let wanted = [
            "weights::one: 1923 requests, none failed",
            "weight 100: share 100.0 %",
        ];
        assert_eq!(told(Tells::Lines, &output), wanted);
        assert_eq!(told(Tells::Only(&["weight 100"]), &output), [wanted[1]]);
        assert!(told(Tells::Nothing, &output).is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let output = vec!["x".repeat(1000); MOST + 5];
        let found = told(Tells::Lines, &output);
        assert_eq!(found.len(), MOST + 1);
        assert_eq!(found[0].chars().count(), LONGEST + 3);
        assert_eq!(found[MOST], "(5 more lines)");
    }

    #[test]
    fn both_outputs_and_the_status_arrive() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let (status, mut kept) = tee(&mut command).unwrap();
        kept.sort();
        assert_eq!((status.code(), kept), (Some(3), lines("one\ntwo")));
    }
}
