//! Between our types and the SDK's.

pub(super) mod action;
pub(super) mod balancer;
mod before;
pub(super) mod certificate;
pub(super) mod condition;
pub(super) mod limits;
pub(super) mod listener;
pub(super) mod rule;
pub(super) mod target_group;

use gatewright_aws::cloud::{Arn, Attributes};
use gatewright_aws_core::Str;
use std::collections::BTreeMap;

/// Tags by key.
pub(super) type Tags = BTreeMap<Str, Str>;

/// ARNs as the SDK takes them.
pub(super) fn texts<'a>(arns: impl IntoIterator<Item = &'a Arn>) -> Vec<String> {
    arns.into_iter().map(|arn| arn.0.to_string()).collect()
}

/// Tags as Elastic Load Balancing takes them. `None` without any: AWS refuses an empty list.
pub(super) fn tags_to_elb(tags: &Tags) -> Option<Vec<aws_sdk_elasticloadbalancingv2::types::Tag>> {
    let tag = aws_sdk_elasticloadbalancingv2::types::Tag::builder;
    let tags = tags
        .iter()
        .map(|(key, value)| tag().key(&**key).value(&**value).build());
    Some(tags.collect::<Vec<_>>()).filter(|tags| !tags.is_empty())
}

/// Keys and values, either of which AWS's types let be absent.
pub(super) fn pairs<'a>(
    pairs: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> BTreeMap<Str, Str> {
    let pairs = pairs
        .into_iter()
        .filter_map(|(key, value)| Some((key?.into(), value.unwrap_or_default().into())));
    pairs.collect()
}

/// Attributes as pairs of texts.
pub(super) fn attributes(attributes: &Attributes) -> impl Iterator<Item = (String, String)> {
    attributes
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
}

#[cfg(test)]
mod tests;
