//! Protections of load balancers.

use super::known::Known;
use super::{On, Swept};
use crate::cloud::{Answer, Arn, Cloud, NewProtection, Protection, Protections};

/// Of load balancers that we asked to be protected.
pub(super) const ON: On<Option<Protection>> = |known| &mut known.protections;

impl<C: Cloud> Protections for Swept<C> {
    async fn protection(&self, balancer: &Arn) -> Answer<Option<Protection>> {
        self.one(ON, balancer, self.0.cloud.protection(balancer)).await
    }

    async fn create_protection(&self, new: &NewProtection) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, &new.balancer);
        let write = self.0.cloud.create_protection(new);
        self.write(&[&new.balancer], touch, write).await
    }

    async fn delete_protection(&self, id: &str, balancer: &Arn) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, balancer);
        let write = self.0.cloud.delete_protection(id, balancer);
        self.write(&[balancer], touch, write).await
    }
}
