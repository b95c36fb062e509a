//! Web ACLs of AWS WAF in front of load balancers.

use super::{Answer, Arn};
use gatewright_aws_core::Str;
use std::future::Future;

/// Calls about web ACLs: <https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html>.
pub trait WebAcls {
    /// `GetWebACLForResource`: the ARN of the load balancer's; none without.
    fn web_acl(&self, balancer: &Arn) -> impl Future<Output = Answer<Option<Str>>> + Send;

    /// `AssociateWebACL`: in place of another one.
    fn associate_web_acl(&self, balancer: &Arn, acl: &str) -> impl Future<Output = Answer<()>> + Send;

    /// `DisassociateWebACL`.
    fn disassociate_web_acl(&self, balancer: &Arn) -> impl Future<Output = Answer<()>> + Send;
}
