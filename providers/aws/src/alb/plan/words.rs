//! Settings in words and in JSON, for people.

use super::super::observed::{Observed, SeenGroup};
use crate::cloud::{Action, Arn, RuleSettings, Seen};
use crate::owner::RESOURCE;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::rule::{self as wanted, Conditions, Values};
use gatewright_aws_core::target_group::TargetGroupId;
use std::collections::{BTreeMap, BTreeSet};

/// What existing target groups are for, by ARN; with their names where several are for the same.
pub fn group_names(observed: &Observed) -> BTreeMap<Arn, Str> {
    let purpose = |seen: &SeenGroup| seen.tags.get(RESOURCE).unwrap_or(&seen.group.name).clone();
    let mut counts: BTreeMap<Str, usize> = BTreeMap::new();
    for seen in observed.target_groups.values() {
        *counts.entry(purpose(seen)).or_default() += 1;
    }
    let named = observed.target_groups.iter().map(|(arn, seen)| {
        let purpose = purpose(seen);
        let alone = counts.get(&purpose).is_none_or(|count| *count == 1);
        let name = if alone {
            purpose
        } else {
            format!("{purpose} ({})", seen.group.name).into()
        };
        (arn.clone(), name)
    });
    named.collect()
}

/// An existing action in the form of wanted ones.
pub fn action(seen: &Action, names: &BTreeMap<Arn, Str>) -> wanted::Action {
    match seen {
        Action::Forward(forward) => wanted::Action::Forward(wanted::Forward {
            groups: forward
                .groups
                .iter()
                .map(|(arn, weight)| (TargetGroupId(names.get(arn).unwrap_or(&arn.0).clone()), *weight))
                .collect(),
            stickiness_s: forward.stickiness_s,
        }),
        Action::Redirect(redirect) => wanted::Action::Redirect(redirect.clone()),
        Action::Fixed(fixed) => wanted::Action::Fixed(fixed.clone()),
    }
}

/// Conditions of an existing rule in words.
pub fn seen_conditions(seen: &Seen<RuleSettings>) -> String {
    match seen {
        Seen::Known(settings) => conditions(&settings.conditions),
        Seen::Other(description) => description.to_string(),
    }
}

/// Conditions in words, for example `host shop.example, path /cart|/cart/*`.
pub fn conditions(conditions: &Conditions) -> String {
    let mut parts = Vec::new();
    let mut one = |name: &str, values: &Option<Values>| {
        if let Some(values) = values {
            parts.push(format!("{name} {}", alternatives(values)));
        }
    };
    one("host", &conditions.host);
    one("path", &conditions.path);
    if !conditions.methods.is_empty() {
        parts.push(joined("method ", &conditions.methods));
    }
    for header in &conditions.headers {
        parts.push(format!("header {} {}", header.name, alternatives(&header.values)));
    }
    for query in &conditions.queries {
        let values: BTreeSet<Str> = query
            .iter()
            .map(|value| match &value.key {
                Some(key) => format!("{key}={}", value.value).into(),
                None => value.value.clone(),
            })
            .collect();
        parts.push(joined("query ", &values));
    }
    if !conditions.sources.is_empty() {
        parts.push(joined("source ", &conditions.sources));
    }
    if parts.is_empty() {
        return "everything".to_owned();
    }
    parts.join(", ")
}

fn alternatives(values: &Values) -> String {
    match values {
        Values::Wildcards(values) => joined("", values),
        Values::Regex(values) => joined("~ ", values),
    }
}

fn joined(before: &str, values: &BTreeSet<Str>) -> String {
    let values: Vec<&str> = values.iter().map(|value| &**value).collect();
    format!("{before}{}", values.join("|"))
}
