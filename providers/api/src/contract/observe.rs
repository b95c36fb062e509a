//! Watching the calls to a provider's API.

use super::{Leave, ProviderError};
use crate::Provider;
use std::sync::Arc;
use std::time::Duration;

/// A call that is over. Its words are few: they become labels of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whose API.
    pub provider: Provider,
    /// Name of the call in that API.
    pub operation: &'static str,
    /// How it went: a label of [`super::ErrorKind`], `success`, or a word of the provider's own.
    pub outcome: &'static str,
    /// How long it took.
    pub took: Duration,
}

impl Call {
    /// How a call went.
    pub const fn outcome<T>(result: &Result<T, ProviderError>) -> &'static str {
        match result {
            Ok(_) => "success",
            Err(error) => error.treatment().label,
        }
    }
}

/// Is told of every call to a provider's API: metrics.
pub trait Calls: Send + Sync {
    /// A call is over.
    fn called(&self, call: Call);
}

/// Nobody watches.
impl Calls for () {
    fn called(&self, _call: Call) {}
}

/// What surrounds the work of a provider.
#[derive(Clone)]
pub struct Around {
    /// Whether changes may be made.
    pub leave: Leave,
    /// Who is told of calls.
    pub calls: Arc<dyn Calls>,
}

/// There is no other process, and nobody watches.
impl Default for Around {
    fn default() -> Self {
        Self {
            leave: Leave::always(),
            calls: Arc::new(()),
        }
    }
}
