//! Finalizer of Gateways that something in a cloud was made for: it goes before they do.

use crate::cluster::finalizers::Finalizers;
use gatewright_core::snapshot::{Kind, ObjectKey};
use gatewright_model::key::ObjectName;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The finalizer.
pub const FINALIZER: &str = "gatewright.dev/cloud-resources";

/// Whether a Gateway has the finalizer.
pub fn is_kept(gateway: &ObjectMeta) -> bool {
    let finalizers = gateway.finalizers.as_deref().unwrap_or_default();
    finalizers.iter().any(|found| found == FINALIZER)
}

/// Has finalizers written in the background.
#[derive(Clone)]
pub struct Keeper(Finalizers);

impl Keeper {
    /// Has them written by `finalizers`.
    pub const fn new(finalizers: Finalizers) -> Self {
        Self(finalizers)
    }

    /// Adds the finalizer.
    pub fn keep(&self, gateway: &ObjectName, (meta, version): (&ObjectMeta, &str)) {
        let mut finalizers = meta.finalizers.clone().unwrap_or_default();
        finalizers.push(FINALIZER.to_owned());
        self.0.want(key(gateway), finalizers, version);
    }

    /// Takes the finalizer away.
    pub fn release(&self, gateway: &ObjectName, (meta, version): (&ObjectMeta, &str)) {
        let mut finalizers = meta.finalizers.clone().unwrap_or_default();
        finalizers.retain(|found| found != FINALIZER);
        self.0.want(key(gateway), finalizers, version);
    }

    /// The Gateway has the finalizer if it should, or is gone.
    pub fn is_right(&self, gateway: &ObjectName) {
        self.0.are_right(&key(gateway));
    }
}

fn key(gateway: &ObjectName) -> ObjectKey {
    ObjectKey {
        kind: Kind::Gateway,
        name: gateway.clone(),
    }
}
