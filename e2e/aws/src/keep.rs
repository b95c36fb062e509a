//! The state in a file, so that it outlives the process.

use crate::dispatch::Simulator;
use crate::state::World;
use anyhow::{Context as _, Result};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long changes wait to be written.
const EVERY: Duration = Duration::from_millis(100);

/// The state in a file; an empty one when there is no file.
///
/// # Errors
///
/// When the file is there and cannot be read.
pub fn load(path: &Path) -> Result<World> {
    match fs::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).with_context(|| format!("{} holds no state", path.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(World::default()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// Writes the state: first beside the file, then in its place.
///
/// # Errors
///
/// When it cannot be written.
pub fn save(simulator: &Simulator, path: &Path) -> Result<()> {
    let bytes =
        serde_json::to_vec(&simulator.inner().world).context("the state cannot be written as JSON")?;
    let beside = path.with_extension("new");
    // Keys of certificates are in it.
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside);
    file.and_then(|mut file| file.write_all(&bytes))
        .with_context(|| format!("{} cannot be written", beside.display()))?;
    fs::rename(&beside, path).with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes changes soon after they happen, as long as it is polled.
pub async fn keep(simulator: Arc<Simulator>, path: Arc<Path>) {
    let mut written = 0;
    loop {
        tokio::time::sleep(EVERY).await;
        let changes = simulator.inner().changes;
        if changes == written {
            continue;
        }
        let (owner, place) = (Arc::clone(&simulator), Arc::clone(&path));
        match tokio::task::spawn_blocking(move || save(&owner, &place)).await {
            Ok(Ok(())) => written = changes,
            Ok(Err(error)) => tracing::error!(%error, "the state is not kept"),
            Err(error) => tracing::error!(%error, "the state is not kept"),
        }
    }
}
