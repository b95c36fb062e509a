//! Actions: <https://docs.aws.amazon.com/vpc-lattice/latest/ug/listener-rules.html>.

use super::{State, invalid, missing, named};
use crate::error::ApiError;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What an action is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    /// ARN of the service.
    pub service: &'a str,
    /// Protocol of the listener.
    pub protocol: &'a str,
}

/// Target groups that an action forwards to, with weights.
pub(super) fn groups(action: &Value) -> impl Iterator<Item = (&str, u64)> {
    let groups = action.pointer("/forward/targetGroups").and_then(Value::as_array);
    groups.into_iter().flatten().filter_map(|group| {
        let id = group.get("targetGroupIdentifier")?.as_str()?;
        // "If there's only one target group specified, then the default value is 100."
        let weight = group.get("weight").and_then(Value::as_u64).unwrap_or(100);
        Some((id, weight))
    })
}

impl State {
    /// Checks an action and gives it the form in which it is told: groups by their ids.
    ///
    /// "Only 404 and 500 status codes are supported"; "A target group can only be used by a single service"; "The default
    /// action for a TLS listener must be a forward action to a TCP target group".
    pub(super) fn read_action(&self, action: &Value, site: Site<'_>) -> Result<Value, ApiError> {
        let members = action.as_object().map_or(0, serde_json::Map::len);
        if members != 1 {
            return Err(invalid("An action has exactly one of forward and fixedResponse"));
        }
        let tls = site.protocol == "TLS_PASSTHROUGH";
        if let Some(fixed) = action.get("fixedResponse") {
            let status = fixed.get("statusCode").and_then(Value::as_i64);
            if tls {
                return Err(invalid("A TLS listener can only forward"));
            }
            if !matches!(status, Some(404 | 500)) {
                return Err(invalid("Only 404 and 500 status codes are supported"));
            }
            return Ok(action.clone());
        }
        let given: Vec<(&str, u64)> = groups(action).collect();
        let mut seen = BTreeSet::new();
        let mut told = Vec::new();
        for (id, weight) in given {
            let arn = named(&self.groups, id).ok_or_else(|| missing("Target group", id))?;
            let group = self.groups.get(arn).ok_or_else(|| missing("Target group", id))?;
            if !seen.insert(arn) {
                return Err(invalid(format!("The target group {id} is named twice")));
            }
            if tls != (group.protocol() == "TCP") {
                return Err(invalid(format!(
                    "The protocol {} of target group {id} does not fit a listener of {}",
                    group.protocol(),
                    site.protocol
                )));
            }
            if let Some(other) = self.users(arn).into_iter().find(|other| *other != site.service) {
                return Err(invalid(format!(
                    "The target group {id} is used by service {other}"
                )));
            }
            let id = arn.rsplit('/').next();
            told.push(json!({"targetGroupIdentifier": id, "weight": weight}));
        }
        Ok(json!({"forward": {"targetGroups": told}}))
    }

    /// Services whose actions forward to a group.
    pub(super) fn users(&self, group: &str) -> BTreeSet<&str> {
        let id = group.rsplit('/').next().unwrap_or_default();
        let uses = |action: &Value| groups(action).any(|(found, _)| found == id);
        let defaults = self
            .listeners
            .iter()
            .filter(|(_, listener)| uses(&listener.default))
            .map(|(arn, _)| arn);
        let rules = self
            .rules
            .iter()
            .filter(|(_, rule)| uses(&rule.action))
            .map(|(arn, _)| arn);
        defaults
            .chain(rules)
            .filter_map(|arn| arn.split("/listener/").next())
            .collect()
    }
}
