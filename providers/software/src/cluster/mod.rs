//! The API server, as far as the provider uses it.

pub mod error;
pub mod live;
pub mod store;

use crate::kind::{Key, Observed};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::ProviderError;
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;

/// The API server, as far as the provider uses it.
pub trait Cluster: Send + Sync {
    /// What exists with the marks of this owner: a Gateway, or a GatewayClass for its fleet. From memory.
    fn observe(&self, owner: &ObjectName) -> impl Future<Output = Result<Observed, ProviderError>> + Send;

    /// One object, marked or not, as the API server has it now.
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Arc<Value>>, ProviderError>> + Send;

    /// Server-side apply with our field manager, forced: the fields given are ours, and those that we gave
    /// before and give no more are taken back. With `metadata.uid` it fails unless the object is that one.
    fn apply(&self, key: &Key, object: &Value) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Leaves a Deployment's number of replicas, as it is now, to others when it is ours. A field that its last
    /// owner applies no more falls back to its default, here 1 (Kubernetes, "Horizontal Pod Autoscaling",
    /// migrating Deployments; "Server-Side Apply", transferring ownership).
    fn leave_replicas(&self, key: &Key) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Deletes the object with this uid; nothing when it is gone. `false`: it is still going away.
    fn delete(&self, key: &Key, uid: &str) -> impl Future<Output = Result<bool, ProviderError>> + Send;
}
