//! Tests of the suite for classes that cannot be held to all of it: each test's result is listed. It is no report.

use super::alb::timeouts;
use super::outcome::{Verdict, verdict};
use super::{Args, CLASS, common};
use crate::cluster::{self, Cluster};
use crate::simulated::Pace;
use crate::test::report;
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// What is run.
pub(super) struct Run<'a> {
    /// Profiles of the suite, separated by commas.
    pub profiles: &'a str,
    /// Features that are tried beside the core ones of the profiles, separated by commas; those that the class names do not
    /// count.
    pub tried: &'a str,
    /// Which of Go's tests.
    pub tests: &'a str,
    /// Tests that cannot pass, each with what forces that.
    pub skipped: &'a [(String, String)],
}

/// How each test ended, and an error when one failed.
pub(super) type Ended = (Results, Result<()>);

/// Runs the tests as a step, as many of which pass as are known to.
///
/// # Errors
/// When a test fails, or fewer pass.
pub(super) fn step(args: &Args, known: usize, run: impl FnOnce(&Path) -> Result<Ended>) -> Result<()> {
    cluster::require()?;
    let suite = super::build_suite(args)?;
    let (results, ended) = run(&suite).with_context(|| args.title())?;
    ended.with_context(|| args.title())?;
    args.at_least(results.count(Verdict::Passed), known)
}

/// Runs the test that is asked for, or all and writes the page of results, also of those that failed.
///
/// # Errors
/// When a test fails, or of all fewer pass than are known to.
pub(super) fn all_or_one(
    args: &Args,
    known: usize,
    run: impl FnOnce(Option<&str>) -> Result<Ended>,
    page: impl FnOnce(&Results, Duration) -> Result<String>,
) -> Result<()> {
    ensure!(!args.preview, "--preview is for the bundled proxy");
    let one = args.run_test.as_deref();
    let begun = Instant::now();
    let (results, ended) = run(one)?;
    if one.is_none() {
        let path = args.report()?;
        let page = page(&results, begun.elapsed())?;
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("    results: {}", path.display());
    }
    ended?;
    args.at_least(results.count(Verdict::Passed), known)
}

/// How each test ended.
#[derive(Debug, Default)]
pub(super) struct Results {
    ended: BTreeMap<String, Verdict>,
    /// Tests of features that were not tried.
    beside: BTreeSet<String>,
}

impl Results {
    /// Takes a line of the suite's output.
    pub fn note(&mut self, line: &str) {
        if let Some((verdict, test)) = verdict(line) {
            self.ended.insert(test.to_owned(), verdict);
        } else if let Some((_, rest)) = line.split_once(": Skipping ")
            && let Some((test, _)) = rest.split_once(": suite does not support ")
        {
            self.beside.insert(test.to_owned());
        }
    }

    /// Without the tests of features that were not tried.
    pub fn of_what_was_tried(mut self) -> Self {
        self.ended.retain(|test, _| !self.beside.contains(test));
        self
    }

    /// How many tests ended so.
    pub fn count(&self, wanted: Verdict) -> usize {
        self.ended.values().filter(|verdict| **verdict == wanted).count()
    }

    /// The tests and how each ended.
    #[cfg(test)]
    pub const fn all(&self) -> &BTreeMap<String, Verdict> {
        &self.ended
    }

    /// How many ended how.
    pub fn sum(&self) -> String {
        format!(
            "{} passed, {} failed, {} not run",
            self.count(Verdict::Passed),
            self.count(Verdict::Failed),
            self.count(Verdict::Skipped)
        )
    }

    /// A row for each test.
    pub fn table(&self, skipped: &[(String, String)]) -> String {
        let rows = self
            .ended
            .iter()
            .map(|(test, verdict)| row((test, *verdict), skipped));
        format!("| test | result |\n|---|---|\n{}", rows.collect::<String>())
    }
}

fn row((test, verdict): (&str, Verdict), skipped: &[(String, String)]) -> String {
    let told = match verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Failed => "failed".to_owned(),
        Verdict::Skipped => {
            let why = skipped.iter().find(|(skipped, _)| skipped == test);
            let why = why.map_or("of a feature that the class does not claim", |(_, why)| why);
            format!("not run: {why}")
        }
    };
    format!("| {test} | {told} |\n")
}

/// What a page of results says of how it was made, as a list.
///
/// # Errors
/// When the system does not tell the time.
pub(super) fn circumstances(pace: Pace, command: &str, parameters: &str) -> Result<String> {
    let raised: Vec<String> = timeouts(pace)
        .iter()
        .map(|(name, seconds)| format!("{name} {seconds} s"))
        .collect();
    Ok(format!(
        "- Command: `{command} --pace {pace}`\n\
         - Done at {time}; {source}\n\
         - Delays: {delays}\n\
         - Parameters of the class: `{parameters}`\n\
         - Timeouts of the suite that are raised: {raised}\n",
        pace = pace.name(),
        delays = pace.told(),
        raised = raised.join(", "),
        time = report::time()?,
        source = report::source(),
    ))
}

/// Runs tests in a cluster: how each ended, and an error when one failed.
pub(super) fn tests_in(cluster: &Cluster, args: &Args, suite: &Path, run: &Run<'_>) -> Ended {
    let begun = Instant::now();
    let suite = suite.display().to_string();
    let skipped: Vec<&str> = run.skipped.iter().map(|(test, _)| test.as_str()).collect();
    let skipped = skipped.join(",");
    let raised = timeouts(args.pace)
        .iter()
        .map(|(name, seconds)| format!("{name}:{seconds}"));
    let raised = raised.collect::<Vec<_>>().join(";");
    let mut line = common(&suite, CLASS, run.tests);
    line.extend([
        "--conformance-profiles",
        run.profiles,
        "--supported-features",
        run.tried,
        "--timeout-config-overrides",
        &raised,
    ]);
    if !skipped.is_empty() {
        line.extend(["--skip-tests", &skipped]);
    }
    let mut results = Results::default();
    let ended = cluster.lines(&line, |text| {
        println!("{text}");
        results.note(text);
        Ok(())
    });
    eprintln!(
        "    {}: {} tests passed, {} failed, {} skipped, in {} s",
        args.title(),
        results.count(Verdict::Passed),
        results.count(Verdict::Failed),
        results.count(Verdict::Skipped),
        begun.elapsed().as_secs()
    );
    (results, ended)
}
