//! Finalizer of GatewayClasses that are in use: a class is not deleted under its Gateways
//! (`GatewayClassFinalizerGatewaysExist`, `apis/v1/gatewayclass_types.go`).

use super::status::FIELD_MANAGER;
use gatewright_core::Engine;
use gatewright_core::snapshot::{Kind, Object, ObjectKey};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::{mpsc, watch};

/// The finalizer.
const FINALIZER: &str = "gateway-exists-finalizer.gateway.networking.k8s.io";

/// Changes that wait to be written; what does not fit is found again at the next change of the class.
const QUEUE: usize = 256;

/// Finalizers that a class should have and has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    class: String,
    finalizers: Vec<String>,
}

/// The classes of controller names that are ours whose finalizers are not what they should be.
pub fn wanted(engine: &Engine, ours: impl Fn(&str) -> bool) -> Vec<Protection> {
    let snapshot = engine.snapshot();
    let used: BTreeSet<&str> = snapshot
        .all(Kind::Gateway)
        .filter_map(|(_, object)| match &**object {
            Object::Gateway(gateway) => Some(gateway.spec.gateway_class_name.as_str()),
            _ => None,
        })
        .collect();
    let classes = snapshot
        .all(Kind::GatewayClass)
        .filter_map(|(_, object)| match &**object {
            Object::GatewayClass(class) if ours(&class.spec.controller_name) => Some(&class.metadata),
            _ => None,
        });
    classes
        .filter_map(|metadata| {
            let name = metadata.name.clone()?;
            let before = metadata.finalizers.clone().unwrap_or_default();
            let finalizers = finalizers(&before, used.contains(name.as_str()));
            (finalizers != before).then_some(Protection {
                class: name,
                finalizers,
            })
        })
        .collect()
}

fn finalizers(before: &[String], used: bool) -> Vec<String> {
    let mut after = before.to_vec();
    if !used {
        after.retain(|found| found != FINALIZER);
    } else if !before.iter().any(|found| found == FINALIZER) {
        after.push(FINALIZER.to_owned());
    }
    after
}

/// Writes finalizers in the background.
#[derive(Clone)]
pub struct Protector(mpsc::Sender<(Protection, String)>);

impl Protector {
    /// Starts the task that writes.
    pub fn start(client: Client, resource: ApiResource, leads: watch::Receiver<bool>) -> Self {
        let (sender, mut receiver) = mpsc::channel::<(Protection, String)>(QUEUE);
        let api: Api<DynamicObject> = Api::all_with(client, &resource);
        tokio::spawn(async move {
            while let Some((protection, version)) = receiver.recv().await {
                if !*leads.borrow() {
                    continue;
                }
                let body = json!({"metadata": {
                    "finalizers": protection.finalizers,
                    // Others' finalizers are in the list: it must not have changed.
                    "resourceVersion": version,
                }});
                let params = PatchParams {
                    field_manager: Some(FIELD_MANAGER.to_owned()),
                    ..PatchParams::default()
                };
                if let Err(error) = api.patch(&protection.class, &params, &Patch::Merge(body)).await {
                    // The watch brings the newer object, and with it the next attempt.
                    tracing::debug!(class = protection.class, %error, "finalizer not written");
                }
            }
        });
        Self(sender)
    }

    /// Writes what `wanted` found.
    pub fn put(&self, protections: Vec<Protection>, versions: &BTreeMap<ObjectKey, String>) {
        for protection in protections {
            let key = ObjectKey {
                kind: Kind::GatewayClass,
                name: gatewright_model::key::ObjectName::new("", &protection.class),
            };
            if let Some(version) = versions.get(&key) {
                let _ = self.0.try_send((protection, version.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_class_has_the_finalizer_and_others_stay() {
        let other = || "example.com/other".to_owned();
        assert_eq!(finalizers(&[other()], true), [other(), FINALIZER.to_owned()]);
        assert_eq!(finalizers(&[FINALIZER.to_owned(), other()], false), [other()]);
        assert_eq!(finalizers(&[FINALIZER.to_owned()], true), [FINALIZER.to_owned()]);
    }
}
