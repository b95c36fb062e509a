//! Entries of `status.parents[]` and `status.ancestors[]` as somebody wrote them.
//!
//! Our types know the fields of the API's newest release, and points in time by the second. Others may write more: a field
//! of a later release, a fraction of a second, an offset from UTC. Those lists are written whole, so that what is not ours
//! must go back as it came. Such entries are rare; they alone are kept beside the typed object.

use gatewright_core::status::Status;
use gatewright_crds::api::{PolicyAncestorStatus, RouteParentStatus, XBackendStatusAncestors};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Names of the lists; a kind has one of them.
const LISTS: [&str; 2] = ["parents", "ancestors"];

/// What an entry says that is about a parent or ancestor.
const REFERENCE: [&str; 6] = ["group", "kind", "name", "namespace", "port", "sectionName"];

/// Fields of a condition.
const CONDITION: [&str; 6] = [
    "lastTransitionTime",
    "message",
    "observedGeneration",
    "reason",
    "status",
    "type",
];

/// The entries of one object's status, in the words of whoever wrote them. A clone is the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Written(Arc<Vec<Value>>);

impl Written {
    /// The entries of an object in the shape of our types; `None` when our types say all that is in them.
    pub fn of(object: &Value) -> Option<Self> {
        let status = object.get("status")?;
        let entries = LISTS.iter().find_map(|list| status.get(list)?.as_array())?;
        if entries.iter().all(is_plain) {
            return None;
        }
        Some(Self(Arc::new(entries.clone())))
    }

    /// Puts back into the body of a status what it says in other words only.
    pub fn restore(&self, body: &mut Value, status: &Status) {
        let same: fn(&Value) -> Option<Value> = match status {
            Status::Route(_) => as_read::<RouteParentStatus>,
            Status::Policy(_) => as_read::<PolicyAncestorStatus>,
            Status::Backend(_) => as_read::<XBackendStatusAncestors>,
            _ => return,
        };
        let list = LISTS.iter().find(|list| body.get(**list).is_some());
        let Some(Value::Array(entries)) = list.and_then(|list| body.get_mut(*list)) else {
            return;
        };
        let mut known: Vec<(Value, &Value)> = self
            .0
            .iter()
            .filter_map(|written| Some((same(written)?, written)))
            .collect();
        for entry in entries {
            let about = |other: &Value| {
                ["parentRef", "ancestorRef", "controllerName"].map(|field| other.get(field).cloned())
            };
            // Nothing forbids that somebody lists the same twice: whole entries are looked for first.
            let found = known
                .iter()
                .position(|(read, _)| read == entry)
                .or_else(|| known.iter().position(|(read, _)| about(read) == about(entry)));
            let Some(found) = found else { continue };
            let (read, written) = known.remove(found);
            if read == *entry {
                entry.clone_from(written);
            } else {
                restore_conditions(entry, (&read, written));
            }
        }
    }
}

/// Of an entry that says something else now, conditions that do not.
fn restore_conditions(entry: &mut Value, (read, written): (&Value, &Value)) {
    let before = |entry: &Value| entry.get("conditions").and_then(Value::as_array).cloned();
    let (Some(read), Some(written)) = (before(read), before(written)) else {
        return;
    };
    for condition in entry
        .get_mut("conditions")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let found = read.iter().zip(&written).find(|(read, _)| **read == *condition);
        if let Some((_, written)) = found {
            condition.clone_from(written);
        }
    }
}

/// What is left of an entry that our types have read.
fn as_read<T: DeserializeOwned + Serialize>(entry: &Value) -> Option<Value> {
    let read: T = serde_json::from_value(entry.clone()).ok()?;
    serde_json::to_value(read).ok()
}

/// Whether our types say all that is in an entry.
fn is_plain(entry: &Value) -> bool {
    let Some(fields) = entry.as_object() else {
        return false;
    };
    fields.iter().all(|(name, value)| match (name.as_str(), value) {
        ("controllerName", _) => true,
        ("parentRef" | "ancestorRef", Value::Object(reference)) => has_only(reference, &REFERENCE),
        ("conditions", Value::Array(conditions)) => conditions.iter().all(|condition| {
            condition
                .as_object()
                .is_some_and(|fields| has_only(fields, &CONDITION) && is_by_the_second(fields))
        }),
        _ => false,
    })
}

fn has_only(fields: &Map<String, Value>, known: &[&str]) -> bool {
    let is_known = |(name, value): (&String, &Value)| known.contains(&name.as_str()) && !value.is_null();
    fields.iter().all(is_known)
}

/// `2026-01-01T00:00:00Z`, as our types write it.
fn is_by_the_second(condition: &Map<String, Value>) -> bool {
    let time = condition.get("lastTransitionTime").and_then(Value::as_str);
    time.is_some_and(|time| time.len() == 20 && time.ends_with('Z') && time.as_bytes().get(10) == Some(&b'T'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn condition(kind: &str, time: &str) -> Value {
        json!({"type": kind, "status": "True", "reason": "R", "message": "", "lastTransitionTime": time})
    }

    fn entry(controller: &str, conditions: &[Value]) -> Value {
        json!({"parentRef": {"name": "gw"}, "controllerName": controller, "conditions": conditions})
    }

    fn route(entries: &[Value]) -> Value {
        json!({"status": {"parents": entries}})
    }

    const PLAIN: &str = "2026-01-01T00:00:00Z";

    #[test]
    fn what_our_types_say_whole_is_not_kept() {
        assert_eq!(Written::of(&json!({"spec": {}})), None);
        let mut marker = condition("Accepted", PLAIN);
        marker["observedGeneration"] = 3.into();
        assert_eq!(Written::of(&route(&[entry("a", &[marker])])), None);
        for time in [
            "2026-01-01T00:00:00.5Z",
            "2026-01-01T02:00:00+02:00",
            "2026-01-01t00:00:00Z",
        ] {
            let strange = route(&[entry("a", &[condition("Accepted", time)])]);
            assert!(Written::of(&strange).is_some(), "{time}");
        }
        for place in [
            "/status/parents/0",
            "/status/parents/0/parentRef",
            "/status/parents/0/conditions/0",
        ] {
            let mut strange = route(&[entry("a", &[condition("Accepted", PLAIN)])]);
            strange.pointer_mut(place).unwrap()["later"] = json!({"a": [1]});
            assert!(Written::of(&strange).is_some(), "{place}");
        }
    }

    /// Foreign entries go back as they came, and so do others' conditions in ours.
    #[test]
    fn what_is_said_the_same_goes_back_as_it_was_written() {
        let mut foreign = entry("other", &[condition("Accepted", "2026-01-01T02:00:00.25+02:00")]);
        foreign["later"] = json!({"a": [1, null]});
        foreign["parentRef"]["zone"] = "z".into();
        foreign["conditions"][0]["weight"] = 1.into();
        let marker = condition("example.com/Marker", "2026-01-01T00:00:00.5Z");
        let ours = entry("ours", &[marker.clone(), condition("Accepted", PLAIN)]);
        let entries = [foreign.clone(), ours.clone(), foreign.clone()];
        let written = Written::of(&route(&entries)).unwrap();
        let status =
            |entries: Value| Status::Route(serde_json::from_value(json!({"parents": entries})).unwrap());
        let same = status(json!(entries));
        let mut body = serde_json::to_value(&same).unwrap();
        assert_ne!(body["parents"], json!(entries), "our types do not say it all");
        written.restore(&mut body, &same);
        assert_eq!(body["parents"], json!(entries));

        let mut changed = ours;
        changed["conditions"][1]["status"] = "False".into();
        // One of the foreign ones is gone, and the others have another order.
        let now = status(json!([changed, foreign]));
        let mut body = serde_json::to_value(&now).unwrap();
        written.restore(&mut body, &now);
        assert_eq!(body["parents"][0]["conditions"][0], marker);
        assert_eq!(body["parents"][0]["conditions"][1]["status"], "False");
        assert_eq!(body["parents"][1], foreign);
    }
}
