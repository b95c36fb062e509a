//! Tags.

use super::{Answer, Arn};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

/// Kinds of resources that have tags. Each of AWS's services has calls of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// ACM.
    Certificate,
    /// Elastic Load Balancing.
    TrustStore,
    /// EC2.
    SecurityGroup,
    /// Elastic Load Balancing.
    TargetGroup,
    /// Elastic Load Balancing.
    Balancer,
    /// Elastic Load Balancing.
    Listener,
    /// Elastic Load Balancing.
    Rule,
}

/// A resource with its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// The resource.
    pub arn: Arn,
    /// All its tags.
    pub tags: Tags,
}

/// Calls about tags.
pub trait Tagging {
    /// All load balancers, target groups, security groups, trust stores or certificates that have all these tags; of a tag with an
    /// empty value the key counts alone. What was
    /// made a moment ago may be missing yet, and what is gone may still be there.
    fn find(&self, kind: Kind, marks: &Tags) -> impl Future<Output = Answer<Vec<Tagged>>> + Send;

    /// `DescribeTags`: of resources of Elastic Load Balancing. Those that do not exist are left out.
    fn tags(&self, arns: &[Arn]) -> impl Future<Output = Answer<BTreeMap<Arn, Tags>>> + Send;

    /// The same of one kind, read now: what others allow or forbid by tags counts at once.
    fn tags_now(
        &self,
        _kind: Kind,
        arns: &[Arn],
    ) -> impl Future<Output = Answer<BTreeMap<Arn, Tags>>> + Send {
        self.tags(arns)
    }

    /// `AddTags`, `CreateTags` or `AddTagsToCertificate`: sets these, leaves others. At most 20 resources, of
    /// certificates one.
    fn add_tags(&self, kind: Kind, arns: &[Arn], tags: &Tags) -> impl Future<Output = Answer<()>> + Send;

    /// `RemoveTags` or its like.
    fn remove_tags(
        &self,
        kind: Kind,
        arns: &[Arn],
        keys: &BTreeSet<Str>,
    ) -> impl Future<Output = Answer<()>> + Send;
}
