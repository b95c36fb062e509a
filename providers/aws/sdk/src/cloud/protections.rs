//! Protections by Shield Advanced.

use crate::Account;
use gatewright_aws::cloud::{Answer, Arn, NewProtection, Protection, Protections};

impl Protections for Account {
    async fn protection(&self, balancer: &Arn) -> Answer<Option<Protection>> {
        self.shield.describe(&balancer.0).await
    }

    async fn create_protection(&self, new: &NewProtection) -> Answer<()> {
        self.shield.create(new).await
    }

    async fn delete_protection(&self, id: &str, _: &Arn) -> Answer<()> {
        self.shield.delete(id).await
    }
}
