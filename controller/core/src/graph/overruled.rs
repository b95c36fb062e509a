//! What a Gateway's own parameters set and those of its class overrule.

use gatewright_model::Str;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Paths of fields that are set in `mine` and are otherwise in `merged`; entries of lists that have a key are named by it.
pub fn overruled(mine: &impl Serialize, merged: &impl Serialize) -> BTreeSet<Str> {
    let mut found = BTreeSet::new();
    let (mine, merged) = (serde_json::to_value(mine), serde_json::to_value(merged));
    // Both were read from JSON.
    if let (Ok(mine), Ok(merged)) = (mine, merged) {
        compare("", &mine, Some(&merged), &mut found);
    }
    found
}

fn compare(path: &str, mine: &Value, merged: Option<&Value>, found: &mut BTreeSet<Str>) {
    match (mine, merged) {
        (Value::Object(mine), Some(Value::Object(merged))) => {
            for (name, value) in mine {
                let dot = if path.is_empty() { "" } else { "." };
                compare(&format!("{path}{dot}{name}"), value, merged.get(name), found);
            }
        }
        (Value::Array(mine), Some(Value::Array(merged))) if mine.iter().all(|item| key(item).is_some()) => {
            for item in mine {
                if let Some((name, value)) = key(item) {
                    let same = merged.iter().find(|other| other.get(name) == Some(value));
                    compare(&format!("{path}[{name}={value}]"), item, same, found);
                }
            }
        }
        (mine, merged) if merged != Some(mine) => {
            found.insert(path.into());
        }
        _ => {}
    }
}

/// What tells entries of a list apart: those of listeners have a port, those of services a hostname, those of IPv6 a subnet.
fn key(item: &Value) -> Option<(&'static str, &Value)> {
    ["port", "hostname", "subnet"]
        .into_iter()
        .find_map(|name| Some((name, item.get(name)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_that_are_not_as_set_are_named() {
        let mine = json!({
            "scheme": "InternetFacing",
            "vpc": "vpc-1",
            "securityGroups": ["sg-1"],
            "tags": {"a": "1", "b": "2"},
            "listeners": [{"port": 80, "quic": true}, {"port": 443, "sslPolicy": "own", "quic": true}],
        });
        let merged = json!({
            "scheme": "Internal",
            "vpc": "vpc-1",
            "tags": {"a": "1", "b": "3", "c": "4"},
            "listeners": [{"port": 443, "sslPolicy": "class", "quic": true}, {"port": 80, "quic": true}],
        });
        let found = overruled(&mine, &merged);
        let found: Vec<&str> = found.iter().map(|path| &**path).collect();
        assert_eq!(
            found,
            [
                "listeners[port=443].sslPolicy",
                "scheme",
                "securityGroups",
                "tags.b"
            ]
        );
        assert!(overruled(&mine, &mine).is_empty());
    }
}
