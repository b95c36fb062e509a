//! The contract of every provider.
//!
//! ```text
//! lower(Input)            pure    Target, and what it cannot express
//! observe(Gateway)        IO      Observed: what exists and is marked as ours
//! plan(Target, Observed)  pure    ordered changes, each with its reason
//! apply(Change)           IO      one change
//! addresses(Observed)     pure    what leads to the Gateway
//! ```
//!
//! A [`Driver`] gives these five; [`converge`] and [`remove`] put them together in one way for all
//! providers, and [`Reconcile`] hides the types of one provider from the rest of the program. What a
//! provider can express is in [`crate::Provider::support`].
//!
//! No state of our own: everything a driver knows about the past is what it observes. So any process can
//! take over after any call of any other.

mod change;
mod erase;
mod error;
mod outcome;
mod run;
#[cfg(test)]
mod tests;

pub use change::{Action, Change, FieldChange, Plan, Resource};
pub use erase::{BoxFuture, Erased, Reconcile};
pub use error::{ErrorKind, Fault, ProviderError, Retry, Treatment};
pub use outcome::{Addresses, Applied, Outcome, Verdict};
pub use run::{converge, remove};

use crate::Provider;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use std::future::Future;

/// What a load balancer becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowered<T> {
    /// The provider's own resources, in canonical form.
    pub target: T,
    /// What it cannot express, or only roughly.
    pub unsupported: Vec<Unsupported>,
}

/// One provider: how a Gateway becomes infrastructure.
pub trait Driver: Send + Sync {
    /// What a Gateway's infrastructure depends on: its load balancer and parameters.
    type Input: Send + Sync;
    /// The resources wanted for one Gateway.
    type Target: Send + Sync;
    /// The resources that exist for one Gateway.
    type Observed: Send + Sync;
    /// What [`Driver::apply`] needs to carry out a change.
    type Step: Send + Sync;

    /// Which provider this is.
    fn provider(&self) -> Provider;

    /// The Gateway of an input.
    fn gateway<'a>(&self, input: &'a Self::Input) -> &'a ObjectName;

    /// The resources wanted. Pure: equal inputs give equal targets.
    fn lower(&self, input: &Self::Input) -> Lowered<Self::Target>;

    /// The resources that exist and are marked as made for this Gateway; nothing else.
    ///
    /// # Errors
    /// When they cannot be read completely: an incomplete observation would be taken for absence.
    fn observe(
        &self,
        gateway: &ObjectName,
    ) -> impl Future<Output = Result<Self::Observed, ProviderError>> + Send;

    /// The changes that lead from what exists to what is wanted, in an order that keeps traffic flowing:
    /// create before destroy. `None` wants nothing: the Gateway is gone. Pure.
    fn plan(&self, target: Option<&Self::Target>, observed: &Self::Observed) -> Plan<Self::Step>;

    /// Carries out one change. A call that was carried out before does no harm.
    ///
    /// # Errors
    /// By kind; see [`ErrorKind`].
    fn apply(&self, change: &Change<Self::Step>) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Addresses that lead to the Gateway. Pure.
    fn addresses(&self, input: &Self::Input, observed: &Self::Observed) -> Addresses;
}
