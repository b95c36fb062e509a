//! Telling a person (or the log) what happens.

use super::place::transport;
use super::site::Step;
use crate::output::conditions::{Change, Row};
use crate::output::{count, problems, style, table};
use gatewright_model::key::{ListenerKey, ObjectName};
use gatewright_proxy::runtime::{ListenerOutcome, Placement};
use gatewright_validation::Severity;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// How many lines of one step are printed; the rest is counted.
const LINES: usize = 60;

/// Where messages go.
pub enum Reporter {
    /// A person at a terminal, and what was told of listeners.
    Terminal(Listeners),
    /// Structured logs.
    Logs,
}

impl Reporter {
    /// For `run`.
    pub const fn terminal() -> Self {
        Self::Terminal(Listeners(BTreeMap::new()))
    }

    /// For `proxy`.
    pub const fn logs() -> Self {
        Self::Logs
    }

    /// The admin server listens.
    pub fn admin(&self, address: SocketAddr) {
        match self {
            Self::Terminal(_) => print(|out| writeln!(out, "{0}admin{0:#} http://{address}/", style::DIM)),
            Self::Logs => tracing::info!(%address, "admin server listens"),
        }
    }

    /// A sample backend was started.
    pub fn sample(&self, address: SocketAddr, backend: &str) {
        match self {
            Self::Terminal(_) => {
                print(|out| writeln!(out, "{0}sample backend{0:#} {backend} on {address}", style::DIM));
            }
            Self::Logs => tracing::info!(%address, backend, "sample backend started"),
        }
    }

    /// SIGHUP.
    pub fn reload(&self) {
        match self {
            Self::Terminal(_) => print(|out| writeln!(out, "reloading")),
            Self::Logs => tracing::info!("reloading"),
        }
    }

    /// The end.
    pub fn stopping(&self, grace: Duration) {
        match self {
            Self::Terminal(_) => print(|out| {
                writeln!(
                    out,
                    "stopping: open connections have up to {} to finish",
                    humantime::format_duration(grace)
                )
            }),
            Self::Logs => tracing::info!(grace_s = grace.as_secs(), "stopping"),
        }
    }

    /// One look at the files.
    pub fn step(&mut self, step: &Step) {
        match self {
            Self::Terminal(listeners) => {
                let listeners = listeners.changed(step);
                print(|out| terminal(step, &listeners, out));
            }
            Self::Logs => logs(step),
        }
    }
}

fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    let mut out = anstream::stdout().lock();
    // A closed terminal is no reason to stop serving.
    let _ = write(&mut out).and_then(|()| out.flush());
}

fn terminal(step: &Step, listeners: &[Listener], out: &mut dyn Write) -> io::Result<()> {
    problems::print(step.problems.get(..LINES).unwrap_or(&step.problems), out)?;
    rest(step.problems.len(), out)?;
    for refusal in step.refusals.iter().take(LINES) {
        let style = style::WARNING;
        writeln!(
            out,
            "{style}warning{style:#}: {}: {} (Gateway {})",
            refusal.object, refusal.message, refusal.gateway
        )?;
    }
    rest(step.refusals.len(), out)?;
    for (gateway, provider, found) in step.notices.iter().filter(|(_, _, found)| !found.is_empty()) {
        let name = style::NAME;
        writeln!(
            out,
            "{name}Gateway {gateway}{name:#} is served here in place of {}, which differs:",
            provider.title()
        )?;
        for item in found.iter().take(LINES) {
            writeln!(out, "  {0}-{0:#} {item}", style::WARNING)?;
        }
        rest(found.len(), out)?;
    }
    if let Some(place) = &step.empty {
        let style = style::WARNING;
        writeln!(
            out,
            "{style}nothing to serve{style:#}: no object of the Gateway API in {place}"
        )?;
    }
    if step.first && !step.skipped.is_empty() {
        let kinds: Vec<String> = step
            .skipped
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        writeln!(
            out,
            "{0}skipped, not ours: {1}{0:#}",
            style::DIM,
            kinds.join(", ")
        )?;
    }
    print_listeners(listeners, out)?;
    if step.first {
        let mut rows = step.rows();
        let shown: Vec<Row> = rows.by_ref().take(LINES).collect();
        if !shown.is_empty() {
            writeln!(out, "{}", table::text(&table::conditions(&shown)))?;
        }
        rest(shown.len() + rows.count(), out)?;
        writeln!(out, "{0}ready{0:#} after {1:.1?}", style::GOOD, step.took)?;
        return Ok(());
    }
    for key in step.gone.iter().take(LINES) {
        writeln!(out, "{0}{key} is gone{0:#}", style::DIM)?;
    }
    rest(step.gone.len(), out)?;
    let mut changes = step.conditions();
    let mut told = 0;
    for change in changes.by_ref().take(LINES) {
        told += 1;
        match &change {
            Change::Now(row, before) => {
                let part = if row.part.is_empty() {
                    String::new()
                } else {
                    format!(" {}", row.part)
                };
                let before = before
                    .as_ref()
                    .map(|(status, reason)| format!(" (was {status} {reason})"))
                    .unwrap_or_default();
                let paint = if table::color(row) == comfy_table::Color::Green {
                    style::GOOD
                } else {
                    style::WARNING
                };
                let name = style::NAME;
                writeln!(
                    out,
                    "{name}{}{name:#}{part}: {} {paint}{}{paint:#} {}{before} {}",
                    row.object, row.condition, row.status, row.reason, row.message
                )?;
            }
            Change::Gone(row) => {
                writeln!(
                    out,
                    "{0}{1} {2}: {3} is gone{0:#}",
                    style::DIM,
                    row.object,
                    row.part,
                    row.condition
                )?;
            }
        }
    }
    rest(told + changes.count(), out)?;
    if step.changed > 0 {
        writeln!(
            out,
            "{0}{1} changed, applied in {2:.1?}{0:#}",
            style::DIM,
            count(step.changed, "object"),
            step.took
        )?;
    }
    Ok(())
}

fn rest(total: usize, out: &mut dyn Write) -> io::Result<()> {
    if total > LINES {
        writeln!(out, "  ... and {} more", total - LINES)
    } else {
        Ok(())
    }
}

/// A listener as it is shown: Gateway, name, addresses, hostname, and whether it is served or why not.
type Listener = [String; 5];

/// What was told of each listener.
pub struct Listeners(BTreeMap<(ObjectName, ListenerKey), Listener>);

impl Listeners {
    /// The listeners that are new or not what they were, in order. Later calls compare with this one.
    fn changed(&mut self, step: &Step) -> Vec<Listener> {
        if step.placements.is_empty() && step.changed == 0 {
            // Nothing was placed at this look, which says nothing.
            return Vec::new();
        }
        let outcomes: BTreeMap<_, _> = step
            .report
            .listeners
            .iter()
            .map(|outcome| ((&outcome.gateway, &outcome.listener), outcome))
            .collect();
        let mut now = BTreeMap::new();
        for placement in &step.placements {
            let gateway = &placement.balancer.gateway;
            for (key, listener) in &placement.balancer.listeners {
                let shown = [
                    gateway.to_string(),
                    key.name.to_string(),
                    addresses(placement, listener.protocol, listener.port),
                    listener.hostname.to_string(),
                    state(outcomes.get(&(gateway, key)).copied()),
                ];
                now.insert((gateway.clone(), key.clone()), shown);
            }
        }
        let known = std::mem::replace(&mut self.0, now);
        self.0
            .iter()
            .filter(|(key, shown)| known.get(key) != Some(shown))
            .map(|(_, shown)| shown.clone())
            .collect()
    }
}

/// Listeners with their addresses, or why they are not served.
fn print_listeners(listeners: &[Listener], out: &mut dyn Write) -> io::Result<()> {
    if listeners.is_empty() {
        return Ok(());
    }
    let mut table = table::table(&["GATEWAY", "LISTENER", "ADDRESS", "HOSTNAME", "STATE"]);
    for listener in listeners.iter().take(LINES) {
        table.add_row(listener);
    }
    writeln!(out, "{}", table::text(&table))?;
    rest(listeners.len(), out)?;
    writeln!(out)
}

fn addresses(placement: &Placement, protocol: gatewright_model::listener::Protocol, port: u16) -> String {
    use gatewright_model::listener::Protocol;
    let scheme = match protocol {
        Protocol::Http => "http",
        Protocol::Https => "https",
        Protocol::Tls => "tls",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    let Some(bound) = placement.bound(port, transport(protocol)) else {
        return format!("no port: {port} + {} is beyond 65535", placement.port_offset);
    };
    let list: Vec<String> = placement
        .addresses
        .iter()
        .map(|ip| format!("{scheme}://{}", SocketAddr::new(*ip, bound)))
        .collect();
    if list.is_empty() {
        "no usable address".to_owned()
    } else {
        list.join(" ")
    }
}

fn state(outcome: Option<&ListenerOutcome>) -> String {
    match outcome.map(|outcome| &outcome.failure) {
        Some(None) => "serving".to_owned(),
        Some(Some(failure)) => failure.message.clone(),
        None => "not programmed".to_owned(),
    }
}

fn logs(step: &Step) {
    for problem in &step.problems {
        match problem.severity() {
            Severity::Error => tracing::error!("{problem}"),
            Severity::Warning => tracing::warn!("{problem}"),
        }
    }
    for refusal in &step.refusals {
        tracing::warn!(gateway = %refusal.gateway, object = %refusal.object, "{}", refusal.message);
    }
    for outcome in &step.failures {
        if let Some(failure) = &outcome.failure {
            tracing::error!(gateway = %outcome.gateway, listener = %outcome.listener, "{}", failure.message);
        }
    }
    if let Some(place) = &step.empty {
        tracing::warn!(place, "no object of the Gateway API: nothing to serve");
    }
    for key in &step.gone {
        tracing::info!(object = %key, "object gone");
    }
    for change in step.conditions() {
        match &change {
            Change::Now(row, _) => tracing::info!(
                object = row.object,
                part = row.part,
                condition = row.condition,
                status = row.status,
                reason = row.reason,
                "{}",
                row.message
            ),
            Change::Gone(row) => {
                tracing::info!(
                    object = row.object,
                    part = row.part,
                    condition = row.condition,
                    "condition gone"
                );
            }
        }
    }
    if step.changed > 0 || step.first {
        tracing::info!(
            objects = step.changed,
            took_us = step.took.as_micros() as u64,
            "configuration applied"
        );
    }
}
