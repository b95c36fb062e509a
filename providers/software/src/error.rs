//! Why something could not be made.

use crate::lower::Resource;
use gatewright_model::key::ObjectName;
use thiserror::Error;

/// An object could not be written.
#[derive(Debug, Error)]
#[error("{kind} {object}: {source}")]
pub struct ProvisionError {
    kind: &'static str,
    object: ObjectName,
    source: kube::Error,
}

impl ProvisionError {
    pub(crate) fn of(resource: Resource, object: &ObjectName, source: kube::Error) -> Self {
        Self {
            kind: resource.kind().1,
            object: object.clone(),
            source,
        }
    }

    /// Whether trying again can help without anybody doing something.
    pub fn retryable(&self) -> bool {
        !matches!(&self.source, kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422))
    }

    /// Reason of `Programmed=False`.
    pub fn reason(&self) -> &'static str {
        match &self.source {
            // A quota of the namespace answers 403.
            kube::Error::Api(status) if status.code == 403 => "NoResources",
            kube::Error::Api(status) if matches!(status.code, 400 | 422) => "Invalid",
            _ => "Pending",
        }
    }
}
