//! One shape for all providers, for the registry.

use super::{Driver, Outcome, converge, remove};
use crate::Provider;
use gatewright_model::key::ObjectName;
use std::any::Any;
use std::future::Future;
use std::pin::Pin;

/// A future without its type.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A provider without its types. `I` is what the program knows about any Gateway, whatever its provider.
pub trait Reconcile<I>: Send + Sync {
    /// Which provider this is.
    fn provider(&self) -> Provider;

    /// [`converge`].
    fn reconcile<'a>(&'a self, input: &'a I) -> BoxFuture<'a, Outcome>;

    /// [`remove`].
    fn remove<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Outcome>;

    /// The driver itself, for what only one provider has.
    fn as_any(&self) -> &dyn Any;
}

/// The adapter: a driver, and how its input is made from the common one.
pub struct Erased<D, F> {
    driver: D,
    input: F,
}

impl<D, F> Erased<D, F> {
    /// Wraps a driver.
    pub const fn new(driver: D, input: F) -> Self {
        Self { driver, input }
    }
}

impl<I, D, F> Reconcile<I> for Erased<D, F>
where
    I: Sync,
    D: Driver + 'static,
    F: Fn(&D, &I) -> D::Input + Send + Sync + 'static,
{
    fn provider(&self) -> Provider {
        self.driver.provider()
    }

    fn reconcile<'a>(&'a self, input: &'a I) -> BoxFuture<'a, Outcome> {
        let input = (self.input)(&self.driver, input);
        Box::pin(async move { converge(&self.driver, &input).await })
    }

    fn remove<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Outcome> {
        Box::pin(remove(&self.driver, gateway))
    }

    fn as_any(&self) -> &dyn Any {
        &self.driver
    }
}
