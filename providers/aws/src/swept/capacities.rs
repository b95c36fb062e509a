//! Capacity that is reserved for load balancers.

use super::known::Known;
use super::{On, Swept};
use crate::cloud::{Answer, Arn, Capacities, Capacity, Cloud};

/// Of load balancers that we reserved some for.
pub(super) const ON: On<Option<Capacity>> = |known| &mut known.capacities;

impl<C: Cloud> Capacities for Swept<C> {
    async fn capacity(&self, balancer: &Arn) -> Answer<Option<Capacity>> {
        self.one(ON, balancer, self.0.cloud.capacity(balancer)).await
    }

    async fn set_capacity(&self, balancer: &Arn, units: Option<u32>) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, balancer);
        let write = self.0.cloud.set_capacity(balancer, units);
        self.write(&[balancer], touch, write).await
    }
}
