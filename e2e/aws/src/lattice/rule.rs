//! Rules: <https://docs.aws.amazon.com/vpc-lattice/latest/ug/listener-rules.html>.

use super::action::Site;
use super::{State, check_name, conflict, id_of, invalid, missing, named, page, quota, tags};
use crate::error::ApiError;
use crate::input::{list as elements, number, text};
use crate::quotas;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A rule. Default ones are their listener's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Priority, 1 to 2000.
    pub priority: u32,
    /// `match`.
    pub conditions: Value,
    /// `action`.
    pub action: Value,
}

/// The id of the default rule of a listener.
fn default_id(listener: &str) -> String {
    format!("rule-{}", id_of(listener).trim_start_matches("listener-"))
}

impl State {
    /// Rules of a listener, without its default one.
    pub fn rules_of<'a>(&'a self, listener: &str) -> impl Iterator<Item = (&'a String, &'a Rule)> {
        let below = format!("{listener}/rule/");
        self.rules.iter().filter(move |(arn, _)| arn.starts_with(&below))
    }

    fn rule_named(&self, listener: &str, id: &str) -> Result<String, ApiError> {
        if id_of(id) == default_id(listener) {
            return Err(invalid("A default rule cannot be changed: update its listener"));
        }
        let found = named(&self.rules, id).filter(|arn| arn.starts_with(&format!("{listener}/")));
        found.cloned().ok_or_else(|| missing("Rule", id))
    }

    fn tell_rule(&self, arn: &str) -> Value {
        let Some(rule) = self.rules.get(arn) else {
            return Value::Null;
        };
        json!({
            "arn": arn,
            "id": id_of(arn),
            "name": rule.name,
            "isDefault": false,
            "priority": rule.priority,
            "createdAt": self.created(arn),
            "lastUpdatedAt": self.created(arn),
        })
    }

    fn tell_changed(&self, arn: &str) -> Value {
        let rule = self.rules.get(arn);
        json!({
            "arn": arn,
            "id": id_of(arn),
            "name": rule.map(|rule| &rule.name),
            "isDefault": false,
            "priority": rule.map(|rule| rule.priority),
            "match": rule.map(|rule| &rule.conditions),
            "action": rule.map(|rule| &rule.action),
        })
    }

    /// Has the health of groups follow that a listener's actions name.
    pub(super) fn touch_groups(&mut self, listener: &str) {
        let rules = self.rules_of(listener).map(|(_, rule)| &rule.action);
        let default = self.listeners.get(listener).map(|listener| &listener.default);
        let ids: Vec<String> = rules
            .chain(default)
            .flat_map(|action| super::action::groups(action).map(|(id, _)| id.to_owned()))
            .collect();
        for id in ids {
            if let Some(arn) = named(&self.groups, &id).cloned() {
                self.changed.groups.insert(arn);
            }
        }
    }
}

/// "Each rule can include only one of the following types of paths"; a rule has at least one condition.
fn read_match(conditions: &Value) -> Result<Value, ApiError> {
    let http = conditions.get("httpMatch").and_then(Value::as_object);
    let Some(http) = http.filter(|http| !http.is_empty()) else {
        return Err(invalid("A rule must have at least one condition"));
    };
    if let Some(path) = http.get("pathMatch")
        && path
            .get("match")
            .and_then(Value::as_object)
            .is_none_or(|kind| kind.len() != 1)
    {
        return Err(invalid("A path match has exactly one of exact and prefix"));
    }
    let headers = http.get("headerMatches").and_then(Value::as_array);
    for header in headers.into_iter().flatten() {
        if header
            .get("match")
            .and_then(Value::as_object)
            .is_none_or(|kind| kind.len() != 1)
        {
            return Err(invalid(
                "A header match has exactly one of exact, prefix and contains",
            ));
        }
    }
    Ok(conditions.clone())
}

fn priority(input: &Value) -> Option<u32> {
    number(input, "priority").and_then(|priority| u32::try_from(priority).ok())
}

/// `API_CreateRule`. "The only rule allowed for a TLS listener is the default rule."
pub(super) fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let given = tags::read(input)?;
    let most = account.quotas.value(quotas::LATTICE_RULES);
    let state = &mut account.lattice;
    let service = state.service_named(input)?;
    let listener = state.listener_named(input)?;
    let protocol = state.listeners.get(&listener).map(|found| found.protocol.clone());
    let protocol = protocol.unwrap_or_default();
    if protocol == "TLS_PASSTHROUGH" {
        return Err(invalid("The only rule of a TLS listener is its default rule"));
    }
    let name = text(input, "name").unwrap_or_default();
    check_name(name, "rule-")?;
    let priority = priority(input).unwrap_or_default();
    for (_, other) in state.rules_of(&listener) {
        if other.priority == priority || other.name == name {
            return Err(conflict(format!(
                "The listener has a rule of priority {} and name {}",
                other.priority, other.name
            )));
        }
    }
    if state.rules_of(&listener).count() as u64 >= most {
        return Err(quota("rules per listener", most));
    }
    let site = Site {
        service: &service,
        protocol: &protocol,
    };
    let rule = Rule {
        name: name.to_owned(),
        priority,
        conditions: read_match(input.get("match").unwrap_or(&Value::Null))?,
        action: state.read_action(input.get("action").unwrap_or(&Value::Null), site)?,
    };
    let id = state.next(context, "rule");
    let arn = format!("{listener}/rule/{id}");
    state.note(&arn, given, context);
    state.rules.insert(arn.clone(), rule);
    state.touch(&arn);
    state.touch_groups(&listener);
    let mut told = state.tell_changed(&arn);
    if let Some(members) = told.as_object_mut() {
        members.remove("isDefault");
    }
    Ok(told)
}

/// `API_GetRule`: also of the default rule.
pub(super) fn get(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let listener = state.listener_named(input)?;
    let id = text(input, "ruleIdentifier").unwrap_or_default();
    if id_of(id) == default_id(&listener) {
        let action = state.listeners.get(&listener).map(|found| found.default.clone());
        return Ok(json!({
            "arn": format!("{listener}/rule/{}", default_id(&listener)),
            "id": default_id(&listener),
            "name": "default",
            "isDefault": true,
            "action": action,
            "createdAt": state.created(&listener),
        }));
    }
    let arn = state.rule_named(&listener, id)?;
    let mut told = state.tell_changed(&arn);
    if let Some(members) = told.as_object_mut() {
        members.insert("createdAt".to_owned(), state.created(&arn));
        members.insert("lastUpdatedAt".to_owned(), state.created(&arn));
    }
    Ok(told)
}

/// `API_ListRules`, the default rule among them.
pub(super) fn list(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let listener = state.listener_named(input)?;
    let mut all: Vec<Value> = state
        .rules_of(&listener)
        .map(|(arn, _)| state.tell_rule(arn))
        .collect();
    all.push(json!({
        "arn": format!("{listener}/rule/{}", default_id(&listener)),
        "id": default_id(&listener),
        "name": "default",
        "isDefault": true,
        "createdAt": state.created(&listener),
    }));
    page(all, context, input)
}

/// What a change makes of a rule.
fn changed(state: &State, arn: &str, input: &Value) -> Result<Rule, ApiError> {
    let (service, _) = arn.split_once("/listener/").unwrap_or_default();
    let mut rule = state
        .rules
        .get(arn)
        .cloned()
        .ok_or_else(|| missing("Rule", arn))?;
    if let Some(conditions) = input.get("match") {
        rule.conditions = read_match(conditions)?;
    }
    if let Some(action) = input.get("action") {
        let site = Site {
            service,
            protocol: "HTTP",
        };
        rule.action = state.read_action(action, site)?;
    }
    if let Some(priority) = priority(input) {
        rule.priority = priority;
    }
    Ok(rule)
}

/// `API_UpdateRule`.
pub(super) fn update(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let listener = state.listener_named(input)?;
    let arn = state.rule_named(&listener, text(input, "ruleIdentifier").unwrap_or_default())?;
    let rule = changed(state, &arn, input)?;
    let taken = |(other, found): (&String, &Rule)| *other != arn && found.priority == rule.priority;
    if state.rules_of(&listener).any(taken) {
        return Err(conflict(format!("The priority {} is in use", rule.priority)));
    }
    state.touch_groups(&listener);
    state.rules.insert(arn.clone(), rule);
    state.touch(&arn);
    state.touch_groups(&listener);
    Ok(state.tell_changed(&arn))
}

/// `API_BatchUpdateRule`: "useful when bulk updating or swapping rule priority". All or nothing (assumed).
pub(super) fn update_all(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let listener = state.listener_named(input)?;
    let mut after: BTreeMap<String, Rule> = state
        .rules_of(&listener)
        .map(|(arn, rule)| (arn.clone(), rule.clone()))
        .collect();
    let mut arns = Vec::new();
    for update in elements(input, "rules") {
        let arn = state.rule_named(&listener, text(update, "ruleIdentifier").unwrap_or_default())?;
        after.insert(arn.clone(), changed(state, &arn, update)?);
        arns.push(arn);
    }
    let mut priorities: Vec<u32> = after.values().map(|rule| rule.priority).collect();
    priorities.sort_unstable();
    if priorities.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(conflict("Two rules would have one priority"));
    }
    state.touch_groups(&listener);
    state.rules.extend(after);
    state.touch(&listener);
    state.touch_groups(&listener);
    let told: Vec<Value> = arns.iter().map(|arn| state.tell_changed(arn)).collect();
    Ok(json!({"successful": told, "unsuccessful": []}))
}

/// `API_DeleteRule`.
pub(super) fn delete(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let listener = state.listener_named(input)?;
    let arn = state.rule_named(&listener, text(input, "ruleIdentifier").unwrap_or_default())?;
    state.touch_groups(&listener);
    state.forget(&arn);
    Ok(json!({}))
}
