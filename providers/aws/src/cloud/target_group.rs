//! Target groups and their targets.

use super::{Answer, Arn, Attributes};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::target_group::{Fixed, HealthCheck, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

/// A target group that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `TargetGroupArn`.
    pub arn: Arn,
    /// `TargetGroupName`.
    pub name: Str,
    /// What cannot change.
    pub fixed: Fixed,
    /// `VpcId`; empty for functions.
    pub vpc: Str,
    /// Health check, every field that applies.
    pub health: HealthCheck,
    /// `LoadBalancerArns`: who forwards to it, at most one.
    pub balancers: BTreeSet<Arn>,
}

/// A target group to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTargetGroup {
    /// `Name`.
    pub name: Str,
    /// What cannot change.
    pub fixed: Fixed,
    /// `VpcId`; left out for functions.
    pub vpc: Str,
    /// Health check.
    pub health: HealthCheck,
    /// `Tags`.
    pub tags: Tags,
}

/// `TargetHealth.State`. Targets that are draining are not registered any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// It is being registered, or checked for the first time.
    Initial,
    /// It is checked and well.
    Healthy,
    /// It is checked and not well.
    Unhealthy,
    /// No rule of an active load balancer leads to it, or its zone is not enabled.
    Unused,
    /// It was deregistered, and serves what it has.
    Draining,
    /// Its health is not known (`unavailable`).
    Unavailable,
}

/// Calls about target groups.
pub trait TargetGroups {
    /// `DescribeTargetGroups` by ARN. Those that do not exist are left out.
    fn target_groups(&self, arns: &[Arn]) -> impl Future<Output = Answer<Vec<Group>>> + Send;

    /// `DescribeTargetGroups` by name.
    fn target_group_named(&self, name: &str) -> impl Future<Output = Answer<Option<Group>>> + Send;

    /// `DescribeTargetGroupAttributes`.
    fn target_group_attributes(&self, arn: &Arn) -> impl Future<Output = Answer<Attributes>> + Send;

    /// `DescribeTargetGroups` by ARN, read now: somebody else's may be deleted without a word.
    fn target_groups_now(&self, arns: &[Arn]) -> impl Future<Output = Answer<Vec<Group>>> + Send {
        self.target_groups(arns)
    }

    /// `DescribeTargetHealth`: all targets, draining ones too.
    fn targets(&self, arn: &Arn) -> impl Future<Output = Answer<BTreeMap<Target, Health>>> + Send;

    /// The same, read now: for who waits until targets are well.
    fn targets_now(&self, arn: &Arn) -> impl Future<Output = Answer<BTreeMap<Target, Health>>> + Send {
        self.targets(arn)
    }

    /// `CreateTargetGroup`. Repeated with the same settings it answers the same ARN.
    fn create_target_group(&self, new: &NewTargetGroup) -> impl Future<Output = Answer<Arn>> + Send;

    /// `ModifyTargetGroup`: sets what is some, leaves what is none.
    fn modify_target_group(&self, arn: &Arn, health: &HealthCheck)
    -> impl Future<Output = Answer<()>> + Send;

    /// `ModifyTargetGroupAttributes`: sets these, leaves others.
    fn set_target_group_attributes(
        &self,
        arn: &Arn,
        attributes: &Attributes,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `RegisterTargets`: at most 200 at once.
    fn register(&self, arn: &Arn, targets: &BTreeSet<Target>) -> impl Future<Output = Answer<()>> + Send;

    /// `DeregisterTargets`: at most 200 at once. Those that are not registered do no harm.
    fn deregister(&self, arn: &Arn, targets: &BTreeSet<Target>) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteTargetGroup`.
    fn delete_target_group(&self, arn: &Arn) -> impl Future<Output = Answer<()>> + Send;
}
