//! Target groups and their targets.

use super::balancers::{FEW, is_listed};
use super::known::Known;
use super::{On, Swept};
use crate::cloud::{
    Answer, Arn, Attributes, Cloud, Freshness, Health, Kind, NewTargetGroup, TargetGroup, TargetGroups,
};
use gatewright_aws_core::target_group::{HealthCheck, Target};
use std::collections::{BTreeMap, BTreeSet};

const ON: On<Option<TargetGroup>> = |known| &mut known.target_groups;
const ATTRIBUTES: On<Attributes> = |known| &mut known.target_group_attributes;
const TARGETS: On<BTreeMap<Target, Health>> = |known| &mut known.targets;

impl<C: Cloud> Swept<C> {
    /// Reads these, and with them all others of this cluster that are due.
    async fn describe_target_groups(&self, arns: &[Arn]) -> Answer<()> {
        let _one = self.0.listing.lock().await;
        let (due, ours, counted, ticket) = self.known(|known| {
            let mut due: BTreeSet<Arn> = arns.iter().filter(|arn| !known.fresh(ON, arn)).cloned().collect();
            let mut all = 0;
            if !due.is_empty() {
                let ours = known.ours(Kind::TargetGroup);
                all = ours.len();
                due.extend(ours.into_iter().filter(|arn| !known.fresh(ON, arn)));
            }
            let age = known.age_of_counts(Freshness::Known);
            let counted = known.group_roll.is_fresh(age);
            (due, all, counted, known.ticket())
        });
        if due.is_empty() {
            return Ok(());
        }
        let found = if !counted || is_listed(due.len(), ours) {
            self.list_target_groups().await?
        } else {
            self.count(due.len().div_ceil(FEW));
            let wanted: Vec<Arn> = due.iter().cloned().collect();
            self.0.cloud.target_groups(&wanted).await?
        };
        let mut found: BTreeMap<Arn, TargetGroup> = found
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

impl<C: Cloud> TargetGroups for Swept<C> {
    async fn target_groups(&self, arns: &[Arn]) -> Answer<Vec<TargetGroup>> {
        self.describe_target_groups(arns).await?;
        Ok(self.known(|known| {
            let found = arns
                .iter()
                .filter_map(|arn| known.target_groups.get(arn)?.0.clone());
            found.collect()
        }))
    }

    async fn target_group_named(&self, name: &str) -> Answer<Option<TargetGroup>> {
        self.count(1);
        self.0.cloud.target_group_named(name).await
    }

    async fn target_groups_now(&self, arns: &[Arn]) -> Answer<Vec<TargetGroup>> {
        self.count(arns.len().div_ceil(FEW));
        self.0.cloud.target_groups_now(arns).await
    }

    async fn target_group_attributes(&self, arn: &Arn) -> Answer<Attributes> {
        self.one(ATTRIBUTES, arn, self.0.cloud.target_group_attributes(arn))
            .await
    }

    async fn targets(&self, arn: &Arn) -> Answer<BTreeMap<Target, Health>> {
        self.one(TARGETS, arn, self.0.cloud.targets(arn)).await
    }

    async fn targets_now(&self, arn: &Arn) -> Answer<BTreeMap<Target, Health>> {
        self.count(1);
        self.0.cloud.targets_now(arn).await
    }

    async fn create_target_group(&self, new: &NewTargetGroup) -> Answer<Arn> {
        let made = self.make(&new.tags, |_| (), self.0.cloud.create_target_group(new));
        let arn = made.await?;
        self.known(|known| {
            known.created(Kind::TargetGroup, &arn);
            known.group_roll.add(&arn, ());
        });
        Ok(arn)
    }

    async fn modify_target_group(&self, arn: &Arn, health: &HealthCheck) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, arn);
        self.write(&[arn], touch, self.0.cloud.modify_target_group(arn, health))
            .await
    }

    async fn set_target_group_attributes(&self, arn: &Arn, attributes: &Attributes) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ATTRIBUTES, arn);
        let write = self.0.cloud.set_target_group_attributes(arn, attributes);
        self.write(&[arn], touch, write).await
    }

    async fn register(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(TARGETS, arn);
        self.write(&[arn], touch, self.0.cloud.register(arn, targets))
            .await
    }

    async fn deregister(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(TARGETS, arn);
        self.write(&[arn], touch, self.0.cloud.deregister(arn, targets))
            .await
    }

    async fn delete_target_group(&self, arn: &Arn) -> Answer<()> {
        self.write(&[arn], |_| (), self.0.cloud.delete_target_group(arn))
            .await?;
        self.known(|known| known.deleted(arn));
        Ok(())
    }
}
