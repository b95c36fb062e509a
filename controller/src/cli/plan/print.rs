//! The plan in words.

use super::PlanOutput;
use super::report::{Entry, Report, Summary};
use crate::output::{count, style};
use anstyle::Style;
use gatewright_provider_api::contract::{Action, Change, FieldChange};
use std::fmt;
use std::io::{self, Write};

/// Quotas are shown when so much of them is needed, in percent.
const NOTABLE: u64 = 80;

impl Report {
    /// Prints it.
    pub fn print(&self, output: PlanOutput, out: &mut dyn Write) -> io::Result<()> {
        match output {
            PlanOutput::Json => {
                let document = serde_json::json!({
                    "gateways": self.gateways,
                    "refused": self.refused,
                    "summary": self.summary(),
                });
                writeln!(out, "{document:#}")
            }
            PlanOutput::Summary => writeln!(out, "{}", self.summary()),
            PlanOutput::Table => {
                for entry in &self.gateways {
                    print_entry(entry, out)?;
                }
                for refused in &self.refused {
                    let name = style::NAME;
                    let warning = style::WARNING;
                    writeln!(
                        out,
                        "{name}Gateway {}{name:#} (class {}) {warning}is not accepted{warning:#}: {}: {}",
                        refused.gateway, refused.class, refused.reason, refused.message
                    )?;
                }
                let summary = self.summary();
                if summary.reads.calls > 0 {
                    let dim = style::DIM;
                    writeln!(
                        out,
                        "{dim}a look at everything takes {} in {:.0} s: what others change is found no faster{dim:#}",
                        count(usize::try_from(summary.reads.calls).unwrap_or(usize::MAX), "call"),
                        summary.reads.takes.as_secs_f64().ceil()
                    )?;
                }
                writeln!(out, "{summary}")
            }
        }
    }
}

fn print_entry(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    let name = style::NAME;
    let class = match &entry.class {
        Some(class) => format!("class {class}"),
        None => "not there any more".to_owned(),
    };
    writeln!(
        out,
        "{name}Gateway {}{name:#} ({class}, {})",
        entry.gateway,
        entry.provider.title()
    )?;
    if let Some(error) = &entry.error {
        let style = style::ERROR;
        writeln!(out, "  {style}cannot be planned{style:#}: {error}")?;
    } else if entry.changes.is_empty() {
        let style = style::GOOD;
        writeln!(out, "  {style}nothing to change{style:#}")?;
    }
    for change in &entry.changes {
        print_change(change, out)?;
    }
    let notable = |used: u64, limit: u64| used.saturating_mul(100) >= limit.saturating_mul(NOTABLE);
    let (shown, rest): (Vec<_>, Vec<_>) = entry
        .quotas
        .iter()
        .partition(|quota| notable(quota.used, quota.limit));
    for quota in shown {
        let style = if quota.is_exceeded() {
            style::ERROR
        } else {
            style::WARNING
        };
        writeln!(
            out,
            "  {style}quota{style:#} {} of a {}: {} of {}{}",
            quota.name,
            quota.scope,
            quota.used,
            quota.limit,
            of_others(quota.others, ", ", " of them others'")
        )?;
    }
    if !rest.is_empty() {
        let list: Vec<String> = rest
            .iter()
            .map(|quota| {
                let others = of_others(quota.others, " (", " others')");
                format!("{} {}/{}{others}", quota.name, quota.used, quota.limit)
            })
            .collect();
        let dim = style::DIM;
        writeln!(out, "  {dim}quotas: {}{dim:#}", list.join(", "))?;
    }
    for item in &entry.unsupported {
        let style = if item.approximated {
            style::WARNING
        } else {
            style::ERROR
        };
        writeln!(out, "  {style}-{style:#} {item}")?;
    }
    Ok(())
}

/// How many of a quota others use, if any.
fn of_others(count: u64, before: &str, after: &str) -> String {
    match count {
        0 => String::new(),
        count => format!("{before}{count}{after}"),
    }
}

fn print_change(change: &Change<()>, out: &mut dyn Write) -> io::Result<()> {
    let style = color(change.action);
    let dim = style::DIM;
    writeln!(
        out,
        "  {style}{:<8}{style:#}{} {dim}{}{dim:#}",
        change.action.label(),
        change.resource,
        change.why
    )?;
    for FieldChange { field, from, to } in &change.fields {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        writeln!(out, "            {field}: {} -> {}", text(from), text(to))?;
    }
    Ok(())
}

const fn color(action: Action) -> Style {
    match action {
        Action::Create => style::GOOD,
        Action::Update => style::WARNING,
        Action::Replace | Action::Delete => style::ERROR,
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            gateways,
            create,
            update,
            replace,
            delete,
            unsupported,
            approximated,
            exceeded,
            unread,
            reads: _,
        } = *self;
        write!(
            f,
            "{}: {create} to create, {update} to update, {replace} to replace, {delete} to delete",
            count(gateways, "Gateway")
        )?;
        let more = [
            (unsupported, "not served"),
            (approximated, "served roughly"),
            (exceeded, "beyond a quota"),
            (unread, "not known"),
        ];
        for (number, what) in more.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "; {number} {what}")?;
        }
        Ok(())
    }
}
