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
//! A driver whose input needs more than the program knows (networks, quotas, certificates of an account) reads it
//! in [`Prepare`].
//!
//! A [`Driver`] gives these five; [`converge`] and [`remove`] put them together in one way for all
//! providers, and [`Reconcile`] hides the types of one provider from the rest of the program. What a
//! provider can express is in [`crate::Provider::support`].
//!
//! Every change is made by [`Leave`]: a process that leads no more stops between two changes, and within one.
//!
//! No state of our own: everything a driver knows about the past is what it observes. So any process can
//! take over after any call of any other.

mod binding;
mod change;
mod erase;
mod error;
mod leave;
mod observe;
mod outcome;
mod past;
mod pool;
pub mod preview;
mod request;
mod run;
#[cfg(test)]
mod tests;

pub use binding::{Binding, Bound, Instances, Ledger, Member, Membership};
pub use change::{Action, Change, FieldChange, Plan, Resource};
pub use erase::{BoxFuture, Erased, Reconcile};
pub use error::{ErrorKind, Fault, ProviderError, Retry, Treatment};
pub use leave::{Lead, Leave};
pub use observe::{Around, Call, Calls};
pub use outcome::{Addresses, Applied, Outcome, Verdict};
pub use past::{Drift, Past};
pub use pool::{Instance, Pool};
pub use preview::{Preview, Quota, Reads};
pub use request::Request;
pub use run::{converge, remove};

use crate::Provider;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

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
    type Target: PartialEq + Send + Sync;
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

    /// When to look again although nothing is wrong: something is on its way there, or waits to be removed. Pure.
    fn recheck(&self, _input: &Self::Input, _observed: &Self::Observed) -> Option<Duration> {
        None
    }

    /// Whether something that was begun goes on by itself, and changes follow from it when nothing else is wanted and
    /// nobody else changes anything. Pure.
    fn is_underway(&self, input: &Self::Input, observed: &Self::Observed) -> bool {
        self.recheck(input, observed).is_some()
    }

    /// What others changed of what was in place: what leads from what is found back to it. What they share with other
    /// Gateways of ours is not in it. Pure.
    fn drift(&self, before: &Self::Target, observed: &Self::Observed) -> Vec<Change<()>> {
        let plan = self.plan(Some(before), observed);
        plan.changes.into_iter().map(Change::without_step).collect()
    }

    /// Quotas that what is wanted is measured against. Pure.
    fn forecast(&self, _input: &Self::Input, _target: &Self::Target) -> Vec<Quota> {
        Vec::new()
    }

    /// What one complete look at the resources of a Gateway takes, once they exist, beside what is read for all
    /// Gateways together. Pure.
    fn reads(&self, _target: &Self::Target) -> Reads {
        Reads::default()
    }

    /// What the load balancers of a Gateway know of the instances of Services, where requests can reach them. Only pools
    /// whose instances are pods count, and only those that are used: who waits for others would wait for ever.
    ///
    /// # Errors
    /// When that cannot be read completely.
    fn pools(
        &self,
        _gateway: &ObjectName,
        _services: &BTreeSet<ObjectName>,
    ) -> impl Future<Output = Result<Vec<Pool>, ProviderError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// What a load balancer of somebody else knows of the instances of the Service that a binding puts there, likewise;
    /// none where nobody has to wait for it.
    ///
    /// # Errors
    /// When that cannot be read completely.
    fn bound_pool(
        &self,
        _membership: &Membership,
    ) -> impl Future<Output = Result<Option<Pool>, ProviderError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Makes what is ours of somebody else's load balancer what a binding says, by this leave.
    fn bind(
        &self,
        _leave: &Leave,
        _binding: &Binding,
        _ledger: &dyn Ledger,
    ) -> impl Future<Output = Bound> + Send {
        std::future::ready(Bound::unsupported(self.provider()))
    }

    /// The Gateways that something exists for and is marked as made by this installation.
    ///
    /// # Errors
    /// When they cannot be read completely.
    fn owners(&self) -> impl Future<Output = Result<BTreeSet<ObjectName>, ProviderError>> + Send {
        std::future::ready(Ok(BTreeSet::new()))
    }
}

/// How a driver's input is made of what the program knows of any Gateway.
pub trait Prepare<R>: Driver {
    /// Adds what the input depends on and only the provider's API tells. Reads alone.
    ///
    /// # Errors
    /// When that cannot be read, or does not allow to serve the Gateway at all.
    fn prepare(&self, request: &R) -> impl Future<Output = Result<Self::Input, ProviderError>> + Send;
}
