//! AWS WAF, as far as load balancers need it: web ACLs without rules, and what they are in front of.
//!
//! <https://docs.aws.amazon.com/waf/latest/APIReference/Welcome.html>. A web ACL here does what its default action says with
//! every request: rules are refused. Pages of lists are not cut.

mod associations;
#[cfg(test)]
mod tests;

use crate::error::ApiError;
use crate::input::{list, text, tidy};
use crate::service::{Context, Handler};
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// "Maximum number of web ACLs per account in a Region: 100"
/// (<https://docs.aws.amazon.com/waf/latest/developerguide/limits.html>).
const MOST: usize = 100;

/// Web ACLs of an account in a region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By ARN.
    acls: BTreeMap<String, WebAcl>,
    /// ARNs of web ACLs, by that of the load balancer.
    associations: BTreeMap<String, String>,
    made: u64,
}

/// A web ACL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebAcl {
    name: String,
    id: String,
    lock: String,
    description: Option<String>,
    default_action: Value,
    visibility: Value,
}

impl WebAcl {
    /// Whether it lets nobody through.
    pub fn blocks(&self) -> bool {
        self.default_action.get("Block").is_some_and(Value::is_object)
    }
}

/// The operations that are served.
pub const OPERATIONS: &[(&str, Handler)] = &[
    ("AssociateWebACL", associations::associate),
    ("CreateWebACL", create),
    ("DeleteWebACL", delete),
    ("DisassociateWebACL", associations::disassociate),
    ("GetWebACLForResource", associations::get),
    ("ListResourcesForWebACL", associations::list),
    ("ListWebACLs", list_all),
];

impl State {
    /// The web ACL in front of a load balancer, with its ARN.
    pub fn of(&self, balancer: &str) -> Option<(&str, &WebAcl)> {
        let (arn, acl) = self.acls.get_key_value(self.associations.get(balancer)?)?;
        Some((arn, acl))
    }

    /// A load balancer is gone, and with it what was in front of it.
    pub fn forget(&mut self, balancer: &str) {
        self.associations.remove(balancer);
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("WAFInvalidParameterException", message)
}

fn missing() -> ApiError {
    ApiError::new(
        "WAFNonexistentItemException",
        "AWS WAF couldn’t perform the operation because your resource doesn’t exist.",
    )
}

/// Web ACLs of load balancers are regional; those of CloudFront are others.
fn regional(input: &Value) -> Result<(), ApiError> {
    match text(input, "Scope") {
        Some("REGIONAL") => Ok(()),
        _ => Err(invalid(
            "Error reason: The scope is not valid., field: SCOPE_VALUE, parameter: CLOUDFRONT",
        )),
    }
}

/// [`CreateWebACL`](https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html).
fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    regional(input)?;
    if !list(input, "Rules").is_empty() {
        return Err(invalid("The simulator knows no rules of web ACLs."));
    }
    let action = input.get("DefaultAction").cloned().unwrap_or_default();
    let chosen = ["Allow", "Block"]
        .into_iter()
        .filter(|one| action.get(one).is_some());
    if chosen.count() != 1 {
        return Err(invalid(
            "Error reason: You have used none or multiple values for a field that requires exactly one value., field: DEFAULT_ACTION",
        ));
    }
    let name = text(input, "Name").unwrap_or_default();
    let state = &mut account.waf;
    if state.acls.values().any(|acl| acl.name == name) {
        return Err(ApiError::new(
            "WAFDuplicateItemException",
            "AWS WAF couldn’t perform the operation because some resource in your request is a duplicate of an existing one.",
        ));
    }
    if state.acls.len() >= MOST {
        return Err(ApiError::new(
            "WAFLimitsExceededException",
            "AWS WAF couldn’t perform the operation because you exceeded your resource limit.",
        ));
    }
    state.made += 1;
    let id = format!("{:08x}-0000-4000-8000-000000000000", state.made);
    let arn = context.arn("wafv2", &format!("regional/webacl/{name}/{id}"));
    let acl = WebAcl {
        name: name.to_owned(),
        lock: id.clone(),
        id,
        description: text(input, "Description").map(str::to_owned),
        default_action: action,
        visibility: input.get("VisibilityConfig").cloned().unwrap_or_default(),
    };
    let told = summary(&arn, &acl);
    state.acls.insert(arn, acl);
    Ok(json!({"Summary": told}))
}

/// [`DeleteWebACL`](https://docs.aws.amazon.com/waf/latest/APIReference/API_DeleteWebACL.html): "You can only use this if
/// ... you have disassociated the web ACL from all resources".
fn delete(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    regional(input)?;
    let (name, id) = (text(input, "Name"), text(input, "Id"));
    let state = &mut account.waf;
    let found = state
        .acls
        .iter()
        .find(|(_, acl)| Some(acl.name.as_str()) == name && Some(acl.id.as_str()) == id);
    let (arn, acl) = found.ok_or_else(missing)?;
    if text(input, "LockToken") != Some(acl.lock.as_str()) {
        return Err(ApiError::new(
            "WAFOptimisticLockException",
            "AWS WAF couldn’t save your changes because someone changed the resource after you started to edit it. Reapply your changes.",
        ));
    }
    if state.associations.values().any(|used| used == arn) {
        return Err(ApiError::new(
            "WAFAssociatedItemException",
            "AWS WAF couldn’t perform the operation because your resource is being used by another resource or it’s associated with another resource.",
        ));
    }
    let arn = arn.clone();
    state.acls.remove(&arn);
    Ok(json!({}))
}

/// [`ListWebACLs`](https://docs.aws.amazon.com/waf/latest/APIReference/API_ListWebACLs.html).
fn list_all(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    regional(input)?;
    let told: Vec<Value> = account
        .waf
        .acls
        .iter()
        .map(|(arn, acl)| summary(arn, acl))
        .collect();
    Ok(json!({"WebACLs": told}))
}

fn summary(arn: &str, acl: &WebAcl) -> Value {
    tidy(
        json!({"Name": acl.name, "Id": acl.id, "LockToken": acl.lock, "ARN": arn, "Description": acl.description}),
    )
}
