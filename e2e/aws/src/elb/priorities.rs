//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetRulePriorities.html>, whose errors are
//! `OperationNotPermitted` ("This operation is not allowed."), `PriorityInUse` ("The specified priority is in use.") and
//! `RuleNotFound` ("The specified rule does not exist."). What a call without rules, or one that names a rule or a priority
//! twice, answers is not documented: `ValidationError`.

use super::{rule, rule::Rule};
use crate::error::ApiError;
use crate::input::{list, number, text};
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// "You can reorder the rules as long as there are no priority conflicts in the new order. Any existing rules that you
/// do not specify retain their current priority." So rules may swap priorities in one call.
pub(super) fn set(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let pairs = list(input, "RulePriorities");
    if pairs.is_empty() {
        return Err(ApiError::validation(
            "At least one rule priority must be specified",
        ));
    }
    let mut wanted: BTreeMap<String, u32> = BTreeMap::new();
    let mut taken: BTreeSet<(String, u32)> = BTreeSet::new();
    let mut listeners: BTreeSet<String> = BTreeSet::new();
    for pair in pairs {
        let arn =
            text(pair, "RuleArn").ok_or_else(|| ApiError::validation("A rule ARN must be specified"))?;
        let priority = number(pair, "Priority").and_then(|priority| u32::try_from(priority).ok());
        let priority = priority.ok_or_else(|| ApiError::validation("A rule priority must be specified"))?;
        let rule = rule::find(&account.elb, arn)?;
        // What `OperationNotPermitted` is for is not said; a default rule has no priority: `API_Rule` has `IsDefault`
        // for it.
        if rule.priority.is_none() {
            return Err(ApiError::new(
                "OperationNotPermitted",
                format!("Default rule '{arn}' cannot be prioritized"),
            ));
        }
        let listener = rule.listener();
        if wanted.insert(arn.to_owned(), priority).is_some() {
            return Err(ApiError::validation(format!(
                "Rule '{arn}' is specified more than once"
            )));
        }
        if !taken.insert((listener.clone(), priority)) {
            return Err(ApiError::validation(format!(
                "Priority '{priority}' is specified more than once"
            )));
        }
        listeners.insert(listener);
    }
    for listener in &listeners {
        let kept = account
            .elb
            .rules_of(listener)
            .filter(|rule| !wanted.contains_key(&rule.arn));
        for priority in kept.filter_map(|rule| rule.priority) {
            if taken.contains(&(listener.clone(), priority)) {
                return Err(ApiError::new(
                    "PriorityInUse",
                    format!("Priority '{priority}' is currently in use"),
                ));
            }
        }
    }
    for (arn, priority) in &wanted {
        if let Some(rule) = account.elb.rules.get_mut(arn) {
            rule.priority = Some(*priority);
        }
    }
    for listener in &listeners {
        let balancer = account.elb.listener(listener)?.balancer.clone();
        account.elb.changed.balancers.insert(balancer);
    }
    let rules = wanted
        .keys()
        .filter_map(|arn| account.elb.rules.get(arn))
        .map(Rule::told);
    Ok(json!({"Rules": rules.collect::<Vec<Value>>()}))
}
