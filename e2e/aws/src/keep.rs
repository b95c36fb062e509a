//! The state in a file, so that it outlives the process: what exists, how far the clock was moved, and what the admin API was
//! told of faults, settings, limits, policy and keys.

use crate::dispatch::Simulator;
use crate::faults::Fault;
use crate::faults::throttle::Throttling;
use crate::iam::Policy;
use crate::service::Settings;
use crate::state::{Account, World};
use crate::sts::Keys;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long changes wait to be written.
const EVERY: Duration = Duration::from_millis(100);

/// What the command line says of what the admin API can change.
#[derive(Clone, Debug)]
pub struct Said {
    /// How long states last.
    pub settings: Settings,
    /// What callers may do, if not everything.
    pub policy: Option<Policy>,
}

/// What was told since, which a process that starts again goes by instead of its command line.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Told {
    settings: Option<Settings>,
    policy: Option<Allowed>,
    faults: Vec<Fault>,
    throttling: Throttling,
    keys: Keys,
    ahead_ms: u64,
}

/// A policy, or that there is none any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Allowed {
    by: Option<Policy>,
}

/// What is in a file. A file of a version before has only what exists.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Kept {
    accounts: BTreeMap<String, Account>,
    addresses: BTreeMap<String, u32>,
    told: Told,
}

#[derive(Serialize)]
struct Keeping<'a> {
    accounts: &'a BTreeMap<String, Account>,
    addresses: &'a BTreeMap<String, u32>,
    told: Told,
}

impl Kept {
    /// What exists; the rest is for [`Self::tell`].
    pub fn world(&mut self) -> World {
        World {
            accounts: std::mem::take(&mut self.accounts),
            addresses: std::mem::take(&mut self.addresses),
        }
    }

    /// Has a simulator go by what was told, and where nothing was by what the command line says.
    pub fn tell(self, simulator: &Simulator, said: Said) {
        let Told {
            settings,
            policy,
            faults,
            throttling,
            keys,
            ahead_ms,
        } = self.told;
        simulator.clock.advance(ahead_ms);
        let mut inner = simulator.inner();
        inner.settings = settings.unwrap_or(said.settings);
        inner.policy = policy.map_or(said.policy, |allowed| allowed.by);
        for fault in faults {
            inner.faults.add(fault);
        }
        inner.faults.buckets.set(throttling);
        inner.keys = keys;
    }
}

/// The state in a file; an empty one when there is no file.
///
/// # Errors
///
/// When the file is there and cannot be read.
pub fn load(path: &Path) -> Result<Kept> {
    match fs::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).with_context(|| format!("{} holds no state", path.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Kept::default()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// Writes the state: first beside the file, then in its place.
///
/// # Errors
///
/// When it cannot be written.
pub fn save(simulator: &Simulator, said: &Said, path: &Path) -> Result<()> {
    let bytes = written(simulator, said).context("the state cannot be written as JSON")?;
    let beside = path.with_extension("new");
    // Keys of certificates and secrets of access keys are in it.
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

fn written(simulator: &Simulator, said: &Said) -> Result<Vec<u8>, serde_json::Error> {
    let inner = simulator.inner();
    let changed = |is: bool| is.then_some(());
    let World { accounts, addresses } = &inner.world;
    let told = Told {
        settings: changed(inner.settings != said.settings).map(|()| inner.settings.clone()),
        policy: changed(inner.policy != said.policy).map(|()| Allowed {
            by: inner.policy.clone(),
        }),
        faults: inner.faults.waiting().to_vec(),
        throttling: inner.faults.buckets.throttling().clone(),
        keys: inner.keys.clone(),
        ahead_ms: simulator.clock.ahead(),
    };
    serde_json::to_vec(&Keeping {
        accounts,
        addresses,
        told,
    })
}

/// Writes changes soon after they happen, as long as it is polled.
pub async fn keep(simulator: Arc<Simulator>, said: Arc<Said>, path: Arc<Path>) {
    let mut written = 0;
    loop {
        tokio::time::sleep(EVERY).await;
        let changes = simulator.inner().changes;
        if changes == written {
            continue;
        }
        let (owner, line, place) = (Arc::clone(&simulator), Arc::clone(&said), Arc::clone(&path));
        match tokio::task::spawn_blocking(move || save(&owner, &line, &place)).await {
            Ok(Ok(())) => written = changes,
            Ok(Err(error)) => tracing::error!(%error, "the state is not kept"),
            Err(error) => tracing::error!(%error, "the state is not kept"),
        }
    }
}
