//! What is left in a cloud of Gateways that are gone, or that another class serves now.

use crate::clouds::Registry;
use crate::cluster::metrics::Metrics;
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Between two sweeps at least.
const SHORTEST: Duration = Duration::from_millis(10);

/// The Gateways that exist, each with the controller name of its class, whether it is accepted or not. A clone is the
/// same.
#[derive(Clone, Default)]
pub struct Expected(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    gateways: BTreeMap<ObjectName, Str>,
    /// Controller names of the classes that exist: a cloud without a class is not asked, nobody may have meant it.
    controllers: BTreeSet<Str>,
}

impl Expected {
    /// A Gateway exists.
    pub fn insert(&self, gateway: &ObjectName, controller: Str) {
        self.known().gateways.insert(gateway.clone(), controller);
    }

    /// A Gateway is gone, or no class of ours.
    pub fn remove(&self, gateway: &ObjectName) {
        self.known().gateways.remove(gateway);
    }

    /// The classes that exist have these controller names.
    pub fn set_controllers(&self, controllers: BTreeSet<Str>) {
        self.known().controllers = controllers;
    }

    /// Whether a Gateway is served by one of these controller names.
    fn is_of(&self, gateway: &ObjectName, controllers: &BTreeSet<&Str>) -> bool {
        let known = self.known();
        let found = known.gateways.get(gateway);
        found.is_some_and(|found| controllers.contains(found))
    }

    fn has_class(&self, controller: &str) -> bool {
        self.known().controllers.contains(controller)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sweeps once everything that exists is known and this process leads, and then again and again: `every` this time, or
/// one sweep after the other where they take longer. After each, `look` has all Gateways looked at.
pub async fn run(
    (registry, expected): (Registry, Expected),
    metrics: Arc<Metrics>,
    look: impl Fn() + Send,
    (mut leads, mut synced): (watch::Receiver<bool>, watch::Receiver<bool>),
    every: Duration,
) {
    if registry.is_empty() || synced.wait_for(|synced| *synced).await.is_err() {
        return;
    }
    loop {
        if leads.wait_for(|leads| *leads).await.is_err() {
            return;
        }
        let begun = Instant::now();
        read(&registry, (&expected, &metrics), every).await;
        sweep(&registry, &expected).await;
        look();
        let pause = every.saturating_sub(begun.elapsed());
        tokio::time::sleep(pause.max(SHORTEST)).await;
    }
}

/// Reads everything anew.
async fn read(registry: &Registry, (expected, metrics): (&Expected, &Metrics), every: Duration) {
    for (controller, cloud) in registry
        .all()
        .filter(|(controller, _)| expected.has_class(controller))
    {
        match cloud.sweep(every).await {
            Ok(reads) => {
                metrics.swept(controller, reads.calls, reads.takes);
                if reads.takes > every {
                    tracing::warn!(
                        %controller,
                        calls = reads.calls,
                        took = ?reads.takes,
                        "what others change is found later than --cloud-resync asks for: AWS answers no faster"
                    );
                }
            }
            Err(error) => {
                tracing::warn!(%controller, %error, "what exists cannot be read anew, trying again later");
            }
        }
    }
}

async fn sweep(registry: &Registry, expected: &Expected) {
    for (controller, cloud) in registry
        .all()
        .filter(|(controller, _)| expected.has_class(controller))
    {
        let owners = match cloud.owners().await {
            Ok(owners) => owners,
            Err(error) => {
                tracing::warn!(%controller, %error, "cannot tell what is left of Gateways that are gone");
                continue;
            }
        };
        // What another class of the same service serves now belongs to that one.
        let provider = cloud.provider();
        let heirs: BTreeSet<&Str> = registry
            .all()
            .filter(|(_, other)| other.provider().shares_with(provider))
            .map(|(name, _)| name)
            .collect();
        // A Gateway that appears meanwhile is expected before anything is made for it.
        let gone = owners
            .into_iter()
            .filter(|gateway| !expected.is_of(gateway, &heirs));
        for gateway in gone {
            tracing::info!(%gateway, %controller, "removing what is left of a Gateway that is gone");
            for error in cloud.remove(&gateway).await.errors() {
                tracing::warn!(%gateway, %controller, %error, "something is left of it, trying again later");
            }
        }
    }
}
