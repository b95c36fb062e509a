//! Names of resources.
//!
//! Forms: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html>.

use crate::error::ApiError;
use crate::service::Context;
use sha2::{Digest, Sha256};

const SERVICE: &str = "elasticloadbalancing";

/// Sixteen hexadecimal digits that no other resource of an account and region has.
pub(super) fn id(context: &Context, number: u64) -> String {
    let seed = format!("{}/{}/{number}", context.account, context.region);
    let digest = Sha256::digest(seed.as_bytes());
    let first: [u8; 8] = std::array::from_fn(|index| digest.get(index).copied().unwrap_or_default());
    format!("{:016x}", u64::from_be_bytes(first))
}

/// ARN of a load balancer; `short` is `app` or `net`.
pub(super) fn balancer(context: &Context, short: &str, name: &str, id: &str) -> String {
    context.arn(SERVICE, &format!("loadbalancer/{short}/{name}/{id}"))
}

/// ARN of a target group.
pub(super) fn group(context: &Context, name: &str, id: &str) -> String {
    context.arn(SERVICE, &format!("targetgroup/{name}/{id}"))
}

/// ARN of a trust store.
pub(super) fn trust_store(context: &Context, name: &str, id: &str) -> String {
    context.arn(SERVICE, &format!("truststore/{name}/{id}"))
}

/// What the ARNs of a load balancer's listeners begin with.
pub(super) fn listeners_of(balancer: &str) -> String {
    format!("{}/", balancer.replacen(":loadbalancer/", ":listener/", 1))
}

/// What the ARNs of a listener's rules begin with.
pub(super) fn rules_of(listener: &str) -> String {
    format!("{}/", listener.replacen(":listener/", ":listener-rule/", 1))
}

/// The part of a load balancer's ARN that CloudWatch and network interfaces name it by: `app/name/id`.
pub(super) fn short_name(balancer: &str) -> &str {
    balancer
        .split_once(":loadbalancer/")
        .map_or(balancer, |(_, name)| name)
}

/// Checks that a text is the ARN of a kind of resource.
///
/// # Errors
///
/// `ValidationError` otherwise.
pub(super) fn check(arn: &str, kind: &str) -> Result<(), ApiError> {
    let mut parts = arn.splitn(6, ':');
    let well = parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some(SERVICE)
        && parts.next().is_some_and(|region| !region.is_empty())
        && parts.next().is_some_and(|account| account.len() == 12)
        && parts
            .next()
            .is_some_and(|rest| rest.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/')));
    if well {
        return Ok(());
    }
    let noun = match kind {
        "loadbalancer" => "load balancer",
        "targetgroup" => "target group",
        "listener-rule" => "listener rule",
        other => other,
    };
    Err(ApiError::validation(format!("'{arn}' is not a valid {noun} ARN")))
}
