//! AWS Shield, as far as load balancers need it: the subscription to Shield Advanced, and what it protects.
//!
//! <https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/Welcome.html>. Protections of all regions are in `us-east-1`, where
//! load balancers of other regions are not known: whether what is protected exists is not looked at. Pages of lists are not
//! cut. Assumed: without a subscription there is nothing to be found, and nothing can be protected
//! (`ResourceNotFoundException`).

#[cfg(test)]
mod tests;

use crate::error::ApiError;
use crate::input::{list, text, texts};
use crate::service::{Context, Handler};
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// "Maximum number of protected resources for each resource type that Shield Advanced offers protection for, per account:
/// 1,000" (<https://docs.aws.amazon.com/waf/latest/developerguide/shield-limits.html>).
const MOST: usize = 1000;

/// What an account has of Shield Advanced.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    subscribed: bool,
    /// By id.
    protections: BTreeMap<String, Protection>,
    made: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Protection {
    arn: String,
    name: String,
    resource: String,
    tags: BTreeMap<String, String>,
}

/// The operations that are served.
pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateProtection", create),
    ("CreateSubscription", subscribe),
    ("DeleteProtection", delete),
    ("DescribeProtection", describe),
    ("GetSubscriptionState", subscription),
    ("ListProtections", list_all),
    ("ListTagsForResource", tags),
];

/// ARN of a protection: it has no region
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsshield.html>).
pub fn arn(context: &Context, id: &str) -> String {
    format!(
        "arn:{}:shield::{}:protection/{id}",
        context.partition(),
        context.account
    )
}

impl State {
    /// Protections with their tags.
    pub fn tagged(&self) -> Vec<(String, BTreeMap<String, String>)> {
        let all = self.protections.values();
        all.map(|protection| (protection.arn.clone(), protection.tags.clone()))
            .collect()
    }
}

fn missing(message: &str) -> ApiError {
    ApiError::new("ResourceNotFoundException", message)
}

fn subscribed(account: &Account) -> Result<(), ApiError> {
    if account.shield.subscribed {
        Ok(())
    } else {
        Err(missing("The subscription does not exist."))
    }
}

/// [`CreateSubscription`](https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_CreateSubscription.html).
fn subscribe(account: &mut Account, _: &Context, _: &Value) -> Result<Value, ApiError> {
    if account.shield.subscribed {
        return Err(ApiError::new(
            "ResourceAlreadyExistsException",
            "The account already has a subscription.",
        ));
    }
    account.shield.subscribed = true;
    Ok(json!({}))
}

/// [`GetSubscriptionState`](https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_GetSubscriptionState.html).
fn subscription(account: &mut Account, _: &Context, _: &Value) -> Result<Value, ApiError> {
    let state = if account.shield.subscribed {
        "ACTIVE"
    } else {
        "INACTIVE"
    };
    Ok(json!({"SubscriptionState": state}))
}

/// [`CreateProtection`](https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_CreateProtection.html): of Application Load
/// Balancers and Elastic IP addresses here.
fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    subscribed(account)?;
    let resource = text(input, "ResourceArn").unwrap_or_default();
    let own = resource.contains(&format!(":{}:", context.account));
    let kind = [":loadbalancer/app/", ":eip-allocation/"]
        .into_iter()
        .find(|kind| resource.contains(kind));
    let Some(kind) = kind.filter(|_| own) else {
        return Err(ApiError::new(
            "InvalidResourceException",
            "The referenced resource is not valid or cannot be protected.",
        ));
    };
    let state = &mut account.shield;
    let all = || state.protections.values();
    if all().any(|protection| protection.resource == resource) {
        return Err(ApiError::new(
            "ResourceAlreadyExistsException",
            "The referenced protection already exists.",
        ));
    }
    if all()
        .filter(|protection| protection.resource.contains(kind))
        .count()
        >= MOST
    {
        return Err(ApiError::new(
            "LimitsExceededException",
            "The operation would exceed a limit.",
        ));
    }
    state.made += 1;
    let id = format!("{:08x}-0000-4000-8000-000000000000", state.made);
    let tags = list(input, "Tags").iter().filter_map(|tag| {
        let key = text(tag, "Key")?.to_owned();
        Some((key, text(tag, "Value").unwrap_or_default().to_owned()))
    });
    let protection = Protection {
        arn: arn(context, &id),
        name: text(input, "Name").unwrap_or_default().to_owned(),
        resource: resource.to_owned(),
        tags: tags.collect(),
    };
    state.protections.insert(id.clone(), protection);
    Ok(json!({"ProtectionId": id}))
}

/// [`DeleteProtection`](https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_DeleteProtection.html).
fn delete(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let id = text(input, "ProtectionId").unwrap_or_default();
    match account.shield.protections.remove(id) {
        Some(_) => Ok(json!({})),
        None => Err(missing("The referenced protection does not exist.")),
    }
}

/// [`DescribeProtection`](https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_DescribeProtection.html): "You must provide
/// either the `ResourceArn` of the protected resource or the `ProtectionID` of the protection, but not both".
fn describe(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    subscribed(account)?;
    let (wanted, resource) = (text(input, "ProtectionId"), text(input, "ResourceArn"));
    if wanted.is_some() == resource.is_some() {
        return Err(ApiError::new(
            "InvalidParameterException",
            "Either ResourceArn or ProtectionId must be provided, but not both.",
        ));
    }
    let found = account.shield.protections.iter().find(|(id, protection)| {
        Some(id.as_str()) == wanted || Some(protection.resource.as_str()) == resource
    });
    let (id, protection) = found.ok_or_else(|| missing("The referenced protection does not exist."))?;
    Ok(json!({"Protection": told(id, protection)}))
}

/// [`ListProtections`](https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_ListProtections.html), with the filters of
/// resources and names.
fn list_all(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    subscribed(account)?;
    let filters = input.get("InclusionFilters").cloned().unwrap_or_default();
    let (resources, names) = (
        texts(&filters, "ResourceArns"),
        texts(&filters, "ProtectionNames"),
    );
    let wanted = |protection: &&Protection| {
        (resources.is_empty() || resources.contains(&protection.resource.as_str()))
            && (names.is_empty() || names.contains(&protection.name.as_str()))
    };
    let found = account.shield.protections.iter();
    let found = found.filter(|(_, protection)| wanted(protection));
    let found: Vec<Value> = found.map(|(id, protection)| told(id, protection)).collect();
    Ok(json!({"Protections": found}))
}

/// [`ListTagsForResource`](https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_ListTagsForResource.html).
fn tags(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "ResourceARN").unwrap_or_default();
    let mut all = account.shield.protections.values();
    let found = all.find(|protection| protection.arn == arn);
    let found = found.ok_or_else(|| missing("The referenced resource does not exist."))?;
    let tags = found
        .tags
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}));
    Ok(json!({"Tags": tags.collect::<Vec<Value>>()}))
}

fn told(id: &str, protection: &Protection) -> Value {
    json!({
        "Id": id,
        "Name": protection.name,
        "ResourceArn": protection.resource,
        "ProtectionArn": protection.arn,
    })
}
