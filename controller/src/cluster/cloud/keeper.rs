//! Finalizer of Gateways that something in a cloud was made for: it goes before they do.

use crate::cluster::status::FIELD_MANAGER;
use gatewright_model::key::ObjectName;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::{mpsc, watch};

/// The finalizer.
pub const FINALIZER: &str = "gatewright.dev/cloud-resources";

/// Changes that wait to be written; what does not fit is found again at the next change of the Gateway.
const QUEUE: usize = 4096;

/// Whether a Gateway has the finalizer.
pub fn is_kept(gateway: &ObjectMeta) -> bool {
    let finalizers = gateway.finalizers.as_deref().unwrap_or_default();
    finalizers.iter().any(|found| found == FINALIZER)
}

/// Finalizers that a Gateway should have.
struct Wanted {
    gateway: ObjectName,
    finalizers: Vec<String>,
    version: String,
}

/// Writes finalizers in the background.
#[derive(Clone)]
pub struct Keeper(mpsc::Sender<Wanted>);

impl Keeper {
    /// Starts the task that writes.
    pub fn start(client: Client, resource: ApiResource, leads: watch::Receiver<bool>) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Wanted>(QUEUE);
        tokio::spawn(async move {
            while let Some(wanted) = receiver.recv().await {
                if !*leads.borrow() {
                    continue;
                }
                let namespace = &wanted.gateway.namespace;
                let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
                let body = json!({"metadata": {
                    "finalizers": wanted.finalizers,
                    // Others' finalizers are in the list: it must not have changed.
                    "resourceVersion": wanted.version,
                }});
                let params = PatchParams {
                    field_manager: Some(FIELD_MANAGER.to_owned()),
                    ..PatchParams::default()
                };
                if let Err(error) = api
                    .patch(&wanted.gateway.name, &params, &Patch::Merge(body))
                    .await
                {
                    // The watch brings the newer object, and with it the next attempt.
                    tracing::debug!(gateway = %wanted.gateway, %error, "finalizer not written");
                }
            }
        });
        Self(sender)
    }

    /// Adds the finalizer.
    pub fn keep(&self, gateway: &ObjectName, (meta, version): (&ObjectMeta, &str)) {
        let mut finalizers = meta.finalizers.clone().unwrap_or_default();
        finalizers.push(FINALIZER.to_owned());
        self.put(gateway, finalizers, version);
    }

    /// Takes the finalizer away.
    pub fn release(&self, gateway: &ObjectName, (meta, version): (&ObjectMeta, &str)) {
        let mut finalizers = meta.finalizers.clone().unwrap_or_default();
        finalizers.retain(|found| found != FINALIZER);
        self.put(gateway, finalizers, version);
    }

    fn put(&self, gateway: &ObjectName, finalizers: Vec<String>, version: &str) {
        let _ = self.0.try_send(Wanted {
            gateway: gateway.clone(),
            finalizers,
            version: version.to_owned(),
        });
    }
}
