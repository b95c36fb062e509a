//! Target groups and their targets.

use super::{On, Swept};
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{Kind, Lattice, NewTargetGroup, TargetGroup, TargetGroups, TargetStatus};
use gatewright_aws_core::lattice::Health;
use gatewright_aws_core::target_group::Target;
use std::collections::{BTreeMap, BTreeSet};

/// Targets of a page of `ListTargets`.
const PAGE: usize = 100;

const ON: On<Option<TargetGroup>> = |known| &mut known.groups;
const TARGETS: On<BTreeMap<Target, TargetStatus>> = |known| &mut known.targets;

impl<C: Lattice> TargetGroups for Swept<C> {
    async fn group(&self, arn: &Arn) -> Answer<Option<TargetGroup>> {
        self.one(ON, arn, self.0.cloud.group(arn), |_| 1).await
    }

    async fn group_named(&self, name: &str) -> Answer<Option<Arn>> {
        self.count(1);
        self.0.cloud.group_named(name).await
    }

    async fn create_group(&self, new: &NewTargetGroup) -> Answer<Arn> {
        self.make(Kind::TargetGroup, &new.tags, self.0.cloud.create_group(new))
            .await
    }

    async fn set_health(&self, arn: &Arn, health: &Health) -> Answer<()> {
        let write = self.0.cloud.set_health(arn, health);
        self.write(arn, |known| known.drop(ON, arn), write).await
    }

    /// It is there for some time yet, and searches may show it even longer: reading it tells.
    async fn delete_group(&self, arn: &Arn) -> Answer<()> {
        let write = self.0.cloud.delete_group(arn);
        self.write(arn, |known| known.drop_whole(arn), write).await
    }

    async fn targets_of(&self, arn: &Arn) -> Answer<BTreeMap<Target, TargetStatus>> {
        let read = self.0.cloud.targets_of(arn);
        self.one(TARGETS, arn, read, |found| found.len() / PAGE + 1).await
    }

    async fn register_targets(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        let write = self.0.cloud.register_targets(arn, targets);
        self.write(arn, |known| known.drop(TARGETS, arn), write).await
    }

    async fn deregister_targets(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        let write = self.0.cloud.deregister_targets(arn, targets);
        self.write(arn, |known| known.drop(TARGETS, arn), write).await
    }
}
