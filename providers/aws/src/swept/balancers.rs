//! Load balancers: listed for all Gateways at once.

use super::known::Known;
use super::{On, Swept};
use crate::cloud::{
    Answer, Arn, Attributes, Balancer, Balancers, Cloud, Freshness, Kind, NewBalancer, Standing,
};
use gatewright_aws_core::network::IpAddressType;
use std::collections::{BTreeMap, BTreeSet};

/// Descriptions of one call.
pub(super) const FEW: usize = 20;

/// Resources of a page of a list of all.
pub(super) const PAGE: usize = 400;

/// Whether a list of all, of which so many are ours, takes fewer calls than descriptions of those that are due.
pub(super) fn is_listed(due: usize, ours: usize) -> bool {
    due.div_ceil(FEW) > ours / PAGE + 1
}

const ON: On<Option<Balancer>> = |known| &mut known.balancers;
const ATTRIBUTES: On<Attributes> = |known| &mut known.balancer_attributes;

impl<C: Cloud> Swept<C> {
    /// Reads these, and with them all others of this cluster that are due.
    async fn describe_balancers(&self, arns: &[Arn]) -> Answer<()> {
        let _one = self.0.listing.lock().await;
        let (due, ours, counted, ticket) = self.known(|known| {
            let mut due: BTreeSet<Arn> = arns.iter().filter(|arn| !known.fresh(ON, arn)).cloned().collect();
            let mut all = 0;
            if !due.is_empty() {
                let ours = known.ours(Kind::Balancer);
                all = ours.len();
                due.extend(ours.into_iter().filter(|arn| !known.fresh(ON, arn)));
            }
            let age = known.age_of_counts(Freshness::Known);
            let counted = known.balancer_roll.is_fresh(age);
            (due, all, counted, known.ticket())
        });
        if due.is_empty() {
            return Ok(());
        }
        // The quota of the region is counted by a list.
        let found = if !counted || is_listed(due.len(), ours) {
            self.list_balancers().await?
        } else {
            self.count(due.len().div_ceil(FEW));
            let wanted: Vec<Arn> = due.iter().cloned().collect();
            self.0.cloud.balancers(&wanted).await?
        };
        let mut found: BTreeMap<Arn, Balancer> = found
            .into_iter()
            .map(|found| (found.arn.clone(), found))
            .collect();
        self.known(|known| {
            for arn in due {
                let value = found.remove(&arn);
                known.put(ON, &arn, value, ticket);
            }
        });
        Ok(())
    }
}

impl<C: Cloud> Balancers for Swept<C> {
    async fn balancers(&self, arns: &[Arn]) -> Answer<Vec<Balancer>> {
        self.describe_balancers(arns).await?;
        Ok(self.known(|known| {
            let found = arns.iter().filter_map(|arn| known.balancers.get(arn)?.0.clone());
            found.collect()
        }))
    }

    async fn balancer_named(&self, name: &str) -> Answer<Option<Balancer>> {
        self.count(1);
        self.0.cloud.balancer_named(name).await
    }

    async fn balancer_attributes(&self, arn: &Arn) -> Answer<Attributes> {
        self.one(ATTRIBUTES, arn, self.0.cloud.balancer_attributes(arn))
            .await
    }

    async fn create_balancer(&self, new: &NewBalancer) -> Answer<Arn> {
        let made = self.make(&new.tags, |_| (), self.0.cloud.create_balancer(new));
        let arn = made.await?;
        self.known(|known| {
            known.created(Kind::Balancer, &arn);
            known.balancer_roll.add(&arn, new.kind);
        });
        Ok(arn)
    }

    async fn set_balancer_attributes(&self, arn: &Arn, attributes: &Attributes) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ATTRIBUTES, arn);
        self.write(
            &[arn],
            touch,
            self.0.cloud.set_balancer_attributes(arn, attributes),
        )
        .await
    }

    async fn set_subnets(&self, arn: &Arn, standing: &Standing) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, arn);
        let write = self.0.cloud.set_subnets(arn, standing);
        self.write(&[arn], touch, write).await
    }

    async fn set_security_groups(
        &self,
        arn: &Arn,
        groups: &BTreeSet<Arn>,
        private_link: Option<bool>,
    ) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, arn);
        let write = self.0.cloud.set_security_groups(arn, groups, private_link);
        self.write(&[arn], touch, write).await
    }

    async fn set_ip_address_type(&self, arn: &Arn, wanted: IpAddressType) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, arn);
        self.write(&[arn], touch, self.0.cloud.set_ip_address_type(arn, wanted))
            .await
    }

    async fn set_ipam_pool(&self, arn: &Arn, pool: Option<&str>) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, arn);
        self.write(&[arn], touch, self.0.cloud.set_ipam_pool(arn, pool))
            .await
    }

    async fn delete_balancer(&self, arn: &Arn) -> Answer<()> {
        let touch = |known: &mut Known| known.dissociate(arn);
        self.write(&[arn], touch, self.0.cloud.delete_balancer(arn))
            .await?;
        self.known(|known| known.deleted(arn));
        Ok(())
    }
}
