//! The expectation as text.

use super::world::World;
use serde_json::{Map, Value, json};
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeMap;

/// Everything that a golden's manifests changed, compared with the defaults alone.
pub(super) fn expectation(before: &World, after: &World) -> String {
    let statuses = changed(&before.statuses, &after.statuses, shorten);
    let balancers = changed(&before.balancers, &after.balancers, compact);
    let mut expected = Map::new();
    if !after.refused.is_empty() {
        expected.insert("refused".to_owned(), json!(after.refused));
    }
    if !statuses.is_empty() {
        expected.insert("statuses".to_owned(), Value::Object(statuses));
    }
    if !balancers.is_empty() {
        expected.insert("balancers".to_owned(), Value::Object(balancers));
    }
    let text = serde_yaml_ng::to_string(&Value::Object(expected)).unwrap();
    text.lines().flat_map(|line| ["  ", line, "\n"]).collect()
}

fn changed(
    before: &BTreeMap<String, Value>,
    after: &BTreeMap<String, Value>,
    show: impl Fn(&Value) -> Value,
) -> Map<String, Value> {
    let mut found = Map::new();
    for (name, value) in after {
        if before.get(name) != Some(value) {
            found.insert(name.clone(), show(value));
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        found.insert(name.clone(), Value::Null);
    }
    found
}

/// A load balancer in which identities are one word and what is empty or said by the key is left out.
fn compact(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(compact).collect()),
        Value::Object(fields) => {
            if let Some(word) = identity(fields) {
                return Value::String(word);
            }
            let shown = fields.iter().filter(|(name, _)| *name != "key");
            let shown = shown.map(|(name, field)| (name.clone(), compact(field)));
            let filled = shown.filter(|(_, field)| field.as_object().is_none_or(|fields| !fields.is_empty()));
            Value::Object(filled.collect())
        }
        other => other.clone(),
    }
}

/// The word for an object that is nothing but an identity.
fn identity(fields: &Map<String, Value>) -> Option<String> {
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let text = |name: &str| fields[name].as_str().map(str::to_owned);
    let inner = |name: &str| fields[name].as_object().and_then(identity);
    match names.as_slice() {
        ["namespace", "name"] => Some(format!("{}/{}", text("namespace")?, text("name")?)),
        ["parent", "name"] => Some(format!("{}/{}", inner("parent")?, text("name")?)),
        ["Gateway"] => Some(format!("gateway/{}", inner("Gateway")?)),
        ["ListenerSet"] => Some(format!("listenerset/{}", inner("ListenerSet")?)),
        ["kind", "object", "port"] => Some(format!(
            "{}/{}:{}",
            text("kind")?,
            inner("object")?,
            fields["port"]
        )),
        ["Backend"] => inner("Backend"),
        _ => None,
    }
}

/// A status with each condition in one line: `Type=Status Reason (generation): message`.
fn shorten(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(shorten).collect()),
        Value::Object(fields) => {
            let shown = fields.iter().map(|(name, field)| match (name.as_str(), field) {
                ("conditions", Value::Array(conditions)) => (
                    name.clone(),
                    Value::Array(conditions.iter().map(|found| json!(condition(found))).collect()),
                ),
                ("parentRef" | "ancestorRef", reference) => (name.clone(), json!(self::reference(reference))),
                ("supportedKinds", Value::Array(kinds)) => {
                    let kinds: Vec<&Value> = kinds.iter().map(|kind| &kind["kind"]).collect();
                    (name.clone(), json!(kinds))
                }
                ("addresses", Value::Array(addresses)) => (
                    name.clone(),
                    Value::Array(addresses.iter().map(|found| json!(address(found))).collect()),
                ),
                // The class lists every feature; one test of the class itself is enough.
                ("supportedFeatures", Value::Array(features)) => (name.clone(), json!(features.len())),
                (_, field) => (name.clone(), shorten(field)),
            });
            Value::Object(shown.collect())
        }
        other => other.clone(),
    }
}

fn address(found: &Value) -> String {
    let text = |name: &str| found[name].as_str().unwrap_or_default();
    let shown = format!("{} {}", text("type"), text("value"));
    match text("routability") {
        "" => shown,
        scope => format!("{shown} ({scope})"),
    }
}

fn condition(found: &Value) -> String {
    let text = |name: &str| found[name].as_str().unwrap_or_default();
    let head = format!(
        "{}={} {} ({})",
        text("type"),
        text("status"),
        text("reason"),
        found["observedGeneration"]
    );
    match text("message") {
        "" => head,
        message => format!("{head}: {message}"),
    }
}

fn reference(found: &Value) -> String {
    let text = |name: &str| found[name].as_str().unwrap_or_default();
    let mut shown = format!("{} {}", text("kind"), text("name"));
    if let Some(namespace) = found["namespace"].as_str() {
        shown = format!("{} {namespace}/{}", text("kind"), text("name"));
    }
    if let Some(section) = found["sectionName"].as_str() {
        shown = format!("{shown} section {section}");
    }
    if !found["port"].is_null() {
        shown = format!("{shown} port {}", found["port"]);
    }
    shown
}

/// The lines that differ, with a little of what is around them.
pub(super) fn difference(expected: &str, outcome: &str) -> String {
    let diff = TextDiff::from_lines(expected, outcome);
    let mut shown = String::new();
    for group in diff.grouped_ops(2) {
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => "-",
                ChangeTag::Insert => "+",
                ChangeTag::Equal => " ",
            };
            shown.push_str(sign);
            shown.push_str(change.value());
        }
        shown.push_str("...\n");
    }
    shown
}
