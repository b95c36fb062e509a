//! Web ACLs of load balancers.

use super::known::Known;
use super::{On, Swept};
use crate::cloud::{Answer, Arn, Cloud, WebAcls};
use gatewright_aws_core::Str;

/// Of load balancers that we put one in front of.
pub(super) const ON: On<Option<Str>> = |known| &mut known.web_acls;

impl<C: Cloud> WebAcls for Swept<C> {
    async fn web_acl(&self, balancer: &Arn) -> Answer<Option<Str>> {
        self.one(ON, balancer, self.0.cloud.web_acl(balancer)).await
    }

    async fn associate_web_acl(&self, balancer: &Arn, acl: &str) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, balancer);
        let write = self.0.cloud.associate_web_acl(balancer, acl);
        self.write(&[balancer], touch, write).await
    }

    async fn disassociate_web_acl(&self, balancer: &Arn) -> Answer<()> {
        let touch = |known: &mut Known| known.drop(ON, balancer);
        let write = self.0.cloud.disassociate_web_acl(balancer);
        self.write(&[balancer], touch, write).await
    }
}
