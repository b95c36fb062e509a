//! Web ACLs of load balancers.

use super::Connection;
use super::state::found;
use crate::cloud::{Answer, Arn, WebAcls};
use gatewright_aws_core::Str;
use gatewright_provider_api::contract::{Action, ErrorKind};

/// `API_AssociateWebACL`: what a load balancer or a web ACL that is not there is told as.
const MISSING: &str = "WAFNonexistentItemException";

impl WebAcls for Connection {
    async fn web_acl(&self, balancer: &Arn) -> Answer<Option<Str>> {
        self.read("GetWebACLForResource", |state| {
            found(state.balancers.get(balancer), MISSING)?;
            Ok(state.web_acls.get(balancer).cloned())
        })
        .await
    }

    async fn associate_web_acl(&self, balancer: &Arn, acl: &str) -> Answer<()> {
        let what = (Action::Update, balancer.0.clone());
        let acl: Str = acl.into();
        self.write("AssociateWebACL", what, |state| {
            found(state.balancers.get(balancer), MISSING)?;
            if !acl.contains(":regional/webacl/") {
                return Err((ErrorKind::Invalid, "WAFInvalidParameterException"));
            }
            state.web_acls.insert(balancer.clone(), acl);
            Ok(())
        })
        .await
    }

    async fn disassociate_web_acl(&self, balancer: &Arn) -> Answer<()> {
        let what = (Action::Update, balancer.0.clone());
        self.write("DisassociateWebACL", what, |state| {
            found(state.balancers.get(balancer), MISSING)?;
            state.web_acls.remove(balancer);
            Ok(())
        })
        .await
    }
}
