//! Tags: at most 50 for each resource, none of AWS's own.

use super::{State, Tags, invalid, missing};
use crate::error::ApiError;
use crate::input::{text, texts};
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};

const MOST: usize = 50;

/// Tags of an input.
pub(super) fn read(input: &Value) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for (key, value) in input.get("tags").and_then(Value::as_object).into_iter().flatten() {
        if key
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        {
            return Err(invalid(format!("The tag key {key} is reserved for AWS")));
        }
        tags.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    within(&tags)?;
    Ok(tags)
}

fn within(tags: &Tags) -> Result<(), ApiError> {
    if tags.len() > MOST {
        return Err(invalid(format!("A resource has at most {MOST} tags")));
    }
    Ok(())
}

fn of<'s>(state: &'s mut State, input: &Value) -> Result<&'s mut Tags, ApiError> {
    let arn = text(input, "resourceArn").unwrap_or_default();
    state.tags.get_mut(arn).ok_or_else(|| missing("Resource", arn))
}

/// [TagResource](https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_TagResource.html).
pub(super) fn add(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let new = read(input)?;
    let held = of(&mut account.lattice, input)?;
    let mut all = held.clone();
    all.extend(new);
    within(&all)?;
    *held = all;
    Ok(json!({}))
}

/// [UntagResource](https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_UntagResource.html).
pub(super) fn remove(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let keys = texts(input, "tagKeys");
    of(&mut account.lattice, input)?.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(json!({}))
}

/// [ListTagsForResource](https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_ListTagsForResource.html).
pub(super) fn list(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    Ok(json!({"tags": of(&mut account.lattice, input)?.clone()}))
}
