//! Web ACLs.

use crate::Account;
use gatewright_aws::cloud::{Answer, Arn, WebAcls};
use gatewright_aws_core::Str;

impl WebAcls for Account {
    async fn web_acl(&self, balancer: &Arn) -> Answer<Option<Str>> {
        Ok(self.waf.get(&balancer.0).await?.map(Into::into))
    }

    async fn associate_web_acl(&self, balancer: &Arn, acl: &str) -> Answer<()> {
        self.waf.associate(acl, &balancer.0).await
    }

    async fn disassociate_web_acl(&self, balancer: &Arn) -> Answer<()> {
        self.waf.disassociate(&balancer.0).await
    }
}
