//! What was measured, beside its targets and the peer, as Markdown.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::Path;

/// A figure of the program that measures inside the cluster.
#[derive(Clone, Debug, Deserialize)]
pub struct Figure {
    /// The same for every installation.
    pub key: String,
    /// What it is.
    pub measure: String,
    /// How much.
    pub value: f64,
    /// Of what; empty for a number.
    pub unit: String,
}

/// An upper bound.
struct Target {
    key: &'static str,
    /// Title of the column it holds for; empty for all of ours.
    only: &'static str,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    Below(f64),
    AtMost(f64),
}

impl Bound {
    fn reached(self, value: f64) -> bool {
        match self {
            Self::Below(limit) => value < limit,
            Self::AtMost(limit) => value <= limit,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Self::Below(limit) => format!("< {}", with_unit(limit, unit)),
            Self::AtMost(limit) => format!("<= {}", with_unit(limit, unit)),
        }
    }
}

const fn target(key: &'static str, bound: Bound) -> Target {
    Target { key, only: "", bound }
}

/// What we want to reach.
const TARGETS: &[Target] = &[
    Target {
        key: "gateway.pod",
        only: "dedicated",
        bound: Bound::Below(3000.0),
    },
    Target {
        key: "gateway.pod",
        only: "shared",
        bound: Bound::Below(150.0),
    },
    target("route.mean", Bound::Below(10.0)),
    target("route.max", Bound::Below(60.0)),
    target("route.errors", Bound::AtMost(0.0)),
    target("attach.settled", Bound::Below(1000.0)),
    target("attach.routes", Bound::AtMost(1050.0)),
    target("attach.gateway", Bound::AtMost(60.0)),
    target("loaded.mean", Bound::Below(12.0)),
    target("loaded.errors", Bound::AtMost(0.0)),
    target("load.proxy", Bound::AtMost(40.0)),
    target("load.controller", Bound::AtMost(150.0)),
    target("load.processor", Bound::Below(1.0)),
    target("load.writes", Bound::AtMost(0.0)),
    target("load.events", Bound::AtMost(0.0)),
    target("steady.writes", Bound::AtMost(0.0)),
    target("steady.events", Bound::AtMost(0.0)),
    target("sets.proxy", Bound::AtMost(120.0)),
    target("start.controller", Bound::AtMost(300.0)),
    target("start.controller.peak", Bound::AtMost(300.0)),
    target("idle.objects", Bound::AtMost(0.0)),
    target("idle.events", Bound::AtMost(0.0)),
    target("idle.writes", Bound::AtMost(0.0)),
    target("idle.controller", Bound::AtMost(300.0)),
    target("idle.controller.peak", Bound::AtMost(300.0)),
    target("look.objects", Bound::AtMost(0.0)),
    target("look.events", Bound::AtMost(0.0)),
    target("look.writes", Bound::AtMost(0.0)),
    target("look.controller", Bound::AtMost(300.0)),
    target("look.controller.peak", Bound::AtMost(300.0)),
];

/// Measures whose ratio to Envoy Gateway's is to be at most this.
const RATIOS: &[(&str, f64)] = &[("first.mean", 0.1), ("first.max", 0.1)];

/// A share of another time: it says nothing beside the peer's.
const UNCOMPARED: &str = "gateway.service";

/// Largest proxy image in MiB.
const IMAGE: f64 = 25.0;

/// What the figures mean.
const ABOUT: &str = "Each column is an installation in a fresh cluster of its own (`docs/development/cluster.md`), one after the other, measured from
inside by the same program (`e2e/cluster/bench`). Dedicated: each Gateway has a proxy of its own; shared: all of the class have one. Envoy
Gateway is release v1.9.1 by its own chart with default values, its controller built from its Go module, Envoy 1.39.1 from PyPI; its class
lets proxies drain for 5 s, as in its project's own conformance runs, and ask for a hundredth of a core. One proxy
and one controller each; all of it, the API server included, shares the machine.

Routes are those of gateway-api-bench: a hostname of their own, two rules with a header filter, the second one to a backend that is missing.
One by one: from the API server's answer until the route answers with 200, asked for again 0.5 ms after each answer over one connection. Status writes are the
API server's own count of writing requests that succeeded; Events of events.k8s.io, which are ours, are counted apart. Memory is the resident set. Later routes of Envoy Gateway take longer and
longer, so it gets fewer, and as many of our own first ones are compared.
";

/// Title of the peer's column.
pub const PEER: &str = "Envoy Gateway";

impl Figure {
    /// A figure that was not measured inside the cluster.
    pub fn new(key: &str, measure: &str, value: f64, unit: &str) -> Self {
        Self {
            key: key.to_owned(),
            measure: measure.to_owned(),
            value,
            unit: unit.to_owned(),
        }
    }

    /// One line of output as it is measured.
    pub fn told(&self, column: &str) -> String {
        let target = bounds(&self.key)
            .find(|target| target.holds_for(column))
            .map(|target| format!(" ({})", target.bound.text(&self.unit)));
        format!(
            "{}: {}{}",
            self.measure,
            with_unit(self.value, &self.unit),
            target.unwrap_or_default()
        )
    }
}

impl Target {
    fn holds_for(&self, column: &str) -> bool {
        column != PEER && (self.only.is_empty() || self.only == column)
    }
}

fn bounds(key: &str) -> impl Iterator<Item = &'static Target> {
    TARGETS.iter().filter(move |target| target.key == key)
}

/// What was measured of one installation.
pub struct Column {
    /// Its name.
    pub title: &'static str,
    /// In the order in which they were measured.
    pub figures: Vec<Figure>,
    /// Parts that failed, and why.
    pub failures: Vec<String>,
}

impl Column {
    /// Nothing yet.
    pub const fn new(title: &'static str) -> Self {
        Self {
            title,
            figures: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Adds a figure and shows it.
    pub fn add(&mut self, figure: Figure) {
        println!("{}: {}", self.title, figure.told(self.title));
        self.figures.push(figure);
    }

    /// Adds a failure and shows it.
    pub fn fail(&mut self, failure: String) {
        println!("{}: failed: {failure}", self.title);
        self.failures.push(failure);
    }

    fn value(&self, key: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.key == key)
    }
}

/// The whole report.
pub struct Report {
    head: String,
    columns: Vec<Column>,
}

impl Report {
    /// An empty one of installations that are compared.
    pub fn new(setting: &str, command: &str) -> Self {
        Self::of(("A cluster, measured", ABOUT), setting, command)
    }

    /// An empty one with a title, and words that say what the figures mean.
    pub fn of((title, about): (&str, &str), setting: &str, command: &str) -> Self {
        Self {
            head: format!("# {title}\n\n{setting}\n\nCommand: `{command}`\n\n{about}"),
            columns: Vec::new(),
        }
    }

    /// Adds the size of an image, which is its program and the public authorities.
    ///
    /// # Errors
    /// When the program cannot be read.
    pub fn image(&mut self, name: &str, program: &Path, bounded: bool) -> Result<()> {
        let authorities = crate::image::public_authorities()?.len() as u64;
        let program = std::fs::metadata(program).with_context(|| program.display().to_string())?;
        let size = (program.len() + authorities) as f64 / f64::from(1 << 20);
        write!(self.head, "\nImage of the {name}, unpacked: {size:.1} MiB")?;
        if bounded {
            let verdict = verdict(Bound::Below(IMAGE).reached(size));
            write!(self.head, " (target < {IMAGE} MiB: {verdict})")?;
        }
        self.head.push_str(".\n");
        Ok(())
    }

    /// Adds an installation, and writes what there is by now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, column: Column, output: Option<&Path>) -> Result<()> {
        self.columns.push(column);
        let Some(output) = output else {
            return Ok(());
        };
        std::fs::write(output, self.markdown()).with_context(|| format!("writing {}", output.display()))
    }

    /// How much failed.
    pub fn failures(&self) -> usize {
        self.columns.iter().map(|column| column.failures.len()).sum()
    }

    /// The report so far.
    pub fn markdown(&self) -> String {
        let compared = self.columns.len() > 1 && self.columns.iter().any(|column| column.title == PEER);
        let mut head = vec!["measure".to_owned()];
        head.extend(self.columns.iter().map(|column| column.title.to_owned()));
        head.push("target".to_owned());
        if compared {
            head.push(format!("as a part of {PEER}'s"));
        }
        let ruler = vec!["---".to_owned(); head.len()];
        let mut lines = vec![self.head.clone(), line(&head), line(&ruler)];
        lines.extend(self.rows().iter().map(|row| line(&self.row(row, compared))));
        for column in &self.columns {
            let failures = column.failures.iter();
            lines.extend(failures.map(|failure| format!("\n**Failed**, {}: {failure}", column.title)));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// Every measure once, in the order of the columns.
    fn rows(&self) -> Vec<&Figure> {
        let mut rows: Vec<&Figure> = Vec::new();
        for figure in self.columns.iter().flat_map(|column| &column.figures) {
            if rows.iter().all(|row| row.key != figure.key) {
                rows.push(figure);
            }
        }
        rows
    }

    fn row(&self, row: &Figure, compared: bool) -> Vec<String> {
        let mut cells = vec![row.measure.clone()];
        for column in &self.columns {
            let cell = column.value(&row.key).map(|figure| {
                let missed = bounds(&row.key)
                    .any(|target| target.holds_for(column.title) && !target.bound.reached(figure.value));
                let mark = if missed { " **missed**" } else { "" };
                format!("{}{mark}", with_unit(figure.value, &figure.unit))
            });
            cells.push(cell.unwrap_or_default());
        }
        let measured = |title: &str| self.columns.iter().any(|column| column.title == title);
        let targets: Vec<String> = bounds(&row.key)
            .filter(|target| target.only.is_empty() || measured(target.only))
            .map(|target| {
                format!("{} {}", target.only, target.bound.text(&row.unit))
                    .trim_start()
                    .to_owned()
            })
            .collect();
        cells.push(targets.join(", "));
        if compared {
            cells.push(self.ratios(&row.key).unwrap_or_default());
        }
        cells
    }

    /// Our own values as parts of the peer's.
    fn ratios(&self, key: &str) -> Option<String> {
        if key == UNCOMPARED {
            return None;
        }
        let peer = self.columns.iter().find(|column| column.title == PEER)?;
        let peer = peer.value(key).filter(|figure| figure.value > 0.0)?;
        let bound = RATIOS.iter().find(|(name, _)| *name == key);
        let all: Vec<String> = self
            .columns
            .iter()
            .filter(|column| column.title != PEER)
            .filter_map(|column| {
                let ratio = column.value(key)?.value / peer.value;
                let missed = bound.is_some_and(|(_, most)| ratio > *most);
                let mark = if missed { " **missed**" } else { "" };
                Some(format!("{} {ratio:.3}{mark}", column.title))
            })
            .collect();
        let target = bound.map_or_else(String::new, |(_, most)| format!(" (target <= {most})"));
        Some(format!("{}{target}", all.join(", ")))
    }
}

/// A line of a table.
fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

const fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "**missed**" }
}

/// Large numbers without, small ones with decimals.
fn with_unit(value: f64, unit: &str) -> String {
    let number = if value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value.abs() < 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.1}")
    };
    if unit.is_empty() {
        number
    } else {
        format!("{number} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(key: &str, value: f64, unit: &str) -> Figure {
        Figure::new(key, key, value, unit)
    }

    #[test]
    fn a_figure_beyond_its_target_is_marked_and_a_failure_is_named() {
        let mut report = Report::new("two cores", "cargo xtask bench cluster");
        report
            .add(
                Column {
                    title: "dedicated",
                    figures: vec![
                        figure("route.mean", 10.0, "ms"),
                        figure("load.proxy", 39.5, "MiB"),
                    ],
                    failures: vec!["sets: 3 of 4".to_owned()],
                },
                None,
            )
            .unwrap();
        let text = report.markdown();
        assert!(
            text.contains("| route.mean | 10 ms **missed** | < 10 ms |"),
            "{text}"
        );
        assert!(text.contains("| load.proxy | 39.5 MiB | <= 40 MiB |"), "{text}");
        assert!(text.contains("**Failed**, dedicated: sets: 3 of 4"), "{text}");
        assert_eq!(report.failures(), 1);
    }

    #[test]
    fn a_target_of_one_mode_does_not_bind_the_other_or_the_peer() {
        let mut report = Report::new("two cores", "cargo xtask bench cluster");
        for (title, value) in [("dedicated", 900.0), ("shared", 200.0), (PEER, 9000.0)] {
            let mut column = Column::new(title);
            column.figures.push(figure("gateway.pod", value, "ms"));
            report.add(column, None).unwrap();
        }
        let text = report.markdown();
        assert!(
            text.contains("| 900 ms | 200 ms **missed** | 9000 ms | dedicated < 3000 ms, shared < 150 ms | dedicated 0.100, shared 0.022 |"),
            "{text}"
        );
    }

    #[test]
    fn a_tenth_of_the_peer_is_asked_for() {
        let mut report = Report::new("two cores", "cargo xtask bench cluster");
        for (title, value) in [("dedicated", 5.0), (PEER, 40.0)] {
            let mut column = Column::new(title);
            column.figures.push(figure("first.mean", value, "ms"));
            report.add(column, None).unwrap();
        }
        let text = report.markdown();
        assert!(
            text.contains("dedicated 0.125 **missed** (target <= 0.1)"),
            "{text}"
        );
    }
}
