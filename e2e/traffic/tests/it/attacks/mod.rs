//! Attacks on the real program, bounded and on loopback. Each asserts that everybody else is still
//! served and that memory stays bounded, and prints the figures (`--nocapture` shows them).

mod frames;
mod idle;
mod slow;
mod stall;

use anyhow::Result;
use gatewright_traffic::bystander::{Bystander, Report, Site};
use std::future::Future;
use std::time::Duration;
use tokio::sync::Mutex;

/// One attack at a time: each would be the other's noise.
static TURN: Mutex<()> = Mutex::const_new(());

/// Slowest answer that a bystander may see on a loaded two-core machine in a debug build.
const SLOWEST: Duration = Duration::from_secs(5);

const MIB: usize = 1 << 20;

/// Runs `attack` on a site of its own beside a bystander; what it may cost in memory is `budget` bytes.
async fn against<T, F: Future<Output = Result<T>>>(
    name: &str,
    budget: usize,
    attack: impl FnOnce(std::net::SocketAddr) -> F,
) -> Result<(T, Report, Site)> {
    let _turn = TURN.lock().await;
    let site = Site::start().await?;
    // Buffers and pools grow to their working size before the count starts.
    Bystander::start(&site)?.finish().await?;
    let bystander = Bystander::start(&site)?;
    let result = attack(site.address).await;
    let report = bystander.finish().await?;
    let result = result?;
    println!("{}", report.line(name));
    assert!(report.slowest < SLOWEST, "{name}: {report:?}");
    assert!(
        report.growth() <= budget,
        "{name}: {} MiB more, {} MiB allowed",
        report.growth() / MIB,
        budget / MIB
    );
    Ok((result, report, site))
}
