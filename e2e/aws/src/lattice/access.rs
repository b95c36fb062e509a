//! Auth policies and access logs: <https://docs.aws.amazon.com/vpc-lattice/latest/ug/auth-policies.html>,
//! <https://docs.aws.amazon.com/vpc-lattice/latest/ug/monitoring-access-logs.html>.

use super::{State, conflict, id_of, invalid, missing, named, page, tags};
use crate::error::ApiError;
use crate::input::text;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Largest auth policy, in bytes (quotas.html: 10 KB).
const LONGEST: usize = 10 * 1024;

/// A subscription to access logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Log {
    /// ARN of the network or service.
    pub of: String,
    /// Where they go.
    pub to: String,
}

impl State {
    /// The network or service that a call names.
    fn resource_named(&self, input: &Value) -> Result<String, ApiError> {
        let id = text(input, "resourceIdentifier").unwrap_or_default();
        let found = named(&self.networks, id).or_else(|| named(&self.services, id));
        found.cloned().ok_or_else(|| missing("Resource", id))
    }

    /// Whether requests that nobody signed are let in: without authentication all are, with it those that a policy allows to
    /// everybody. What conditions ask is not known here: such statements allow nobody.
    pub(super) fn is_open(&self, arn: &str, auth: &str) -> bool {
        if auth != "AWS_IAM" {
            return true;
        }
        let policy = self
            .policies
            .get(arn)
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        let statements = match policy.as_ref().and_then(|policy| policy.get("Statement")) {
            Some(Value::Array(statements)) => statements.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        let holds = |value: Option<&Value>, wanted: &[&str]| match value {
            Some(Value::String(text)) => wanted.contains(&text.as_str()),
            Some(Value::Array(all)) => all
                .iter()
                .any(|text| text.as_str().is_some_and(|text| wanted.contains(&text))),
            Some(Value::Object(kinds)) => kinds.get("AWS").and_then(Value::as_str) == Some("*"),
            _ => false,
        };
        let concerns = |statement: &Value| {
            holds(statement.get("Principal"), &["*"])
                && holds(
                    statement.get("Action"),
                    &["*", "vpc-lattice-svcs:*", "vpc-lattice-svcs:Invoke"],
                )
        };
        let effect = |wanted: &str| {
            statements
                .iter()
                .filter(|statement| text(statement, "Effect") == Some(wanted))
                .any(|statement| {
                    concerns(statement) && (wanted == "Deny" || statement.get("Condition").is_none())
                })
        };
        effect("Allow") && !effect("Deny")
    }
}

/// `API_PutAuthPolicy`: "The policy string in JSON must not contain newlines or blank lines."
pub(super) fn put_policy(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.resource_named(input)?;
    let policy = text(input, "policy").unwrap_or_default();
    let sound = serde_json::from_str::<Value>(policy).is_ok_and(|value| value.get("Statement").is_some());
    if !sound || policy.contains(['\n', '\r']) || policy.len() > LONGEST {
        return Err(invalid("The policy is not valid"));
    }
    state.policies.insert(arn.clone(), policy.to_owned());
    state.touch(&arn);
    Ok(json!({"policy": policy, "state": "Active"}))
}

/// `API_GetAuthPolicy`.
pub(super) fn policy(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let arn = state.resource_named(input)?;
    let policy = state
        .policies
        .get(&arn)
        .ok_or_else(|| missing("Auth policy of", &arn))?;
    Ok(json!({"policy": policy, "state": "Active"}))
}

/// `API_DeleteAuthPolicy`.
pub(super) fn delete_policy(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.resource_named(input)?;
    if state.policies.remove(&arn).is_none() {
        return Err(missing("Auth policy of", &arn));
    }
    state.touch(&arn);
    Ok(json!({}))
}

/// `API_CreateAccessLogSubscription`: one for each kind of destination (assumed).
pub(super) fn log(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let given = tags::read(input)?;
    let state = &mut account.lattice;
    let of = state.resource_named(input)?;
    let to = text(input, "destinationArn").unwrap_or_default();
    let kind = |arn: &str| arn.split(':').nth(2).unwrap_or_default().to_owned();
    if !["logs", "s3", "firehose"].contains(&kind(to).as_str()) {
        return Err(invalid(format!("{to} is no destination of access logs")));
    }
    let mut own = state.logs.values().filter(|log| log.of == of);
    if own.any(|log| kind(&log.to) == kind(to)) {
        return Err(conflict(
            "There is a subscription with a destination of this kind already",
        ));
    }
    let id = state.next(context, "als");
    let arn = context.arn("vpc-lattice", &format!("accesslogsubscription/{id}"));
    let told = json!({
        "arn": arn, "id": id, "resourceArn": of, "resourceId": id_of(&of), "destinationArn": to,
    });
    state.note(&arn, given, context);
    state.logs.insert(
        arn,
        Log {
            of,
            to: to.to_owned(),
        },
    );
    Ok(told)
}

/// `API_ListAccessLogSubscriptions`.
pub(super) fn logs(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let of = state.resource_named(input)?;
    let own = state.logs.iter().filter(|(_, log)| log.of == of);
    let all = own.map(|(arn, log)| {
        json!({
            "arn": arn,
            "id": id_of(arn),
            "resourceArn": log.of,
            "resourceId": id_of(&log.of),
            "destinationArn": log.to,
            "createdAt": state.created(arn),
            "lastUpdatedAt": state.created(arn),
        })
    });
    page(all.collect(), context, input)
}

/// `API_DeleteAccessLogSubscription`.
pub(super) fn stop(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let id = text(input, "accessLogSubscriptionIdentifier").unwrap_or_default();
    let found = named(&state.logs, id).cloned();
    let arn = found.ok_or_else(|| missing("Access log subscription", id))?;
    state.forget(&arn);
    Ok(json!({}))
}
