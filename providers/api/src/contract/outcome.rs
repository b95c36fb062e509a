//! What became of a Gateway's infrastructure.

use super::{Action, Change, Drift, ProviderError, Resource};
use gatewright_core::status::programming::{AssignedAddress, ProgrammingFault};
use gatewright_model::Str;
use gatewright_model::unsupported::Unsupported;
use std::collections::BTreeMap;
use std::time::Duration;

/// Addresses, and why there are none or not those asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Those that work.
    pub assigned: Vec<AssignedAddress>,
    /// Why the Gateway cannot be reached as it asks.
    pub fault: Option<ProgrammingFault>,
    /// Names that hostnames of routes are reached by, where each has one of its own: what DNS is to say for them.
    pub names: BTreeMap<Str, Str>,
    /// What serves hostnames of routes, where each has something of its own: the cloud's identifier of it, for example an ARN. `*` is what
    /// names no host.
    pub resources: BTreeMap<Str, Str>,
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was made.
    Done,
    /// It failed.
    Failed(ProviderError),
    /// It was not tried, because this resource, which it needs, could not be changed.
    Skipped(Resource),
}

/// A change and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What was to happen.
    pub action: Action,
    /// To which resource.
    pub resource: Resource,
    /// The change in words.
    pub summary: String,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of one Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the provider cannot express.
    pub unsupported: Vec<Unsupported>,
    /// Changes in the order they were tried; empty when nothing differed.
    pub changes: Vec<Applied>,
    /// What others changed, as far as that is known.
    pub drift: Drift,
    /// Changes that were found and not made, because only a plan was asked for.
    pub planned: Vec<Change<()>>,
    /// Reading what exists failed: nothing was tried.
    pub unread: Option<ProviderError>,
    /// Addresses, as far as known.
    pub addresses: Addresses,
    /// When to look again although nothing failed.
    pub again: Option<Duration>,
}

impl Outcome {
    /// All failures.
    pub fn errors(&self) -> impl Iterator<Item = &ProviderError> {
        let changes = self.changes.iter().filter_map(|change| match &change.verdict {
            Verdict::Failed(error) => Some(error),
            Verdict::Done | Verdict::Skipped(_) => None,
        });
        self.unread.iter().chain(changes)
    }

    /// Whether everything is as it should be.
    pub fn is_converged(&self) -> bool {
        self.errors().next().is_none()
    }

    /// When to try again, after this many failures in a row counting this one; `None`: not needed. The
    /// API that asked for the longest pause is heeded.
    pub fn retry_after(&self, failures: u32) -> Option<Duration> {
        let asked = self
            .errors()
            .filter(|error| matches!(error.kind, super::ErrorKind::Throttled { .. }))
            .map(|error| error.treatment().retry.pause(failures))
            .max();
        asked.or_else(|| {
            self.errors()
                .map(|error| error.treatment().retry.pause(failures))
                .min()
        })
    }

    /// The Gateway's fault: of its addresses, or the first failure. One that a person must end comes first.
    pub fn fault(&self) -> Option<ProgrammingFault> {
        let error = self.errors().min_by_key(|error| error.kind.retryable());
        error
            .map(|error| ProgrammingFault {
                reason: error.treatment().reason.into(),
                message: error.to_string(),
            })
            .or_else(|| self.addresses.fault.clone())
    }
}
