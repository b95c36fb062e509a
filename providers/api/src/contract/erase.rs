//! One shape for all providers, for the registry.

use super::past::Pasts;
use super::{
    Binding, Bound, Driver, Leave, Ledger, Membership, Outcome, Past, Pool, Prepare, Preview, ProviderError,
    Reads, preview,
};
use crate::Provider;
use gatewright_core::graph::parameters::Parameters;
use gatewright_model::key::ObjectName;
use std::any::Any;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A future without its type.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A provider without its types. `R` is what the program knows about any Gateway, whatever its provider.
pub trait Reconcile<R>: Send + Sync {
    /// Which provider this is.
    fn provider(&self) -> Provider;

    /// [`Leave::converge_after`], what this process knows. One run of a Gateway follows the other.
    fn reconcile<'a>(&'a self, request: &'a R) -> BoxFuture<'a, Outcome>;

    /// [`Leave::remove`].
    fn remove<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Outcome>;

    /// [`preview::preview`].
    fn preview<'a>(&'a self, request: &'a R) -> BoxFuture<'a, Preview>;

    /// [`preview::preview_removal`].
    fn preview_removal<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Preview>;

    /// [`super::Driver::pools`]; none by default.
    fn pools<'a>(
        &'a self,
        _gateway: &'a ObjectName,
        _services: &'a BTreeSet<ObjectName>,
    ) -> BoxFuture<'a, Result<Vec<Pool>, ProviderError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// [`super::Driver::bound_pool`]; none by default.
    fn bound_pool<'a>(
        &'a self,
        _membership: &'a Membership,
    ) -> BoxFuture<'a, Result<Option<Pool>, ProviderError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// [`super::Driver::bind`]; nothing can be bound by default.
    fn bind<'a>(&'a self, _binding: &'a Binding, _ledger: &'a dyn Ledger) -> BoxFuture<'a, Bound> {
        Box::pin(std::future::ready(Bound::unsupported(self.provider())))
    }

    /// [`super::Driver::owners`].
    fn owners(&self) -> BoxFuture<'_, Result<BTreeSet<ObjectName>, ProviderError>>;

    /// Reads everything anew that is read for all Gateways together, if the provider does so: what others changed is
    /// found by that. It is done again after `every` at the earliest.
    ///
    /// # Errors
    /// When it cannot be read completely.
    fn sweep(&self, _every: Duration) -> BoxFuture<'_, Result<Reads, ProviderError>> {
        Box::pin(std::future::ready(Ok(Reads::default())))
    }

    /// The classes that exist have these parameters of their own (`None`: none): where something may be that was made
    /// for their Gateways.
    fn know(&self, _classes: &[Option<&Parameters>]) {}

    /// A Gateway is to be this, and will be worked on, or removed, soon.
    fn expect(&self, _request: &R) {}

    /// Forgets what was read, and what was in place: another process did the work meanwhile.
    fn forget(&self) {}

    /// The driver itself, for what only one provider has.
    fn as_any(&self) -> &dyn Any;
}

/// The adapter.
pub struct Erased<D: Driver> {
    driver: D,
    leave: Leave,
    pasts: Pasts<D::Target>,
}

impl<D: Driver> Erased<D> {
    /// Wraps a driver, which changes things by this leave alone.
    pub const fn new(driver: D, leave: Leave) -> Self {
        Self {
            driver,
            leave,
            pasts: Pasts::new(),
        }
    }
}

impl<R, D> Reconcile<R> for Erased<D>
where
    R: Sync,
    D: Prepare<R> + 'static,
{
    fn provider(&self) -> Provider {
        self.driver.provider()
    }

    fn reconcile<'a>(&'a self, request: &'a R) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match self.driver.prepare(request).await {
                Ok(input) => {
                    let gateway = self.driver.gateway(&input);
                    let (begun, mut past) = self.pasts.begin(gateway);
                    let outcome = self.leave.converge_after(&self.driver, &input, &mut past).await;
                    self.pasts.end(begun, gateway, past);
                    outcome
                }
                Err(error) => Outcome {
                    unread: Some(error),
                    ..Outcome::default()
                },
            }
        })
    }

    fn remove<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let (begun, _) = self.pasts.begin(gateway);
            let outcome = self.leave.remove(&self.driver, gateway).await;
            if outcome.is_converged() {
                self.pasts.end(begun, gateway, Past::Unknown);
            }
            outcome
        })
    }

    fn preview<'a>(&'a self, request: &'a R) -> BoxFuture<'a, Preview> {
        Box::pin(preview::preview(&self.driver, request))
    }

    fn preview_removal<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Preview> {
        Box::pin(preview::preview_removal(&self.driver, gateway))
    }

    fn pools<'a>(
        &'a self,
        gateway: &'a ObjectName,
        services: &'a BTreeSet<ObjectName>,
    ) -> BoxFuture<'a, Result<Vec<Pool>, ProviderError>> {
        Box::pin(self.driver.pools(gateway, services))
    }

    fn bound_pool<'a>(
        &'a self,
        membership: &'a Membership,
    ) -> BoxFuture<'a, Result<Option<Pool>, ProviderError>> {
        Box::pin(self.driver.bound_pool(membership))
    }

    fn bind<'a>(&'a self, binding: &'a Binding, ledger: &'a dyn Ledger) -> BoxFuture<'a, Bound> {
        Box::pin(self.driver.bind(&self.leave, binding, ledger))
    }

    fn owners(&self) -> BoxFuture<'_, Result<BTreeSet<ObjectName>, ProviderError>> {
        Box::pin(self.driver.owners())
    }

    fn forget(&self) {
        self.pasts.forget_all();
    }

    fn as_any(&self) -> &dyn Any {
        &self.driver
    }
}
