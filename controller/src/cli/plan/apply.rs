//! Making the changes, until the Gateways serve or the time is over.

use crate::cli::exit::Exit;
use crate::clouds::Registry;
use crate::output::style;
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Outcome, Request, Verdict};
use std::io::{self, Write};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at a Gateway that is on its way.
const LOOK: Duration = Duration::from_secs(2);

/// Applies the requests, and removes what is left of other Gateways.
pub async fn run(
    registry: &Registry,
    (requests, left): (&[&Request], &[(Str, ObjectName)]),
    timeout: Duration,
    out: &mut dyn Write,
) -> io::Result<Exit> {
    let deadline = Instant::now() + timeout;
    let mut exit = Exit::Success;
    for request in requests {
        let balancer = &request.balancer;
        let Some(cloud) = registry.get(&balancer.controller) else {
            continue;
        };
        heading(&balancer.gateway, out)?;
        let make = async || cloud.reconcile(request).await;
        if !until_done(make, deadline, out).await? {
            exit = Exit::Io;
        }
    }
    for (controller, gateway) in left {
        let Some(cloud) = registry.get(controller) else {
            continue;
        };
        heading(gateway, out)?;
        let remove = async || cloud.remove(gateway).await;
        if !until_done(remove, deadline, out).await? {
            exit = Exit::Io;
        }
    }
    Ok(exit)
}

fn heading(gateway: &ObjectName, out: &mut dyn Write) -> io::Result<()> {
    let name = style::NAME;
    writeln!(out, "{name}Gateway {gateway}{name:#}")
}

/// Whether everything is as it should be before the time is over.
async fn until_done(
    run: impl AsyncFn() -> Outcome,
    deadline: Instant,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let mut failures = 0;
    let mut waits = None;
    loop {
        let outcome = run().await;
        if failures == 0 && waits.is_none() {
            for item in &outcome.unsupported {
                let style = if item.approximated {
                    style::WARNING
                } else {
                    style::ERROR
                };
                writeln!(out, "  {style}-{style:#} {item}")?;
            }
        }
        for change in &outcome.changes {
            match &change.verdict {
                Verdict::Done => writeln!(out, "  {0}done{0:#}    {1}", style::GOOD, change.summary)?,
                Verdict::Failed(error) => {
                    writeln!(
                        out,
                        "  {0}failed{0:#}  {1}: {error}",
                        style::ERROR,
                        change.summary
                    )?;
                }
                Verdict::Skipped(_) => {}
            }
        }
        if let Some(error) = &outcome.unread {
            writeln!(out, "  {0}failed{0:#}  {error}", style::ERROR)?;
        }
        let fault = outcome.fault();
        if outcome.is_converged() && outcome.again.is_none() && fault.is_none() {
            for address in &outcome.addresses.assigned {
                writeln!(out, "  {0}address{0:#} {1}", style::GOOD, address.value)?;
            }
            return Ok(true);
        }
        // Nobody mends it while we wait.
        if outcome.errors().any(|error| !error.kind.retryable()) {
            return Ok(false);
        }
        let why = fault.map(|fault| fault.message);
        if outcome.is_converged() && why.is_some() && why != waits {
            let text = why.clone().unwrap_or_default();
            writeln!(out, "  {0}waiting{0:#} {text}", style::DIM)?;
        }
        waits = why.or(waits);
        let pause = if outcome.is_converged() {
            failures = 0;
            outcome.again.unwrap_or(LOOK).min(LOOK)
        } else {
            failures += 1;
            outcome.retry_after(failures).unwrap_or(LOOK)
        };
        out.flush()?;
        if Instant::now() + pause > deadline {
            writeln!(out, "  {0}not in time{0:#}", style::ERROR)?;
            return Ok(false);
        }
        tokio::time::sleep(pause).await;
    }
}
