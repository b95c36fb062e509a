//! Tags: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-tags.html>.

use super::wire::Tags;
use super::{State, arn, balancer, group, listener, rule, trust_store};
use crate::error::ApiError;
use crate::input::{list, text, texts};
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};

/// Most tags of a resource.
const MOST_TAGS: usize = 50;
/// Most resources of a call.
const MOST_RESOURCES: usize = 20;

/// Tags of a call: no key twice, none of AWS's own, not too many.
///
/// # Errors
///
/// `DuplicateTagKeys`, `TooManyTags`, `ValidationError`.
pub(super) fn read(input: &Value) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for tag in list(input, "Tags") {
        let key = text(tag, "Key").unwrap_or_default();
        reserved(key)?;
        let value = text(tag, "Value").unwrap_or_default().to_owned();
        if tags.insert(key.to_owned(), value).is_some() {
            return Err(ApiError::new(
                "DuplicateTagKeys",
                format!("The tag key '{key}' is specified more than once"),
            ));
        }
    }
    if tags.len() > MOST_TAGS {
        return Err(too_many());
    }
    Ok(tags)
}

fn reserved(key: &str) -> Result<(), ApiError> {
    if key
        .get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
    {
        return Err(ApiError::validation(
            "aws: prefixed tag key names are not allowed for external use",
        ));
    }
    Ok(())
}

fn too_many() -> ApiError {
    ApiError::new(
        "TooManyTags",
        format!("A resource can have at most {MOST_TAGS} tags"),
    )
}

/// `API_AddTags`: a key that a resource has gets the new value.
pub(super) fn add(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arns = resources(&account.elb, input)?;
    let tags = read(input)?;
    for arn in &arns {
        let mut all = account.elb.tags_of(arn);
        all.extend(tags.clone());
        if all.len() > MOST_TAGS {
            return Err(too_many());
        }
    }
    for arn in arns {
        account.elb.tags.entry(arn).or_default().extend(tags.clone());
    }
    Ok(json!({}))
}

/// `API_RemoveTags`: keys that a resource does not have are no error.
pub(super) fn remove(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arns = resources(&account.elb, input)?;
    let keys = texts(input, "TagKeys");
    keys.iter().try_for_each(|key| reserved(key))?;
    for arn in arns {
        if let Some(tags) = account.elb.tags.get_mut(&arn) {
            tags.retain(|key, _| !keys.contains(&key.as_str()));
        }
    }
    Ok(json!({}))
}

/// `API_DescribeTags`: "up to 20 resources in a single call".
pub(super) fn describe(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let descriptions = resources(&account.elb, input)?.into_iter().map(|arn| {
        let tags = account.elb.tags_of(&arn);
        let tags: Vec<Value> = tags
            .iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        json!({"ResourceArn": arn, "Tags": tags})
    });
    Ok(json!({"TagDescriptions": descriptions.collect::<Vec<Value>>()}))
}

/// Resources of a call, all of which exist.
fn resources(state: &State, input: &Value) -> Result<Vec<String>, ApiError> {
    let arns = texts(input, "ResourceArns");
    if arns.is_empty() {
        return Err(ApiError::validation(
            "At least one resource ARN must be specified",
        ));
    }
    if arns.len() > MOST_RESOURCES {
        return Err(ApiError::validation(format!(
            "Up to {MOST_RESOURCES} resources can be specified in a single call"
        )));
    }
    for resource in &arns {
        exists(state, resource)?;
    }
    Ok(arns.into_iter().map(ToOwned::to_owned).collect())
}

fn exists(state: &State, resource: &str) -> Result<(), ApiError> {
    if resource.contains(":loadbalancer/") {
        arn::check(resource, "loadbalancer")?;
        return state
            .balancers
            .get(resource)
            .map(|_| ())
            .ok_or_else(|| balancer::missing(resource));
    }
    if resource.contains(":targetgroup/") {
        arn::check(resource, "targetgroup")?;
        return state
            .groups
            .get(resource)
            .map(|_| ())
            .ok_or_else(|| group::missing(resource));
    }
    if resource.contains(":listener-rule/") {
        arn::check(resource, "listener-rule")?;
        return state
            .rules
            .get(resource)
            .map(|_| ())
            .ok_or_else(|| rule::missing(resource));
    }
    if resource.contains(":truststore/") {
        arn::check(resource, "truststore")?;
        return state
            .trust_stores
            .get(resource)
            .map(|_| ())
            .ok_or_else(|| trust_store::missing(resource));
    }
    arn::check(resource, "listener")?;
    state
        .listeners
        .get(resource)
        .map(|_| ())
        .ok_or_else(|| listener::missing(resource))
}
