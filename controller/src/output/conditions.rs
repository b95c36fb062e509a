//! Conditions of Kubernetes objects, flattened for tables and for telling what changed.
//!
//! Works on objects in Kubernetes' own JSON shape, so one function serves every kind: an object's own
//! conditions, those of its listeners, of a route's parents, of a policy's ancestors.

use gatewright_core::snapshot::ObjectKey;
use gatewright_core::status::Status;
use serde_json::Value;
use std::collections::BTreeMap;

/// One condition with the place it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `Kind namespace/name`.
    pub object: String,
    /// What of the object: empty, `listener http`, `parent Gateway shop/http`, `ancestor …`.
    pub part: String,
    /// Condition type.
    pub condition: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Reason.
    pub reason: String,
    /// Message.
    pub message: String,
}

/// `Kind namespace/name` of an object.
pub fn object_name(object: &Value) -> String {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (kind, namespace, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
    if namespace.is_empty() {
        format!("{kind} {name}")
    } else {
        format!("{kind} {namespace}/{name}")
    }
}

/// All conditions of an object, in the order of its status.
pub fn rows(object: &Value) -> Vec<Row> {
    match object.get("status") {
        Some(status) => rows_in(&object_name(object), status),
        None => Vec::new(),
    }
}

/// All conditions in a status.
pub fn rows_of(key: &ObjectKey, status: &Status) -> Vec<Row> {
    let status = serde_json::to_value(status).unwrap_or_default();
    rows_in(&key.to_string(), &status)
}

fn rows_in(name: &str, status: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    collect(name, "", status, &mut rows);
    for listener in list(status, "listeners") {
        let part = format!("listener {}", text(listener, "name"));
        collect(name, &part, listener, &mut rows);
    }
    for (list_name, reference, word) in [
        ("parents", "parentRef", "parent"),
        ("ancestors", "ancestorRef", "ancestor"),
    ] {
        for entry in list(status, list_name) {
            let part = entry
                .get(reference)
                .map(|parent| format!("{word} {}", parent_name(parent)));
            collect(name, &part.unwrap_or_default(), entry, &mut rows);
        }
    }
    rows
}

fn collect(object: &str, part: &str, holder: &Value, rows: &mut Vec<Row>) {
    rows.extend(list(holder, "conditions").map(|condition| Row {
        object: object.to_owned(),
        part: part.to_owned(),
        condition: text(condition, "type").to_owned(),
        status: text(condition, "status").to_owned(),
        reason: text(condition, "reason").to_owned(),
        message: text(condition, "message").to_owned(),
    }));
}

fn parent_name(parent: &Value) -> String {
    let mut name = match text(parent, "kind") {
        "" => "Gateway".to_owned(),
        kind => kind.to_owned(),
    };
    name.push(' ');
    if !text(parent, "namespace").is_empty() {
        name = name + text(parent, "namespace") + "/";
    }
    name += text(parent, "name");
    if !text(parent, "sectionName").is_empty() {
        name = name + " section " + text(parent, "sectionName");
    }
    if let Some(port) = parent.get("port").and_then(Value::as_u64) {
        name = format!("{name} port {port}");
    }
    name
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A condition that appeared, went away, or has another status, reason or message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// New or different; the former status and reason where there was one.
    Now(Row, Option<(String, String)>),
    /// No longer there.
    Gone(Row),
}

/// What changed between two sets of rows.
pub fn changes(before: &[Row], after: &[Row]) -> Vec<Change> {
    let key = |row: &Row| (row.object.clone(), row.part.clone(), row.condition.clone());
    let mut known: BTreeMap<_, &Row> = before.iter().map(|row| (key(row), row)).collect();
    let mut changes = Vec::new();
    for row in after {
        match known.remove(&key(row)) {
            Some(old) if old == row => {}
            Some(old) => changes.push(Change::Now(
                row.clone(),
                Some((old.status.clone(), old.reason.clone())),
            )),
            None => changes.push(Change::Now(row.clone(), None)),
        }
    }
    changes.extend(known.into_values().cloned().map(Change::Gone));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_of_every_part_are_found() {
        let route = json!({
            "kind": "HTTPRoute", "metadata": {"namespace": "demo", "name": "shop"},
            "status": {"parents": [{
                "parentRef": {"kind": "Gateway", "name": "gw", "sectionName": "http", "port": 80},
                "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "m"}],
            }]},
        });
        let rows = rows(&route);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].object, "HTTPRoute demo/shop");
        assert_eq!(rows[0].part, "parent Gateway gw section http port 80");
        let gateway = json!({
            "kind": "Gateway", "metadata": {"name": "gw"},
            "status": {
                "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""}],
                "listeners": [{"name": "http", "conditions": [{"type": "Programmed", "status": "False", "reason": "Pending", "message": ""}]}],
            },
        });
        let rows = super::rows(&gateway);
        assert_eq!(
            rows.iter().map(|row| row.part.as_str()).collect::<Vec<_>>(),
            ["", "listener http"]
        );
    }

    #[test]
    fn only_real_changes_are_told() {
        let row = |condition: &str, status: &str| Row {
            object: "Gateway a/b".to_owned(),
            part: String::new(),
            condition: condition.to_owned(),
            status: status.to_owned(),
            reason: "R".to_owned(),
            message: String::new(),
        };
        let before = [
            row("Accepted", "True"),
            row("Programmed", "False"),
            row("Old", "True"),
        ];
        let after = [row("Accepted", "True"), row("Programmed", "True")];
        assert_eq!(
            changes(&before, &after),
            [
                Change::Now(
                    row("Programmed", "True"),
                    Some(("False".to_owned(), "R".to_owned()))
                ),
                Change::Gone(row("Old", "True")),
            ]
        );
    }
}
