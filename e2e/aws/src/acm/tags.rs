//! Tags of certificates: [restrictions](https://docs.aws.amazon.com/acm/latest/userguide/tags.html).

use super::{named_arn, not_found};
use crate::error::ApiError;
use crate::input::{list as elements, text};
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Tags that one certificate can have.
const MOST_TAGS: usize = 50;

/// Reads tags of an input. Lengths and characters are constraints of the model, checked before.
pub fn parse(tags: &[Value]) -> Result<BTreeMap<String, String>, ApiError> {
    let mut parsed = BTreeMap::new();
    for tag in tags {
        let key = text(tag, "Key").unwrap_or_default();
        if key
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        {
            return Err(ApiError::new(
                "InvalidTagException",
                format!("aws: prefixed tag key names are not allowed for external use: '{key}'"),
            ));
        }
        let value = text(tag, "Value").unwrap_or_default();
        if parsed.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ApiError::new(
                "InvalidTagException",
                format!("The tag key '{key}' is there more than once."),
            ));
        }
    }
    within(&parsed)?;
    Ok(parsed)
}

fn within(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MOST_TAGS {
        return Err(ApiError::new(
            "TooManyTagsException",
            format!("A certificate can have at most {MOST_TAGS} tags."),
        ));
    }
    Ok(())
}

/// [AddTagsToCertificate](https://docs.aws.amazon.com/acm/latest/APIReference/API_AddTagsToCertificate.html).
pub fn add(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = named_arn(context, input)?;
    let tags = parse(elements(input, "Tags"))?;
    let held = account.acm.tags_mut(arn).ok_or_else(|| not_found(arn))?;
    let mut all = held.clone();
    all.extend(tags);
    within(&all)?;
    *held = all;
    Ok(json!({}))
}

/// [RemoveTagsFromCertificate](https://docs.aws.amazon.com/acm/latest/APIReference/API_RemoveTagsFromCertificate.html):
/// a key alone removes whatever its value, a key with a value only that.
pub fn remove(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = named_arn(context, input)?;
    let doomed = elements(input, "Tags");
    account
        .acm
        .tags_mut(arn)
        .ok_or_else(|| not_found(arn))?
        .retain(|key, value| {
            !doomed.iter().any(|tag| {
                text(tag, "Key") == Some(key) && text(tag, "Value").is_none_or(|wanted| wanted == value)
            })
        });
    Ok(json!({}))
}

/// [ListTagsForCertificate](https://docs.aws.amazon.com/acm/latest/APIReference/API_ListTagsForCertificate.html).
pub fn list(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let certificate = account.acm.named(context, input)?;
    let tags: Vec<Value> = certificate
        .tags
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    Ok(json!({"Tags": tags}))
}
