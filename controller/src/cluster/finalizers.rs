//! Writing finalizers of GatewayClasses and Gateways: until they are written, something else is wanted, or the object
//! changed, in which case its watch leads to the next wish. An object that waits for its last finalizer must not wait
//! for ever because of an API server that was away for a moment.

use super::leadership::while_leading;
use super::metrics::Metrics;
use super::status::FIELD_MANAGER;
use super::vital;
use super::writes::{Pace, Turn, Writes};
use gatewright_core::snapshot::{Kind, ObjectKey};
use gatewright_crds::api::{Gateway, GatewayClass};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Writes under way at the same time.
const WORKERS: usize = 4;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Finalizers that an object should have.
#[derive(Clone, Debug)]
struct Wish {
    finalizers: Vec<String>,
    /// Version of the object that they were computed from: others' finalizers are among them.
    version: String,
    /// Writes of them that failed.
    failures: u32,
}

impl Wish {
    fn is_same(&self, finalizers: &[String], version: &str) -> bool {
        self.finalizers == finalizers && self.version == version
    }
}

/// Writes finalizers in the background. A clone is the same one.
#[derive(Clone)]
pub struct Finalizers(Arc<Inner>);

struct Inner {
    client: Client,
    writes: Writes<Wish>,
}

impl Finalizers {
    /// Starts the tasks that write while `leads` is true.
    pub fn start(client: Client, leads: &watch::Receiver<bool>, metrics: &Metrics) -> Self {
        let writes = Writes::new(metrics.queue("finalizer", WORKERS));
        let finalizers = Self(Arc::new(Inner { client, writes }));
        for _ in 0..WORKERS {
            let (worker, mut leads) = (finalizers.clone(), leads.clone());
            vital::spawn("finalizer", async move {
                while let Some(turn) = worker.0.writes.next(&mut leads).await {
                    worker.write(turn, &mut leads).await;
                }
            });
        }
        finalizers
    }

    /// Wants an object to have exactly these finalizers, for as long as it has this version.
    pub fn want(&self, key: ObjectKey, finalizers: Vec<String>, version: &str) {
        let writes = &self.0.writes;
        // A wish that failed before keeps the count of its failures.
        if !writes.waits(&key, |wish| wish.is_same(&finalizers, version)) {
            let wish = Wish {
                finalizers,
                version: version.to_owned(),
                failures: 0,
            };
            writes.put(key, None, wish);
        }
    }

    /// The object has the finalizers that it should have, or is gone.
    pub fn are_right(&self, key: &ObjectKey) {
        self.0.writes.cancel(key);
    }

    async fn write(&self, turn: Turn<Wish>, leads: &mut watch::Receiver<bool>) {
        let Turn {
            key,
            job: mut wish,
            running: _running,
        } = turn;
        let writes = &self.0.writes;
        let sent = tokio::time::timeout(PATIENCE, self.send(&key, &wish));
        let Some(sent) = while_leading(leads, sent).await else {
            return writes.back(key, wish);
        };
        let why = match sent {
            Ok(Ok(())) => return writes.done(&key, Pace::NONE),
            // Gone, or changed meanwhile: the watch brings the newer object, and with it the next wish.
            Ok(Err(kube::Error::Api(status))) if status.code == 404 || status.code == 409 => {
                tracing::debug!(object = %key, code = status.code, "finalizers not written: the object changed");
                return writes.done(&key, Pace::NONE);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {PATIENCE:?}"),
        };
        tracing::warn!(object = %key, error = why, "finalizers not written, trying again");
        wish.failures = wish.failures.saturating_add(1);
        let failures = wish.failures;
        writes.again(key, wish, failures);
    }

    async fn send(&self, key: &ObjectKey, wish: &Wish) -> kube::Result<()> {
        let client = self.0.client.clone();
        let namespace = &key.name.namespace;
        let api: Api<DynamicObject> = match key.kind {
            Kind::GatewayClass => Api::all_with(client, &ApiResource::erase::<GatewayClass>(&())),
            Kind::Gateway => Api::namespaced_with(client, namespace, &ApiResource::erase::<Gateway>(&())),
            // Nothing of ours is on other kinds.
            _ => return Ok(()),
        };
        let body = json!({"metadata": {
            "finalizers": wish.finalizers,
            "resourceVersion": wish.version,
        }});
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = api.patch(&key.name.name, &params, &Patch::Merge(body)).await;
        patched.map(drop)
    }
}

#[cfg(test)]
mod tests;
