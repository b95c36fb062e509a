//! VPC Lattice by the SDK.
//!
//! <https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/Welcome.html>. Identifiers are ARNs throughout.

/// The first of the items of a listing whose name is wanted.
macro_rules! named {
    ($request:expr, $operation:literal, $wanted:expr) => {{
        let mut items = $request.into_paginator().items().send();
        let mut found = None;
        while let Some(item) = items.next().await {
            let item = item.map_err(failed(LATTICE, $operation))?;
            if item.name() == Some($wanted) {
                found = item.arn().map(|arn| Arn(arn.into()));
                break;
            }
        }
        Ok(found)
    }};
}

/// Sends a request whose answer says nothing.
macro_rules! done {
    ($request:expr, $operation:literal) => {
        $request
            .send()
            .await
            .map(|_| ())
            .map_err(failed(LATTICE, $operation))
    };
}

mod convert;
mod groups;
mod listeners;
mod networks;
mod resources;
mod services;

use crate::Account;
use crate::calls::Service as Of;
use crate::cloud::odd;
use gatewright_aws::cloud::{Answer, Arn};
use gatewright_aws::lattice::cloud::Resources as _;
use gatewright_aws_core::lattice::settings::Limits;
use gatewright_provider_api::contract::ErrorKind;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::time::Instant;

const LATTICE: Of = Of::VpcLattice;

/// Quotas that were read, and when.
#[derive(Clone, Debug, Default)]
pub(crate) struct CachedLimits(Arc<Mutex<Option<(Instant, Limits)>>>);

/// The service of a listener or rule, and the listener of a rule, by their ARNs.
fn parents(arn: &Arn) -> (String, String) {
    let service = arn.0.split("/listener/").next().unwrap_or_default();
    let listener = arn.0.split("/rule/").next().unwrap_or_default();
    (service.to_owned(), listener.to_owned())
}

/// AWS tells the ids of target groups in actions; with the beginning of any ARN of the account they are ARNs.
fn group_arn(of: &Arn, id: &str) -> Arn {
    if id.starts_with("arn:") {
        return Arn(id.into());
    }
    let prefix: Vec<&str> = of.0.splitn(6, ':').take(5).collect();
    Arn(format!("{}:targetgroup/{id}", prefix.join(":")).into())
}

fn made(operation: &'static str, arn: Option<&str>) -> Answer<Arn> {
    arn.map(|arn| Arn(arn.into()))
        .ok_or_else(|| odd(operation, "no ARN in the answer"))
}

/// None when it does not exist.
fn existing<T>(answer: Answer<T>) -> Answer<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Account {
    /// Something that is gone has no tag any more, so that a policy that asks for it refuses: then it is looked up.
    async fn gone(&self, answer: Answer<()>, arn: &Arn) -> Answer<()> {
        crate::cloud::gone_is_fine(answer, || async { Ok(self.tags_of(arn).await?.is_some()) }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_tell_what_they_are_of() {
        let rule = "arn:aws:vpc-lattice:eu-west-1:123456789012:service/svc-1/listener/listener-2/rule/rule-3";
        let (service, listener) = parents(&Arn(rule.into()));
        assert_eq!(
            service,
            "arn:aws:vpc-lattice:eu-west-1:123456789012:service/svc-1"
        );
        assert_eq!(
            listener,
            "arn:aws:vpc-lattice:eu-west-1:123456789012:service/svc-1/listener/listener-2"
        );
        let group = "arn:aws:vpc-lattice:eu-west-1:123456789012:targetgroup/tg-4";
        assert_eq!(&*group_arn(&Arn(rule.into()), "tg-4").0, group);
        assert_eq!(&*group_arn(&Arn(rule.into()), group).0, group);
    }
}
