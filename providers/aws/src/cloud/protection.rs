//! Protections of AWS Shield Advanced.

use super::{Answer, Arn};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use std::future::Future;

/// `Protection`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// `Id`.
    pub id: Str,
    /// `Name`.
    pub name: Str,
}

/// What a protection is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProtection {
    /// `Name`.
    pub name: Str,
    /// `ResourceArn`.
    pub balancer: Arn,
    /// `Tags`.
    pub tags: Tags,
}

/// Calls about protections: <https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_CreateProtection.html>.
pub trait Protections {
    /// `DescribeProtection` by the load balancer; none without.
    fn protection(&self, balancer: &Arn) -> impl Future<Output = Answer<Option<Protection>>> + Send;

    /// `CreateProtection`: `NotOurs` where there is one.
    fn create_protection(&self, new: &NewProtection) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteProtection`, by the protection's id and the load balancer that it is of.
    fn delete_protection(&self, id: &str, balancer: &Arn) -> impl Future<Output = Answer<()>> + Send;
}
