//! Rules.

use super::actions::{self, Listening};
use super::balancer::{Balancer, Kind};
use super::wire::{Action, RuleCondition, RuleTransform};
use super::{State, arn, conditions, listener, page, tags, transforms};
use crate::error::ApiError;
use crate::input::{flag, list, number, text, texts};
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Its ARN.
    pub arn: String,
    /// Its priority; none for the default rule.
    pub priority: Option<u32>,
    /// Conditions, canonical.
    pub conditions: Vec<RuleCondition>,
    /// Actions, canonical.
    pub actions: Vec<Action>,
    /// Transforms.
    pub transforms: Vec<RuleTransform>,
    /// Its place among resources.
    pub number: u64,
}

impl Rule {
    /// As answers have it.
    pub(super) fn told(&self) -> Value {
        let priority = self
            .priority
            .map_or_else(|| "default".to_owned(), |number| number.to_string());
        let mut told = json!({
            "RuleArn": self.arn,
            "Priority": priority,
            "Conditions": self.conditions,
            "Actions": self.actions,
            "IsDefault": self.priority.is_none(),
        });
        if let (Some(members), false) = (told.as_object_mut(), self.transforms.is_empty()) {
            members.insert("Transforms".to_owned(), json!(self.transforms));
        }
        told
    }

    /// ARN of its listener.
    pub(super) fn listener(&self) -> String {
        let parent = self
            .arn
            .rsplit_once('/')
            .map_or(self.arn.as_str(), |(parent, _)| parent);
        parent.replacen(":listener-rule/", ":listener/", 1)
    }
}

pub(super) fn missing(arn: &str) -> ApiError {
    ApiError::new("RuleNotFound", format!("Rule '{arn}' not found"))
}

/// A rule by its ARN.
///
/// # Errors
///
/// `ValidationError`, `RuleNotFound`.
pub(super) fn find<'a>(state: &'a State, arn: &str) -> Result<&'a Rule, ApiError> {
    arn::check(arn, "listener-rule")?;
    state.rules.get(arn).ok_or_else(|| missing(arn))
}

/// What rules of Network Load Balancers need: "You must have a dual-stack Network Load Balancer with an existing listener"
/// (network/create-rule), which is of TCP, UDP, TCP_UDP or TLS
/// (<https://aws.amazon.com/about-aws/whats-new/2026/07/aws-network-load-balancer-supports-listener-rules/>), and no transforms, which
/// are HTTP's. The codes of the errors are assumed.
fn of_network(balancer: &Balancer, protocol: &str, input: &Value) -> Result<(), ApiError> {
    if balancer.kind != Kind::Network {
        return Ok(());
    }
    if balancer.ip_address_type != "dualstack" {
        let message = "Rules of a Network Load Balancer need one that is dual-stack";
        return Err(ApiError::new("OperationNotPermitted", message));
    }
    if protocol.contains("QUIC") {
        let message = format!("Rules are not supported for listeners of protocol '{protocol}'");
        return Err(ApiError::new("UnsupportedProtocol", message));
    }
    if !list(input, "Transforms").is_empty() {
        return Err(ApiError::validation(
            "Transforms cannot be specified for rules of Network Load Balancers",
        ));
    }
    Ok(())
}

fn conditions_of(state: &State, balancer: &Balancer, input: &Value) -> Result<Vec<RuleCondition>, ApiError> {
    let asked = list(input, "Conditions");
    match balancer.kind {
        Kind::Application => conditions::read(&state.limits, asked),
        Kind::Network => conditions::read_of_network(asked),
    }
}

/// `API_CreateRule`.
pub(super) fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "ListenerArn").unwrap_or_default();
    listener::check(arn)?;
    let state = &account.elb;
    let listener = state.listener(arn)?;
    let balancer = state.balancer(&listener.balancer)?.clone();
    of_network(&balancer, &listener.protocol, input)?;
    let priority = number(input, "Priority").and_then(|priority| u32::try_from(priority).ok());
    let conditions = conditions_of(state, &balancer, input)?;
    let transforms = transforms::read(list(input, "Transforms"))?;
    let labels = tags::read(input)?;
    let listening = Listening {
        balancer: &balancer,
        protocol: &listener.protocol,
        port: listener.port,
        replaced: None,
        source: conditions::source_of(&conditions),
    };
    let actions = actions::read(state, list(input, "Actions"), listening)?;
    if state.rules_of(arn).any(|rule| rule.priority == priority) {
        let message = format!("Priority '{}' is currently in use", priority.unwrap_or_default());
        return Err(ApiError::new("PriorityInUse", message));
    }
    // "Rules per load balancer (not counting default rules)". Of rules of Network Load Balancers no such number is known here.
    if balancer.kind == Kind::Application {
        let most = state.limits.get("rules-per-application-load-balancer");
        let rules = state
            .listeners_of(&balancer.arn)
            .flat_map(|listener| state.rules_of(&listener.arn));
        if rules.filter(|rule| rule.priority.is_some()).count() as u64 >= most {
            let message = format!("You have reached the limit of {most} rules per load balancer");
            return Err(ApiError::new("TooManyRules", message));
        }
    }
    let number = account.elb.next();
    let rule = Rule {
        arn: format!("{}{}", arn::rules_of(arn), arn::id(context, number)),
        priority,
        conditions,
        actions,
        transforms,
        number,
    };
    if !labels.is_empty() {
        account.elb.tags.insert(rule.arn.clone(), labels);
    }
    account.elb.rules.insert(rule.arn.clone(), rule.clone());
    account.elb.recount(&balancer.arn);
    Ok(json!({"Rules": [rule.told()]}))
}

/// `API_DescribeRules`: "You must specify either a listener or rules." In order of priority, the default rule last.
pub(super) fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arns = texts(input, "RuleArns");
    let mut found: Vec<&Rule> = Vec::new();
    match (text(input, "ListenerArn"), arns.is_empty()) {
        (Some(arn), true) => {
            listener::check(arn)?;
            account.elb.listener(arn)?;
            found.extend(account.elb.rules_of(arn));
        }
        (None, false) => {
            for arn in &arns {
                found.push(find(&account.elb, arn)?);
            }
        }
        _ => {
            return Err(ApiError::validation(
                "You must specify either listener rule ARNs or a listener ARN",
            ));
        }
    }
    found.sort_by_key(|rule| (rule.priority.unwrap_or(u32::MAX), rule.number));
    found.dedup_by_key(|rule| rule.number);
    page::answer(
        "Rules",
        found.into_iter().map(Rule::told).collect(),
        context,
        input,
    )
}

/// `API_ModifyRule`: "Replaces the specified properties of the specified rule. Any properties that you do not specify
/// are unchanged." The default rule's actions are modified by `ModifyListener`.
pub(super) fn modify(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "RuleArn").unwrap_or_default();
    let state = &account.elb;
    let mut changed = find(state, arn)?.clone();
    if changed.priority.is_none() {
        return Err(ApiError::new(
            "OperationNotPermitted",
            "Default rules can be modified with ModifyListener only",
        ));
    }
    let listener = state.listener(&changed.listener())?;
    let balancer = state.balancer(&listener.balancer)?.clone();
    let reset = flag(input, "ResetTransforms");
    if reset && input.get("Transforms").is_some() {
        // "If you specify Transforms, you can't specify ResetTransforms."
        return Err(ApiError::validation(
            "Transforms and ResetTransforms cannot be specified together",
        ));
    }
    if input.get("Conditions").is_some() {
        changed.conditions = conditions_of(state, &balancer, input)?;
    }
    of_network(&balancer, &listener.protocol, input)?;
    if input.get("Transforms").is_some() {
        changed.transforms = transforms::read(list(input, "Transforms"))?;
    }
    if reset {
        changed.transforms.clear();
    }
    if input.get("Actions").is_some() {
        let listening = Listening {
            balancer: &balancer,
            protocol: &listener.protocol,
            port: listener.port,
            replaced: Some(arn),
            source: conditions::source_of(&changed.conditions),
        };
        changed.actions = actions::read(state, list(input, "Actions"), listening)?;
    }
    let told = changed.told();
    account.elb.rules.insert(arn.to_owned(), changed);
    account.elb.recount(&balancer.arn);
    Ok(json!({"Rules": [told]}))
}

/// `API_DeleteRule`: "You can't delete the default rule."
pub(super) fn delete(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "RuleArn").unwrap_or_default();
    let rule = find(&account.elb, arn)?;
    if rule.priority.is_none() {
        return Err(ApiError::new(
            "OperationNotPermitted",
            format!("Default rule '{arn}' cannot be deleted"),
        ));
    }
    let balancer = account.elb.listener(&rule.listener())?.balancer.clone();
    account.elb.rules.remove(arn);
    account.elb.tags.remove(arn);
    account.elb.recount(&balancer);
    Ok(json!({}))
}
