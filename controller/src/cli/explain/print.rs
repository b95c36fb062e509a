//! The answer for a person.

use super::{Answer, Served};
use crate::output::{style, table};
use anyhow::Result;
use gatewright_model::explain::Explanation;
use std::io::Write;

impl Answer {
    /// Writes it.
    pub fn print(&self, out: &mut dyn Write) -> Result<()> {
        let name = style::NAME;
        writeln!(out, "{name}Gateway {}{name:#}", self.gateway)?;
        if let Some(refused) = &self.refused {
            writeln!(out, "  {0}not served{0:#}: {refused}", style::WARNING)?;
            return Ok(());
        }
        if let Some(listener) = &self.listener {
            writeln!(out, "  listener  {listener}")?;
        }
        if let Some(conflict) = &self.conflict {
            writeln!(
                out,
                "  {0}not served on one machine{0:#}: {conflict}",
                style::WARNING
            )?;
        }
        match &self.served {
            None if self.explanation.is_none() => {
                writeln!(
                    out,
                    "  {0}no route matches{0:#}: the connection is closed",
                    style::WARNING
                )?;
            }
            None => writeln!(out, "  {0}no route matches{0:#}: answers 404", style::WARNING)?,
            Some(served) => served.print(out)?,
        }
        self.explanation
            .as_ref()
            .map_or(Ok(()), |explanation| rejections(explanation, out))
    }
}

impl Served {
    fn print(&self, out: &mut dyn Write) -> Result<()> {
        let rule = quoted(self.rule_name.as_deref());
        writeln!(
            out,
            "  route     {0}{1}{0:#}, rule {2}{rule}",
            style::GOOD,
            self.route,
            self.rule
        )?;
        if !self.filters.is_empty() {
            writeln!(out, "  filters   {}", self.filters.join(", "))?;
        }
        if let Some(fault) = &self.fault {
            writeln!(out, "  {0}fault{0:#}     {fault}: answers 500", style::ERROR)?;
        }
        if !self.backends.is_empty() {
            let mut backends = table::table(&["  BACKEND", "WEIGHT", "SHARE", "ENDPOINTS"]);
            for share in &self.backends {
                backends.add_row([
                    format!("  {}", share.backend),
                    share.weight.to_string(),
                    format!("{:.1} %", share.percent),
                    share.endpoints.clone(),
                ]);
            }
            writeln!(out, "{}", table::text(&backends))?;
        } else if self.fault.is_none() && !self.filters.iter().any(|name| name == "RequestRedirect") {
            writeln!(out, "  {0}no backends{0:#}: answers 500", style::ERROR)?;
        }
        Ok(())
    }
}

/// What was tried before, and what there is besides when nothing serves the request.
fn rejections(explanation: &Explanation, out: &mut dyn Write) -> Result<()> {
    if !explanation.rejected.is_empty() {
        writeln!(out, "  better placed, but not matching:")?;
    }
    for rejection in &explanation.rejected {
        let candidate = &rejection.candidate;
        writeln!(
            out,
            "    {} rule {}{} match {}: {}",
            candidate.route,
            candidate.rule,
            quoted(candidate.rule_name.as_deref()),
            candidate.match_index,
            rejection.reason
        )?;
    }
    if explanation.omitted > 0 {
        writeln!(out, "    ... and {} more", explanation.omitted)?;
    }
    if !explanation.other_hosts.is_empty() {
        let hosts: Vec<String> = explanation.other_hosts.iter().map(ToString::to_string).collect();
        writeln!(out, "  routes of this listener are for {}", hosts.join(", "))?;
    }
    Ok(())
}

/// A rule's name behind its number.
fn quoted(name: Option<&str>) -> String {
    name.map(|name| format!(" \"{name}\"")).unwrap_or_default()
}
