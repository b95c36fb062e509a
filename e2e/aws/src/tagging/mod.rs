//! Finding resources by their tags:
//! [Resource Groups Tagging API](https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/Welcome.html).

use crate::error::ApiError;
use crate::input::{flag, list, number, text, texts};
use crate::service::{Context, Handler};
use crate::state::Account;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The operations that are served.
pub const OPERATIONS: &[(&str, Handler)] = &[
    ("GetResources", resources),
    ("GetTagKeys", keys),
    ("GetTagValues", values),
];

/// Resources of a page, at most, and unless the caller wants fewer.
const MOST: usize = 100;
const USUAL: usize = 50;

/// All tagged resources of the account and region, by name.
fn tagged(account: &Account) -> BTreeMap<String, BTreeMap<String, String>> {
    account
        .elb
        .tagged()
        .into_iter()
        .chain(account.acm.tagged())
        .chain(account.ec2.tagged())
        .chain(account.lattice.tagged())
        .filter(|(_, tags)| !tags.is_empty())
        .collect()
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

/// True for a resource of a type such as `elasticloadbalancing` or `elasticloadbalancing:loadbalancer`.
fn is_of(arn: &str, wanted: &str) -> bool {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, resource) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default());
    match wanted.split_once(':') {
        None => service == wanted,
        Some((of, kind)) => {
            service == of
                && resource
                    .strip_prefix(kind)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
        }
    }
}

/// True when tags fulfil all filters: a key, and any of its values if there are some.
fn fulfils(tags: &BTreeMap<String, String>, filters: &[Value]) -> bool {
    filters.iter().all(|filter| {
        let wanted = texts(filter, "Values");
        text(filter, "Key")
            .and_then(|key| tags.get(key))
            .is_some_and(|value| wanted.is_empty() || wanted.contains(&value.as_str()))
    })
}

fn after(input: &Value) -> Result<Option<String>, ApiError> {
    match text(input, "PaginationToken").filter(|token| !token.is_empty()) {
        None => Ok(None),
        Some(token) => STANDARD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.strip_prefix("after ").map(str::to_owned))
            .map(Some)
            .ok_or_else(|| {
                ApiError::new(
                    "PaginationTokenExpiredException",
                    "A PaginationToken is valid for a maximum of 15 minutes.",
                )
            }),
    }
}

fn token(last: Option<&str>) -> String {
    last.map_or_else(String::new, |last| STANDARD.encode(format!("after {last}")))
}

/// [GetResources](https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html).
/// Resources whose last tag was removed are not told any more, which AWS does for a while.
fn resources(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let names = texts(input, "ResourceARNList");
    let filters = list(input, "TagFilters");
    let kinds = texts(input, "ResourceTypeFilters");
    let others = [
        "TagFilters",
        "ResourceTypeFilters",
        "ResourcesPerPage",
        "TagsPerPage",
        "PaginationToken",
    ];
    if !names.is_empty()
        && let Some(other) = others.iter().find(|member| input.get(member).is_some())
    {
        return Err(invalid(format!(
            "ResourceARNList cannot be used together with {other}."
        )));
    }
    if filters
        .iter()
        .any(|filter| text(filter, "Key").is_none_or(str::is_empty))
    {
        return Err(invalid("Each TagFilter must contain a key."));
    }
    if kinds.len() > 100 {
        return Err(invalid("There can be at most 100 ResourceTypeFilters."));
    }
    if flag(input, "ExcludeCompliantResources") && !flag(input, "IncludeComplianceDetails") {
        return Err(invalid(
            "ExcludeCompliantResources can be used only if IncludeComplianceDetails is also set to true.",
        ));
    }
    let size = match number(input, "ResourcesPerPage") {
        None => USUAL,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (1..=MOST).contains(size))
            .ok_or_else(|| invalid("ResourcesPerPage must be between 1 and 100."))?,
    };
    let most_tags = match number(input, "TagsPerPage") {
        None => usize::MAX,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (100..=500).contains(size) && size % 100 == 0)
            .ok_or_else(|| invalid("TagsPerPage must be 100, 200, 300, 400 or 500."))?,
    };
    let after = after(input)?;
    let found: Vec<(String, BTreeMap<String, String>)> = tagged(account)
        .into_iter()
        .filter(|(arn, _)| after.as_deref().is_none_or(|after| arn.as_str() > after))
        .filter(|(arn, _)| names.is_empty() || names.contains(&arn.as_str()))
        .filter(|(arn, _)| kinds.is_empty() || kinds.iter().any(|kind| is_of(arn, kind)))
        .filter(|(_, tags)| fulfils(tags, filters))
        // No tag policy is in effect, so that everything complies with it.
        .filter(|_| !flag(input, "ExcludeCompliantResources"))
        .collect();
    let mut page = Vec::new();
    let (mut tags_told, mut last) = (0, None);
    for (arn, tags) in &found {
        tags_told += tags.len();
        if names.is_empty() && (page.len() >= size || (tags_told > most_tags && !page.is_empty())) {
            break;
        }
        let told: Vec<Value> = tags
            .iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        let mut mapping = json!({"ResourceARN": arn, "Tags": told});
        if flag(input, "IncludeComplianceDetails")
            && let Some(mapping) = mapping.as_object_mut()
        {
            mapping.insert("ComplianceDetails".to_owned(), json!({"ComplianceStatus": true}));
        }
        page.push(mapping);
        last = Some(arn.as_str());
    }
    let more = page.len() < found.len();
    Ok(json!({
        "PaginationToken": token(last.filter(|_| more)),
        "ResourceTagMappingList": page,
    }))
}

fn texts_page(all: BTreeSet<String>, list: &str, input: &Value) -> Result<Value, ApiError> {
    let after = after(input)?;
    let left: Vec<String> = all
        .into_iter()
        .filter(|text| after.as_ref().is_none_or(|after| text > after))
        .collect();
    let page: Vec<&String> = left.iter().take(MOST).collect();
    let last = page
        .last()
        .filter(|_| left.len() > MOST)
        .map(|last| last.as_str());
    Ok(json!({"PaginationToken": token(last), list: page}))
}

/// [GetTagKeys](https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetTagKeys.html).
fn keys(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let all = tagged(account)
        .into_values()
        .flat_map(BTreeMap::into_keys)
        .collect();
    texts_page(all, "TagKeys", input)
}

/// [GetTagValues](https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetTagValues.html).
fn values(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let key = text(input, "Key").unwrap_or_default();
    let all = tagged(account)
        .into_values()
        .filter_map(|tags| tags.get(key).cloned())
        .collect();
    texts_page(all, "TagValues", input)
}

#[cfg(test)]
mod tests;
