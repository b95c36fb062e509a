//! Whether an object is as it is wanted: everything that is wanted is there, whatever the API server and
//! others added.

use gatewright_provider_api::contract::FieldChange;
use serde_json::Value;

/// Fields whose items are told apart by these fields of theirs, as server-side apply does
/// (`x-kubernetes-list-map-keys` of the built-in kinds). Others may add items.
const MAPS: &[(&str, &[&str])] = &[
    ("ports", &["port", "containerPort", "protocol"]),
    ("containers", &["name"]),
    ("env", &["name"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("imagePullSecrets", &["name"]),
    ("ownerReferences", &["uid"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
];

/// Fields of `wanted` that `found` has otherwise; empty when there is nothing to write.
pub fn differences(wanted: &Value, found: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    collect(wanted, found, &mut Vec::new(), &mut changes);
    changes
}

fn collect<'a>(wanted: &'a Value, found: &Value, path: &mut Vec<&'a str>, changes: &mut Vec<FieldChange>) {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, value) in wanted {
                path.push(key);
                collect(value, found.get(key).unwrap_or(&Value::Null), path, changes);
                path.pop();
            }
        }
        (Value::Array(items), Value::Array(there)) => {
            let keys = path
                .last()
                .and_then(|field| MAPS.iter().find(|(name, _)| name == field));
            match keys {
                Some((_, keys)) if items.iter().all(Value::is_object) => {
                    for item in items {
                        let same = |other: &&Value| keys.iter().all(|key| other.get(key) == item.get(key));
                        collect(
                            item,
                            there.iter().find(same).unwrap_or(&Value::Null),
                            path,
                            changes,
                        );
                    }
                }
                _ if items.len() == there.len() => {
                    for (item, other) in items.iter().zip(there) {
                        collect(item, other, path, changes);
                    }
                }
                _ => changes.push(change(path, wanted, found)),
            }
        }
        // Nothing is not stored, in most places.
        (Value::Object(wanted), Value::Null) if wanted.is_empty() => {}
        (Value::Array(wanted), Value::Null) if wanted.is_empty() => {}
        (Value::Bool(false), Value::Null) => {}
        _ if wanted == found => {}
        (Value::String(wanted), Value::String(found))
            if is_quantity(path) && quantity(wanted) == quantity(found) => {}
        _ => changes.push(change(path, wanted, found)),
    }
}

fn change(path: &[&str], wanted: &Value, found: &Value) -> FieldChange {
    FieldChange {
        field: path.join("."),
        from: (!found.is_null()).then(|| found.to_string()),
        to: Some(wanted.to_string()),
    }
}

/// Quantities have many forms of one value, and the API server keeps its own.
fn is_quantity(path: &[&str]) -> bool {
    path.iter()
        .any(|field| matches!(*field, "resources" | "sizeLimit"))
}

/// A quantity in thousandths; `None` for what is none.
fn quantity(text: &str) -> Option<u128> {
    let split = text
        .find(|char: char| char.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    let factor: u128 = match unit {
        "m" => 1,
        "" => 1000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "T" => 1_000_000_000_000_000,
        "Ki" => 1000 << 10,
        "Mi" => 1000 << 20,
        "Gi" => 1000 << 30,
        "Ti" => 1000 << 40,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    Some(digits.checked_mul(factor)?.div_ceil(scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(wanted: &Value, found: &Value) -> Vec<String> {
        differences(wanted, found)
            .into_iter()
            .map(|change| change.field)
            .collect()
    }

    #[test]
    fn what_the_api_server_and_others_added_is_no_difference() {
        let wanted = json!({
            "spec": {"ports": [{"port": 80, "protocol": "TCP"}], "type": "LoadBalancer", "args": []},
            "metadata": {"labels": {"a": "b"}, "ownerReferences": [{"uid": "u"}]},
        });
        let found = json!({
            "spec": {
                "ports": [{"port": 81, "protocol": "TCP"}, {"port": 80, "protocol": "TCP", "nodePort": 30_000}],
                "type": "LoadBalancer", "clusterIP": "10.0.0.1",
            },
            "metadata": {"labels": {"a": "b", "theirs": "x"}, "uid": "u", "ownerReferences": [{"uid": "x"}, {"uid": "u"}]},
        });
        assert_eq!(paths(&wanted, &found), Vec::<String>::new());
    }

    #[test]
    fn a_changed_a_missing_and_an_extra_item_are_differences_with_a_path() {
        let wanted =
            json!({"spec": {"ports": [{"port": 80, "name": "a"}], "type": "LoadBalancer", "replicas": 2}});
        let found = json!({"spec": {"ports": [{"port": 80, "name": "b"}], "type": "ClusterIP"}});
        assert_eq!(
            paths(&wanted, &found),
            ["spec.ports.name", "spec.type", "spec.replicas"]
        );
        assert_eq!(
            paths(&json!({"args": [1]}), &json!({"args": [1, 2]})),
            ["args"],
            "atomic lists"
        );
        let change = differences(&json!({"a": 1}), &json!({"a": 2})).remove(0);
        assert_eq!(
            (change.from.as_deref(), change.to.as_deref()),
            (Some("2"), Some("1"))
        );
    }

    #[test]
    fn quantities_are_compared_by_value() {
        let of = |value: &str| json!({"resources": {"limits": {"cpu": value}}});
        for (one, other) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1Gi", "1024Mi"),
            ("1.5Ki", "1536"),
        ] {
            assert_eq!(paths(&of(one), &of(other)), Vec::<String>::new(), "{one} {other}");
        }
        assert_eq!(paths(&of("1G"), &of("1Gi")).len(), 1);
        assert_eq!(paths(&json!({"name": "1"}), &json!({"name": "1000m"})).len(), 1);
    }
}
