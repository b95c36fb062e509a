//! [`Cloud`] by the SDK.
//!
//! [`convert`] has the conversions between our types and the SDK's; the other modules make the calls.

mod balancers;
mod capacities;
mod certificates;
mod convert;
mod listeners;
mod listing;
mod network;
mod protections;
mod rules;
mod tagging;
mod target_groups;
mod trust_stores;
mod web_acls;

use crate::Account;
use crate::calls::{self, Service};
use crate::error::cloud_error;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use gatewright_aws::cloud::{Answer, Arn, Cloud, CloudError, Tagging};
use gatewright_aws_core::limits::{AlbLimits, NlbLimits};
use gatewright_provider_api::contract::ErrorKind;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

const ELB: Service = Service::ElasticLoadBalancing;

/// How many names or ARNs a describe of Elastic Load Balancing takes
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html>: "Array Members:
/// ... maximum number of 20 items"; its others take as many).
const CHUNK: usize = 20;

/// Quotas change when somebody asks AWS for it.
const LIMITS_LAST: Duration = Duration::from_secs(300);

/// Quotas that were read, and when.
#[derive(Clone, Debug, Default)]
pub(crate) struct CachedLimits(Arc<Mutex<Option<(Instant, AlbLimits, NlbLimits)>>>);

impl Cloud for Account {
    async fn limits(&self) -> Answer<AlbLimits> {
        Ok(self.all_limits().await?.0)
    }

    async fn network_limits(&self) -> Answer<NlbLimits> {
        Ok(self.all_limits().await?.1)
    }

    fn pace(&self) -> f64 {
        self.pace
    }
}

impl Account {
    /// Quotas of load balancers of both kinds: one call tells them.
    async fn all_limits(&self) -> Answer<(AlbLimits, NlbLimits)> {
        // Held while reading: who else asks meanwhile wants the same answer.
        let mut cached = self.limits.0.lock().await;
        if let Some((at, limits, network)) = &*cached
            && at.elapsed() < LIMITS_LAST
        {
            return Ok((limits.clone(), network.clone()));
        }
        let operation = "DescribeAccountLimits";
        let mut pages = self.elb.describe_account_limits().into_paginator().items().send();
        let (mut limits, mut network) = (AlbLimits::default(), NlbLimits::default());
        while let Some(limit) = pages.next().await {
            let limit = limit.map_err(failed(ELB, operation))?;
            let (name, max) = (limit.name().unwrap_or_default(), limit.max().unwrap_or_default());
            convert::limits::set(&mut limits, name, max);
            convert::limits::set_network(&mut network, name, max);
        }
        *cached = Some((Instant::now(), limits.clone(), network.clone()));
        Ok((limits, network))
    }
}

/// The error of an operation.
pub(crate) fn failed<E>(
    service: Service,
    operation: &'static str,
) -> impl FnOnce(SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| match calls::find(service.id(), operation) {
        Some(call) => cloud_error(call, &error),
        None => odd(operation, "the operation is not in the list of calls"),
    }
}

/// AWS answered in a form that we have no type for, or that it does not document.
pub(crate) fn odd(operation: &'static str, what: impl fmt::Display) -> CloudError {
    CloudError {
        kind: ErrorKind::Unexpected,
        operation,
        code: "".into(),
        message: what.to_string(),
    }
}

/// Something that is gone needs no deletion.
///
/// Policies allow deletions of what is marked as ours; what is gone has no mark any more, so that AWS may answer that
/// we lack the permission. Then it is looked up, which is always allowed.
pub(crate) async fn gone_is_fine<T, F>(answer: Answer<T>, exists: impl FnOnce() -> F) -> Answer<()>
where
    F: Future<Output = Answer<bool>>,
{
    match answer {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind == ErrorKind::Forbidden => match exists().await {
            Ok(false) => Ok(()),
            _ => Err(error),
        },
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

impl Account {
    /// Whether a resource of Elastic Load Balancing exists.
    async fn elb_exists(&self, arn: &Arn) -> Answer<bool> {
        Ok(!self.tags(std::slice::from_ref(arn)).await?.is_empty())
    }
}

/// Describes many things of which some may not exist: AWS then refuses the whole call, so the halves are asked for,
/// and so on.
async fn existing<T, F>(wanted: &[String], describe: impl Fn(Vec<String>) -> F) -> Answer<Vec<T>>
where
    F: Future<Output = Answer<Vec<T>>>,
{
    let mut found = Vec::new();
    let mut left: Vec<&[String]> = wanted.chunks(CHUNK).rev().collect();
    while let Some(chunk) = left.pop() {
        match describe(chunk.to_vec()).await {
            Ok(more) => found.extend(more),
            Err(error) if error.kind == ErrorKind::NotFound => {
                if chunk.len() > 1 {
                    let (first, second) = chunk.split_at(chunk.len() / 2);
                    left.push(second);
                    left.push(first);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
