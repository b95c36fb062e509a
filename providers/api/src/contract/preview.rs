//! What would be done, without doing it.

use super::{Addresses, Change, Driver, Prepare, ProviderError, run};
use gatewright_model::Str;
use gatewright_model::unsupported::Unsupported;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// A quota, and how much of it what is wanted needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// In the provider's word, for example `rules`.
    pub name: Str,
    /// What it counts over, for example `load balancer` or `region`.
    pub scope: Str,
    /// What is used once what is wanted is there: by it, and by others.
    pub used: u64,
    /// What others use of it.
    #[serde(skip_serializing_if = "is_zero")]
    pub others: u64,
    /// What there is.
    pub limit: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde passes")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Quota {
    /// Whether less is there than is needed.
    pub const fn is_exceeded(&self) -> bool {
        self.used > self.limit
    }
}

/// What it takes to look at what exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reads {
    /// Calls of the provider's API.
    pub calls: u64,
    /// How long they take at the pace that is kept so that there is room for changes.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub takes: Duration,
}

impl Reads {
    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            takes: self.takes.saturating_add(other.takes),
        }
    }
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// What would be done for one Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// What the provider cannot express.
    pub unsupported: Vec<Unsupported>,
    /// Changes in the order they would be made; none when everything is as it should be.
    pub changes: Vec<Change<()>>,
    /// Quotas that what is wanted is measured against.
    pub quotas: Vec<Quota>,
    /// What a look at all of it takes once the changes are made.
    pub reads: Reads,
    /// Addresses that lead to the Gateway now.
    pub addresses: Addresses,
    /// Reading what exists failed: nothing more is known.
    pub unread: Option<ProviderError>,
}

/// What [`super::converge`] would do.
pub async fn preview<D: Prepare<R>, R: Sync>(driver: &D, request: &R) -> Preview {
    let input = match driver.prepare(request).await {
        Ok(input) => input,
        Err(error) => return unread(error),
    };
    let lowered = driver.lower(&input);
    let mut preview = Preview {
        quotas: driver.forecast(&input, &lowered.target),
        reads: driver.reads(&lowered.target),
        unsupported: lowered.unsupported,
        ..Preview::default()
    };
    match run::observe(driver, driver.gateway(&input)).await {
        Ok(observed) => {
            preview.changes = changes(driver, Some(&lowered.target), &observed);
            preview.addresses = driver.addresses(&input, &observed);
        }
        Err(error) => preview.unread = Some(error),
    }
    preview
}

/// What [`super::remove`] would do.
pub async fn preview_removal<D: Driver>(driver: &D, gateway: &gatewright_model::key::ObjectName) -> Preview {
    match run::observe(driver, gateway).await {
        Ok(observed) => Preview {
            changes: changes(driver, None, &observed),
            ..Preview::default()
        },
        Err(error) => unread(error),
    }
}

fn unread(error: ProviderError) -> Preview {
    Preview {
        unread: Some(error),
        ..Preview::default()
    }
}

fn changes<D: Driver>(driver: &D, target: Option<&D::Target>, observed: &D::Observed) -> Vec<Change<()>> {
    let plan = run::plan(driver, target, observed);
    plan.changes.into_iter().map(Change::without_step).collect()
}
